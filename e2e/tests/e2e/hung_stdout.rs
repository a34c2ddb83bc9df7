//! A device that hangs (standard output, a pipe that nobody reads) beside a file: nobody waits for it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Launch, Server, binary};
use onrecord_e2e::wait::TIMEOUT;
use onrecord_e2e::{http, load, log};
use serde_json::json;

/// How many requests are tried until one is refused: far more than fit into a pipe.
const REQUESTS: usize = 2000;

fn server(place: &Place) -> Server {
    let server = place.in_memory_as("", Launch::unread);
    server.mount_kv(2);
    server
}

fn enable_stdout(server: &Server) {
    server.enable("out", "file", &json!({"file_path": "stdout"}));
}

#[test]
fn r_hang_a_pipe_as_stdout_nobody_reads_fails_no_request() {
    let place = Place::new();
    let server = Arc::new(server(&place));
    let path = place.path("audit.log");
    server.enable_file("file", &path);
    enable_stdout(&server);
    let (start, end) = (Instant::now(), Instant::now() + load::duration());
    let outcome = load::until(&server, || {
        assert!(start.elapsed() < TIMEOUT + load::duration(), "the device never notices");
        Instant::now() > end && server.stderr().contains("an audit device is in trouble")
    });
    assert_eq!(outcome.failed, []);

    // Its queue is not empty, and nobody waits for it: the one request without an answer is the one that asks.
    let hung = server.device("out/");
    assert_ne!(hung["state"], "healthy", "{hung}");
    assert!(hung["queue"]["entries"].as_u64() > Some(0), "{hung}");
    let nobody_waits = || server.requests_in_flight() == 1;
    server.eventually("a request waits though the file has it", nobody_waits);

    // The healthy device has both entries of every request, and disabling the hung one does not wait for it.
    log::assert_nothing_lost(&[&path], &outcome.answered);
    server.disable("out");
    let kib = server.memory_kib();
    assert!(kib < 200 * 1024, "memory is bounded: {kib} KiB");
}

#[test]
fn r_hang_a_pipe_as_stdout_nobody_reads_alone_refuses_and_goes_on() {
    let place = Place::new();
    let server = place.in_memory_as("audit {\n  audit_timeout = \"300ms\"\n}", Launch::unread);
    server.mount_kv(1);
    enable_stdout(&server);
    let refused = (0..REQUESTS).find(|turn| {
        let body = json!({"value": "x".repeat(300)});
        server.call("POST", &format!("kv/n{turn}"), Some(body)).status == 500
    });
    assert!(refused.is_some(), "once the pipe is full, a request is refused");
    assert_eq!(server.call("GET", "sys/seal-status", None).status, 200, "exempt routes still answer");
    let health = server.call("GET", "sys/health", None);
    assert_eq!((health.status, &health.json()["audit_device_states"]["out/"]), (503, &json!("lagging")));
}

#[test]
fn a_start_does_not_wait_for_a_standard_output_that_nobody_reads() {
    let place = Place::new();
    // Nobody says the address, so it is chosen here; it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = free.local_addr().expect("an address");
    drop(free);
    let config = format!(
        "storage \"inmem\" {{}}\nlistener \"tcp\" {{\n  address = \"{addr}\"\n  tls_disable = true\n}}\ndisable_mlock = true\n"
    );
    let file = place.path("onrecord.hcl");
    std::fs::write(&file, config).expect("the configuration is written");
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).expect("a flag");
    while writer.write(&[b'x'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::empty()).expect("a flag");
    let mut child = std::process::Command::new(binary())
        .args(["server", &format!("-config={}", file.display())])
        .stdout(writer)
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("it starts");
    let begun = Instant::now();
    let status = loop {
        if let Ok(answer) = http::send(addr, "GET", "/v1/sys/health", &[], None) {
            break Some(answer.status);
        }
        if begun.elapsed() > Duration::from_mins(1) {
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    drop(reader);
    assert_eq!(status, Some(501), "it serves, and is not initialised");
}
