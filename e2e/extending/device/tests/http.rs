//! Walk 3 of docs/EXTENDING.md: a kind of device from a crate of its own gets, from the server, all that the built-in kinds
//! get: help, options, errors, the unknown-option warning, gap entries, status, drills, a restart, a stanza.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use serde_json::Value;

/// The lines that a collector took, whichever of its lives it was in.
type Lines = Arc<Mutex<Vec<Value>>>;

/// A collector: takes lines by `POST` and answers 204.
struct Collector {
    address: SocketAddr,
    connections: Arc<Mutex<Option<Vec<TcpStream>>>>,
    acceptor: Option<JoinHandle<()>>,
}

impl Collector {
    fn start(address: &str, lines: &Lines) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(Some(Vec::new())));
        let (open, lines) = (Arc::clone(&connections), Arc::clone(lines));
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(open) = &mut *open.lock().unwrap() else { return };
                open.push(stream.try_clone().unwrap());
                let lines = Arc::clone(&lines);
                std::thread::spawn(move || while take(&stream, &lines).is_some() {});
            }
        });
        Self { address, connections, acceptor: Some(acceptor) }
    }

    /// Ends it: what is open is closed, and nothing listens any more.
    fn stop(mut self) {
        for stream in self.connections.lock().unwrap().take().unwrap() {
            drop(stream.shutdown(Shutdown::Both));
        }
        // The acceptor finds out with the next connection.
        drop(TcpStream::connect(self.address));
        self.acceptor.take().unwrap().join().unwrap();
    }
}

/// Takes one request; `None` at the end of the connection.
fn take(stream: &TcpStream, lines: &Lines) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let entries = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.lock().unwrap().extend(entries.map(onrecord_schema::checked));
    { stream }.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_onrecord-example-device"))
}

/// A sealed server in this folder, with this configuration beside what all have.
fn server(place: &Place, more: &str) -> Server {
    place.configure(&format!("audit {{\n  drills = true\n}}\n{more}"));
    place.launch().program(program()).start()
}

/// What a command says on standard output; it must work.
fn does(server: &Server, words: &[&str]) -> String {
    let output = server.cli(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command says on standard error; it must fail.
fn refuses(server: &Server, words: &[&str]) -> String {
    let output = server.cli(words);
    assert!(!output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// The gap entries among what the collector took.
fn gaps(lines: &Lines) -> Vec<Value> {
    let is_gap = |line: &&Value| line["request"]["path"] == "sys/audit/gap";
    lines.lock().unwrap().iter().filter(is_gap).cloned().collect()
}

/// Does requests that change nothing until something is so.
fn ask_until(server: &Server, what: &str, mut so: impl FnMut() -> bool) {
    server.eventually(what, || {
        assert_eq!(server.call("GET", "sys/mounts", None).status, 200, "the file has every entry");
        so()
    });
}

#[test]
fn the_kind_has_help_options_gaps_status_and_drills_like_a_built_in_one() {
    let place = Place::new();
    let mut server = server(&place, "");
    let key = server.open_up();
    let log = place.path("file.log");
    server.enable_file("file", &log);
    let lines = Lines::default();
    let collector = Collector::start("127.0.0.1:0", &lines);
    let address = collector.address.to_string();
    let url = format!("url=http://{address}/audit");

    let help = does(&server, &["audit", "enable", "-h"]);
    for part in
        ["Options of TYPE http:", "A http device posts entries", "  url=<value>", "Options of TYPE file:"]
    {
        assert!(help.contains(part), "{part} in {help}");
    }
    let missing = refuses(&server, &["audit", "enable", "http"]);
    assert!(missing.contains("url is required"), "{missing}");
    let bad = refuses(&server, &["audit", "enable", "http", "url=ftp://x"]);
    assert!(bad.contains("bad url \"ftp://x\"; it is http://HOST:PORT/PATH"), "{bad}");
    let negative = refuses(&server, &["audit", "enable", "http", &url, "timeout=-1s"]);
    assert!(negative.contains("timeout \"-1s\" is negative"), "{negative}");
    let common = refuses(&server, &["audit", "enable", "http", &url, "format=xml"]);
    assert!(common.contains("unknown format type \"xml\""), "{common}");
    let limits = refuses(&server, &["audit", "enable", "http", "url=http://169.254.169.254/latest"]);
    assert!(limits.contains("may not talk to 169.254.169.254"), "{limits}");
    let told = does(&server, &["audit", "enable", "http", &url, "log_raw=true", "colour=red"]);
    assert!(told.contains("Success! Enabled the http audit device at: http/"), "{told}");
    server.wait_for_log("colour");

    server.call("PUT", "sys/policies/acl/p", Some(serde_json::json!({"policy": "path \"x\" {}"})));
    let raw = |entry: &Value| entry["request"]["data"]["policy"] == "path \"x\" {}";
    server.eventually("log_raw is read for it", || lines.lock().unwrap().iter().any(raw));
    assert_eq!(lines.lock().unwrap()[0]["request"]["path"], "sys/audit/test", "the probe");

    collector.stop();
    ask_until(&server, "the device fails", || server.device("http/")["state"] == "failing");
    let device = server.device("http/");
    assert!(device["missed"].as_u64() > Some(0), "{device}");
    assert!(device["last_error"]["text"].as_str().unwrap().contains(&address), "{device}");
    let collector = Collector::start(&address, &lines);
    ask_until(&server, "a gap entry", || !gaps(&lines).is_empty());
    server.eventually("it recovers", || server.device("http/")["state"] == "healthy");

    let before = gaps(&lines).len();
    does(&server, &["audit", "drill", "refuse", "http/", "-for=1h"]);
    ask_until(&server, "the drill shows", || server.device("http/")["state"] == "failing");
    does(&server, &["audit", "drill", "stop", "http/"]);
    ask_until(&server, "what it missed in the drill", || gaps(&lines).len() > before);

    // A restart finds the stored device, and its collector with it.
    let token = server.token.clone();
    assert!(server.stop());
    let mut server = self::server(&place, "");
    server.token = token;
    server.unseal(&key);
    ask_until(&server, "it goes on", || server.device("http/")["entries"].as_u64() > Some(0));
    let rows = does(&server, &["audit", "list", "-detailed"]);
    assert!(rows.contains("colour=red"), "{rows}");
    does(&server, &["audit", "disable", "http"]);
    assert!(server.stop());
    collector.stop();

    // Nothing is missing in the collector's log that it does not declare itself.
    let collected = place.path("collector.log");
    let text: Vec<String> = lines.lock().unwrap().iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&collected, text.concat()).unwrap();
    let checked =
        std::process::Command::new(program()).args(["log", "check"]).args([&collected, &log]).output();
    let checked = checked.unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn a_stanza_of_the_configuration_may_name_it_and_diagnose_tries_it() {
    let place = Place::new();
    let lines = Lines::default();
    let collector = Collector::start("127.0.0.1:0", &lines);
    let stanza = format!(
        "audit \"http\" \"collector\" {{\n  options {{\n    url = \"http://{}/audit\"\n  }}\n}}",
        collector.address
    );
    let mut server = server(&place, &stanza);
    server.open_up();
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
    let has = |path: &str| lines.lock().unwrap().iter().any(|line| line["request"]["path"] == path);
    assert!(has("sys/mounts"), "{lines:?}");
    let config = format!("-config={}", place.config().display());
    let found = does(&server, &["operator", "diagnose", &config]);
    assert!(
        found.contains("audit collector/ (http)") && found.contains("the device can be opened"),
        "{found}"
    );
    collector.stop();
    let output = server.cli(&["operator", "diagnose", &config]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("connect http://"), "{output:?}");
}
