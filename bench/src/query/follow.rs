//! How long after its answer a request is shown by `log follow`, on a server that does little else.
//! Never in it: what a row is.

use std::io::BufReader;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use onrecord_e2e::process::{Server, binary};

use crate::effort::Effort;

/// A request in this time, so that each finds the follower waiting.
const PAUSE: Duration = Duration::from_millis(50);
const REQUESTS: u32 = 200;
/// A follower that shows nothing for this time has failed.
const LIMIT: Duration = Duration::from_secs(10);

pub fn run(effort: Effort) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("audit.log");
    let server = Server::dev(&[]);
    server.enable_file("file", &log);
    let mut child = Command::new(binary())
        .args(["log", "follow", "-format=jsonl", "-filter=path~cubbyhole/*"])
        .arg(&log)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let shown = lines_of(BufReader::new(child.stdout.take().expect("a pipe")));
    let request = |number| {
        assert_eq!(server.call("GET", &format!("cubbyhole/{number}"), None).status, 404);
        Instant::now()
    };
    // It follows from the end of the log, once it has found it.
    let mut number = 0;
    while shown.recv_timeout(PAUSE).is_err() {
        assert!(number < 1000, "nothing is shown");
        request(number);
        number += 1;
    }
    while shown.recv_timeout(PAUSE).is_ok() {}
    let count = if effort.rounds > 1 { REQUESTS } else { 5 };
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            number += 1;
            let answered = request(number);
            let seen = shown.recv_timeout(LIMIT).expect("it is shown");
            thread::sleep(PAUSE);
            seen.saturating_duration_since(answered)
        })
        .collect();
    child.kill().and_then(|()| child.wait()).expect("it ends");
    times.sort();
    let at = |of: usize| {
        times.get(times.len() * of / 100).or(times.last()).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    println!("\n### `log follow`: milliseconds from the answer of a request to its line\n");
    println!("| requests | median | p99 | longest |\n|---:|---:|---:|---:|");
    println!("| {count} | {:.1} | {:.1} | {:.1} |", at(50), at(99), at(100));
}

/// When each line came.
fn lines_of(output: impl std::io::BufRead + Send + 'static) -> Receiver<Instant> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for _ in output.lines().map_while(Result::ok) {
            if sender.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    receiver
}
