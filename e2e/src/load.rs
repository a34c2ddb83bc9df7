//! Load on a server: writers that go on for a while and say what became of each request.
//! Never in it: expectations.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Server;

/// How many writers there are.
const WRITERS: usize = 4;

/// How long a load lasts: `ONRECORD_LOAD_SECONDS`, or two seconds.
pub fn duration() -> Duration {
    let seconds = std::env::var("ONRECORD_LOAD_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(2))
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The ids of the requests that were answered.
    pub answered: Vec<String>,
    /// The statuses and errors of the others.
    pub failed: Vec<(u16, String)>,
}

/// Writes to the KV engine of version 2 at `kv/` until `enough`. Each request puts some kilobytes on record.
pub fn until(server: &Arc<Server>, enough: impl Fn() -> bool) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (server, stop) = (Arc::clone(server), Arc::clone(&stop));
            std::thread::spawn(move || write(&server, writer, &stop))
        })
        .collect();
    while !enough() {
        std::thread::sleep(Duration::from_millis(10));
    }
    stop.store(true, Ordering::Relaxed);
    let mut outcome = Outcome::default();
    for writer in writers {
        let part = writer.join().expect("no panic");
        outcome.answered.extend(part.answered);
        outcome.failed.extend(part.failed);
    }
    outcome
}

/// For as long as [`duration`] says.
pub fn for_a_while(server: &Arc<Server>) -> Outcome {
    let end = std::time::Instant::now() + duration();
    until(server, || std::time::Instant::now() >= end)
}

fn write(server: &Server, writer: usize, stop: &AtomicBool) -> Outcome {
    let mut outcome = Outcome::default();
    let names: Value =
        (0..40).map(|n| (format!("key-{n}"), Value::from(n))).collect::<serde_json::Map<_, _>>().into();
    while !stop.load(Ordering::Relaxed) {
        // Its answer names the request.
        let answer = server.call("POST", &format!("kv/data/w{writer}"), Some(json!({"data": names})));
        match answer.json()["request_id"].as_str() {
            Some(id) if answer.status == 200 => outcome.answered.push(id.to_owned()),
            _ => outcome.failed.push((answer.status, answer.error())),
        }
    }
    outcome
}
