//! The syslog device with real daemons, rsyslog and syslog-ng: entries of every size arrive, whole, shortened or
//! in parts; a daemon that stops, ends and starts again costs no request, and no entry that is not declared.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use onrecord_e2e::daemon::{Daemon, Kind};
use onrecord_e2e::http::Response;
use onrecord_e2e::load::{self, Load, Outcome};
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::{log, wait};
use rustix::process::Signal;
use serde_json::{Map, Value, json};

/// A server whose syslog daemon is the test's, and the ids of the requests that it answered.
struct Scene {
    place: Place,
    server: Server,
    answered: Mutex<Vec<String>>,
}

impl Scene {
    fn new(socket: &Path, more: &str) -> Self {
        let place = Place::new();
        let server = place.in_memory(&format!(
            "audit {{
  syslog_socket = \"{}\"
{more}
}}",
            socket.display()
        ));
        server.mount_kv(2);
        Self { place, server, answered: Mutex::default() }
    }

    fn file(&self) -> PathBuf {
        self.place.path("audit.log")
    }

    fn enable_file(&self) {
        self.server.enable_file("file", &self.file());
    }

    fn try_syslog(&self, name: &str, options: &Value) -> Response {
        self.server.try_enable(name, "syslog", options)
    }

    fn enable_syslog(&self, name: &str, options: &Value) {
        self.server.enable(name, "syslog", options);
    }

    /// Writes a secret of this number of values; says whether it was answered, and notes its id.
    fn write(&self, values: usize) -> u16 {
        let answer = self.server.call("POST", "kv/data/some", Some(secret(values)));
        if answer.status == 200 {
            let id = answer.request_id();
            self.answered.lock().expect("no panic while held").push(id);
        }
        answer.status
    }

    /// What the checker says of these logs: both entries of every answered request are there.
    fn check(&self, more: &[&str], logs: &[&Path]) -> Result<(), String> {
        let ids = self.place.path("answered");
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

    /// Waits until the checker finds nothing missing: a daemon writes with a delay.
    fn check_soon(&self, more: &[&str], logs: &[&Path]) {
        wait::until(|| self.check(more, logs));
    }
}

/// The body that writes a secret of this number of values.
fn secret(values: usize) -> Value {
    let data: Map<String, Value> = (0..values).map(|at| (format!("key-{at}"), json!("value"))).collect();
    json!({"data": data})
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
        let scene = Scene::new(&daemon.socket(), "");
        scene.enable_file();
        scene.enable_syslog("syslog", &options);
        for values in SIZES {
            assert_eq!(scene.write(values), 200);
        }
        scene.check_soon(&[], &[&scene.file(), &daemon.log()]);
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
    let scene = Scene::new(&daemon.socket(), "");
    scene.enable_file();
    scene.enable_syslog("syslog", &json!({"max_bytes": "8000"}));
    for values in SIZES {
        assert_eq!(scene.write(values), 200);
    }
    scene.check_soon(&[], &[&scene.file(), &daemon.log()]);
}

#[test]
fn an_entry_that_may_only_fail_fails_on_its_device_alone() {
    let Some(daemon) = Daemon::start(Kind::Rsyslog) else { return };
    let scene = Scene::new(&daemon.socket(), "");
    scene.enable_file();
    scene.enable_syslog("syslog", &json!({"oversize": "fail", "max_bytes": "8KiB"}));
    for values in [10, 500, 10] {
        assert_eq!(scene.write(values), 200);
    }
    // The hole is declared.
    scene.check_soon(&[], &[&scene.file(), &daemon.log()]);
    let missed: u64 = entries(&daemon).iter().filter_map(|entry| entry["gap"]["missed"].as_u64()).sum();
    assert_eq!(missed, 2);
    // Alone it fails the request, and only that one.
    scene.server.disable("file");
    assert_eq!([scene.write(10), scene.write(500), scene.write(10)], [200, 500, 200]);
}

#[test]
fn without_a_daemon_a_syslog_device_is_refused() {
    let place = Place::new();
    let scene = Scene::new(&place.path("socket"), "");
    let answer = scene.try_syslog("syslog", &json!({}));
    assert_eq!((answer.status, answer.error().as_str()), (400, "Unix syslog delivery error"));
    assert_eq!(scene.server.devices(), json!({}));
}

/// Four clients that write secrets while `work` is done. How many requests were answered, and how many were not.
fn under_load(scene: &Scene, work: impl FnOnce(&Load)) -> (usize, Vec<(u16, String)>) {
    let load = Load::begin(&scene.server, 4, |_, _| ("POST", "kv/data/some".to_owned(), Some(secret(3))));
    work(&load);
    let Outcome { answered, failed } = load.end();
    let count = answered.len();
    scene.answered.lock().expect("no panic while held").extend(answered);
    (count, failed)
}

/// Waits until this number of further requests was answered.
fn wait_for_answers(load: &Load, more: usize) {
    let wanted = load.answered() + more;
    wait::eventually("requests are answered", || load.answered() >= wanted);
}

/// Waits until the daemon has written an entry that is newer than all so far.
fn wait_for_news(scene: &Scene, daemon: &Daemon) {
    let newest = |entries: &[Value]| seqs(entries).into_iter().max().unwrap_or(0);
    let before = newest(&log::lines(&scene.file()));
    wait::eventually("the daemon gets entries", || newest(&entries(daemon)) > before);
}

fn daemons_come_and_go(kind: Kind) {
    let Some(mut daemon) = Daemon::start(kind) else { return };
    let scene = Scene::new(&daemon.socket(), "");
    scene.enable_file();
    scene.enable_syslog("syslog", &json!({}));
    let (answered, refused) = under_load(&scene, |load| {
        for round in 0..4 {
            wait_for_answers(load, 50);
            wait_for_news(&scene, &daemon);
            match round % 2 {
                0 => daemon.stop(),
                _ => daemon.kill(),
            }
            wait_for_answers(load, 50);
            daemon.start_again();
            wait_for_news(&scene, &daemon);
        }
    });
    assert!(answered > 400, "{answered}");
    assert_eq!(refused, [], "no request failed: {}", scene.server.stderr());
    // What the daemon had taken and lost with its end is in the file; what the device could not send is declared.
    scene.check_soon(&["-union"], &[&scene.file(), &daemon.log()]);
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
    let scene = Scene::new(&daemon.socket(), "");
    scene.enable_file();
    scene.enable_syslog("syslog", &json!({}));
    daemon.signal(Signal::STOP);
    let (answered, refused) = under_load(&scene, |load| wait_for_answers(load, 1000));
    assert_eq!(refused, [], "no request failed of {answered}");
    daemon.signal(Signal::CONT);
    // All that waited is written: the device has no hole.
    scene.check_soon(&[], &[&scene.file(), &daemon.log()]);
    assert!(entries(&daemon).iter().all(|entry| entry["gap"].is_null()), "nothing was missed");
    // A device that hangs is disabled at once.
    daemon.signal(Signal::STOP);
    for _ in 0..100 {
        assert_eq!(scene.write(3), 200);
    }
    scene.server.disable("syslog");
}

/// For as long as `ONRECORD_LOAD_SECONDS` says: its queue may fill up, and the entries lost then are declared.
fn a_stopped_daemon_fails_no_request(kind: Kind) {
    let Some(daemon) = Daemon::start(kind) else { return };
    let scene = Scene::new(&daemon.socket(), "");
    scene.enable_file();
    scene.enable_syslog("syslog", &json!({}));
    daemon.signal(Signal::STOP);
    let (answered, refused) = under_load(&scene, |_| {
        load::go_on();
        scene.server.wait_for_log("an audit device is in trouble");
    });
    assert!(answered > 0, "requests go on");
    assert_eq!(refused, [], "no request failed of {answered}");
    // Its queue is not empty, and no request waits for it: the only request without an answer is this one.
    let hung = scene.server.device("syslog/");
    assert_ne!(hung["state"], "healthy", "{hung}");
    assert!(hung["queue"]["entries"].as_u64() > Some(0), "{hung}");
    let none_waits = || scene.server.requests_in_flight() == 1;
    scene.server.eventually("a request waits though the file has it", none_waits);
    daemon.signal(Signal::CONT);
    scene.check_soon(&[], &[&scene.file(), &daemon.log()]);
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
    let scene = Scene::new(&daemon.socket(), "  audit_timeout = \"300ms\"");
    scene.enable_syslog("syslog", &json!({}));
    assert_eq!(scene.write(3), 200);
    daemon.signal(Signal::STOP);
    let refused = (0..1000).find(|_| scene.write(3) == 500);
    assert!(refused.is_some(), "once its socket is full, a request is refused");
    assert_eq!(scene.server.call("GET", "sys/seal-status", None).status, 200, "exempt routes still answer");
    daemon.signal(Signal::CONT);
    wait::until(|| match scene.write(3) {
        200 => Ok(()),
        status => Err(format!("it still answers {status}")),
    });
    assert_eq!(scene.write(3), 200);
    scene.check_soon(&[], &[&daemon.log()]);
}

#[test]
fn r_reconnect_syslog_a_daemon_that_comes_after_the_server_is_found() {
    let Some(mut daemon) = Daemon::start(Kind::Rsyslog) else { return };
    let place = Place::new();
    let config = format!("audit {{\n  syslog_socket = \"{}\"\n}}", daemon.socket().display());
    let mut server = place.embedded(&config);
    let key = server.open_up();
    let token = server.token.clone();
    server.enable("syslog", "syslog", &json!({}));
    assert!(server.stop());
    daemon.stop();

    // It is the only device: the server is open, and fails closed.
    let server = place.restart(&key, token);
    let lookup = |server: &Server| server.call("GET", "auth/token/lookup-self", None).status;
    assert_eq!(lookup(&server), 500);
    daemon.start_again();
    wait::until(|| match lookup(&server) {
        200 => Ok(()),
        status => Err(format!("it still answers {status}")),
    });
    wait::until(|| {
        let entries = entries(&daemon);
        let gap = entries.iter().find(|entry| !entry["gap"].is_null());
        gap.map(|_| ()).ok_or_else(|| "what was refused is declared".to_owned())
    });
}

/// Opened again and again under load, by SIGHUP and through the API: no request fails, and the device has no hole.
fn is_opened_again_under_load(kind: Kind) {
    let Some(daemon) = Daemon::start(kind) else { return };
    let scene = Scene::new(&daemon.socket(), "");
    scene.enable_file();
    scene.enable_syslog("syslog", &json!({}));
    let reopens = || {
        let status = scene.server.call("GET", "sys/audit-status", None).json();
        status["data"]["devices"]["syslog/"]["reopens"].as_u64().expect("a count")
    };
    let (answered, refused) = under_load(&scene, |_| {
        for turn in 0..6 {
            let before = reopens();
            if turn % 2 == 0 {
                scene.server.signal(Signal::HUP);
            } else {
                let output = scene.server.call("PUT", "sys/audit-reopen/syslog", None).json();
                assert_eq!(output["data"]["devices"]["syslog/"]["result"], "reopened", "{output}");
            }
            scene.server.eventually("it is reopened", || reopens() > before);
            wait_for_news(&scene, &daemon);
        }
    });
    assert_eq!(refused, [], "no request failed of {answered}");
    scene.check_soon(&[], &[&scene.file(), &daemon.log()]);
}

#[test]
fn r_hup_and_reopen_reconnect_to_rsyslog_under_load_and_lose_nothing() {
    is_opened_again_under_load(Kind::Rsyslog);
}

#[test]
fn r_hup_and_reopen_reconnect_to_syslog_ng_over_a_stream_and_lose_nothing() {
    is_opened_again_under_load(Kind::SyslogNgStream);
}
