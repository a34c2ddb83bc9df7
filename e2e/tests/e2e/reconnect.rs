//! Socket devices that are opened again, added, changed and removed while a server runs, and what one missed before a
//! kill: their peers get or are sent a declaration of every entry, and no request waits for one that hangs.

use std::fs;
use std::path::PathBuf;

use onrecord_e2e::peer::Peer;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::{load, log};
use rustix::process::Signal;
use serde_json::json;

/// A server's folder: its configuration, its data and its logs.
struct Scene(Place);

impl Scene {
    fn new() -> Self {
        Self(Place::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    /// Writes the configuration: a file device, and what else is to be there.
    fn configure(&self, more: &str) {
        let file = self.path("audit.log");
        self.0.configure(&format!(
            "audit \"file\" \"main\" {{\n  options {{ file_path = \"{}\" }}\n}}\n{more}",
            file.display()
        ));
    }

    /// A server that is open, with an engine for the load, and its share.
    fn open_up(&self) -> (Server, String) {
        let mut server = self.0.start();
        let key = server.open_up();
        server.mount_kv(2);
        (server, key)
    }

    /// What peers received, one after another, as a log.
    fn received(&self, name: &str, peers: &[&Peer]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, peers.iter().flat_map(|peer| peer.lines()).collect::<Vec<u8>>()).expect("written");
        path
    }
}

/// The stanza of a device that talks to a peer.
fn stanza(path: &str, peer: &Peer, more: &str) -> String {
    let options = peer.options();
    format!(
        "audit \"socket\" \"{path}\" {{\n  options {{\n    address = {}\n    socket_type = {}\n    {more}\n  }}\n}}\n",
        options["address"], options["socket_type"]
    )
}

/// Waits until the changed configuration is in force.
fn reload(server: &Server) {
    server.hang_up("the audit stanzas of the configuration are in force");
}

/// Waits until a peer has both entries of a new request.
fn reaches(server: &Server, peer: &Peer) -> String {
    let answer = server.call("POST", "kv/data/x", Some(json!({"data": {"a": 1}})));
    assert_eq!(answer.status, 200, "{}", answer.error());
    let id = answer.request_id();
    peer.wait_until("an entry", |text| text.matches(id.as_str()).count() >= 2);
    id
}

/// Both entries of all that was answered are in the union, and what a device lacks is declared. A peer may have doubles:
/// what may not have arrived before a connection's end is sent again.
fn assert_whole(logs: &[PathBuf], answered: &[String]) {
    let verdict = log::check(logs, answered);
    assert_eq!(verdict.code, 0, "{verdict:?}");
    assert_eq!(verdict.report["union"]["unanswered"]["count"], 0, "{verdict:?}");
    for (salt, boot) in verdict.boots() {
        assert_eq!(boot["holes"], boot["declared"], "the holes of {salt} are its gap entries: {verdict:?}");
    }
}

#[test]
fn r_hup_and_reopen_reconnect_sockets_under_load_and_lose_nothing() {
    for unix in [false, true] {
        let scene = Scene::new();
        let mut peer = if unix { Peer::unix(&scene.path("s")) } else { Peer::tcp() };
        // Long, so that a slow machine loses nothing: only reopening could.
        scene.configure(&stanza("peer", &peer, "write_timeout = \"10m\""));
        let (mut server, _) = scene.open_up();
        let answered = load::during(&server, || {
            for turn in 0..6 {
                let before = peer.connections();
                match turn % 3 {
                    0 => server.signal(Signal::HUP),
                    1 => {
                        let output = server.call("PUT", "sys/audit-reopen/peer", None);
                        assert_eq!(output.json()["data"]["devices"]["peer/"]["result"], "reopened");
                    }
                    _ => {
                        let done = server.cli(&["audit", "reopen"]);
                        let output = String::from_utf8_lossy(&done.stdout).into_owned();
                        assert_eq!(done.status.code(), Some(0), "{output}");
                        assert_eq!(output.matches("reopened").count(), 2, "{output}");
                    }
                }
                server.eventually("it connects again", || peer.connections() > before);
                reaches(&server, &peer);
            }
        })
        .all_answered();
        let status = server.device("peer/");
        assert_eq!(status["missed"], 0, "{status}");
        assert!(server.stop(), "it drains and ends well");
        peer.ends();
        assert_whole(&[scene.path("audit.log"), scene.received("received.log", &[&peer])], &answered);
    }
}

#[test]
fn r_declarative_a_reload_adds_changes_and_removes_a_socket_device_under_load_without_a_gap() {
    let scene = Scene::new();
    let (mut one, mut two) = (Peer::tcp(), Peer::unix(&scene.path("s")));
    scene.configure("");
    let (mut server, _) = scene.open_up();
    let answered = load::during(&server, || {
        let listed = || {
            let listed = server.call("GET", "sys/audit", None).json();
            listed["data"].as_object().expect("a table").keys().cloned().collect::<Vec<_>>()
        };
        scene.configure(&stanza("peer", &one, ""));
        reload(&server);
        assert_eq!(listed(), ["main/", "peer/"]);
        reaches(&server, &one);
        for (peer, more) in [(&two, ""), (&one, ""), (&one, "write_timeout = \"7s\""), (&two, "")] {
            scene.configure(&stanza("peer", peer, more));
            reload(&server);
            reaches(&server, peer);
        }
        scene.configure("");
        reload(&server);
        assert_eq!(listed(), ["main/"]);
        server.call("GET", "sys/mounts", None);
    })
    .all_answered();
    for part in ["add peer/ (socket)", "change peer/ (socket): ", "write_timeout", "remove peer/"] {
        server.wait_for_log(part);
    }
    assert!(server.stop(), "it drains and ends well");
    one.ends();
    two.ends();
    // One device, whose log went from one peer to the other. At its end it declares what was in progress.
    assert_whole(&[scene.path("audit.log"), scene.received("received.log", &[&one, &two])], &answered);
}

#[test]
fn r_hang_reopening_a_device_whose_peer_reads_nothing_names_it_and_does_not_wait() {
    let scene = Scene::new();
    let peer = Peer::unix(&scene.path("s"));
    // A caller that waited for the write would wait until the test fails.
    let limit = "audit {\n  queue_size = \"256KiB\"\n}\n";
    scene.configure(&(stanza("peer", &peer, "write_timeout = \"10m\"") + limit));
    let (mut server, _) = scene.open_up();
    reaches(&server, &peer);
    peer.stops_reading();
    let mut answered = load::during(&server, || {
        server.eventually("the device hangs", || server.device("peer/")["missed"].as_u64() > Some(0));
        fs::rename(scene.path("audit.log"), scene.path("audit.log.1")).expect("a rename");
        let done = server.cli(&["audit", "reopen"]);
        let output = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(2), "{output}{}", String::from_utf8_lossy(&done.stderr));
        let of = |path: &str| output.lines().find(|line| line.starts_with(path)).unwrap_or_default();
        assert!(of("main/").contains("reopened") && of("peer/").contains("hangs"), "{output}");
        assert!(scene.path("audit.log").exists(), "the other one is open again");
    })
    .all_answered();
    // It connects again as soon as it can; the entries that waited are sent or declared by a gap entry.
    peer.reads_on();
    server.eventually("it opens again", || peer.connections() > 1);
    answered.push(reaches(&server, &peer));
    assert!(server.stop(), "it drains and ends well");
    peer.wait_until("the last entry", |text| {
        text.matches(answered.last().expect("some").as_str()).count() >= 2
    });
    let logs = [scene.path("audit.log.1"), scene.path("audit.log"), scene.received("received.log", &[&peer])];
    let verdict = log::check(&logs, &answered);
    assert_eq!(
        (verdict.code, &verdict.report["union"]["unanswered"]["count"]),
        (0, &json!(0)),
        "{verdict:?}"
    );
}

#[test]
fn what_a_peer_missed_before_a_kill_is_declared_when_it_is_back() {
    let scene = Scene::new();
    let mut peer = Peer::tcp();
    scene.configure(&stanza("peer", &peer, ""));
    let (mut server, key) = scene.open_up();
    let mut answered = vec![reaches(&server, &peer)];
    peer.ends();
    let ask = |server: &Server| {
        let answer = server.call("GET", "sys/mounts", None);
        assert_eq!(answer.status, 200, "the file device carries on alone: {}", answer.error());
        answer.request_id()
    };
    server.eventually("it loses entries", || {
        answered.push(ask(&server));
        server.device("peer/")["missed"].as_u64() > Some(20)
    });
    scene.0.lose_and_wait_until_stored(|| answered.push(ask(&server)));
    let last = log::lines(&scene.path("audit.log")).pop().expect("an entry");
    let (boot, last) = (last["record"]["boot"].clone(), last["record"]["seq"].as_u64().expect("a number"));
    server.kill();
    let mut server = scene.0.restart(&key, server.token.clone());
    answered.extend((0..5).map(|_| ask(&server)));
    let mut back = peer.again();
    // No request is needed for it.
    let of_the_kill = |text: &str| {
        text.lines()
            .map(|line| onrecord_schema::checked(line.as_bytes()))
            .filter(|line| line["gap"]["boot"] == boot)
            .collect::<Vec<_>>()
    };
    back.wait_until("the gap of the earlier start", |text| !of_the_kill(text).is_empty());
    answered.push(reaches(&server, &back));
    let gaps = of_the_kill(&String::from_utf8(back.lines()).expect("text"));
    assert_eq!(gaps.len(), 1, "once: {gaps:?}");
    let ranges = gaps[0]["gap"]["ranges"].as_array().expect("ranges").clone();
    assert_eq!(ranges.last().expect("a range")["to"], last, "up to the last entry: {ranges:?}");
    assert!(server.stop());
    back.ends();
    let received = scene.received("received.log", &[&peer, &back]);
    assert!(log::assert_all_on_record(&[scene.path("audit.log"), received], &answered).declared() > 20);
}
