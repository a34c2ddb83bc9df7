//! The lines of entries that a device sent in parts, until all of an entry are there. Each has the type and the id of the whole.
//! Never in it: the text of the whole, which the query puts together and checks.

use std::collections::BTreeMap;
use std::mem::replace;
use std::time::{Duration, Instant};

use onrecord_value::{Object, Value};

use super::recent::Recent;
use super::waiting::Waiting;

/// Bytes of lines that wait, of all entries together, with the ids of the entries.
const WAITING_MAX: usize = 8 * 1024 * 1024;
/// How many entries that stayed incomplete are remembered.
const GIVEN_UP_MAX: usize = 10_000;

/// Type, id and device of the whole entry.
type Whole = (String, String, String);

pub(super) struct Parts {
    waiting: Waiting<Whole, BTreeMap<u64, Vec<u8>>>,
    /// Whether an entry was given up before.
    given_up: Recent<bool>,
}

impl Default for Parts {
    fn default() -> Self {
        Self { waiting: Waiting::default(), given_up: Recent::new(GIVEN_UP_MAX) }
    }
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
        if !self.waiting.contains(&whole) {
            let bytes = whole.0.len() + whole.1.len() + whole.2.len();
            self.waiting.insert(whole.clone(), BTreeMap::new(), bytes, now);
        }
        let (number, of) = (number("number").unsigned_abs(), number("of").unsigned_abs());
        let mut is_whole = false;
        self.waiting.grow(&whole, |parts| {
            let bytes = line.len();
            let before = parts.len();
            // A part that is read again is kept once.
            parts.entry(number).or_insert(line);
            is_whole = parts.keys().copied().eq(1..=of);
            if parts.len() > before { bytes } else { 0 }
        });
        if is_whole { self.waiting.remove(&whole).map(joined) } else { None }
    }

    /// The lines of entries that have waited for other parts too long, or for which there is no more room. An entry is given up once:
    /// what comes of it later is dropped, unless it is all there.
    pub(super) fn give_up(&mut self, now: Instant, patience: Duration) -> Vec<Vec<u8>> {
        let mut given_up = Vec::new();
        while let Some(since) = self.waiting.first_since()
            && (now.duration_since(since) >= patience || self.waiting.bytes() > WAITING_MAX)
            && let Some((whole, parts)) = self.waiting.take_first()
        {
            // Entries without an id cannot be told apart.
            if whole.1.is_empty() || !replace(self.given_up.of(&*whole), true) {
                given_up.push(joined(parts));
            }
        }
        given_up
    }
}

fn joined(parts: BTreeMap<u64, Vec<u8>>) -> Vec<u8> {
    parts.into_values().collect::<Vec<_>>().join(&b'\n')
}

#[cfg(test)]
mod tests {
    use onrecord_value::json;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn add(parts: &mut Parts, id: &str, number: u64, now: Instant) -> Option<Vec<u8>> {
        let line = format!(
            r#"{{"type":"response","request":{{"id":"{id}"}},"part":{{"number":{number},"of":3}},"record":{{"salt":"a"}}}}"#
        );
        let entry = json::parse_object(line.as_bytes(), json::Limits::default()).unwrap();
        parts.add(&entry, line.into_bytes(), now)
    }

    #[test]
    fn an_entry_that_stays_incomplete_is_given_up_once_in_however_many_pieces_it_comes() {
        let (mut parts, begin) = (Parts::default(), Instant::now());
        let late = begin + PATIENCE;
        assert_eq!(add(&mut parts, "1", 1, begin), None);
        assert_eq!(parts.give_up(begin, PATIENCE).len(), 0);
        assert_eq!(parts.give_up(late, PATIENCE).len(), 1);
        // The rest comes later.
        assert_eq!(add(&mut parts, "1", 3, late), None);
        assert_eq!(add(&mut parts, "2", 1, late), None);
        let given_up = parts.give_up(late + PATIENCE, PATIENCE);
        assert_eq!(given_up.len(), 1);
        assert!(String::from_utf8_lossy(&given_up[0]).contains(r#""id":"2""#));
        assert_eq!(parts.waiting.bytes(), 0);
    }

    #[test]
    fn an_entry_that_was_given_up_and_is_sent_again_is_whole() {
        let (mut parts, begin) = (Parts::default(), Instant::now());
        add(&mut parts, "1", 1, begin);
        parts.give_up(begin + PATIENCE, PATIENCE);
        let again = [1, 2, 2, 3].map(|number| add(&mut parts, "1", number, begin));
        let whole = again[3].as_ref().unwrap();
        assert_eq!((whole.split(|byte| *byte == b'\n').count(), parts.waiting.bytes()), (3, 0));
        assert!(again[..3].iter().all(Option::is_none));
    }
}
