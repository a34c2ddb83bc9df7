//! Which entries were read before: by their numbers, or, where a line has none, by their ids, of which the last ones are known.
//! Never in it: what is done with a double.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, EntryType, SeqRange, SeqSet};

use crate::id::Id;
use crate::seen_seqs::SeenSeqs;

/// Pages of numbers: half a kilobyte for 4096 consecutive ones.
const PAGES_MAX: usize = 16 * 1024;
/// Ids in one of two generations: the older one is dropped when the newer is full.
const IDS_MAX: usize = 200_000;

#[derive(Default)]
pub(super) struct Seen {
    boots: HashMap<Boot, SeenSeqs>,
    pages: usize,
    hasher: RandomState,
    newer: HashSet<u64>,
    older: HashSet<u64>,
    /// Whether an id was forgotten.
    pub(super) forgot: bool,
}

impl Seen {
    /// Adds an entry. False if it was there.
    pub(super) fn insert(&mut self, entry_type: EntryType, id: &Id, record: Option<&Record>) -> bool {
        if let Some(record) = record {
            let seqs = self.boots.entry(record.boot).or_default();
            let has_page = seqs.has_page(record.seq);
            if has_page || self.pages < PAGES_MAX {
                self.pages += usize::from(!has_page);
                return seqs.insert(record.seq);
            }
        }
        let hash = self.hasher.hash_one((id, entry_type == EntryType::Request));
        if self.older.contains(&hash) || !self.newer.insert(hash) {
            return false;
        }
        if self.newer.len() >= IDS_MAX {
            self.forgot |= !self.older.is_empty();
            self.older = std::mem::take(&mut self.newer);
        }
        true
    }

    /// Adds a number that has no entry of a request.
    pub(super) fn insert_number(&mut self, record: &Record) -> bool {
        self.insert(
            EntryType::Request,
            &Id::Text(format!("#{}-{}", record.boot.number(), record.seq).into()),
            Some(record),
        )
    }

    pub(super) fn contains(&self, record: &Record) -> bool {
        self.boots.get(&record.boot).is_some_and(|seqs| seqs.contains(record.seq))
    }

    /// How many numbers of ranges were not seen.
    pub(super) fn unseen(&self, boot: Boot, ranges: &SeqSet) -> u64 {
        let seqs = self.boots.get(&boot);
        let unseen = |range: SeqRange| {
            let all = (range.to - range.from).saturating_add(1);
            all.saturating_sub(seqs.map_or(0, |seqs| seqs.count_in(range)))
        };
        ranges.iter().map(unseen).fold(0, u64::saturating_add)
    }

    /// How many numbers are missing between the first and the last of each start, and are not declared as missed.
    pub(super) fn missing(&self, declared: &HashMap<Boot, SeqSet>) -> u64 {
        let of_boot = |(boot, seqs): (&Boot, &SeenSeqs)| {
            let Some(hull) = seqs.bounds() else { return 0 };
            let hull = SeqSet::from(hull);
            let declared =
                declared.get(boot).map(|declared| declared.intersection(&hull)).unwrap_or_default();
            self.unseen(*boot, &hull).saturating_sub(self.unseen(*boot, &declared))
        };
        self.boots.iter().map(of_boot).fold(0, u64::saturating_add)
    }
}
