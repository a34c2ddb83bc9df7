//! Answers that are not read are counted as long as they are held: resident memory stays inside of the budget.
//! Never in it: how long a slow reader is served.

use onrecord_e2e::attacker::Attacker;
use onrecord_e2e::place::Place;
use serde_json::json;

const MIB: usize = 1 << 20;
/// Half of the default `request_memory`, which is what answers have.
const BUDGET_MIB: u64 = 512;
/// What may be resident beside it.
const BESIDE_MIB: u64 = 128;

#[test]
fn large_answers_that_nobody_reads_stay_inside_of_the_budget() {
    let place = Place::new();
    let server = place.in_memory("");
    server.enable_file("log", &place.path("audit.log"));
    server.mount_kv(1);
    let secret = json!({"secret": "x".repeat(24 * MIB)});
    assert_eq!(server.call("POST", "kv/large", Some(secret)).status, 204);
    let mut readers: Vec<_> = (0..32).map(|_| Attacker::connect(server.addr)).collect();
    for reader in &mut readers {
        let token = &server.token;
        reader.send(
            format!("GET /v1/kv/large HTTP/1.1\r\nHost: a\r\nX-Vault-Token: {token}\r\n\r\n").as_bytes(),
        );
    }
    for reader in &readers {
        reader.wait_for_answer();
    }
    let peak = server.peak_memory_kib() / 1024;
    assert!(peak <= BUDGET_MIB + BESIDE_MIB, "{peak} MiB were resident");
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200, "others are served");
}
