//! Requests that few clients send are answered, and recorded as what they are.
//! Never in it: misspelt paths.

use onrecord_e2e::attacker::Attacker;
use onrecord_e2e::place::Place;
use onrecord_e2e::{http, log};
use serde_json::json;

#[test]
fn an_unknown_method_is_refused_and_recorded_as_what_it_is() {
    let place = Place::new();
    let server = place.in_memory("");
    let file = place.path("audit.log");
    server.enable_file("log", &file);
    server.mount_kv(1);
    let mut tail = log::Tail::new(&file);
    tail.more();
    for (method, word) in [
        ("OPTIONS", "options"),
        ("TRACE", "trace"),
        ("CONNECT", "connect"),
        ("BREW", "unknown"),
        ("PROPFIND", "unknown"),
        ("get", "unknown"),
    ] {
        for path in ["/v1/kv/a", "/v1/kv/", "/v1/sys/mounts", "/v1/none", "/elsewhere"] {
            let answer = http::send(server.addr, method, path, &[("X-Vault-Token", &server.token)], None);
            assert_eq!(answer.expect("an answer").status, 405, "{method} {path}");
            let entries = tail.more();
            assert_eq!(entries.len(), 2, "{method} {path} is on record");
            for entry in entries {
                assert_eq!(entry["request"]["operation"], word, "{method} {path}");
            }
        }
    }
}

#[test]
fn a_client_that_has_said_all_gets_its_answer() {
    let place = Place::new();
    let server = place.in_memory("");
    server.enable_file("log", &place.path("audit.log"));
    server.mount_kv(1);
    assert_eq!(server.call("POST", "kv/a", Some(json!({"a": "b"}))).status, 204);
    let mut unanswered = Vec::new();
    for (number, version) in ["1.1", "1.0"].into_iter().cycle().take(20).enumerate() {
        let token = &server.token;
        let mut client = Attacker::connect(server.addr);
        client.send(
            format!("GET /v1/kv/a HTTP/{version}\r\nHost: a\r\nX-Vault-Token: {token}\r\n\r\n").as_bytes(),
        );
        client.close_half();
        let answer = String::from_utf8(client.rest()).expect("text");
        if !(answer.starts_with("HTTP/1.") && answer.contains("\"a\":\"b\"")) {
            unanswered.push(format!("{number}, HTTP/{version}: {answer:?}"));
        }
    }
    assert!(unanswered.is_empty(), "{} of 20: {unanswered:#?}", unanswered.len());
}
