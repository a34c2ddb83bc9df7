//! What operators see of a real server in bad times: health, metrics, status, a log that stays quiet, clients that leave,
//! and memory under devices that are stuck.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use onrecord_e2e::http::{self, Response};
use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Launch, Server};
use onrecord_e2e::wait::eventually;
use serde_json::{Value, json};

fn ready(server: Server) -> Server {
    server.mount_kv(1);
    server
}

/// A server whose files cannot grow beyond 64 KiB until the limit is lifted: a disk that is full.
fn with_a_small_disk(place: &Place) -> Server {
    let server = ready(place.in_memory_as("", |launch| launch.with_file_limit(65536)));
    server.enable_file("file", &place.path("audit.log"));
    server
}

fn write(server: &Server, path: &str) -> u16 {
    server.call("POST", path, Some(json!({"value": "x".repeat(200)}))).status
}

/// Writes until a request is refused for the audit rule.
fn fill(server: &Server) {
    assert!((0..10_000).any(|turn| write(server, &format!("kv/n{turn}")) == 500), "the disk never filled up");
}

fn scrape(server: &Server) -> String {
    let answer = server.call("GET", "sys/metrics?format=prometheus", None);
    assert_eq!(answer.status, 200, "{}", answer.error());
    String::from_utf8(answer.body).expect("text")
}

/// The value of a line of the text form.
fn reading(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} in {text}")).parse().expect("a number")
}

fn zero(text: &str, name: &str) -> bool {
    reading(text, name).abs() < f64::EPSILON
}

#[test]
fn r_health_follows_a_full_disk_and_its_end_and_the_status_says_why() {
    let place = Place::new();
    let server = with_a_small_disk(&place);
    let health = |query: &str| server.call("GET", &format!("sys/health{query}"), None);
    assert_eq!(health("").status, 200);
    fill(&server);
    let sick = health("");
    assert_eq!((sick.status, &sick.json()["audit_rule_met"]), (503, &json!(false)));
    let state = sick.json()["audit_device_states"]["file/"].clone();
    assert!(state == "failing" || state == "broken", "{state}");
    assert_eq!(health("?auditcode=429").status, 429);

    let output = server.cli_with(&["audit", "status"], &[("VAULT_MAX_RETRIES", "0")]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{stdout}{stderr}");
    assert!(stdout.contains("NOT MET") && stdout.contains("file/"), "{stdout}");
    assert!(stderr.contains("The audit rule is not met"), "{stderr}");

    server.lift_file_limit();
    eventually("health comes back by itself", || {
        write(&server, "kv/probe") == 204 && health("").status == 200
    });
    let output = server.cli(&["audit", "status"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(
        stdout.contains("File too large") || stdout.contains("file too large"),
        "the last error stays: {stdout}"
    );
}

#[test]
fn r_spam_a_full_disk_is_one_line_then_one_each_ten_seconds() {
    let place = Place::new();
    let server = with_a_small_disk(&place);
    fill(&server);
    let start = Instant::now();
    let mut refused = 1;
    while refused < 400 {
        assert_eq!(write(&server, "kv/a-name-in-no-log"), 500);
        refused += 1;
    }
    let allowed = 1 + usize::try_from(start.elapsed().as_secs() / 10).expect("a few");
    server.lift_file_limit();
    eventually("it works again", || write(&server, "kv/after") == 204);
    // This line is the last: when it is there, all lines are.
    let ended = |line: &str| line.contains("the audit rule is met again") && line.contains("refused");
    eventually("the end is logged with its count", || server.stderr().lines().any(ended));
    let said = server.stderr();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("the audit rule is not met")).collect();
    assert!((1..=allowed + 1).contains(&lines.len()), "{refused} were refused: {lines:#?}");
    assert!(lines[0].contains("file/") && lines[0].to_lowercase().contains("file too large"), "{}", lines[0]);
    let changes = said.lines().filter(|line| line.contains("an audit device is in trouble")).count();
    assert!(changes <= allowed + 1, "{said}");
    assert!(!said.contains("a-name-in-no-log"));
}

#[test]
fn r_metrics_are_there_before_the_first_entry_with_the_names_of_dashboards() {
    let place = Place::new();
    let file = place.path("server.hcl");
    let config = format!(
        "listener \"tcp\" {{\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n  telemetry {{\n    \
         unauthenticated_metrics_access = true\n  }}\n}}\nstorage \"inmem\" {{}}\ndisable_mlock = true\n\
         audit \"file\" \"main\" {{\n  options {{ file_path = \"{}\" }}\n}}\n",
        place.path("audit.log").display()
    );
    std::fs::write(&file, config).expect("the configuration is written");
    let mut server = Launch::new(&[&format!("-config={}", file.display())]).start();
    let anybody = |query: &str| -> Response {
        http::send(server.addr, "GET", &format!("/v1/sys/metrics{query}"), &[], None).expect("an answer")
    };
    assert_eq!(anybody("").json()["Points"], json!([]), "not even initialised");
    let key = server.open_up();
    // Initialising and unsealing are the first on record, two entries each.
    let ceremonies = || log::lines(&place.path("audit.log")).into_iter().filter(log::is_ceremony).count();
    server.eventually("the ceremonies are on record", || ceremonies() == 4);
    let answer =
        http::send(server.addr, "GET", "/v1/sys/metrics?format=prometheus", &[], None).expect("an answer");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = String::from_utf8(answer.body).expect("text");
    for name in [
        "vault_audit_log_request_count",
        "vault_audit_log_request_failure",
        "vault_audit_log_response_failure",
        "vault_audit_main__log_request_count",
        "onrecord_audit_device_entries_total{path=\"main/\",type=\"file\"}",
        "onrecord_audit_device_failures_total{path=\"main/\",type=\"file\"}",
        "onrecord_audit_device_latency_seconds_count{path=\"main/\",type=\"file\",entry=\"request\"}",
    ] {
        // A device has its probe beside the ceremonies.
        let most = match name {
            _ if name.contains("failure") => 0.0,
            _ if name.contains("entries_total") => 5.0,
            _ if name.contains("main") => 3.0,
            _ => 2.0,
        };
        assert!(reading(&text, name) <= most, "{name}");
    }
    let entries = "onrecord_audit_device_entries_total{path=\"main/\",type=\"file\"}";
    let before = reading(&text, entries);
    assert!(reading(&text, "process_resident_memory_bytes") > 1e6);
    assert!(reading(&text, "onrecord_audit_rule_met") > 0.5);

    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
    let text = scrape(&server);
    assert!((reading(&text, entries) - before - 2.0).abs() < 0.1);
    let lines = log::lines(&place.path("audit.log"));
    assert!(lines.iter().all(|line| line["request"]["path"] != "sys/metrics"), "open there, so not recorded");

    assert_eq!(server.call("PUT", "sys/seal", None).status, 204);
    let sealed =
        http::send(server.addr, "GET", "/v1/sys/metrics?format=prometheus", &[], None).expect("an answer");
    assert!(zero(&String::from_utf8(sealed.body).expect("text"), "vault_core_unsealed"));
    server.unseal(&key);
}

/// What a client does before it goes.
#[derive(Clone, Copy, Debug)]
enum Leaves {
    /// After the header and a part of the body.
    InTheBody,
    /// After the whole request.
    BeforeTheAnswer,
    /// After the first byte of the answer.
    InTheAnswer,
}

fn leave(server: &Server, how: Leaves, turn: usize) {
    let body = json!({"value": "v".repeat(2000)}).to_string();
    let head = format!(
        "POST /v1/kv/left{turn} HTTP/1.1\r\nHost: x\r\nX-Vault-Token: {}\r\nContent-Length: {}\r\n\r\n",
        server.token,
        body.len()
    );
    let mut stream = TcpStream::connect(server.addr).expect("it listens");
    stream.write_all(head.as_bytes()).expect("sent");
    match how {
        Leaves::InTheBody => stream.write_all(&body.as_bytes()[..1000]).expect("sent"),
        Leaves::BeforeTheAnswer => stream.write_all(body.as_bytes()).expect("sent"),
        Leaves::InTheAnswer => {
            stream.write_all(body.as_bytes()).expect("sent");
            stream.read_exact(&mut [0]).expect("a byte of the answer");
        }
    }
    stream.shutdown(Shutdown::Both).ok();
}

#[test]
fn r_cancel_clients_that_leave_at_any_point_fail_no_entry_and_count_no_failure() {
    let place = Place::new();
    let server = ready(place.in_memory(""));
    let path = place.path("audit.log");
    server.enable_file("file", &path);
    let ways = [Leaves::InTheBody, Leaves::BeforeTheAnswer, Leaves::InTheAnswer];
    for turn in 0..300 {
        leave(&server, ways[turn % ways.len()], turn);
    }
    // Each request that arrived has both of its entries, although its client is gone.
    eventually("each request has its response entry", || {
        let lines = log::lines(&path);
        let left =
            |line: &&Value| line["request"]["path"].as_str().is_some_and(|path| path.starts_with("kv/left"));
        let count = |kind: &str| lines.iter().filter(left).filter(|line| line["type"] == kind).count();
        count("response") >= 200 && count("request") == count("response")
    });
    let text = scrape(&server);
    for name in [
        "vault_audit_log_request_failure",
        "vault_audit_log_response_failure",
        "onrecord_audit_device_failures_total{path=\"file/\",type=\"file\"}",
        "onrecord_audit_device_missed_total{path=\"file/\",type=\"file\"}",
        "onrecord_requests_in_flight",
    ] {
        let value = reading(&text, name);
        let wanted = if name.ends_with("in_flight") { 1.0 } else { 0.0 };
        assert!((value - wanted).abs() < 0.1, "{name}: {value}");
    }
    log::assert_nothing_lost(&[&path], &[]);
    assert_eq!(server.call("GET", "sys/health", None).status, 200);
}

#[test]
fn r_bound_memory_under_stuck_devices_is_bounded_by_the_configured_bytes() {
    const QUEUE: u64 = 1024 * 1024;
    let place = Place::new();
    let rule = "audit {\n  queue_size = \"1MiB\"\n}";
    let server = Arc::new(ready(place.in_memory_as(rule, Launch::unread)));
    server.enable_file("file", &place.path("audit.log"));
    load(&server, 400);
    let before = server.memory_kib();

    // A pipe that is not read, and a peer that accepts and reads nothing; both get whole bodies.
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = peer.local_addr().expect("bound").to_string();
    for (name, kind, options) in [
        ("out", "file", json!({"file_path": "stdout", "log_raw": "true"})),
        ("peer", "socket", json!({"address": address, "log_raw": "true", "write_timeout": "30s"})),
    ] {
        server.enable(name, kind, &options);
    }
    // Some 50 MiB for each of them.
    load(&server, 3200);
    let after = server.memory_kib();
    let status = server.call("GET", "sys/audit-status", None).json();
    for name in ["out/", "peer/"] {
        let device = &status["data"]["devices"][name];
        assert!(device["missed"].as_u64() > Some(1000), "{name} is stuck: {device}");
        assert!(device["queue"]["bytes"].as_u64() <= Some(QUEUE), "{device}");
        assert_ne!(device["state"], "healthy");
    }
    assert_eq!(status["data"]["devices"]["file/"]["missed"], 0);
    // A queue, its twin that is being written, and what a growing buffer has in reserve, for each device, and the
    // allocator's own; far less than what an unbounded queue would hold.
    let grown = after.saturating_sub(before);
    assert!(grown < 24 * 1024, "{grown} KiB more than {before} KiB");
}

/// Writes this number of values of 16 KiB from four clients; none is refused.
fn load(server: &Arc<Server>, requests: usize) {
    let value = "x".repeat(16 * 1024);
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let (server, value) = (Arc::clone(server), value.clone());
            std::thread::spawn(move || {
                for _ in 0..requests / 4 {
                    let answer = server.call("POST", &format!("kv/w{worker}"), Some(json!({"value": value})));
                    assert_eq!(answer.status, 204, "{}", answer.error());
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("no panic");
    }
}
