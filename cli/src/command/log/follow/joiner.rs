//! Joins the entries of logs that grow to requests with answers.
//! Never in it: reading a file, and which requests are shown.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use onrecord_trail::query::entry_object;
use onrecord_value::printable::printable;
use onrecord_value::{Object, Time, Value};

use super::parts::Parts;
use crate::command::log::answer::count;

/// A request is shown without an answer after so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// At most this many requests wait for their answers.
const WAITING_MAX: usize = 100_000;
/// At most this many entries of several files are remembered, so that a request is shown once.
const SHOWN_MAX: usize = 100_000;

/// Joins entries to requests with answers. What is ready is a text of lines: a request and its answer behind each other.
#[derive(Default)]
pub(super) struct Joiner {
    waiting: HashMap<String, Vec<u8>>,
    since: VecDeque<(Instant, String)>,
    parts: Parts,
    ready: Vec<u8>,
    shown: HashSet<String>,
    shown_order: VecDeque<String>,
    /// From when on what happened to the log is said.
    since_time: Option<Time>,
    /// The earliest entry that was read.
    pub(super) first: Option<Time>,
    pub(super) not_entries: u64,
    pub(super) warnings: Vec<String>,
}

impl Joiner {
    /// A joiner for requests from a time on.
    pub(super) fn new(since: Option<Time>) -> Self {
        Self { since_time: since, ..Self::default() }
    }

    pub(super) fn take(&mut self, line: Vec<u8>, now: Instant) {
        let Some(entry) = entry_object(&line) else {
            self.not_entries += u64::from(!line.iter().all(u8::is_ascii_whitespace));
            return;
        };
        let time = entry.str("time").and_then(|time| Time::parse(time).ok());
        self.first = self.first.into_iter().chain(time).min();
        if let Some(AboutTheLog { warning }) = about_the_log(&entry) {
            let is_asked = self.since_time.is_none_or(|since| time.is_none_or(|time| time >= since));
            self.warnings.extend(warning.filter(|_| is_asked));
            return;
        }
        // The parts of a line are its line from here on: the query joins them.
        let line = if entry.contains("part") {
            let Some(parts) = self.parts.add(&entry, line, now) else { return };
            parts
        } else {
            line
        };
        let id = entry.object("request").and_then(|request| request.str("id")).unwrap_or_default().to_owned();
        if self.shown.contains(&id) {
            return;
        }
        if entry.str("type") == Some("response") {
            if let Some(request) = self.waiting.remove(&id) {
                self.push(&request);
            }
            self.push(&line);
            self.remember(id);
        } else if !self.waiting.contains_key(&id) {
            if self.waiting.len() >= WAITING_MAX {
                self.give_up_first();
            }
            // Those at the front that were answered need not wait for their time.
            while self.since.front().is_some_and(|(_, id)| !self.waiting.contains_key(id)) {
                self.since.pop_front();
            }
            self.since.push_back((now, id.clone()));
            self.waiting.insert(id, line);
        }
    }

    fn push(&mut self, line: &[u8]) {
        self.ready.extend_from_slice(line);
        self.ready.push(b'\n');
    }

    /// Of several devices each has the request; it is shown once.
    fn remember(&mut self, id: String) {
        self.shown.insert(id.clone());
        self.shown_order.push_back(id);
        if self.shown_order.len() > SHOWN_MAX
            && let Some(oldest) = self.shown_order.pop_front()
        {
            self.shown.remove(&oldest);
        }
    }

    /// Requests that have waited too long are ready without an answer, and parts without the others: the query counts these, and
    /// drops the probe of a device.
    pub(super) fn give_up(&mut self, now: Instant) {
        for parts in self.parts.give_up(now, PATIENCE) {
            self.push(&parts);
        }
        while self.since.front().is_some_and(|(since, _)| now.duration_since(*since) >= PATIENCE) {
            self.give_up_first();
        }
    }

    fn give_up_first(&mut self) {
        if let Some((_, id)) = self.since.pop_front()
            && let Some(line) = self.waiting.remove(&id)
        {
            self.push(&line);
        }
    }

    pub(super) fn take_ready(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ready)
    }
}

/// An entry that is about the log itself, and no request.
struct AboutTheLog {
    /// What is missing in the log.
    warning: Option<String>,
}

/// `None` of an entry of a request.
fn about_the_log(entry: &Object) -> Option<AboutTheLog> {
    let number =
        |object: &Object, key: &str| object.get(key).and_then(Value::as_i64).unwrap_or(0).unsigned_abs();
    if let Some(gap) = entry.object("gap") {
        let missed = number(gap, "missed");
        let reason = printable(gap.str("reason").unwrap_or_default());
        let entries = count(missed, "entry", "entries");
        let warning = (missed > 0).then(|| format!("Gap: the device missed {entries} ({reason})."));
        return Some(AboutTheLog { warning });
    }
    if let Some(refused) = entry.object("refused") {
        let requests = count(number(refused, "count"), "refused request has", "refused requests have");
        return Some(AboutTheLog { warning: Some(format!("{requests} no entries of their own.")) });
    }
    entry.contains("checkpoint").then_some(AboutTheLog { warning: None })
}
