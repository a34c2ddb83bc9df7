//! Entries that a device sent in pieces: put together again, within bounds of memory.
//! Never in it: what is in them.

use std::collections::{BTreeMap, HashMap};

use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, SaltId};
use sha2::{Digest as _, Sha256};

use crate::fast_scan::Part;

/// Bytes of pieces that wait, of all entries together.
const WAITING_MAX: usize = 8 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Pieces {
    pending: HashMap<(SaltId, Boot, u64), BTreeMap<u64, Part>>,
    waiting: usize,
    /// Entries that were dropped for want of memory, or whose pieces are not those of one line.
    dropped: u64,
    /// Their records, as numbers that are not missing.
    records: Vec<Record>,
}

/// Records of entries in pieces that are remembered.
const RECORDS_MAX: usize = 10_000;

impl Pieces {
    /// Adds a piece; returns the line if it is the last that was missing.
    pub(super) fn add(&mut self, record: Record, part: Part) -> Option<String> {
        let key = (record.device_id(), record.boot, record.seq);
        let pieces = self.pending.entry(key).or_default();
        if pieces.is_empty() && self.records.len() < RECORDS_MAX {
            self.records.push(record);
        }
        self.waiting += part.text.len();
        let all = part.of;
        if let Some(double) = pieces.insert(part.number, part) {
            self.waiting -= double.text.len();
        }
        let is_complete = pieces.len() as u64 == all && pieces.keys().copied().eq(1..=all);
        if is_complete {
            let pieces = self.pending.remove(&key)?;
            self.waiting -= pieces.values().map(|piece| piece.text.len()).sum::<usize>();
            let line = whole(&pieces);
            self.dropped += u64::from(line.is_none());
            return line;
        }
        if self.waiting > WAITING_MAX || self.pending.len() > RECORDS_MAX {
            self.dropped += self.pending.len() as u64;
            self.pending.clear();
            self.waiting = 0;
        }
        None
    }

    /// How many entries could not be put together, and the records of those that came in pieces.
    pub(super) fn end(&mut self) -> (u64, Vec<Record>) {
        (self.dropped + self.pending.len() as u64, std::mem::take(&mut self.records))
    }
}

/// The line of all its pieces, if it is the one that they say.
fn whole(pieces: &BTreeMap<u64, Part>) -> Option<String> {
    let first = pieces.values().next()?;
    let line: String = pieces.values().map(|piece| piece.text.as_str()).collect();
    let right = line.len() as u64 == first.bytes && const_hex::encode(Sha256::digest(&line)) == first.sha256;
    right.then_some(line)
}
