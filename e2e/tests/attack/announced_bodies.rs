//! Bodies that are announced and never sent take no room that others need: neither the bytes nor the places of requests.
//! Never in it: bodies that are sent slowly.

use onrecord_e2e::attacker::{Attacker, allow_open_files};
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use serde_json::json;

/// What everybody else needs: a read, a small write, unsealing, revoking a token. Returns what does not work.
fn refused(server: &Server, key: &str) -> Vec<String> {
    let token = || {
        let made = server.call("POST", "auth/token/create", Some(json!({"policies": ["default"]})));
        made.json()["auth"]["client_token"].as_str().map(str::to_owned)
    };
    let mut refused = Vec::new();
    let mut expect = |what: &str, found: u16, expected: u16| {
        if found != expected {
            refused.push(format!("{what}: {found} in place of {expected}"));
        }
    };
    expect("a read", server.call("GET", "kv/there", None).status, 200);
    expect("a small write", server.call("POST", "kv/new", Some(json!({"a": "b"}))).status, 204);
    expect("sys/unseal", server.call("PUT", "sys/unseal", Some(json!({"key": key}))).status, 200);
    expect("sys/health", server.call("GET", "sys/health", None).status, 200);
    match token() {
        Some(token) => {
            let own = [("X-Vault-Token", token.as_str())];
            let revoked = onrecord_e2e::http::send(
                server.addr,
                "POST",
                "/v1/auth/token/revoke-self",
                &own,
                Some(b"{}"),
            );
            expect("revoke-self", revoked.expect("an answer").status, 204);
        }
        None => expect("auth/token/create", 0, 200),
    }
    refused
}

/// Connections that announce a body each, once the server has read all announcements.
fn announced(server: &Server, count: usize, length: usize) -> Vec<Attacker> {
    let announce = |_| {
        let mut attacker = Attacker::connect(server.addr);
        attacker.announce("POST", "/v1/kv/never", &server.token, length);
        attacker
    };
    let mut attackers: Vec<_> = (0..count).map(announce).collect();
    for attacker in &mut attackers {
        attacker.status();
    }
    attackers
}

fn server(place: &Place) -> (Server, String) {
    // Bodies may take long: on a slow machine thousands are not announced before the first ones are given up.
    let config = "listener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n  http_read_timeout = \"10m\"\n  http_read_header_timeout = \"10m\"\n  \
                  max_connections = 20000\n}\ndisable_mlock = true\nstorage \"inmem\" {}\n";
    std::fs::write(place.config(), config).expect("written");
    let mut server = place.start();
    let key = server.open_up();
    server.enable_file("log", &place.path("audit.log"));
    server.mount_kv(1);
    assert_eq!(server.call("POST", "kv/there", Some(json!({"a": "b"}))).status, 204);
    (server, key)
}

#[test]
fn sixteen_large_bodies_that_never_come_block_nobody() {
    let place = Place::new();
    let (server, key) = server(&place);
    let _attackers = announced(&server, 16, 32 << 20);
    assert_eq!(refused(&server, &key), Vec::<String>::new());
}

#[test]
fn thousands_of_small_bodies_that_never_come_block_nobody() {
    allow_open_files(20_000);
    let place = Place::new();
    let (server, key) = server(&place);
    let _attackers = announced(&server, 4100, 1);
    assert_eq!(refused(&server, &key), Vec::<String>::new());
}
