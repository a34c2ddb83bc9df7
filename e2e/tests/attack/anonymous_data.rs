//! What a client without a valid token sends does not swell the log, and nothing in the log can be compared with it.
//! Never in it: how often such a client may ask.

use std::fs;

use onrecord_e2e::http;
use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use serde_json::{Value, json};

/// A secret that can be guessed.
const SECRET: &str = "hunter2";

fn hash(server: &onrecord_e2e::process::Server, text: &str) -> String {
    let answer = server.call("POST", "sys/audit-hash/log", Some(json!({ "input": text })));
    answer.json()["data"]["hash"].as_str().expect("a hash").to_owned()
}

/// The tokens of requests that are not let in: none, one that never was, one that was revoked, one that has expired.
fn tokens(server: &onrecord_e2e::process::Server) -> [Option<String>; 4] {
    let made = |ttl: &str| {
        let answer = server.call("POST", "auth/token/create", Some(json!({"ttl": ttl})));
        answer.json()["auth"]["client_token"].as_str().expect("a token").to_owned()
    };
    let (revoked, expired) = (made("1h"), made("1s"));
    server.call("POST", "auth/token/revoke", Some(json!({"token": revoked})));
    server.eventually("the token expires", || {
        server.call("POST", "auth/token/lookup", Some(json!({"token": expired}))).status == 403
    });
    [None, Some("never-was".to_owned()), Some(revoked), Some(expired)]
}

#[test]
fn a_body_without_a_valid_token_is_recorded_by_its_size_and_its_digest_alone() {
    let place = Place::new();
    let server = place.in_memory("");
    let file = place.path("audit.log");
    server.enable_file("log", &file);
    server.mount_kv(1);
    let tokens = tokens(&server);
    let guesses: Vec<String> = (0..10_000).map(|number| format!("{SECRET}{number}")).collect();
    let body = json!({ "guesses": guesses }).to_string();
    for token in &tokens {
        for (method, path) in [
            ("POST", "kv/a"),
            ("PUT", "sys/policies/acl/p"),
            ("POST", "auth/token/create"),
            ("POST", "none/at"),
        ] {
            let before = fs::metadata(&file).expect("the log").len();
            let mut tail = log::Tail::new(&file);
            tail.more();
            let headers = token.iter().map(|token| ("X-Vault-Token", token.as_str())).collect::<Vec<_>>();
            let path = format!("/v1/{path}");
            let answer = http::send(server.addr, method, &path, &headers, Some(body.as_bytes()));
            assert_eq!(answer.expect("an answer").status, 403, "{method} {path} {token:?}");
            let grown = fs::metadata(&file).expect("the log").len() - before;
            assert!(grown < 4096, "{} bytes sent to {path} with {token:?} become {grown} of log", body.len());
            let entries = tail.more();
            assert_eq!(entries.len(), 2, "both entries are there");
            for entry in entries {
                let request = &entry["request"];
                assert_eq!(request["data_over_limit"], "unauthenticated", "{entry}");
                assert_eq!(request["data"]["bytes"], body.len(), "{entry}");
                assert_eq!(request["data"]["nodes"], 10_002, "{entry}");
            }
        }
    }
    log::assert_nothing_lost(&[&file], &[]);
}

#[test]
fn no_hash_of_a_guess_is_in_the_log() {
    let place = Place::new();
    let server = place.in_memory("");
    let file = place.path("audit.log");
    server.enable_file("log", &file);
    server.mount_kv(1);
    server.call("POST", "sys/config/auditing/request-headers/x-note", Some(json!({"hmac": true})));
    assert_eq!(server.call("POST", "kv/a", Some(json!({"password": SECRET}))).status, 204);
    let secret = hash(&server, SECRET);
    let text = fs::read_to_string(&file).expect("the log");
    assert!(text.contains(&secret), "the secret is hashed where its owner writes it");
    let guesses = [SECRET, "hunter2-hunter2", "{\"a\":\"b\"}"].map(|guess| hash(&server, guess));
    let mut seen = fs::read_to_string(&file).expect("the log").len();
    let mut found = Vec::new();
    let body = json!({"password": SECRET, SECRET: [SECRET]}).to_string();
    for (what, method, path, headers, body) in [
        ("a body", "POST", "kv/a".to_owned(), vec![], Some(body)),
        ("a body that is a stored text", "POST", "kv/a".to_owned(), vec![], Some("{\"a\":\"b\"}".to_owned())),
        ("a query", "GET", format!("kv/a?x={SECRET}&y={SECRET}"), vec![], None),
        ("a token", "GET", "kv/a".to_owned(), vec![("X-Vault-Token", SECRET)], None),
        ("a bearer", "GET", "kv/a".to_owned(), vec![("Authorization", "Bearer hunter2")], None),
        ("an audited header", "GET", "kv/a".to_owned(), vec![("X-Note", SECRET)], None),
        ("a sensitive path", "GET", format!("auth/token/lookup/{SECRET}"), vec![], None),
        (
            "a token in a path",
            "GET",
            format!("kv/{SECRET}-{SECRET}"),
            vec![("X-Vault-Token", "hunter2-hunter2")],
            None,
        ),
    ] {
        let body = body.as_deref().map(str::as_bytes);
        let answer = http::send(server.addr, method, &format!("/v1/{path}"), &headers, body);
        assert_eq!(answer.expect("an answer").status, 403, "{what}");
        let text = fs::read_to_string(&file).expect("the log");
        let new = &text[seen..];
        if guesses.iter().any(|guess| new.contains(guess)) {
            found.push(what);
        }
        seen = text.len();
    }
    assert!(found.is_empty(), "a reader of the log can try guesses by {found:?}");
}

#[test]
fn a_long_path_without_a_token_is_cut() {
    let place = Place::new();
    let server = place.in_memory("");
    let file = place.path("audit.log");
    server.enable_file("log", &file);
    let before = fs::metadata(&file).expect("the log").len();
    let path = format!("/v1/kv/{}", "%01".repeat(10_000));
    assert_eq!(http::send(server.addr, "GET", &path, &[], None).expect("an answer").status, 403);
    let grown = fs::metadata(&file).expect("the log").len() - before;
    assert!(grown < 20_000, "{} bytes of a path become {grown} of log", path.len());
}

#[test]
fn the_answer_to_an_operators_question_stays_in_reach() {
    // The digest can be made again by someone who has the body and the line.
    let place = Place::new();
    let server = place.in_memory("");
    let file = place.path("audit.log");
    server.enable_file("log", &file);
    let mut tail = log::Tail::new(&file);
    tail.more();
    let body: Value = json!({"a": [1, "b"], "c": null});
    let text = body.to_string();
    assert_eq!(
        http::send(server.addr, "POST", "/v1/kv/a", &[], Some(text.as_bytes())).expect("sent").status,
        403
    );
    let entries = tail.more();
    let id = entries[0]["request"]["id"].as_str().expect("an id");
    assert_eq!(entries[0]["request"]["data"]["digest"], hash(&server, &format!("{id}\n{text}")));
    assert_eq!(entries[0]["request"]["data"], entries[1]["request"]["data"]);
}
