//! Guessing key shares is slow for the address that guesses, for nobody else, and on record.
//! Never in it: shares of one round from several holders (the core's tests).

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use onrecord_e2e::attacker::{ADDRESS, Attacker};
use onrecord_e2e::log;
use onrecord_e2e::place::Place;

fn give(server: &onrecord_e2e::process::Server, source: Ipv4Addr, key: &str) -> String {
    let body = format!("{{\"key\":\"{key}\"}}");
    let mut client = Attacker::from(source, server.addr);
    client.send(
        format!(
            "PUT /v1/sys/unseal HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
    client.answer()
}

#[test]
fn wrong_shares_slow_down_their_address_alone_and_are_on_record() {
    let place = Place::new();
    let mut server = place.embedded("");
    let key = server.open_up();
    let file = place.path("audit.log");
    server.enable_file("log", &file);
    assert_eq!(server.call("PUT", "sys/seal", None).status, 204);
    let mut statuses = Vec::new();
    let (began, mut last) = (Instant::now(), String::new());
    for guess in 0..200_u32 {
        last = give(&server, ADDRESS, &format!("{guess:064x}"));
        statuses.push(last.get(9..12).unwrap_or_default().to_owned());
    }
    let looked_at = statuses.iter().filter(|status| *status == "400").count();
    // Five are free; then one a second, two, four: no faster, however slow this machine is.
    let most = 5 + began.elapsed().as_secs() + 1;
    assert!(looked_at as u64 <= most, "{looked_at} of 200 guesses were looked at: {statuses:?}");
    assert!(last.starts_with("HTTP/1.1 429") && last.contains("\r\nretry-after: "), "{last}");
    assert!(last.contains("wrong key shares"), "{last}");
    server.wait_for_log("the key shares of an unsealing were wrong");
    // Another address is not kept waiting: the operator's.
    let answer = give(&server, Ipv4Addr::new(127, 0, 0, 68), &key);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"sealed\":false"), "{answer}");
    server.eventually("the guesses are on record", || {
        log::lines(&file).iter().any(|entry| {
            entry["request"]["path"] == "sys/audit/refused"
                && entry["request"]["remote_address"] == ADDRESS.to_string()
                && entry["refused"]["count"] == 200
                && entry["refused"]["reason"].as_str().is_some_and(|reason| reason.contains("key shares"))
        })
    });
    log::assert_nothing_lost(&[&file], &[]);
}

#[test]
fn the_wait_ends() {
    let place = Place::new();
    let mut server = place.embedded("");
    let key = server.open_up();
    assert_eq!(server.call("PUT", "sys/seal", None).status, 204);
    for guess in 0..5 {
        assert!(give(&server, ADDRESS, &format!("{guess:064x}")).starts_with("HTTP/1.1 400"));
    }
    let began = Instant::now();
    server.eventually("the right share is looked at", || {
        give(&server, ADDRESS, &key).contains("\"sealed\":false")
    });
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
