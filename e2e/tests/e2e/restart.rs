//! The whole life of a server, and the canary that must be nowhere.

use std::fs;
use std::path::{Path, PathBuf};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::{http, log};
use serde_json::json;

#[test]
fn a_restart_keeps_devices_salts_mounts_tokens_policies_and_secrets() {
    let place = Place::new();
    let path = place.path("audit.log");
    let mut server = place.embedded("");
    let key = server.open_up();
    server.enable_file("file", &path);
    server.mount_kv(1);
    assert_eq!(server.call("POST", "kv/one", Some(json!({"a": "b"}))).status, 204);
    let policy = json!({"policy": "path \"kv/*\" { capabilities = [\"read\"] }"});
    assert_eq!(server.call("PUT", "sys/policies/acl/reader", Some(policy)).status, 204);
    let token =
        server.call("POST", "auth/token/create", Some(json!({"policies": ["reader"], "ttl": "1h"}))).json();
    let limited = token["auth"]["client_token"].as_str().expect("a token").to_owned();
    let hash = |server: &Server| {
        let answer = server.call("PUT", "sys/audit-hash/file", Some(json!({"input": "s3cret"})));
        answer.json()["data"]["hash"].as_str().expect("a hash").to_owned()
    };
    let before = hash(&server);
    let root = server.token.clone();

    assert_eq!(server.call("PUT", "sys/seal", None).status, 204);
    assert_eq!(server.call("GET", "kv/one", None).status, 503, "a sealed server answers nothing else");
    server.unseal(&key);
    assert_eq!(hash(&server), before, "a hash computed before sealing equals one computed after");

    assert!(server.stop(), "it stops well");
    let mut server = place.embedded("");
    server.token.clone_from(&root);
    assert_eq!(server.call("GET", "kv/one", None).status, 503);
    server.unseal(&key);
    assert_eq!(hash(&server), before, "nor does a restart change it");
    assert_eq!(server.call("GET", "kv/one", None).json()["data"]["a"], "b");
    let devices = server.call("GET", "sys/audit", None).json();
    assert_eq!(devices["data"]["file/"]["options"]["file_path"], path.display().to_string());
    server.token = limited;
    assert_eq!(server.call("GET", "kv/one", None).status, 200);
    assert_eq!(server.call("POST", "kv/one", Some(json!({"a": "c"}))).status, 403);

    let lines = log::lines(&path);
    for (id, counts) in log::pairs(&lines) {
        assert!(counts.0 <= 1 && counts.1 <= 1, "{id} has {counts:?} entries");
    }
}

#[test]
fn a_canary_is_nowhere_in_the_clear() {
    let place = Place::new();
    let path = place.path("audit.log");
    let mut server = place.embedded("");
    server.open_up();
    server.enable_file("file", &path);
    server.mount_kv(1);
    let two = json!({"type": "kv", "options": {"version": "2"}});
    assert_eq!(server.call("POST", "sys/mounts/kv2", Some(two)).status, 204);
    let audited = json!({"hmac": true});
    assert_eq!(server.call("PUT", "sys/config/auditing/request-headers/X-Canary", Some(audited)).status, 204);
    let policy = json!({"policy": "path \"kv/canary-4c1b\" { capabilities = [\"fly\"] }"});

    let c = "canary-4c1b";
    let bodies = [
        ("POST", "kv/a".to_owned(), json!({"value": c, "deep": {"list": [c, {"k": c}]}})),
        ("POST", "kv2/data/a".to_owned(), json!({"data": {"value": c}, "options": {}})),
        ("POST", "kv2/data/a".to_owned(), json!({"data": {"value": c}, "options": {"cas": c}})),
        ("POST", "kv2/metadata/a".to_owned(), json!({"custom_metadata": {"note": c}})),
        ("POST", "kv2/data/a".to_owned(), json!({"wrong": c})),
        ("PUT", "sys/audit/bad".to_owned(), json!({"type": c, "options": {"file_path": c}})),
        (
            "PUT",
            "sys/audit/bad".to_owned(),
            json!({"type": "file", "options": {"file_path": "/tmp/x.log", "log_raw": c}}),
        ),
        (
            "PUT",
            "sys/audit/bad".to_owned(),
            json!({"type": "file", "options": {"file_path": format!("/proc/{c}.log")}}),
        ),
        ("PUT", "sys/policies/acl/bad".to_owned(), policy),
        ("POST", "auth/token/create".to_owned(), json!({"ttl": c})),
        ("POST", "auth/token/create".to_owned(), json!({"id": c, "policies": [1]})),
        ("POST", "auth/token/lookup".to_owned(), json!({"token": c})),
        ("POST", "auth/token/lookup-accessor".to_owned(), json!({"accessor": c})),
        ("POST", "sys/mounts/bad".to_owned(), json!({"type": c})),
        ("POST", "sys/mounts/kv/tune".to_owned(), json!({"default_lease_ttl": c})),
        ("PUT", "sys/audit-hash/file".to_owned(), json!({"input": c})),
        ("PUT", "sys/unseal".to_owned(), json!({"key": c})),
        ("PUT", "sys/init".to_owned(), json!({"secret_shares": c})),
    ];
    for (method, target, body) in bodies {
        server.call(method, &target, Some(body));
    }
    send_odd_requests(&server, c);
    server.call("GET", "kv/a", None);
    server.call("GET", "kv2/data/a", None);
    assert!(server.stop(), "it stops well");

    assert!(!server.stderr().contains(c), "the server's own log: {}", server.stderr());
    assert!(!server.stdout().contains(c), "standard output");
    let mut files = Vec::new();
    collect(place.dir(), &mut files);
    assert!(files.len() >= 3, "the log and the data directory are there: {files:?}");
    for file in files {
        let bytes = fs::read(&file).expect("readable");
        let found = bytes.windows(c.len()).position(|window| window == c.as_bytes());
        assert_eq!(found.map(|at| context(&bytes, at)), None, "in {}", file.display());
    }
}

/// Requests with the canary where a client should not put a secret, and sometimes does.
fn send_odd_requests(server: &Server, c: &str) {
    let token = ("X-Vault-Token", server.token.as_str());
    let plain = "/v1/kv/a".to_owned();
    let headers = [
        vec![("X-Vault-Token", c)],
        vec![token, ("X-Canary", c), ("X-Other", c)],
        vec![token, ("X-Vault-Wrap-TTL", c)],
        vec![token, ("X-Vault-Namespace", c)],
    ];
    for headers in headers {
        http::send(server.addr, "GET", &plain, &headers, None).expect("an answer");
    }
    let query = format!("/v1/kv/a?q={c}&list={c}");
    http::send(server.addr, "GET", &query, &[token], None).expect("an answer");
    for body in [format!("{{\"a\": \"{c}"), format!("[\"{c}\"]")] {
        http::send(server.addr, "POST", &plain, &[token], Some(body.as_bytes())).expect("an answer");
    }
}

/// What stands around a find, for the one who has to mend it.
fn context(bytes: &[u8], at: usize) -> String {
    String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 60).min(bytes.len())]).into_owned()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { collect(&path, found) } else { found.push(path) }
    }
}
