//! The lines of entries that a device sent in parts, until all of an entry are there. Each has the type and the id of the whole.
//! Never in it: the text of the whole, which the query puts together and checks.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use onrecord_value::{Object, Value};

/// Bytes of lines that wait, of all entries together.
const WAITING_MAX: usize = 8 * 1024 * 1024;

/// Type, id and device of the whole entry.
type Whole = (String, String, String);

#[derive(Default)]
pub(super) struct Parts {
    waiting: HashMap<Whole, BTreeMap<u64, Vec<u8>>>,
    since: VecDeque<(Instant, Whole)>,
    bytes: usize,
}

impl Parts {
    /// Takes a line with a part; returns the lines of all parts, in their order, if it is the last that was missing.
    pub(super) fn add(&mut self, entry: &Object, line: Vec<u8>, now: Instant) -> Option<Vec<u8>> {
        let text = |object: Option<&Object>, key: &str| {
            object.and_then(|object| object.str(key)).unwrap_or_default().to_owned()
        };
        let whole = (
            text(Some(entry), "type"),
            text(entry.object("request"), "id"),
            text(entry.object("record"), "salt"),
        );
        let part = entry.object("part");
        let number = |key: &str| part.and_then(|part| part.get(key)).and_then(Value::as_i64).unwrap_or(0);
        if !self.waiting.contains_key(&whole) {
            self.since.push_back((now, whole.clone()));
        }
        let parts = self.waiting.entry(whole.clone()).or_default();
        self.bytes += line.len();
        let double = parts.insert(number("number").unsigned_abs(), line);
        self.bytes -= double.map_or(0, |line| line.len());
        if parts.keys().copied().eq(1..=number("of").unsigned_abs()) { self.take(&whole) } else { None }
    }

    /// The lines of entries that have waited for other parts too long, or for which there is no more room.
    pub(super) fn give_up(&mut self, now: Instant, patience: Duration) -> Vec<Vec<u8>> {
        let mut given_up = Vec::new();
        while let Some((since, whole)) = self.since.front() {
            if self.waiting.contains_key(whole)
                && now.duration_since(*since) < patience
                && self.bytes <= WAITING_MAX
            {
                break;
            }
            let Some((_, whole)) = self.since.pop_front() else { break };
            given_up.extend(self.take(&whole));
        }
        given_up
    }

    fn take(&mut self, whole: &Whole) -> Option<Vec<u8>> {
        let parts = self.waiting.remove(whole)?;
        self.bytes -= parts.values().map(Vec::len).sum::<usize>();
        Some(parts.into_values().collect::<Vec<_>>().join(&b'\n'))
    }
}
