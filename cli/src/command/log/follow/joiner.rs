//! Joins the entries of logs that grow to requests with answers.
//! Never in it: reading a file, and which requests are shown.

use std::time::{Duration, Instant};

use onrecord_trail::query::entry_object;
use onrecord_value::printable::printable;
use onrecord_value::{Object, Time, Value};

use super::parts::Parts;
use super::waiting::Waiting;
use crate::command::log::answer::count;

/// A request is shown without an answer after so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// At most this many requests wait for their answers.
const WAITING_MAX: usize = 100_000;
/// The most bytes of all of them together, with their ids.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A request as one device has it: each hashes with its own salt, so that a filter may take only the copy of one.
#[derive(PartialEq, Eq, Hash)]
struct RequestCopy {
    id: String,
    device: Device,
}

#[derive(PartialEq, Eq, Hash)]
enum Device {
    Id(String),
    /// A device without numbers is known by its file: its place among those that are followed.
    File(usize),
}

impl RequestCopy {
    fn bytes(&self) -> usize {
        let device = if let Device::Id(id) = &self.device { id.len() } else { 0 };
        self.id.len() + device
    }
}

/// Joins entries to requests with answers. What is ready is a text of lines: a request and its answer behind each other.
#[derive(Default)]
pub(super) struct Joiner {
    /// The lines of requests.
    waiting: Waiting<RequestCopy, Vec<u8>>,
    parts: Parts,
    ready: Vec<u8>,
    /// From when on what happened to the log is said.
    since_time: Option<Time>,
    /// The earliest entry that was read.
    pub(super) first: Option<Time>,
    pub(super) warnings: Vec<String>,
}

impl Joiner {
    /// A joiner for requests from a time on.
    pub(super) fn new(since: Option<Time>) -> Self {
        Self { since_time: since, ..Self::default() }
    }

    /// Takes a line of a file, which is given by its place among those that are followed.
    pub(super) fn take(&mut self, line: Vec<u8>, file: usize, now: Instant) {
        let Some(entry) = entry_object(&line) else {
            // The query says what it is.
            if !line.iter().all(u8::is_ascii_whitespace) {
                self.push(&line);
            }
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
        let text = |object, key| entry.object(object).and_then(|object| object.str(key)).unwrap_or_default();
        // A device whose salt is a new one is still the device.
        let device = [text("record", "device"), text("record", "salt")].into_iter().find(|id| !id.is_empty());
        let device = device.map_or(Device::File(file), |id| Device::Id(id.to_owned()));
        let copy = RequestCopy { id: text("request", "id").to_owned(), device };
        if entry.str("type") == Some("response") {
            if let Some(request) = self.waiting.remove(&copy) {
                self.push(&request);
            }
            self.push(&line);
        } else if copy.id.is_empty() {
            // No answer can be known as its own.
            self.push(&line);
        } else if !self.waiting.contains(&copy) {
            self.wait(copy, line, now);
        }
    }

    fn wait(&mut self, copy: RequestCopy, line: Vec<u8>, now: Instant) {
        let bytes = copy.bytes() + line.len();
        self.waiting.insert(copy, line, bytes, now);
        while self.waiting.len() > WAITING_MAX || self.waiting.bytes() > WAITING_BYTES_MAX {
            self.give_up_first();
        }
    }

    fn push(&mut self, line: &[u8]) {
        self.ready.extend_from_slice(line);
        self.ready.push(b'\n');
    }

    /// Requests that have waited too long are ready without an answer, and parts without the others: the query counts these, and
    /// drops the probe of a device.
    pub(super) fn give_up(&mut self, now: Instant) {
        for parts in self.parts.give_up(now, PATIENCE) {
            self.push(&parts);
        }
        while self.waiting.first_since().is_some_and(|since| now.duration_since(since) >= PATIENCE) {
            self.give_up_first();
        }
    }

    fn give_up_first(&mut self) {
        if let Some((_, line)) = self.waiting.take_first() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(id: &str) -> RequestCopy {
        RequestCopy { id: id.to_owned(), device: Device::File(0) }
    }

    #[test]
    fn the_oldest_requests_are_given_up_when_those_that_wait_have_too_many_bytes() {
        let (mut joiner, now) = (Joiner::new(None), Instant::now());
        let size = WAITING_BYTES_MAX / 4 - 1;
        for id in ["1", "2", "3", "4"] {
            joiner.wait(copy(id), vec![id.as_bytes()[0]; size], now);
        }
        assert_eq!(joiner.take_ready(), b"");
        joiner.wait(copy("5"), vec![b'5'], now);
        let ready = joiner.take_ready();
        assert_eq!((ready.len(), ready.first(), joiner.waiting.len()), (size + 1, Some(&b'1'), 4));
        joiner.give_up(now + PATIENCE);
        assert_eq!((joiner.waiting.bytes(), joiner.waiting.len()), (0, 0));
    }

    #[test]
    fn the_ids_of_requests_that_wait_are_within_the_bound_too() {
        let (mut joiner, now) = (Joiner::new(None), Instant::now());
        for digit in ["1", "2", "3", "4"] {
            joiner.wait(copy(&digit.repeat(WAITING_BYTES_MAX / 4)), digit.into(), now);
        }
        assert_eq!((joiner.take_ready(), joiner.waiting.len()), (b"1\n".to_vec(), 3));
    }
}
