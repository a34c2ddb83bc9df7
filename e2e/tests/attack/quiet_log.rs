//! The server's log says what is wrong, once it is, and nothing that a client gave as an option.
//! Never in it: what the log says of devices that fail for long.

use std::net::TcpListener;

use onrecord_e2e::place::Place;
use serde_json::json;

#[test]
fn a_device_that_is_refused_raises_no_alarm_and_none_of_its_options_reaches_the_log() {
    let place = Place::new();
    let mut server = place.in_memory("");
    // Nothing listens there any more.
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|peer| peer.local_addr()).expect("an address").port();
    let socket = place.path("canary.sock");
    let file = place.path("missing/canary.log");
    for (kind, options) in [
        ("socket", json!({"address": format!("127.0.0.1:{port}")})),
        ("socket", json!({"address": format!("[::ffff:169.254.169.254]:{port}")})),
        ("socket", json!({"address": "canary.invalid%zone:1"})),
        ("socket", json!({"address": socket, "socket_type": "unix"})),
        ("socket", json!({"address": "127.0.0.1:canary"})),
        ("socket", json!({"address": "127.0.0.1:1", "socket_type": "canary"})),
        ("file", json!({"file_path": file, "mode": "0000"})),
        ("file", json!({"file_path": "/etc/canary.log"})),
        ("file", json!({"file_path": "discard", "canary": "canary"})),
    ] {
        let status = server.try_enable("refused", kind, &options).status;
        assert!(status == 400 || options["canary"] == "canary" && status == 200, "{options}: {status}");
    }
    assert!(server.stop());
    let log = server.stderr();
    for canary in
        [&port.to_string(), "canary.sock", "canary.invalid", "canary.log", "127.0.0.1:canary", "trouble"]
    {
        assert!(!log.contains(canary), "{canary} in {log}");
    }
}

#[test]
fn the_log_says_that_a_device_fails_and_not_where_it_writes_to() {
    let place = Place::new();
    let mut server = place.in_memory("");
    server.enable_file("log", &place.path("audit.log"));
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = peer.local_addr().expect("an address").port();
    drop(peer);
    server.enable("peer", "socket", &json!({"address": format!("127.0.0.1:{port}"), "skip_test": "true"}));
    let log = server.wait_for_log("an audit device is in trouble");
    assert!(log.contains("peer/") && log.contains("connection refused"), "{log}");
    server.hang_up("reload: reopening audit devices");
    // Its own answer cannot be put on record any more.
    server.call("DELETE", "sys/audit/log", None);
    server.call("GET", "sys/audit", None);
    server.wait_for_log("the audit rule is not met");
    assert!(server.stop());
    let log = server.stderr();
    assert!(!log.contains(&port.to_string()), "{log}");
}

#[test]
fn a_short_delay_of_a_device_is_no_warning() {
    let place = Place::new();
    let mut server = place.in_memory("audit {\n  drills = true\n}\n");
    server.enable_file("log", &place.path("audit.log"));
    server.enable_file("slow", &place.path("slow.log"));
    let drill = json!({"kind": "slow", "delay": "20ms", "for": "1s"});
    let answer = server.call("POST", "sys/audit-drill/slow", Some(drill));
    assert_eq!(answer.status, 200, "{}", answer.error());
    server.eventually("it lags", || server.device("slow/")["state"] == "lagging");
    server.eventually("it is well", || server.device("slow/")["state"] == "healthy");
    assert!(server.stop());
    let log = server.stderr();
    assert!(!log.contains("in trouble"), "{log}");
}
