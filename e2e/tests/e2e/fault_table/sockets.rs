//! The same for socket devices: the calls of the device's own thread, on any connection.
//! A write of which the system takes a part cannot be injected without losing the part; a slow peer's buffer does that
//! (the audit crate's tests of sockets). Never in it: what a peer does wrong.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use onrecord_e2e::log;
use onrecord_e2e::peer::Peer;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::strace::Strace;
use onrecord_e2e::wait;
use serde_json::{Value, json};

use super::Injected;

/// The call, what happens to it, the devices that make it, and what becomes of a request to a server without another
/// device. A dial is provoked by a first write that fails, a wait by one that finds no room.
const TABLE: &str = "
    call         fault           networks  alone
    sendto       EPIPE           all       refused
    sendto       ECONNRESET      all       refused
    sendto       ENOBUFS         all       refused
    sendto       EAGAIN          all       refused
    sendto       EPIPE-once      all       answered
    sendto       ECONNRESET-once all       answered
    sendto       ENOBUFS-once    all       answered
    sendto       EAGAIN-once     all       answered
    sendto       EINTR-twice     all       answered
    sendto       slow            all       answered
    sendto       hung            all       waits
    ppoll        EINTR-twice     all       answered
    recvfrom     ECONNRESET      streams   answered
    recvfrom     EINTR-twice     streams   answered
    connect      ECONNREFUSED    all       refused
    connect      EAGAIN          all       refused
    connect      EACCES-once     all       refused-once
    connect      hung            all       waits
    socket       EMFILE          all       refused
    socket       ENOBUFS         all       refused
";

#[derive(Clone, Copy)]
struct Row {
    call: &'static str,
    fault: &'static str,
    networks: &'static str,
    alone: &'static str,
}

/// The rows of a network, of those that hang or of the others.
fn rows(network: &str, hang: bool) -> impl Iterator<Item = Row> {
    let all = TABLE.lines().filter(|line| !line.trim().is_empty()).skip(1).map(|line| {
        let mut words = line.split_whitespace();
        let mut word = || words.next().expect("four words");
        Row { call: word(), fault: word(), networks: word(), alone: word() }
    });
    let streams = network != "unixgram";
    all.filter(move |row| (row.fault == "hung") == hang && (streams || row.networks != "streams"))
}

impl Row {
    fn name(&self, network: &str) -> String {
        format!("{network}: {} {}", self.call, self.fault)
    }

    fn inject(&self, scene: &Scene) -> Injected {
        let provoking: &[_] = match self.call {
            "connect" | "socket" => &[("sendto", "EPIPE-once")],
            "ppoll" => &[("sendto", "EAGAIN-once")],
            _ => &[],
        };
        let trace = scene.place.path("strace");
        Injected::into(scene.thread(), &[], (self.call, self.fault), provoking, &trace)
    }
}

/// The reader of what the device sends.
enum Reader {
    Stream(Peer),
    Datagrams(Datagrams),
}

/// Reads messages until it is dropped.
struct Datagrams {
    address: Value,
    text: Arc<Mutex<Vec<u8>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Datagrams {
    fn bind(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a time-out");
        let (text, over) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<AtomicBool>::default());
        let (read, ended) = (Arc::clone(&text), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut message = vec![0; 1024 * 1024];
            while !ended.load(Ordering::SeqCst) {
                if let Ok(count) = socket.recv(&mut message) {
                    read.lock().expect("no panic while held").extend_from_slice(&message[..count]);
                }
            }
        });
        let address = json!({"address": path, "socket_type": "unixgram"});
        Self { address, text, over, thread: Some(thread) }
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.thread.take().map(JoinHandle::join).transpose().expect("no panic");
    }
}

impl Reader {
    fn of(network: &str, dir: &Path) -> Self {
        match network {
            "tcp" => Self::Stream(Peer::tcp()),
            "unix" => Self::Stream(Peer::unix(&dir.join("stream"))),
            _ => Self::Datagrams(Datagrams::bind(&dir.join("datagrams"))),
        }
    }

    fn options(&self) -> Value {
        match self {
            Self::Stream(peer) => peer.options(),
            Self::Datagrams(datagrams) => datagrams.address.clone(),
        }
    }

    fn lines(&self) -> Vec<u8> {
        match self {
            Self::Stream(peer) => peer.lines(),
            Self::Datagrams(datagrams) => datagrams.text.lock().expect("no panic while held").clone(),
        }
    }
}

struct Scene {
    server: Server,
    reader: Reader,
    place: Place,
    answered: Vec<String>,
}

impl Scene {
    /// Where no call hangs, nothing is to be late only because the machine is: a traced call takes its time.
    fn new(network: &str, company: bool, hang: bool) -> Self {
        let place = Place::new();
        let time = if company { "60s" } else { "1500ms" };
        let config = format!("audit {{\n  audit_timeout = \"{time}\"\n}}");
        let server = place.in_memory(&config);
        let reader = Reader::of(network, place.dir());
        let mut options = reader.options();
        options["write_timeout"] = if hang { "200ms" } else { "2s" }.into();
        let body = json!({"type": "socket", "options": options});
        let answer = server.call("PUT", "sys/audit/sick", Some(body));
        assert_eq!(answer.status, 204, "{}", answer.error());
        if company {
            server.enable_file("well", &place.path("well.log"));
        }
        Self { server, reader, place, answered: Vec::new() }
    }

    fn read(&mut self) -> bool {
        let answer = self.server.call("GET", "sys/mounts", None);
        match answer.status {
            200 => {
                self.answered.push(answer.request_id());
                true
            }
            500 => false,
            other => panic!("an unexpected status: {other} {}", answer.error()),
        }
    }

    /// The device's thread in the server.
    fn thread(&self) -> u32 {
        let tasks = format!("/proc/{}/task", self.server.pid());
        let of_the_device = |task: &Path| {
            std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == "audit-sick/")
        };
        let mut tasks = std::fs::read_dir(tasks).expect("tasks").map(|task| task.expect("a task").path());
        let task = tasks.find(|task| of_the_device(task)).expect("the device has a thread");
        task.file_name().and_then(|name| name.to_str()?.parse().ok()).expect("a number")
    }

    /// Reads until the peer has both entries of a read.
    fn recover(&mut self, name: &str) {
        let recovered = wait::holds(|| {
            let answered = self.read();
            let text = self.reader.lines();
            let last = self.answered.last().cloned().unwrap_or_default();
            answered && text.windows(last.len().max(1)).filter(|part| *part == last.as_bytes()).count() >= 2
        });
        assert!(recovered, "{name}: it does not recover: {}", self.server.stderr());
        // The one that works may be a moment behind.
        let last = self.answered.last().expect("it was answered");
        log::wait_for(&log::files(self.place.dir(), "well.log"), last);
    }

    /// All that was answered is on record, and exactly what the peer has not got its gap entries tell. What it was sent
    /// again after a connection was lost it may have twice.
    fn assert_nothing_lost(&self, network: &str) {
        let path = self.place.path("sick.log");
        std::fs::write(&path, self.reader.lines()).expect("written");
        let mut logs = vec![path];
        logs.extend(log::files(self.place.dir(), "well.log"));
        let verdict = log::check(&logs, &self.answered);
        assert_eq!(verdict.code, 0, "{network}: {verdict:?}");
        assert_eq!(verdict.report["union"]["unanswered"]["count"], 0, "{network}: {verdict:?}");
        log::assert_holes_are_declared(&verdict);
    }
}

const NETWORKS: [&str; 3] = ["tcp", "unix", "unixgram"];

/// Each network, once with the rows that hang and once with the others: a server, and what is done to it.
fn each(company: bool, mut tried: impl FnMut(&mut Scene, Row, &str)) {
    if !Strace::is_possible() {
        return;
    }
    for (network, hang) in NETWORKS.into_iter().flat_map(|network| [(network, false), (network, true)]) {
        let mut scene = Scene::new(network, company, hang);
        for row in rows(network, hang) {
            let name = row.name(network);
            let injected = row.inject(&scene);
            tried(&mut scene, row, &name);
            injected.ends(&scene.server, &name);
            scene.recover(&name);
        }
        scene.assert_nothing_lost(network);
        assert!(scene.server.stop(), "{}", scene.server.stderr());
    }
}

#[test]
fn beside_a_device_that_works_every_call_of_a_socket_may_fail_be_slow_or_hang() {
    each(true, |scene, _, name| {
        for _ in 0..3 {
            assert!(scene.read(), "{name}: refused");
        }
    });
}

#[test]
fn alone_a_socket_whose_calls_fail_refuses_and_recovers_by_itself() {
    each(false, |scene, row, name| {
        let answered = [scene.read(), scene.read()];
        let expected = match row.alone {
            "answered" => [true, true],
            "refused-once" => [false, true],
            _ => [false, false],
        };
        assert_eq!(answered, expected, "{name}: {}", scene.server.stderr());
    });
}
