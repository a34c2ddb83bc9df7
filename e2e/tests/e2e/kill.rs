//! `kill -9` under a load of writes, again and again: what was answered is on record and in the store, and what is
//! missing is declared, also where the log was renamed a moment before.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::wait::TIMEOUT;
use onrecord_e2e::{log, verify, wait};
use rustix::process::Signal;
use serde_json::json;

/// The number of kills.
const KILLS: usize = 20;
/// How many clients write at once.
const CLIENTS: usize = 4;

/// What was answered: request ids, and the last acknowledged value of each key.
#[derive(Default)]
struct Answered {
    ids: Vec<String>,
    values: BTreeMap<String, u64>,
}

#[test]
fn what_was_answered_survives_kill_9() {
    killed_again_and_again(&["audit.log"], false);
}

#[test]
fn what_was_answered_survives_kill_9_on_two_devices() {
    killed_again_and_again(&["audit.log", "audit.log-second.log"], false);
}

#[test]
fn a_kill_soon_after_a_rotation_leaves_no_loss_undeclared() {
    killed_again_and_again(&["audit.log"], true);
}

#[test]
fn a_kill_soon_after_a_rotation_of_two_logs_leaves_no_loss_undeclared() {
    killed_again_and_again(&["audit.log", "audit.log-second.log"], true);
}

/// Kills a server with these logs under load, and compares all of them with what was answered. Before each kill
/// the logs may be renamed, and some answers later or at once a signal says so.
fn killed_again_and_again(logs: &[&str], rotated: bool) {
    let place = Place::new();
    let mut server = place.embedded("");
    let key = server.open_up();
    let token = server.token.clone();
    server.mount_kv(2);
    for (number, log) in logs.iter().enumerate() {
        let name = format!("file{number}");
        server.enable_file(&name, &place.path(log));
        make_checkpoint(&server, &name);
    }
    let answered = Arc::new(Mutex::new(Answered::default()));
    let mut sent = vec![0_u64; CLIENTS];
    for kill in 0..KILLS {
        // Not random by clock but by count: each life ends after another number of answers.
        sent = load_until_killed(server, &answered, sent, |server, answers| {
            wait_for(answers, 5 + kill * 7 % 40);
            if rotated {
                for log in logs {
                    let log = place.path(log);
                    std::fs::rename(&log, format!("{}.{kill}", log.display())).expect("a rename");
                }
                wait_for(answers, kill % 3);
                server.signal(Signal::HUP);
                wait_for(answers, kill % 7);
            }
        });
        server = place.restart(&key, token.clone());
    }
    let answered =
        Arc::into_inner(answered).expect("all clients ended").into_inner().expect("no panic while held");
    for (name, value) in &answered.values {
        let answer = server.call("GET", &format!("kv/data/{name}"), None).json();
        let stored =
            answer["data"]["data"]["n"].as_u64().unwrap_or_else(|| panic!("{name} is lost: {answer}"));
        assert!(stored >= *value, "{name}: {value} was acknowledged, {stored} is stored");
    }
    // The last answers may be on one of the logs alone as long as it runs.
    assert!(server.stop(), "it stops well");
    log::assert_all_on_record(&log::files(place.dir(), "audit.log"), &answered.ids);
}

/// How often the server is killed at a random moment: `ONRECORD_KILLS`, or a few times.
fn random_kills() -> usize {
    std::env::var("ONRECORD_KILLS").map_or(6, |text| text.parse().expect("a number"))
}

#[test]
fn the_tree_of_a_log_covers_every_line_after_kills_at_random_moments() {
    let place = Place::new();
    let mut server = place.embedded("");
    let key = server.open_up();
    let token = server.token.clone();
    server.mount_kv(2);
    let log = place.path("audit.log");
    server.enable_file("file", &log);
    make_checkpoint(&server, "file");
    let verifier_key = verify::key_of(&server, "file/");
    let judge = |flags: &[&str]| {
        let files = log::files(place.dir(), "audit.log");
        let flags = [&[verifier_key.as_str()], flags].concat();
        let verified = verify::verify(&files, &flags);
        assert_eq!(verified.code, 0, "{files:?}: {verified:?}");
        verified
    };
    let answered = Arc::new(Mutex::new(Answered::default()));
    let (mut sent, mut random) = (vec![0_u64; CLIENTS], Random(0x5eed_0bad_cafe_f00d));
    let mut uncovered = 0;
    for kill in 0..random_kills() {
        sent = load_until_killed(server, &answered, sent, |server, answers| {
            wait_for(answers, random.below(60));
            if random.below(3) > 0 {
                std::fs::rename(&log, place.path(format!("audit.log.{kill}"))).expect("a rename");
                wait_for(answers, random.below(4));
                if random.below(4) > 0 {
                    server.signal(Signal::HUP);
                }
                wait_for(answers, random.below(8));
            }
            // Nothing is waited for: between two checkpoints, which are made each second, any moment will do.
            std::thread::sleep(Duration::from_micros(random.below(1_200_000) as u64));
        });
        // Nothing but lines after the last checkpoint may be uncovered; a line that was not finished will not be added.
        let killed = judge(&["-allow-uncovered-tail"]);
        let unfinished = log::files(place.dir(), "audit.log").iter().filter(|file| is_torn(file)).count();
        uncovered += killed.count("uncovered_tail") - unfinished as u64;
        server = place.restart(&key, token.clone());
        // What the start found is covered, and told by an entry that is soon written.
        wait::eventually("all lines are vouched for", || {
            make_checkpoint(&server, "file");
            let repaired = judge(&["-allow-uncovered-tail"]);
            assert!(repaired.vouched_later() <= uncovered, "kill {kill}: {uncovered}: {repaired:?}");
            repaired.vouched_later() == uncovered
        });
    }
    assert!(server.stop(), "it stops well");
    let ended = judge(&[]);
    assert_eq!(ended.vouched_later(), uncovered, "{ended:?}");
    let files = log::files(place.dir(), "audit.log");
    let strict = verify::verify(&files, &[&verifier_key, "-strict"]);
    assert_eq!(strict.code, i32::from(uncovered > 0), "{strict:?}");
    let answered = answered.lock().expect("no panic while held");
    log::assert_all_on_record(&files, &answered.ids);
}

/// Has the tree of a device begun before the first kill, and covers what was written.
fn make_checkpoint(server: &Server, device: &str) {
    let made = server.call("POST", &format!("sys/audit-log/checkpoint/{device}"), None);
    assert_eq!(made.status, 200, "{}", made.error());
}

/// Whether the last line of a file has no newline, and was not put aside by a start.
fn is_torn(file: &Path) -> bool {
    let text = std::fs::read(file).expect("a log");
    text.last().is_some_and(|byte| *byte != b'\n') && !file.to_string_lossy().contains(".torn-")
}

/// Numbers that look random, by a seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("it is below the limit")
    }
}

/// Waits for this number of answers.
fn wait_for(answers: &mpsc::Receiver<()>, count: usize) {
    for _ in 0..count {
        answers.recv_timeout(TIMEOUT).expect("the server answers");
    }
}

/// Writes from several clients until the time has come, then kills the server with requests in flight.
fn load_until_killed(
    mut server: Server,
    answered: &Arc<Mutex<Answered>>,
    sent: Vec<u64>,
    until: impl FnOnce(&Server, &mpsc::Receiver<()>),
) -> Vec<u64> {
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, answers) = mpsc::channel();
    let (addr, token) = (server.addr, server.token.clone());
    let clients: Vec<_> = sent
        .into_iter()
        .enumerate()
        .map(|(client, mut n)| {
            let (answered, stop, token, sender) =
                (Arc::clone(answered), Arc::clone(&stop), token.clone(), sender.clone());
            std::thread::spawn(move || {
                let headers = [("X-Vault-Token", token.as_str())];
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    let name = format!("client{client}");
                    let body = json!({"data": {"n": n}}).to_string();
                    let target = format!("/v1/kv/data/{name}");
                    let answer =
                        onrecord_e2e::http::send(addr, "POST", &target, &headers, Some(body.as_bytes()));
                    // An answer cut short by the kill was not received.
                    let Ok(answer) = answer else { break };
                    if answer.status == 200 {
                        let mut answered = answered.lock().expect("no panic while held");
                        answered.ids.push(answer.request_id());
                        answered.values.insert(name, n);
                        // The receiver is gone once the server is being killed.
                        sender.send(()).ok();
                    }
                }
                n
            })
        })
        .collect();
    until(&server, &answers);
    server.kill();
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().map(|client| client.join().expect("no panic")).collect()
}
