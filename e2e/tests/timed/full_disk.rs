//! A device that cannot write: nothing happens and nothing is answered, and it recovers by itself.
//!
//! The full disk is a file size limit of the server's process, which tests can set and lift from outside without privileges.

use std::path::Path;
use std::time::{Duration, Instant};

use onrecord_e2e::log;
use onrecord_e2e::peer::Peer;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use serde_json::{Value, json};

/// The size at which files stop growing.
const LIMIT: u64 = 64 * 1024;

fn limited(place: &Place) -> Server {
    place.in_memory_as("", |launch| launch.with_file_limit(LIMIT))
}

/// Writes until the log is full; returns how many writes were acknowledged.
fn fill(server: &Server) -> usize {
    for count in 0..10_000 {
        let answer = server.call("POST", &format!("kv/n{count}"), Some(json!({"value": "x".repeat(200)})));
        match answer.status {
            204 => {}
            500 => return count,
            other => panic!("an unexpected status: {other} {}", answer.error()),
        }
    }
    panic!("the disk never filled up");
}

#[test]
fn r_enospc_a_full_disk_refuses_requests_without_effect_and_recovers() {
    let place = Place::new();
    let server = limited(&place);
    let path = place.path("audit.log");
    server.mount_kv(1);
    server.enable_file("file", &path);
    let acknowledged = fill(&server);

    for (method, target, body) in [
        ("POST", "kv/after", Some(json!({"a": "b"}))),
        ("GET", "kv/n0", None),
        ("DELETE", "kv/n0", None),
        ("POST", "auth/token/create", Some(json!({}))),
        ("DELETE", "sys/audit/file", None),
    ] {
        let answer = server.call(method, target, body);
        assert_eq!(answer.status, 500, "{method} {target} must not be done unrecorded");
        assert!(
            !String::from_utf8_lossy(&answer.body).contains("xxx"),
            "nothing of the secret is in the refusal"
        );
    }
    for exempt in ["sys/seal-status", "sys/leader", "sys/init"] {
        assert_eq!(server.call("GET", exempt, None).status, 200, "{exempt} answers");
    }
    assert_eq!(server.call("GET", "sys/health", None).status, 503, "and this one says so");

    server.lift_file_limit();
    assert_eq!(server.call("GET", "kv/n0", None).status, 200, "it recovers by itself");
    assert_eq!(server.call("GET", "kv/after", None).status, 404, "a refused write had no effect");
    for count in 0..acknowledged {
        assert_eq!(
            server.call("GET", &format!("kv/n{count}"), None).status,
            200,
            "n{count} was acknowledged"
        );
    }

    // Every line is whole, and what is missing is declared.
    let lines = log::lines(&path);
    let gaps: Vec<&Value> = lines.iter().filter(|line| line["request"]["path"] == "sys/audit/gap").collect();
    assert!(!gaps.is_empty(), "the gap is on record");
    assert!(log::assert_nothing_lost(&[&path], &[]).declared() > 0);
}

/// What `sys/health` says of the device: its status, and the state of the device. No request of these is on record.
fn health(server: &Server) -> (u16, String) {
    let answer = server.call("GET", "sys/health", None);
    (answer.status, answer.json()["audit_device_states"]["file/"].as_str().unwrap_or_default().to_owned())
}

/// Waits until `sys/health` is as wanted, and says how long that took. Nothing is asked of the server but that.
fn until_health(server: &Server, wanted: impl Fn(&(u16, String)) -> bool) -> Duration {
    let start = Instant::now();
    server.eventually("health is as wanted", || wanted(&health(server)));
    start.elapsed()
}

/// Writes until an answered request is not in the file, and no gap entry has room there: from then on the device is full. The
/// room is that after the last whole line: what is beyond is of a line that does not fit, and is cut off again.
fn fill_beside_another(server: &Server, path: &Path) {
    for count in 0..10_000 {
        let body = json!({"data": {"value": "x".repeat(200), "turn": count}});
        let answer = server.call("POST", "kv/data/n", Some(body));
        assert_eq!(answer.status, 200, "the other device carries on: {}", answer.error());
        let id = answer.request_id();
        let text = std::fs::read(path).expect("the log");
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let room = LIMIT.saturating_sub(whole as u64);
        if room < GAP_LINE && log::pairs(&log::lines(path)).get(&id) != Some(&(1, 1)) {
            return;
        }
    }
    panic!("the disk never filled up");
}

/// Fewer bytes than any gap entry has: with less room than this, the device cannot recover by writing one.
const GAP_LINE: u64 = 400;

/// The limit of R-ENOSPC itself, and no guess at a machine's speed.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);

#[test]
fn r_enospc_health_and_status_show_a_full_device_within_a_second_and_its_end_without_a_request() {
    let place = Place::new();
    let mut server = limited(&place);
    let path = place.path("audit.log");
    server.mount_kv(2);
    // What the limit does not reach.
    let mut peer = Peer::tcp();
    let body = json!({"type": "socket", "options": peer.options()});
    assert_eq!(server.call("PUT", "sys/audit/peer", Some(body)).status, 204);
    server.enable_file("file", &path);
    assert_eq!(health(&server), (200, "healthy".to_owned()));

    fill_beside_another(&server, &path);
    let shown = until_health(&server, |(_, state)| state != "healthy");
    assert!(shown < SHOWN_WITHIN, "health shows it after {shown:?}");
    assert_eq!(health(&server).0, 200, "the other device meets the rule");
    let status = server.device("file/");
    assert_ne!(status["state"], "healthy", "{status}");
    assert!(status["missed"].as_u64() > Some(0), "{status}");
    assert!(status["last_error"]["text"].to_string().to_lowercase().contains("file too large"), "{status}");

    server.lift_file_limit();
    until_health(&server, |(_, state)| state == "healthy");
    let status = server.device("file/");
    assert_eq!(
        (&status["state"], &status["gaps"]["untold_entries"]),
        (&json!("healthy"), &json!(0)),
        "{status}"
    );
    assert!(
        log::lines(&path).iter().any(|line| line.get("gap").is_some()),
        "its gap entry comes without a request"
    );
    assert!(server.stop(), "it drains and ends well");
    peer.ends();
    let received = place.path("received.log");
    std::fs::write(&received, peer.lines()).expect("written");
    assert!(log::assert_nothing_lost(&[path, received], &[]).declared() > 0);
}

#[test]
fn r_enospc_health_is_well_again_without_a_request_when_the_only_device_has_room() {
    let place = Place::new();
    let server = limited(&place);
    let path = place.path("audit.log");
    server.mount_kv(1);
    server.enable_file("file", &path);
    fill(&server);
    let shown = until_health(&server, |(status, state)| *status == 503 && state != "healthy");
    assert!(shown < SHOWN_WITHIN, "health shows it after {shown:?}");
    server.lift_file_limit();
    until_health(&server, |said| *said == (200, "healthy".to_owned()));
    assert_eq!(server.call("GET", "kv/n0", None).status, 200);
    assert!(log::assert_nothing_lost(&[&path], &[]).declared() > 0);
}

#[test]
fn a_response_that_does_not_fit_is_withheld() {
    let place = Place::new();
    let server = limited(&place);
    let path = place.path("audit.log");
    server.mount_kv(1);
    let canary = "withheld-canary-".repeat(5000);
    assert_eq!(server.call("POST", "kv/big", Some(json!({ "value": canary }))).status, 204);
    let raw = json!({"type": "file", "options": {"file_path": path, "log_raw": "true"}});
    assert_eq!(server.call("PUT", "sys/audit/raw", Some(raw)).status, 204);

    let answer = server.call("GET", "kv/big", None);
    assert_eq!(answer.status, 500);
    assert!(
        !String::from_utf8_lossy(&answer.body).contains("withheld-canary"),
        "no byte of it reaches the client"
    );

    let requests = log::lines(&path);
    let asked = requests.iter().any(|e| e["type"] == "request" && e["request"]["path"] == "kv/big");
    assert!(asked, "the request entry fitted and is there");

    server.lift_file_limit();
    let answer = server.call("GET", "kv/big", None);
    assert_eq!(answer.status, 200);
    let id = answer.request_id();
    assert!(log::assert_nothing_lost(&[&path], &[id]).declared() > 0);
}

#[test]
fn a_token_whose_response_is_withheld_is_dead() {
    let place = Place::new();
    let server = limited(&place);
    let path = place.path("audit.log");
    let accessors = |server: &Server| {
        let answer = server.call("LIST", "auth/token/accessors", None).json();
        answer["data"]["keys"].as_array().map_or(0, Vec::len)
    };
    let before = accessors(&server);
    let raw = json!({"type": "file", "options": {"file_path": path, "log_raw": "true"}});
    assert_eq!(server.call("PUT", "sys/audit/raw", Some(raw)).status, 204);
    // The request entry has the metadata once, the response entry twice: it is the one that does not fit.
    let notes: serde_json::Map<_, _> =
        (0..50).map(|note| (format!("note{note}"), "m".repeat(500).into())).collect();
    let meta = json!({"meta": notes, "ttl": "1h"});
    let answer = server.call("POST", "auth/token/create", Some(meta));
    assert_eq!(answer.status, 500, "the response entry does not fit");
    assert!(!answer.json().to_string().contains("client_token"));
    server.lift_file_limit();
    assert_eq!(accessors(&server), before, "the token issued in the withheld response is gone");
    assert!(log::assert_nothing_lost(&[&path], &[]).declared() > 0);
}
