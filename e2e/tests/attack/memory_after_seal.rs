//! A sealed server holds no token and no secret any more: neither in buffers of connections nor in memory that was freed.
//! Never in it: what devices and the store hold.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use onrecord_e2e::attacker::Attacker;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::wait;
use serde_json::json;

const VALUE: &str = "a-value-that-stands-nowhere-else-4711";

/// The memory that the process can write to, mapping by mapping; none if this may not be read.
fn memory(server: &Server) -> Option<Vec<(String, Vec<u8>)>> {
    let maps = fs::read_to_string(format!("/proc/{}/maps", server.pid())).ok()?;
    let memory = File::open(format!("/proc/{}/mem", server.pid())).ok()?;
    let mut found = Vec::new();
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|mode| mode.starts_with("rw")))
    {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let parse = |text| u64::from_str_radix(text, 16).ok();
        let (start, end) = (parse(start)?, parse(end)?);
        let mut bytes = vec![0; usize::try_from(end - start).ok()?];
        // A mapping may be gone again.
        if memory.read_exact_at(&mut bytes, start).is_ok() {
            found.push((line.to_owned(), bytes));
        }
    }
    Some(found)
}

/// Where a text stands in memory.
fn copies(memory: &[(String, Vec<u8>)], text: &str) -> Vec<String> {
    let finder = |bytes: &[u8]| bytes.windows(text.len()).filter(|found| *found == text.as_bytes()).count();
    memory
        .iter()
        .map(|(line, bytes)| (line, finder(bytes)))
        .filter(|(_, count)| *count > 0)
        .map(|(line, count)| format!("{count} in {line}"))
        .collect()
}

#[test]
fn after_a_seal_no_token_and_no_value_is_left_in_memory() {
    let place = Place::new();
    let server = place.in_memory("");
    server.enable_file("log", &place.path("audit.log"));
    server.mount_kv(1);
    let made = server.call("POST", "auth/token/create", Some(json!({"policies": ["root"]}))).json();
    let token = made["auth"]["client_token"].as_str().expect("a token").to_owned();
    if memory(&server).is_none() {
        eprintln!("SKIPPED, NOTHING IS PROVEN: the memory of another process may not be read");
        return;
    }
    // Connections that stay open, with a write, a read, a refused request, and one that never ends.
    let body = json!({"password": VALUE}).to_string();
    let head = format!("Host: a\r\nX-Vault-Token: {token}\r\n");
    let length = body.len();
    let mut clients: Vec<_> = (0..8).map(|_| Attacker::connect(server.addr)).collect();
    for client in &mut clients {
        client.send(
            format!("POST /v1/kv/a HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{body}").as_bytes(),
        );
        assert!(client.answer().starts_with("HTTP/1.1 204"));
        client.send(format!("GET /v1/kv/a HTTP/1.1\r\n{head}\r\n").as_bytes());
        assert!(client.answer().starts_with("HTTP/1.1 200"));
        client.send(format!("POST /v1/kv/a HTTP/1.1\r\n{head}Content-Length: 3\r\n\r\n{{a}}").as_bytes());
        assert!(client.answer().starts_with("HTTP/1.1 400"));
    }
    let root = &server.token;
    assert_eq!(server.call("PUT", "sys/seal", None).status, 204);
    for client in &mut clients {
        assert_eq!(client.rest(), b"", "a connection without a request is closed");
    }
    let mut left = Vec::new();
    let gone = wait::holds(|| {
        let memory = memory(&server).expect("it could be read before");
        left = [root.as_str(), token.as_str(), VALUE]
            .iter()
            .enumerate()
            .flat_map(|(which, text)| {
                copies(&memory, text).into_iter().map(move |line| format!("{which}: {line}"))
            })
            .collect();
        left.is_empty()
    });
    assert!(gone, "root token (0), token (1), value (2): {left:#?}");
}
