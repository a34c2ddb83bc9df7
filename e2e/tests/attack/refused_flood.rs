//! A flood of requests that are refused anyway fills no log, hides nothing, and touches nobody who has a valid token.
//! Never in it: what one of them leaves.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use onrecord_e2e::attacker::{ADDRESS, Attacker};
use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::shell::Shell;
use serde_json::{Value, json};

/// Many times the burst of a peer, which has 50 a second here.
const FLOOD: usize = 1500;

/// What became of the requests of a flood, by status.
fn flood(
    server: SocketAddr,
    source: Ipv4Addr,
    head: &str,
    body: &str,
    count: usize,
) -> (usize, usize, String) {
    let mut attacker = Attacker::from(source, server);
    let one = format!("{head} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n", body.len());
    let (mut refused, mut limited, mut last) = (0, 0, String::new());
    for sent in (0..count).step_by(100) {
        let end = if sent + 100 >= count { "Connection: close\r\n" } else { "" };
        let mut batch = format!("{one}\r\n{body}").repeat(99);
        batch.extend([one.as_str(), end, "\r\n", body]);
        attacker.send(batch.as_bytes());
        for _ in 0..100 {
            let answer = attacker.answer();
            if answer.starts_with("HTTP/1.1 429") {
                limited += 1;
                last = answer;
            } else {
                refused += 1;
            }
        }
    }
    (refused, limited, last)
}

/// The entries that count refused requests: how many there are, and how many requests they count.
fn counted(file: &Path) -> (Vec<Value>, u64) {
    let entries: Vec<_> = log::lines(file)
        .into_iter()
        .filter(|entry| entry["request"]["path"] == "sys/audit/refused")
        .collect();
    let sum = entries.iter().map(|entry| entry["refused"]["count"].as_u64().expect("a count")).sum();
    (entries, sum)
}

#[test]
fn refused_requests_beyond_the_rate_are_counted_and_a_valid_token_is_not_limited() {
    let place = Place::new();
    let server = place.in_memory("unauthenticated_rate_limit = 50\n");
    let file = place.path("audit.log");
    server.enable_file("log", &file);
    server.mount_kv(1);
    assert_eq!(server.call("POST", "kv/a", Some(json!({"a": "b"}))).status, 204);
    let made = server.call("POST", "auth/token/create", Some(json!({"policies": ["default"]})));
    let weak = made.json()["auth"]["client_token"].as_str().expect("a token").to_owned();
    let mut all = 0;
    for (number, (what, head, body)) in [
        ("no token", "GET /v1/kv/a".to_owned(), ""),
        ("no permission", format!("GET /v1/kv/a?x=1 HTTP/1.1\r\nX-Vault-Token: {weak}\r\nX-Line:"), ""),
        (
            "malformed",
            format!("POST /v1/kv/a HTTP/1.1\r\nX-Vault-Token: {}\r\nX-Line:", server.token),
            "{not json",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let source = Ipv4Addr::new(127, 0, 0, 70 + u8::try_from(number).expect("small"));
        let before = log::lines_of_requests(&file).len();
        let (refused, limited, answer) = flood(server.addr, source, &head, body, FLOOD);
        assert!(limited > FLOOD / 4, "{what}: {refused} refused, {limited} over the rate");
        assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
        assert!(answer.contains("unauthenticated_rate_limit"), "{answer}");
        assert!(refused >= 100, "{what}: there is a burst: {refused}");
        all += limited as u64;
        server.eventually("all are counted", || counted(&file).1 == all);
        let entries = log::lines_of_requests(&file);
        let (counts, _) = counted(&file);
        assert!(
            entries.len() - before <= 2 * refused + 2 * counts.len(),
            "{what}: {} entries of {refused} refused requests",
            entries.len() - before
        );
        let last = counts.last().expect("an entry");
        assert_eq!(last["request"]["remote_address"], source.to_string(), "{last}");
        assert_eq!(last["type"], "request", "{last}");
        assert!(last["refused"]["since"].as_str() <= last["refused"]["until"].as_str(), "{last}");
        assert!(last["refused"]["reason"].as_str().expect("a reason").contains("rate"), "{last}");
        // From the same address, while its rate is used up.
        drop(flood(server.addr, source, &head, body, 300));
        let token = &server.token;
        let valid = format!("GET /v1/kv/a?y=1 HTTP/1.1\r\nX-Vault-Token: {token}\r\nX-Line:");
        let (let_in, limited, _) = flood(server.addr, source, &valid, "", 1000);
        assert_eq!((let_in, limited), (1000, 0), "{what}: a valid token is never limited");
        server.eventually("all are counted", || {
            let metrics = server.call("GET", "sys/metrics?format=prometheus", None).body;
            let metrics = String::from_utf8(metrics).expect("text");
            let figure =
                metrics.lines().find_map(|line| line.strip_prefix("onrecord_requests_over_rate_total "));
            all = figure.and_then(|figure| figure.parse().ok()).expect("a figure");
            counted(&file).1 == all
        });
    }
    let verdict = log::assert_nothing_lost(&[&file], &[]);
    assert_eq!(verdict.report["devices"][0]["refused_requests"], all, "{verdict:?}");
    assert_eq!(verdict.report["union"]["requests_alone"]["count"], 0, "{verdict:?}");
    let told = Shell::new().run(&format!("onrecord log check '{}'", file.display())).stdout;
    assert!(
        told.contains(&format!("requests refused without entries of their own, counted by them: {all}")),
        "{told}"
    );
}

#[test]
fn counts_are_on_record_before_a_seal_and_before_the_end() {
    let place = Place::new();
    let mut server = place.embedded("unauthenticated_rate_limit = 10\n");
    let key = server.open_up();
    let file = place.path("audit.log");
    server.enable_file("log", &file);
    let (refused, limited, _) = flood(server.addr, ADDRESS, "GET /v1/kv/a", "", 100);
    assert!(refused < 60, "{refused}");
    assert_eq!(server.call("PUT", "sys/seal", None).status, 204);
    assert_eq!(counted(&file).1, limited as u64, "at a seal");
    server.unseal(&key);
    let source = Ipv4Addr::new(127, 0, 0, 67);
    let (_, more, _) = flood(server.addr, source, "GET /v1/kv/a", "", 100);
    assert!(server.stop());
    assert_eq!(counted(&file).1, (limited + more) as u64, "at the end: {}", server.stderr());
    log::assert_nothing_lost(&[&file], &[]);
}

#[test]
fn without_a_limit_each_has_its_entries() {
    let place = Place::new();
    let server = place.in_memory("unauthenticated_rate_limit = 0\n");
    let file = place.path("audit.log");
    server.enable_file("log", &file);
    let before = log::lines_of_requests(&file).len();
    let (refused, limited, _) = flood(server.addr, ADDRESS, "GET /v1/kv/a", "", 1500);
    assert_eq!((refused, limited), (1500, 0));
    assert_eq!(log::lines_of_requests(&file).len() - before, 3000);
    assert!(fs::metadata(&file).expect("the log").len() > 0);
}
