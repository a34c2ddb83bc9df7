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
pub(super) const IDS_MAX: usize = 200_000;
/// Hashes in the sample of all ids.
const SAMPLE_MAX: usize = 16_384;

pub(super) struct Seen {
    boots: HashMap<Boot, SeenSeqs>,
    pages: usize,
    hasher: RandomState,
    ids_max: usize,
    newer: HashSet<u64>,
    older: HashSet<u64>,
    sample: Sample,
}

/// Of the hashes of all ids, those that end with a number of zeros: they show how many doubles are not recognised.
#[derive(Default)]
struct Sample {
    hashes: HashSet<u64>,
    zeros: u32,
    missed: u64,
}

impl Sample {
    /// Notes an id that was taken for a new one.
    fn note(&mut self, hash: u64) {
        if hash.trailing_zeros() < self.zeros {
            return;
        }
        if !self.hashes.insert(hash) {
            self.missed += 1 << self.zeros;
        }
        while self.hashes.len() > SAMPLE_MAX {
            self.zeros += 1;
            self.hashes.retain(|hash| hash.trailing_zeros() >= self.zeros);
        }
    }
}

impl Seen {
    /// It remembers at least this many ids, and at most twice as many.
    pub(super) fn new(ids_max: usize) -> Self {
        Self {
            boots: HashMap::new(),
            pages: 0,
            hasher: RandomState::new(),
            ids_max,
            newer: HashSet::new(),
            older: HashSet::new(),
            sample: Sample::default(),
        }
    }

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
        let hash = self.hash(entry_type, id);
        if self.older.contains(&hash) || !self.newer.insert(hash) {
            return false;
        }
        self.sample.note(hash);
        if self.newer.len() >= self.ids_max {
            self.older = std::mem::take(&mut self.newer);
        }
        true
    }

    /// Whether an entry is there.
    pub(super) fn has(&self, entry_type: EntryType, id: &Id, record: Option<&Record>) -> bool {
        if record.is_some_and(|record| self.contains(record)) {
            return true;
        }
        let hash = self.hash(entry_type, id);
        self.newer.contains(&hash) || self.older.contains(&hash)
    }

    /// About how many entries were added although they had been there: the ids of the first ones were forgotten.
    pub(super) fn doubles_missed(&self) -> u64 {
        self.sample.missed
    }

    fn hash(&self, entry_type: EntryType, id: &Id) -> u64 {
        self.hasher.hash_one((id, entry_type == EntryType::Request))
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

    /// How many numbers no entry has between the first and the last of each start of which something was read, that are neither
    /// declared nor withheld.
    pub(super) fn missing(&self, declared: &HashMap<Boot, SeqSet>, withheld: &HashMap<Boot, SeqSet>) -> u64 {
        let none = SeqSet::new();
        let of_boot = |(boot, seqs): (&Boot, &SeenSeqs)| {
            let [declared, withheld] = [declared, withheld].map(|of| of.get(boot).unwrap_or(&none));
            // Where there was no room for more numbers, it is not known what lies beside those that have one.
            let beside = withheld.bounds().filter(|_| self.pages < PAGES_MAX);
            let known: SeqSet = seqs.bounds().into_iter().chain(beside).collect();
            let Some(hull) = known.bounds() else { return 0 };
            let accounted = withheld.union(&declared.within(hull));
            self.unseen(*boot, &SeqSet::from(hull)).saturating_sub(self.unseen(*boot, &accounted))
        };
        self.boots.iter().map(of_boot).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count_new(seen: &mut Seen, ids: std::ops::Range<u32>) -> usize {
        ids.filter(|id| seen.insert(EntryType::Request, &Id::of(&id.to_string()), None)).count()
    }

    #[test]
    fn doubles_whose_first_copies_were_forgotten_are_estimated() {
        let mut seen = Seen::new(1000);
        assert_eq!(count_new(&mut seen, 0..1000), 1000);
        assert_eq!((count_new(&mut seen, 0..1000), seen.doubles_missed()), (0, 0));
        assert_eq!(count_new(&mut seen, 1000..100_000), 99_000);
        assert_eq!(seen.doubles_missed(), 0, "none was there before");
        // Two whole generations came since.
        assert_eq!(count_new(&mut seen, 0..90_000), 90_000);
        let missed = seen.doubles_missed();
        assert!((80_000..100_000).contains(&missed), "{missed}");
        assert!(seen.sample.hashes.len() <= SAMPLE_MAX);
    }
}
