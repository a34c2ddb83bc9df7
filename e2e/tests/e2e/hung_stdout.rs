//! A device that hangs (standard output, a pipe that is not read) beside a file: no request waits for it.

use std::io::Write as _;

use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Launch, Server, binary};
use onrecord_e2e::{http, load, log, wait};
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
fn r_hang_a_pipe_as_stdout_that_is_not_read_fails_no_request() {
    let place = Place::new();
    let server = server(&place);
    let path = place.path("audit.log");
    server.enable_file("file", &path);
    enable_stdout(&server);
    let answered = load::during(&server, || {
        load::go_on();
        server.wait_for_log("an audit device is in trouble");
    })
    .all_answered();

    // Its queue is not empty, and no request waits for it: the only request without an answer is this one.
    let hung = server.device("out/");
    assert_ne!(hung["state"], "healthy", "{hung}");
    assert!(hung["queue"]["entries"].as_u64() > Some(0), "{hung}");
    let none_waits = || server.requests_in_flight() == 1;
    server.eventually("a request waits though the file has it", none_waits);

    // The healthy device has both entries of every request, and disabling the hung one does not wait for it.
    log::assert_nothing_lost(&[&path], &answered);
    server.disable("out");
    let kib = server.memory_kib();
    assert!(kib < 200 * 1024, "memory is bounded: {kib} KiB");
}

#[test]
fn r_hang_a_pipe_as_stdout_that_is_not_read_alone_refuses_and_goes_on() {
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
fn a_start_does_not_wait_for_a_standard_output_that_is_not_read() {
    let place = Place::new();
    // The address cannot be read from standard output, so it is chosen here; it was free a moment ago.
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
    let mut status = None;
    wait::holds(|| {
        status = http::send(addr, "GET", "/v1/sys/health", &[], None).ok().map(|answer| answer.status);
        status.is_some()
    });
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    drop(reader);
    assert_eq!(status, Some(501), "it serves, and is not initialised");
}
