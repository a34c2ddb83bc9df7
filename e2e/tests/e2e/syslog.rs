//! The syslog device with real daemons, rsyslog and syslog-ng: entries of every size arrive, as they are or as what stands
//! for them; a daemon that stops, ends and starts again costs no request, and no entry that is not declared.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use onrecord_e2e::daemon::{Daemon, Kind};
use onrecord_e2e::http::Response;
use onrecord_e2e::process::Server;
use onrecord_e2e::{load, log};
use rustix::process::Signal;
use serde_json::{Map, Value, json};

/// How long a test waits for what must come. It only ends a hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server whose syslog daemon is the test's, and the ids of the requests that it answered.
struct Place {
    dir: tempfile::TempDir,
    server: Server,
    answered: Mutex<Vec<String>>,
}

impl Place {
    fn new(socket: &Path, more: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let config = format!(
            "storage \"inmem\" {{}}\naudit {{\n  syslog_socket = \"{}\"\n{more}\n}}",
            socket.display()
        );
        let mut server = Server::with_config(dir.path(), &config);
        server.open_up();
        let place = Self { dir, server, answered: Mutex::default() };
        let kv = json!({"type": "kv", "options": {"version": "2"}});
        assert_eq!(place.server.call("POST", "sys/mounts/kv", Some(kv)).status, 204);
        place
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("audit.log")
    }

    fn enable_file(&self) {
        self.server.enable_file("file", &self.file());
    }

    fn try_syslog(&self, name: &str, options: &Value) -> Response {
        let body = json!({"type": "syslog", "options": options});
        self.server.call("PUT", &format!("sys/audit/{name}"), Some(body))
    }

    fn enable_syslog(&self, name: &str, options: &Value) {
        let answer = self.try_syslog(name, options);
        assert_eq!(answer.status, 204, "{}", answer.error());
    }

    /// Writes a secret of so many values; says whether it was answered, and notes its id.
    fn write(&self, values: usize) -> u16 {
        let data: Map<String, Value> = (0..values).map(|at| (format!("key-{at}"), json!("value"))).collect();
        let answer = self.server.call("POST", "kv/data/some", Some(json!({"data": data})));
        if answer.status == 200 {
            let id = answer.json()["request_id"].as_str().expect("an id").to_owned();
            self.answered.lock().expect("no panic while held").push(id);
        }
        answer.status
    }

    /// What the checker says of these logs: both entries of every answered request are there.
    fn check(&self, more: &[&str], logs: &[&Path]) -> Result<(), String> {
        let ids = self.dir.path().join("answered");
        let answered = self.answered.lock().expect("no panic while held").join("\n");
        std::fs::write(&ids, answered).expect("the list");
        let answered = format!("-answered={}", ids.display());
        let mut args = vec!["log", "check", "-thorough", answered.as_str()];
        args.extend(more);
        let logs: Vec<String> = logs.iter().map(|log| log.display().to_string()).collect();
        args.extend(logs.iter().map(String::as_str));
        let ran = self.server.cli(&args);
        let said =
            format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        if ran.status.success() { Ok(()) } else { Err(said) }
    }

    /// Waits until the checker is content: a daemon takes its time to write.
    fn check_soon(&self, more: &[&str], logs: &[&Path]) {
        let mut last = String::new();
        eventually(&mut last, || self.check(more, logs));
    }
}

fn eventually(last: &mut String, mut so: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(why) = so() {
        *last = why;
        assert!(Instant::now() < deadline, "{last}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a daemon wrote, but for a last line that it has not ended.
fn entries(daemon: &Daemon) -> Vec<Value> {
    log::lines(&daemon.log())
}

fn seqs(entries: &[Value]) -> Vec<u64> {
    let ours = entries.iter().filter(|entry| entry["request"]["path"] == "kv/data/some");
    ours.filter_map(|entry| entry["record"]["seq"].as_u64()).collect()
}

/// From a few bytes to more than a megabyte.
const SIZES: [usize; 6] = [1, 90, 110, 2500, 6000, 14_000];

/// Each entry is on the device: whole, or as a line that stands for it, or in parts which are it by the digest.
fn entries_of_all_sizes_arrive(kind: Kind) {
    let stream = kind == Kind::SyslogNgStream;
    for options in [
        json!({"format": "jsonx", "facility": "local0", "tag": "x"}),
        json!({"oversize": "split"}),
        json!({"oversize": "split", "max_bytes": "8KiB", "prefix": "@cee: "}),
    ] {
        let Some(daemon) = Daemon::start(kind) else { return };
        let place = Place::new(&daemon.socket(), "");
        place.enable_file();
        place.enable_syslog("syslog", &options);
        for values in SIZES {
            assert_eq!(place.write(values), 200);
        }
        place.check_soon(&[], &[&place.file(), &daemon.log()]);
        let text = std::fs::read_to_string(daemon.log()).expect("the daemon's log");
        let longest = text.lines().map(str::len).max().expect("lines");
        let of = |part: &str| text.lines().filter(|line| line.contains(part)).count();
        match (options["max_bytes"].is_null(), options["oversize"].is_null()) {
            (false, _) => assert!(longest < 8192 && of(",\"part\":{") > 100, "{longest}"),
            // A stream takes what is long as it is; how much a datagram takes is the system's to say.
            _ if stream => assert!(longest > 1 << 20, "{longest}"),
            (_, true) => assert!(of("<json:object name=\"elided\">") >= 2),
            (_, false) => assert!(longest > 100_000 && of(",\"part\":{") >= 4, "{longest}"),
        }
    }
}

#[test]
fn r_syslog_long_entries_of_all_sizes_reach_rsyslog() {
    entries_of_all_sizes_arrive(Kind::Rsyslog);
}

#[test]
fn r_syslog_long_entries_of_all_sizes_reach_syslog_ng() {
    entries_of_all_sizes_arrive(Kind::SyslogNg);
}

#[test]
fn r_syslog_long_entries_of_all_sizes_reach_syslog_ng_over_a_stream() {
    entries_of_all_sizes_arrive(Kind::SyslogNgStream);
}

#[test]
fn r_syslog_long_a_daemon_that_cuts_messages_is_sent_none_that_it_would_cut() {
    let Some(daemon) = Daemon::start(Kind::RsyslogOfTheBox) else { return };
    let place = Place::new(&daemon.socket(), "");
    place.enable_file();
    place.enable_syslog("syslog", &json!({"max_bytes": "8000"}));
    for values in SIZES {
        assert_eq!(place.write(values), 200);
    }
    place.check_soon(&[], &[&place.file(), &daemon.log()]);
}

#[test]
fn an_entry_that_may_only_fail_fails_on_its_device_alone() {
    let Some(daemon) = Daemon::start(Kind::Rsyslog) else { return };
    let place = Place::new(&daemon.socket(), "");
    place.enable_file();
    place.enable_syslog("syslog", &json!({"oversize": "fail", "max_bytes": "8KiB"}));
    for values in [10, 500, 10] {
        assert_eq!(place.write(values), 200);
    }
    // The hole is declared.
    place.check_soon(&[], &[&place.file(), &daemon.log()]);
    let missed: u64 = entries(&daemon).iter().filter_map(|entry| entry["gap"]["missed"].as_u64()).sum();
    assert_eq!(missed, 2);
    // Alone it fails the request, and only that one.
    assert_eq!(place.server.call("DELETE", "sys/audit/file", None).status, 204);
    assert_eq!([place.write(10), place.write(500), place.write(10)], [200, 500, 200]);
}

#[test]
fn without_a_daemon_a_syslog_device_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let place = Place::new(&dir.path().join("socket"), "");
    let answer = place.try_syslog("syslog", &json!({}));
    assert_eq!((answer.status, answer.error().as_str()), (400, "Unix syslog delivery error"));
    assert_eq!(place.server.call("GET", "sys/audit", None).json()["data"], json!({}));
}

/// Load of four clients, until it is told to end. Says how many requests were answered, and how many were not.
fn under_load<T>(place: &Place, work: impl FnOnce() -> T) -> (T, usize, usize) {
    let ended = std::sync::atomic::AtomicBool::new(false);
    let running = || !ended.load(std::sync::atomic::Ordering::Relaxed);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut answered, mut refused) = (0, 0);
                    while running() {
                        match place.write(3) {
                            200 => answered += 1,
                            _ => refused += 1,
                        }
                    }
                    (answered, refused)
                })
            })
            .collect();
        let done = work();
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
        let counts = clients.into_iter().map(|client| client.join().expect("no panic"));
        counts.fold((done, 0, 0), |(done, a, b), (answered, refused)| (done, a + answered, b + refused))
    })
}

/// Waits until so many more requests were answered.
fn wait_for_answers(place: &Place, more: usize) {
    let count = || place.answered.lock().expect("no panic while held").len();
    let wanted = count() + more;
    eventually(&mut String::new(), || if count() >= wanted { Ok(()) } else { Err("no answers".to_owned()) });
}

/// Waits until the daemon has written an entry that is newer than all so far.
fn wait_for_news(place: &Place, daemon: &Daemon) {
    let newest = |entries: &[Value]| seqs(entries).into_iter().max().unwrap_or(0);
    let before = newest(&log::lines(&place.file()));
    eventually(&mut String::new(), || {
        if newest(&entries(daemon)) > before { Ok(()) } else { Err("the daemon gets nothing".to_owned()) }
    });
}

fn daemons_come_and_go(kind: Kind) {
    let Some(mut daemon) = Daemon::start(kind) else { return };
    let place = Place::new(&daemon.socket(), "");
    place.enable_file();
    place.enable_syslog("syslog", &json!({}));
    let ((), answered, refused) = under_load(&place, || {
        for round in 0..4 {
            wait_for_answers(&place, 50);
            wait_for_news(&place, &daemon);
            match round % 2 {
                0 => daemon.stop(),
                _ => daemon.kill(),
            }
            wait_for_answers(&place, 50);
            daemon.start_again();
            wait_for_news(&place, &daemon);
        }
    });
    assert!(answered > 400, "{answered}");
    assert_eq!(refused, 0, "no request failed");
    // What the daemon had taken and lost with its end is in the file; what the device could not send is declared.
    place.check_soon(&["-union"], &[&place.file(), &daemon.log()]);
    assert!(entries(&daemon).iter().any(|entry| !entry["gap"].is_null()), "it declared what it missed");
}

#[test]
fn r_reconnect_syslog_an_rsyslog_that_ends_and_starts_again_costs_no_request() {
    daemons_come_and_go(Kind::Rsyslog);
}

#[test]
fn r_reconnect_syslog_a_syslog_ng_that_ends_and_starts_again_costs_no_request() {
    daemons_come_and_go(Kind::SyslogNg);
}

#[test]
fn r_reconnect_syslog_over_a_stream() {
    daemons_come_and_go(Kind::SyslogNgStream);
}

#[test]
fn r_hang_a_stopped_rsyslog_beside_a_file_fails_no_request_and_loses_nothing() {
    let Some(daemon) = Daemon::start(Kind::Rsyslog) else { return };
    let place = Place::new(&daemon.socket(), "");
    place.enable_file();
    place.enable_syslog("syslog", &json!({}));
    daemon.signal(Signal::STOP);
    let ((), answered, refused) = under_load(&place, || wait_for_answers(&place, 1000));
    assert_eq!(refused, 0, "no request failed of {answered}");
    daemon.signal(Signal::CONT);
    // All that waited is written: the device has no hole.
    place.check_soon(&[], &[&place.file(), &daemon.log()]);
    assert!(entries(&daemon).iter().all(|entry| entry["gap"].is_null()), "nothing was missed");
    // A device that hangs is disabled at once.
    daemon.signal(Signal::STOP);
    for _ in 0..100 {
        assert_eq!(place.write(3), 200);
    }
    assert_eq!(place.server.call("DELETE", "sys/audit/syslog", None).status, 204);
}

/// For as long as `ONRECORD_LOAD_SECONDS` says: its queue may fill up, and what it misses then is declared.
fn a_stopped_daemon_fails_no_request(kind: Kind) {
    let Some(daemon) = Daemon::start(kind) else { return };
    let place = Place::new(&daemon.socket(), "");
    place.enable_file();
    place.enable_syslog("syslog", &json!({}));
    daemon.signal(Signal::STOP);
    let in_trouble = || place.server.stderr().contains("an audit device is in trouble");
    let ((), answered, refused) = under_load(&place, || {
        std::thread::sleep(load::duration());
        place.server.eventually(PATIENCE, "the device never notices", in_trouble);
    });
    assert!(answered > 0, "requests go on");
    assert_eq!(refused, 0, "no request failed of {answered}");
    // Its queue is not empty, and nobody waits for it: the one request without an answer is the one that asks.
    let hung = place.server.device("syslog/");
    assert_ne!(hung["state"], "healthy", "{hung}");
    assert!(hung["queue"]["entries"].as_u64() > Some(0), "{hung}");
    let nobody_waits = || place.server.requests_in_flight() == 1;
    place.server.eventually(PATIENCE, "a request waits though the file has it", nobody_waits);
    daemon.signal(Signal::CONT);
    place.check_soon(&[], &[&place.file(), &daemon.log()]);
}

#[test]
fn r_hang_a_stopped_rsyslog_beside_a_file_under_load_fails_no_request() {
    a_stopped_daemon_fails_no_request(Kind::Rsyslog);
}

#[test]
fn r_hang_a_stopped_syslog_ng_beside_a_file_under_load_fails_no_request() {
    a_stopped_daemon_fails_no_request(Kind::SyslogNgStream);
}

#[test]
fn r_hang_a_stopped_rsyslog_alone_refuses_in_time_and_goes_on_when_it_is_back() {
    let Some(daemon) = Daemon::start(Kind::Rsyslog) else { return };
    let place = Place::new(&daemon.socket(), "  audit_timeout = \"300ms\"");
    place.enable_syslog("syslog", &json!({}));
    assert_eq!(place.write(3), 200);
    daemon.signal(Signal::STOP);
    let refused = (0..1000).find(|_| place.write(3) == 500);
    assert!(refused.is_some(), "once its socket is full, a request is refused");
    assert_eq!(place.server.call("GET", "sys/seal-status", None).status, 200, "exempt routes still answer");
    daemon.signal(Signal::CONT);
    eventually(&mut String::new(), || match place.write(3) {
        200 => Ok(()),
        status => Err(format!("it still answers {status}")),
    });
    assert_eq!(place.write(3), 200);
    place.check_soon(&[], &[&daemon.log()]);
}

#[test]
fn r_reconnect_syslog_a_daemon_that_comes_after_the_server_is_found() {
    let Some(mut daemon) = Daemon::start(Kind::Rsyslog) else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let config = format!(
        "storage \"file\" {{\n  path = \"{}\"\n}}\naudit {{\n  syslog_socket = \"{}\"\n}}",
        dir.path().join("data").display(),
        daemon.socket().display()
    );
    let mut server = Server::with_config(dir.path(), &config);
    let key = server.open_up();
    let token = server.token.clone();
    let body = json!({"type": "syslog", "options": {}});
    assert_eq!(server.call("PUT", "sys/audit/syslog", Some(body)).status, 204);
    assert!(server.stop());
    daemon.stop();

    // It is the only device: the server is open, and fails closed.
    let mut server = Server::with_config(dir.path(), &config);
    server.unseal(&key);
    server.token = token;
    let lookup = |server: &Server| server.call("GET", "auth/token/lookup-self", None).status;
    assert_eq!(lookup(&server), 500);
    daemon.start_again();
    eventually(&mut String::new(), || match lookup(&server) {
        200 => Ok(()),
        status => Err(format!("it still answers {status}")),
    });
    eventually(&mut String::new(), || {
        let entries = entries(&daemon);
        let gap = entries.iter().find(|entry| !entry["gap"].is_null());
        gap.map(|_| ()).ok_or_else(|| "what was refused is declared".to_owned())
    });
}

/// Opened again and again under load, by SIGHUP and through the API: no request fails, and the device has no hole.
fn is_opened_again_under_load(kind: Kind) {
    let Some(daemon) = Daemon::start(kind) else { return };
    let place = Place::new(&daemon.socket(), "");
    place.enable_file();
    place.enable_syslog("syslog", &json!({}));
    let reopens = || {
        let status = place.server.call("GET", "sys/audit-status", None).json();
        status["data"]["devices"]["syslog/"]["reopens"].as_u64().expect("a count")
    };
    let ((), answered, refused) = under_load(&place, || {
        for turn in 0..6 {
            let before = reopens();
            if turn % 2 == 0 {
                place.server.signal(Signal::HUP);
            } else {
                let told = place.server.call("PUT", "sys/audit-reopen/syslog", None).json();
                assert_eq!(told["data"]["devices"]["syslog/"]["result"], "reopened", "{told}");
            }
            eventually(&mut String::new(), || {
                if reopens() > before { Ok(()) } else { Err(place.server.stderr()) }
            });
            wait_for_news(&place, &daemon);
        }
    });
    assert_eq!(refused, 0, "no request failed of {answered}");
    place.check_soon(&[], &[&place.file(), &daemon.log()]);
}

#[test]
fn r_hup_and_reopen_connect_to_rsyslog_anew_under_load_and_lose_nothing() {
    is_opened_again_under_load(Kind::Rsyslog);
}

#[test]
fn r_hup_and_reopen_connect_to_syslog_ng_anew_over_a_stream_and_lose_nothing() {
    is_opened_again_under_load(Kind::SyslogNgStream);
}
