//! Peers of socket devices that hang: they stop reading, or their packets vanish. Beside a file device no request is affected;
//! alone, requests wait or are refused, and all goes on when the peer is back. `ONRECORD_LOAD_SECONDS` makes it longer.

use std::fs;

use onrecord_e2e::namespace::Namespace;
use onrecord_e2e::peer::Peer;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::{load, log, say_skipped};
use serde_json::json;

/// Alone a request is to be refused soon. Beside a file none is to be refused, however slow the machine is, and one that
/// waits for the peer would wait for longer than the test.
fn server(place: &Place, audit_timeout: &str) -> Server {
    let rule = format!("audit {{\n  audit_timeout = \"{audit_timeout}\"\n  queue_size = \"256KiB\"\n}}");
    let server = place.in_memory(&rule);
    server.mount_kv(2);
    server
}

/// Enables a device; an `untested` one gets no test entry.
fn enable(server: &Server, name: &str, peer: &Peer, untested: bool) {
    let mut options = peer.options();
    // Long lines fill a peer's buffers soon.
    options["write_timeout"] = "200ms".into();
    options["skip_test"] = untested.to_string().into();
    server.enable(name, "socket", &options);
}

/// Waits until the device hangs, under load.
fn wait_for_trouble(server: &Server) {
    server.wait_for_log("an audit device is in trouble");
    server.eventually("the device hangs", || server.device("socket/")["state"] != "healthy");
}

fn ask(server: &Server) -> String {
    let answer = server.call("POST", "kv/data/x", Some(json!({"data": {"a": 1}})));
    assert_eq!(answer.status, 200, "{}", answer.error());
    answer.request_id()
}

/// Beside a file device: no request fails or waits, the file has everything, and disabling and enabling do not wait.
fn fails_no_request(peer: &Peer, hang: impl Fn()) {
    let place = Place::new();
    let server = server(&place, "10m");
    let file = place.path("audit.log");
    server.enable_file("file", &file);
    enable(&server, "socket", peer, false);
    hang();
    let mut answered = load::during(&server, || {
        load::go_on();
        wait_for_trouble(&server);
    })
    .all_answered();
    let none_waits = || server.requests_in_flight() == 1;
    server.eventually("a request waits though the file has it", none_waits);
    answered.push(ask(&server));
    enable(&server, "another", peer, true);
    for name in ["socket", "another"] {
        server.disable(name);
    }
    log::assert_nothing_lost(&[file], &answered);
}

/// Beside a file device: when the peer reads again it gets all that its gap entries do not declare.
fn gets_the_rest_when_it_is_back(peer: &Peer) {
    let place = Place::new();
    let server = server(&place, "10m");
    let file = place.path("audit.log");
    server.enable_file("file", &file);
    enable(&server, "socket", peer, false);
    peer.stops_reading();
    let mut answered = load::during(&server, || wait_for_trouble(&server)).all_answered();
    peer.reads_on();
    // One entry after the other, until there is room for both of a request in its queue.
    server.eventually("the device goes on", || {
        let last = ask(&server);
        let text = peer.lines();
        let arrived = String::from_utf8_lossy(&text).matches(last.as_str()).count() >= 2;
        answered.push(last);
        arrived
    });
    log::wait_for(&[&file], answered.last().expect("some"));
    let received = place.path("received.log");
    fs::write(&received, peer.lines()).expect("written");
    // It may have twice what was sent again over another connection.
    let verdict = log::check(&[file, received], &answered);
    assert_eq!(verdict.code, 0, "{verdict:?}");
    assert_eq!(verdict.report["union"]["unanswered"]["count"], 0, "{verdict:?}");
    log::assert_holes_are_declared(&verdict);
}

/// Alone: sooner or later a request is refused; when the peer is back, all goes on.
fn refuses_alone_and_goes_on(peer: &Peer, hang: impl Fn(), go_on: impl Fn()) {
    let place = Place::new();
    let server = server(&place, "300ms");
    enable(&server, "socket", peer, false);
    let before = server.call("POST", "kv/data/x", Some(json!({"data": {"a": 1}})));
    assert_eq!(before.status, 200, "{}", before.error());
    hang();
    let refused = || server.call("GET", "sys/mounts", None).status == 500;
    let mut outcome = load::during(&server, || server.eventually("a request is refused", refused));
    assert!(outcome.failed.iter().all(|(status, _)| *status == 500), "{:?}", outcome.failed);
    assert_eq!(server.call("GET", "sys/seal-status", None).status, 200, "exempt routes still answer");
    go_on();
    server.eventually("it goes on", || {
        server.call("POST", "kv/data/x", Some(json!({"data": {"a": 1}}))).status == 200
    });
    let after = load::during(&server, load::go_on);
    assert!(!after.answered.is_empty(), "it goes on");
    outcome.answered.extend(after.answered);
    // Disabled, the device writes what waits; then the end of its connection ends what there is to read.
    server.disable("socket");
    drop(server);
    let last = outcome.answered.last().expect("some").clone();
    peer.wait_until("the last entry", |text| text.matches(last.as_str()).count() >= 2);
    let received = place.path("received.log");
    fs::write(&received, peer.lines()).expect("written");
    let verdict = log::check(&[received], &outcome.answered);
    assert_eq!(verdict.report["union"]["unanswered"]["count"], 0, "{verdict:?}");
}

#[test]
fn r_hang_a_tcp_peer_that_stops_reading_fails_no_request() {
    let peer = Peer::tcp();
    fails_no_request(&peer, || peer.stops_reading());
}

#[test]
fn r_hang_a_unix_socket_that_is_not_read_fails_no_request() {
    let place = Place::new();
    let peer = Peer::unix(&place.path("s"));
    fails_no_request(&peer, || peer.stops_reading());
}

#[test]
fn r_hang_a_tcp_peer_that_reads_again_gets_what_no_gap_declares() {
    gets_the_rest_when_it_is_back(&Peer::tcp());
}

#[test]
fn r_hang_a_unix_socket_that_is_read_again_gets_what_no_gap_declares() {
    let place = Place::new();
    gets_the_rest_when_it_is_back(&Peer::unix(&place.path("s")));
}

#[test]
fn r_hang_a_tcp_peer_that_stops_reading_alone_refuses_and_goes_on() {
    let peer = Peer::tcp();
    refuses_alone_and_goes_on(&peer, || peer.stops_reading(), || peer.reads_on());
}

#[test]
fn r_hang_a_unix_socket_that_is_not_read_alone_refuses_and_goes_on() {
    let place = Place::new();
    let peer = Peer::unix(&place.path("s"));
    refuses_alone_and_goes_on(&peer, || peer.stops_reading(), || peer.reads_on());
}

#[test]
fn r_hang_a_tcp_peer_whose_packets_are_dropped_fails_no_request() {
    let Some(network) = network() else { return };
    let peer = Peer::on(network.listener());
    fails_no_request(&peer, || network.cut());
    network.mend();
}

#[test]
fn r_hang_a_tcp_peer_whose_packets_are_dropped_alone_refuses_and_goes_on() {
    let Some(network) = network() else { return };
    let peer = Peer::on(network.listener());
    refuses_alone_and_goes_on(&peer, || network.cut(), || network.mend());
}

/// A network to cut, if this machine lets us make one.
fn network() -> Option<Namespace> {
    let made = Namespace::new();
    if let Err(why) = &made {
        say_skipped(&format!("no network can be made here: {why}"));
    }
    made.ok()
}
