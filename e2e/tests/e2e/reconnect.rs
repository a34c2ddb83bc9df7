//! Socket devices that are opened again, added, changed and removed while a server runs, and what one missed before a
//! kill: their peers hear of everything, and nobody waits for one that hangs.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use onrecord_e2e::peer::Peer;
use onrecord_e2e::process::{Launch, Server};
use onrecord_e2e::{load, log};
use rustix::process::Signal;
use serde_json::{Value, json};

/// How long a test waits for something that comes by itself. It only ends a hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server's folder: its configuration, its data and its logs.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes the configuration anew: a file device, and what else is to be there.
    fn configure(&self, more: &str) {
        let config = format!(
            "listener \"tcp\" {{\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n}}\ndisable_mlock = true\n\
             storage \"file\" {{\n  path = \"{}\"\n}}\n\
             audit \"file\" \"main\" {{\n  options {{ file_path = \"{}\" }}\n}}\n{more}\n",
            self.path("data").display(),
            self.path("audit.log").display()
        );
        fs::write(self.path("onrecord.hcl"), config).expect("the configuration is written");
    }

    fn start(&self) -> Server {
        Launch::new(&[&format!("-config={}", self.path("onrecord.hcl").display())]).start()
    }

    /// A server that is open, with an engine for the load, and its share.
    fn open_up(&self) -> (Arc<Server>, String) {
        let mut server = self.start();
        let key = server.open_up();
        let kv = json!({"type": "kv", "options": {"version": "2"}});
        assert_eq!(server.call("POST", "sys/mounts/kv", Some(kv)).status, 204);
        (Arc::new(server), key)
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

fn eventually(server: &Server, what: &str, so: impl FnMut() -> bool) {
    server.eventually(PATIENCE, what, so);
}

/// Has the changed configuration applied.
fn reload(server: &Server) {
    const IN_FORCE: &str = "the audit stanzas of the configuration are in force";
    let before = server.stderr().matches(IN_FORCE).count();
    server.signal(Signal::HUP);
    eventually(server, IN_FORCE, || server.stderr().matches(IN_FORCE).count() > before);
}

/// Load while `work` is done; no request fails. The ids of the requests that were answered.
fn under_load(server: &Arc<Server>, work: impl FnOnce() + Send) -> Vec<String> {
    let outcome = std::thread::scope(|scope| {
        let work = scope.spawn(work);
        let outcome = load::until(server, || work.is_finished());
        work.join().expect("no panic");
        outcome
    });
    assert_eq!(outcome.failed, [], "{}", server.stderr());
    assert!(!outcome.answered.is_empty(), "there was a load");
    outcome.answered
}

fn device<'a>(status: &'a Value, path: &str) -> &'a Value {
    &status["data"]["devices"][path]
}

/// Waits until a peer has both entries of a new request.
fn reaches(server: &Server, peer: &Peer) -> String {
    let answer = server.call("POST", "kv/data/x", Some(json!({"data": {"a": 1}})));
    assert_eq!(answer.status, 200, "{}", answer.error());
    let id = answer.json()["request_id"].as_str().expect("an id").to_owned();
    peer.wait_until("an entry", |text| text.matches(id.as_str()).count() >= 2);
    id
}

/// Both entries of all that was answered are in the union, and what a device lacks is declared. A peer may have doubles:
/// what may not have arrived before a connection's end is sent again.
fn assert_whole(logs: &[PathBuf], answered: &[String]) {
    let verdict = log::check(logs, answered);
    assert_eq!(verdict.code, 0, "{verdict:?}");
    assert_eq!(verdict.report["union"]["unanswered"]["count"], 0, "{verdict:?}");
    for (salt, boot) in verdict.strands() {
        assert_eq!(boot["holes"], boot["declared"], "the holes of {salt} are its gap entries: {verdict:?}");
    }
}

#[test]
fn r_hup_and_reopen_connect_sockets_anew_under_load_and_lose_nothing() {
    for unix in [false, true] {
        let place = Place::new();
        let mut peer = if unix { Peer::unix(&place.path("s")) } else { Peer::tcp() };
        // However slow this machine is: what is missed here, opening again has lost.
        place.configure(&stanza("peer", &peer, "write_timeout = \"10m\""));
        let (server, _) = place.open_up();
        let answered = under_load(&server, || {
            for turn in 0..6 {
                let before = peer.connections();
                match turn % 3 {
                    0 => server.signal(Signal::HUP),
                    1 => {
                        let told = server.call("PUT", "sys/audit-reopen/peer", None);
                        assert_eq!(told.json()["data"]["devices"]["peer/"]["result"], "reopened");
                    }
                    _ => {
                        let done = server.cli(&["audit", "reopen"]);
                        let told = String::from_utf8_lossy(&done.stdout).into_owned();
                        assert_eq!(done.status.code(), Some(0), "{told}");
                        assert_eq!(told.matches("reopened").count(), 2, "{told}");
                    }
                }
                eventually(&server, "it connects anew", || peer.connections() > before);
                reaches(&server, &peer);
            }
        });
        let status = server.call("GET", "sys/audit-status", None).json();
        assert_eq!(device(&status, "peer/")["missed"], 0, "{status}");
        let mut server = Arc::into_inner(server).expect("nobody else has it");
        assert!(server.stop(), "it drains and ends well");
        peer.ends();
        assert_whole(&[place.path("audit.log"), place.received("received.log", &[&peer])], &answered);
    }
}

#[test]
fn r_declarative_a_reload_adds_changes_and_removes_a_socket_device_under_load_without_a_gap() {
    let place = Place::new();
    let (mut one, mut two) = (Peer::tcp(), Peer::unix(&place.path("s")));
    place.configure("");
    let (server, _) = place.open_up();
    let answered = under_load(&server, || {
        let listed = || {
            let listed = server.call("GET", "sys/audit", None).json();
            listed["data"].as_object().expect("a table").keys().cloned().collect::<Vec<_>>()
        };
        place.configure(&stanza("peer", &one, ""));
        reload(&server);
        assert_eq!(listed(), ["main/", "peer/"]);
        reaches(&server, &one);
        for (peer, more) in [(&two, ""), (&one, ""), (&one, "write_timeout = \"7s\""), (&two, "")] {
            place.configure(&stanza("peer", peer, more));
            reload(&server);
            reaches(&server, peer);
        }
        place.configure("");
        reload(&server);
        assert_eq!(listed(), ["main/"]);
        server.call("GET", "sys/mounts", None);
    });
    let told = server.stderr();
    for part in ["add peer/ (socket)", "change peer/ (socket): ", "write_timeout", "remove peer/"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    drop(server);
    one.ends();
    two.ends();
    // One device, whose log went from one peer to the other. At its end it tells what was under way.
    assert_whole(&[place.path("audit.log"), place.received("received.log", &[&one, &two])], &answered);
}

#[test]
fn r_hang_reopening_a_device_whose_peer_reads_nothing_names_it_and_waits_for_nobody() {
    let place = Place::new();
    let peer = Peer::unix(&place.path("s"));
    // Whoever waited for the write would wait until the test has failed.
    let limit = "audit {\n  queue_size = \"256KiB\"\n}\n";
    place.configure(&(stanza("peer", &peer, "write_timeout = \"10m\"") + limit));
    let (server, _) = place.open_up();
    reaches(&server, &peer);
    peer.stops_reading();
    let mut answered = under_load(&server, || {
        eventually(&server, "the device hangs", || {
            let status = server.call("GET", "sys/audit-status", None).json();
            device(&status, "peer/")["missed"].as_u64() > Some(0)
        });
        fs::rename(place.path("audit.log"), place.path("audit.log.1")).expect("a rename");
        let done = server.cli(&["audit", "reopen"]);
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(2), "{told}{}", String::from_utf8_lossy(&done.stderr));
        let of = |path: &str| told.lines().find(|line| line.starts_with(path)).unwrap_or_default();
        assert!(of("main/").contains("reopened") && of("peer/").contains("hangs"), "{told}");
        assert!(place.path("audit.log").exists(), "the other one is open again");
    });
    // It connects anew as soon as it can, and has what waited or says what it misses.
    peer.reads_on();
    eventually(&server, "it opens again", || peer.connections() > 1);
    answered.push(reaches(&server, &peer));
    let mut server = Arc::into_inner(server).expect("nobody else has it");
    assert!(server.stop(), "it drains and ends well");
    peer.wait_until("the last entry", |text| {
        text.matches(answered.last().expect("some").as_str()).count() >= 2
    });
    let logs = [place.path("audit.log.1"), place.path("audit.log"), place.received("received.log", &[&peer])];
    let verdict = log::check(&logs, &answered);
    assert_eq!(
        (verdict.code, &verdict.report["union"]["unanswered"]["count"]),
        (0, &json!(0)),
        "{verdict:?}"
    );
}

#[test]
fn what_a_peer_missed_before_a_kill_is_told_when_it_is_back() {
    let place = Place::new();
    let mut peer = Peer::tcp();
    place.configure(&stanza("peer", &peer, ""));
    let (server, key) = place.open_up();
    let mut answered = vec![reaches(&server, &peer)];
    peer.ends();
    let ask = |server: &Server| {
        let answer = server.call("POST", "kv/data/x", Some(json!({"data": {"a": 1}})));
        assert_eq!(answer.status, 200, "the file device carries on alone: {}", answer.error());
        answer.json()["request_id"].as_str().expect("an id").to_owned()
    };
    eventually(&server, "it misses entries", || {
        answered.push(ask(&server));
        let status = server.call("GET", "sys/audit-status", None).json();
        device(&status, "peer/")["missed"].as_u64() > Some(20)
    });
    let last = log::lines(&place.path("audit.log")).pop().expect("an entry");
    let (boot, last) = (last["record"]["boot"].clone(), last["record"]["seq"].as_u64().expect("a number"));
    // Kept within a second.
    std::thread::sleep(Duration::from_millis(1500));
    let (mut server, token) = {
        let mut server = Arc::into_inner(server).expect("nobody else has it");
        server.kill();
        let token = server.token.clone();
        (place.start(), token)
    };
    server.token = token;
    server.unseal(&key);
    answered.extend((0..5).map(|_| ask(&server)));
    let mut back = peer.again();
    // No request is needed for it.
    let of_the_kill = |text: &str| {
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"))
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
    let received = place.received("received.log", &[&peer, &back]);
    assert!(log::assert_all_on_record(&[place.path("audit.log"), received], &answered).declared() > 20);
}
