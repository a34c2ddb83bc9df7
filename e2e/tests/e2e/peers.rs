//! Peers of socket devices that die, go and come back: nothing that was answered is lost.

use std::collections::BTreeSet;
use std::fs;

use onrecord_e2e::peer::Peer;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::{load, log};
use serde_json::{Value, json};

fn server(place: &Place) -> Server {
    let server = place.in_memory("");
    server.mount_kv(2);
    server
}

/// A request, and its id if it was answered.
fn ask(server: &Server, turn: usize) -> Option<String> {
    let answer = server.call("POST", "kv/data/x", Some(json!({"data": {"turn": turn}})));
    let id = answer.json()["request_id"].as_str().map(str::to_owned);
    id.filter(|_| answer.status == 200)
}

/// Both entries of each answered request are in the union of what was read.
fn assert_all_arrived(peer: &Peer, answered: &[String]) {
    let lines = peer.lines();
    let whole: BTreeSet<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
    let entries: Vec<Value> = whole.iter().map(|line| onrecord_schema::checked(line)).collect();
    let pairs = log::pairs(&entries);
    for id in answered {
        assert_eq!(pairs.get(id), Some(&(1, 1)), "both entries of {id}");
    }
}

#[test]
fn r_tcp_loss_a_peer_that_dies_a_thousand_times_gets_every_answered_entry() {
    let place = Place::new();
    let server = server(&place);
    let peer = Peer::tcp();
    let mut options = peer.options();
    options["resend_buffer"] = "64KiB".into();
    server.enable("socket", "socket", &options);
    let mut answered = Vec::new();
    for turn in 0..1000 {
        if turn % 4 > 1 {
            // Dead with whole requests unread.
            peer.stops_reading();
        }
        for _ in 0..=turn % 3 {
            answered.extend(ask(&server, turn));
        }
        if turn % 4 == 0 {
            // Dead with nothing unread. This also bounds what is unread at any time, as the device's buffer is bounded.
            peer.wait_for(answered.last().expect("some"), 2);
        }
        peer.cut();
        peer.reads_on();
    }
    assert!(answered.len() > 1500, "most were answered: {}", answered.len());
    // The last death is noticed without another request.
    let last = answered.last().expect("some").clone();
    peer.wait_until("the last entry", |text| text.matches(last.as_str()).count() >= 2);
    assert_all_arrived(&peer, &answered);
    // As an operator would look at it: there may be doubles, and no losses.
    let file = place.path("union.log");
    fs::write(&file, peer.lines()).expect("written");
    let verdict = log::check(&[file], &answered);
    assert_eq!(verdict.code, 0, "{verdict:?}");
}

#[test]
fn r_reconnect_a_peer_that_comes_back_gets_entries_and_hears_of_its_gap() {
    let place = Place::new();
    for unix in [false, true] {
        let mut server = server(&place);
        let file = place.path(format!("{unix}.log"));
        server.enable_file("file", &file);
        let mut peer = if unix { Peer::unix(&place.path("s")) } else { Peer::tcp() };
        server.enable("socket", "socket", &peer.options());
        let mut answered: Vec<String> = (0..10).filter_map(|turn| ask(&server, turn)).collect();
        let last = answered[9].clone();
        peer.wait_until("what came before", |text| text.matches(last.as_str()).count() >= 2);
        peer.ends();
        let mut turn = 10;
        server.eventually("the device fails", || {
            answered.push(ask(&server, turn).expect("the file device carries on alone"));
            turn += 1;
            turn > 30 && server.stderr().contains("connection refused")
        });
        let back = peer.again();
        // No further request is needed for the gap entry.
        back.wait_until("the gap", |text| text.contains("sys/audit/gap"));
        let enough = || back.lines().len() > 100_000;
        let loaded = load::during(&server, || server.eventually("the peer gets entries", enough));
        answered.extend(loaded.all_answered());
        answered.push(ask(&server, 0).expect("an answer"));
        assert!(server.stop(), "it drains and ends well");
        let last = answered.last().expect("some");
        back.wait_until("the last entry", |text| text.matches(last.as_str()).count() >= 2);
        let received = place.path(format!("{unix}-received.log"));
        fs::write(&received, [peer.lines(), back.lines()].concat()).expect("written");
        let verdict = log::check(&[file, received], &answered);
        assert_eq!(verdict.code, 0, "{verdict:?}");
        assert!(verdict.declared() > 0, "what the peer missed is declared: {verdict:?}");
    }
}

#[test]
fn a_dead_endpoint_makes_neither_enabling_nor_unsealing_fail() {
    let place = Place::new();
    let mut server = place.embedded("");
    let key = server.open_up();
    server.enable_file("file", &place.path("audit.log"));
    let (mut peer, refused) = (Peer::tcp(), "connect: connection refused");
    peer.ends();
    let mut options = peer.options();
    let answer = server.try_enable("socket", "socket", &options);
    assert_eq!(answer.status, 400);
    let output = answer.error();
    assert!(
        output.starts_with("audit backend failed test message: 2 errors occurred:\n\t* dial tcp "),
        "{output}"
    );
    assert_eq!(output.matches(refused).count(), 2, "{output}");
    options["skip_test"] = "true".into();
    server.enable("socket", "socket", &options);
    server.kill();
    let mut server = place.restart(&key, server.token.clone());
    assert_eq!(server.call("GET", "sys/audit", None).status, 200, "the file device carries on");
    let back = peer.again();
    back.wait_until("an entry", |text| text.contains("\"type\":\"request\""));
    assert!(server.stop());
}
