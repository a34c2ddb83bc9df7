//! `log find-secret` and `audit salts -export` with the real binary: a text is found in the logs of a server under salts in use and
//! retired, with the server and without it, and leaves no trace.
//! Never in it: forms of a text, other servers (tests of onrecord-cli).

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Server, binary};
use onrecord_e2e::shell::Shell;
use onrecord_e2e::wait;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const TEXT: &str = "a-text-that-stands-nowhere-else-4711";
const PASSPHRASE: &str = "correct horse battery";

fn write(server: &Server, name: &str, text: &str) {
    let answer = server.call("POST", &format!("cubbyhole/{name}"), Some(json!({"password": text})));
    assert_eq!(answer.status, 204, "{}", answer.error());
}

/// A server with a disabled device, one whose salt was replaced, and one in JSONx, each with the text.
fn searched(place: &Place) -> (Server, Vec<PathBuf>) {
    let server = place.in_memory("");
    let [old, file, xml] = ["old.log", "audit.log", "audit.xml"].map(|name| place.path(name));
    server.enable_file("old", &old);
    write(&server, "in-old", TEXT);
    server.enable("xml", "file", &json!({"file_path": xml, "format": "jsonx"}));
    server.enable_file("file", &file);
    server.disable("old");
    write(&server, "before", TEXT);
    let rotated = server.call("POST", "sys/audit-rotate-salt/file", None);
    assert_eq!(rotated.status, 200);
    write(&server, "after", TEXT);
    (server, vec![old, file, xml])
}

/// Path of the request and file of each hit.
fn hits(stdout: &str) -> Vec<(String, String)> {
    let mut hits: Vec<_> = stdout
        .lines()
        .map(|line| {
            let hit: Value = serde_json::from_str(line).expect("a row");
            let at = hit["at"][0].as_str().expect("a place");
            let file = at.rsplit('/').next().and_then(|at| at.split(':').next()).expect("a file");
            (hit["path"].as_str().expect("a path").to_owned(), file.to_owned())
        })
        .collect();
    hits.sort();
    hits
}

fn words(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_secret_is_found_by_the_server_and_offline_with_exported_salts() {
    let place = Place::new();
    let (server, files) = searched(&place);
    let shell = Shell::of(&server);
    let line = format!("onrecord log find-secret -format=jsonl - {}", words(&files));
    let online = shell.feed(&line, &format!("{TEXT}\n")).exits(1);
    let all = ["cubbyhole/after", "cubbyhole/before", "cubbyhole/in-old"];
    let mut paths: Vec<String> = hits(&online.stdout).into_iter().map(|hit| hit.0).collect();
    paths.dedup();
    assert_eq!(paths, all);
    assert!(online.stderr.contains("questions to the log itself are left out"), "{}", online.stderr);

    // The salts come sealed; then the server is gone.
    fs::write(shell.home().join("passphrase"), PASSPHRASE).expect("a file");
    let said = shell.does("onrecord audit salts -export -out=salts.age -passphrase-file=passphrase");
    assert!(said.starts_with("Success! 4 salts are in salts.age"), "{said}");
    let sealed = fs::read_to_string(shell.home().join("salts.age")).expect("the file");
    assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"), "{sealed}");
    assert_eq!(fs::metadata(shell.home().join("salts.age")).expect("the file").mode() & 0o777, 0o600);
    drop(server);
    let alone = Shell::new();
    for name in ["salts.age", "passphrase"] {
        fs::copy(shell.home().join(name), alone.home().join(name)).expect("a copy");
    }
    let line = format!(
        "onrecord log find-secret -salts=salts.age -passphrase-file=passphrase -format=jsonl - {}",
        words(&files)
    );
    let offline = alone.feed(&line, TEXT).exits(1);
    assert_eq!(hits(&offline.stdout), hits(&online.stdout));
    let none = alone.feed(&line, "another text").exits(0);
    assert_eq!(none.stdout, "");
}

#[test]
fn the_text_and_the_passphrase_are_asked_for_without_echo() {
    let place = Place::new();
    let (server, files) = searched(&place);
    let shell = Shell::of(&server);
    let asked = shell.types(
        "onrecord audit salts -export -out=salts.age",
        &[("Passphrase for the salts", PASSPHRASE), ("once more", PASSPHRASE)],
    );
    let asked = asked.exits(0).stdout;
    assert!(asked.contains("Success! 4 salts") && !asked.contains(PASSPHRASE), "{asked}");
    let line = format!("onrecord log find-secret -salts=salts.age {}", files[1].display());
    let found = shell.types(&line, &[("Passphrase of salts.age", PASSPHRASE), ("Text to find", TEXT)]);
    let found = found.exits(1).stdout;
    assert!(found.contains("request.data.password") && found.contains("A hit is certain"), "{found}");
    assert!(!found.contains(TEXT) && !found.contains(PASSPHRASE), "{found}");
}

#[test]
fn an_exported_file_is_opened_by_the_tool_age() {
    let place = Place::new();
    let (server, _) = searched(&place);
    let shell = Shell::of(&server);
    if shell.run("age --version").code != Some(0) {
        eprintln!("SKIPPED, NOTHING IS PROVEN: the tool age is not on this machine");
        return;
    }
    fs::write(shell.home().join("passphrase"), PASSPHRASE).expect("a file");
    shell.does("onrecord audit salts -export -out=salts.age -passphrase-file=passphrase");
    let opened = shell.types("age -d -o opened.json salts.age", &[("passphrase", PASSPHRASE)]);
    assert_eq!(opened.code, Some(0), "{opened:?}");
    let opened = fs::read_to_string(shell.home().join("opened.json")).expect("the opened file");
    let opened: Value = serde_json::from_str(&opened).expect("JSON");
    assert_eq!(
        (&opened["format"], opened["salts"].as_array().map(Vec::len)),
        (&json!("onrecord-salts"), Some(4))
    );
}

/// The command while it waits for a log that nobody writes.
struct Waiting {
    child: Child,
}

impl Waiting {
    fn start(server: &Server, home: &Path) -> Self {
        let pipe = home.join("audit.log");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
        let mut child = Command::new(binary())
            .args(["log", "find-secret", "-"])
            .arg(&pipe)
            .current_dir(home)
            .env_clear()
            .env("HOME", home)
            .env("VAULT_ADDR", format!("http://{}", server.addr))
            .env("VAULT_TOKEN", &server.token)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(TEXT.as_bytes()).expect("it reads");
        Self { child }
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_text_is_in_no_process_list_no_log_no_file_and_no_core_dump() {
    let place = Place::new();
    let log = place.path("server.log");
    let server = place.in_memory("");
    server.enable_file("file", &log);
    let home = place.folder("home");
    let mut waiting = Waiting::start(&server, &home);
    // Once the server has hashed its four forms, the command waits for the log.
    wait::eventually("the text is hashed", || {
        fs::read_to_string(&log).is_ok_and(|log| log.matches("/hash\"").count() >= 8)
    });
    let limits = fs::read_to_string(waiting.proc("limits")).expect("the limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    let memory = fs::metadata(waiting.proc("mem")).expect("its memory");
    assert_eq!((memory.uid(), memory.gid()), (0, 0), "other processes of its user cannot read it");
    for name in ["cmdline", "environ"] {
        // The file may not be read: then nobody else of its user can, either.
        let text = fs::read(waiting.proc(name)).unwrap_or_default();
        assert!(!contains(&text, TEXT), "{name}");
    }
    kill_process(Pid::from_child(&waiting.child), Signal::ABORT).expect("it is there");
    let ended = waiting.child.wait().expect("it ends");
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(Signal::ABORT.as_raw()), false));
    let left = fs::read_dir(&home).expect("the home").map(|entry| entry.expect("a file").file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["audit.log"], "no file is left but the pipe");
    assert!(!contains(&fs::read(&log).expect("the log"), TEXT));
    assert!(!server.stderr().contains(TEXT));
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}
