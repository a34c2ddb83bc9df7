//! Entries in pieces: joined in their order, and counted as one entry if the SHA-256 of the whole is right.
//! Never in it: what is in them. The text of a piece is kept only for a reader of the whole line.

use std::collections::{BTreeMap, HashMap, HashSet};

use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, SaltId};
use sha2::{Digest, Sha256};

use crate::fast_scan::Part;

/// Entries of which pieces are missing, at most.
const PENDING_MAX: usize = 10_000;
/// Entries that are known as given up, at most; further ones are only counted.
const GIVEN_UP_MAX: usize = 100_000;

/// An entry: the device, the boot and the number.
pub(crate) type Key = (SaltId, Boot, u64);

pub(crate) struct Parts {
    pending: HashMap<Key, Pending>,
    /// The bytes of all pieces that are kept.
    kept: usize,
    kept_max: usize,
    keeps_text: bool,
    /// Entries that were given up because there were too many, or too long ones. Further pieces do not begin them again.
    given_up: HashSet<Key>,
    /// How many further ones of each device were given up.
    more_given_up: HashMap<SaltId, u64>,
}

struct Pending {
    first: Part,
    hash: Sha256,
    hashed: u64,
    /// The text so far, if it is kept.
    text: String,
    next: u64,
    early: BTreeMap<u64, String>,
    /// The bytes of the text and of early pieces.
    kept: usize,
}

/// The state of an entry after a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Assembly {
    Incomplete,
    /// The text, if it is kept.
    Complete(String),
    /// All pieces are there, and their SHA-256 is wrong.
    Corrupt,
}

impl Parts {
    /// Pieces are hashed and dropped. Those that wait for earlier ones have `kept_max` bytes at most: devices send them in their order.
    pub(crate) fn hashed(kept_max: usize) -> Self {
        Self {
            pending: HashMap::new(),
            kept: 0,
            kept_max,
            keeps_text: false,
            given_up: HashSet::new(),
            more_given_up: HashMap::new(),
        }
    }

    /// Pieces are kept until the entry is whole: `kept_max` bytes of all entries together at most.
    pub(crate) fn with_text(kept_max: usize) -> Self {
        Self { keeps_text: true, ..Self::hashed(kept_max) }
    }

    pub(crate) fn add(&mut self, record: Record, part: Part) -> Assembly {
        let key = (record.device_id(), record.boot, record.seq);
        // The first piece may be that of a whole copy in another file.
        if part.number == 1 {
            self.given_up.remove(&key);
        } else if self.given_up.contains(&key) {
            return Assembly::Incomplete;
        }
        let pending = self.pending.entry(key).or_insert_with(|| Pending::new(&part));
        let before = pending.kept;
        pending.add(part, self.keeps_text);
        self.kept = self.kept - before + pending.kept;
        if pending.next > pending.first.of {
            let Some(whole) = self.pending.remove(&key) else { return Assembly::Corrupt };
            self.kept -= whole.kept;
            return if whole.has_right_digest() { Assembly::Complete(whole.text) } else { Assembly::Corrupt };
        }
        if self.kept > self.kept_max || self.pending.len() > PENDING_MAX {
            self.give_up();
        }
        Assembly::Incomplete
    }

    fn give_up(&mut self) {
        self.kept = 0;
        for key in self.pending.drain().map(|(key, _)| key) {
            if self.given_up.len() < GIVEN_UP_MAX {
                self.given_up.insert(key);
            } else {
                *self.more_given_up.entry(key.0).or_default() += 1;
            }
        }
    }

    /// How many entries of a salt have pieces missing.
    pub(crate) fn incomplete_of(&self, salt: SaltId) -> u64 {
        let known = self.incomplete().filter(|(of, ..)| *of == salt).count() as u64;
        known + self.more_given_up.get(&salt).copied().unwrap_or(0)
    }

    /// The entries that have pieces missing, or were given up.
    pub(crate) fn incomplete(&self) -> impl Iterator<Item = Key> {
        self.pending.keys().chain(&self.given_up).copied()
    }

    /// How many further ones were given up.
    pub(crate) fn more_given_up(&self) -> u64 {
        self.more_given_up.values().sum()
    }
}

impl Pending {
    fn new(part: &Part) -> Self {
        Self {
            first: Part { text: String::new(), sha256: part.sha256.clone(), ..*part },
            hash: Sha256::new(),
            hashed: 0,
            text: String::new(),
            next: 1,
            early: BTreeMap::new(),
            kept: 0,
        }
    }

    fn add(&mut self, part: Part, keeps_text: bool) {
        if part.number > self.next {
            self.kept += part.text.len();
            let double = self.early.insert(part.number, part.text);
            self.kept -= double.map_or(0, |text| text.len());
        } else if part.number == self.next {
            self.take(&part.text, keeps_text);
            while let Some(text) = self.early.remove(&self.next) {
                self.kept -= text.len();
                self.take(&text, keeps_text);
            }
        }
    }

    fn take(&mut self, text: &str, keeps_text: bool) {
        self.hash.update(text);
        self.hashed += text.len() as u64;
        self.next += 1;
        if keeps_text {
            self.text.push_str(text);
            self.kept += text.len();
        }
    }

    fn has_right_digest(&self) -> bool {
        self.hashed == self.first.bytes
            && const_hex::encode(self.hash.clone().finalize()) == self.first.sha256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(whole: &str, at: &[usize]) -> Vec<Part> {
        let cuts: Vec<usize> = [0].iter().chain(at).chain(&[whole.len()]).copied().collect();
        let sha256 = const_hex::encode(Sha256::digest(whole));
        let part = |(number, pair): (usize, &[usize])| Part {
            number: number as u64 + 1,
            of: cuts.len() as u64 - 1,
            bytes: whole.len() as u64,
            sha256: sha256.clone(),
            text: whole[pair[0]..pair[1]].to_owned(),
        };
        cuts.windows(2).enumerate().map(part).collect()
    }

    const RECORD: Record = Record { seq: 7, boot: Boot::new(1), salt: SaltId::from_number(2), device: None };

    #[test]
    fn pieces_in_any_order_with_repetitions_are_the_entry() {
        let pieces = parts("the whole line", &[3, 7, 8]);
        for order in [&[0, 1, 2, 3][..], &[3, 2, 1, 0], &[0, 0, 2, 2, 1, 1, 0, 3], &[0, 1, 0, 1, 2, 3]] {
            let mut all = Parts::with_text(100);
            let (last, before) = order.split_last().unwrap();
            for &at in before {
                assert_eq!(all.add(RECORD, pieces[at].clone()), Assembly::Incomplete, "{order:?}");
            }
            assert_eq!(all.incomplete_of(RECORD.salt), 1);
            let whole = Assembly::Complete("the whole line".to_owned());
            assert_eq!(all.add(RECORD, pieces[*last].clone()), whole, "{order:?}");
            assert_eq!((all.incomplete_of(RECORD.salt), all.kept), (0, 0));
        }
    }

    #[test]
    fn a_changed_piece_is_noticed() {
        let mut pieces = parts("the whole line", &[3]);
        pieces[1].text = "another end".to_owned();
        let mut all = Parts::hashed(100);
        assert_eq!(all.add(RECORD, pieces[0].clone()), Assembly::Incomplete);
        assert_eq!(all.add(RECORD, pieces[1].clone()), Assembly::Corrupt);
    }
    #[test]
    fn pieces_beyond_the_bound_are_given_up_and_counted() {
        let pieces = parts("the whole line", &[3, 7, 8]);
        let mut all = Parts::with_text(9);
        for piece in [&pieces[2], &pieces[3]] {
            assert_eq!(all.add(RECORD, piece.clone()), Assembly::Incomplete);
        }
        assert_eq!((all.given_up.len(), all.kept), (0, 7));
        all.add(RECORD, pieces[0].clone());
        assert_eq!((all.given_up.len(), all.kept, all.incomplete_of(RECORD.salt)), (1, 0, 1));
        // A further piece does not begin it again; the first one does.
        all.add(RECORD, pieces[1].clone());
        assert_eq!((all.pending.len(), all.incomplete_of(RECORD.salt)), (0, 1));
        let mut all = Parts { kept_max: 100, ..all };
        for piece in &pieces[..3] {
            assert_eq!(all.add(RECORD, piece.clone()), Assembly::Incomplete);
            assert_eq!(all.incomplete_of(RECORD.salt), 1);
        }
        let whole = Assembly::Complete("the whole line".to_owned());
        assert_eq!(all.add(RECORD, pieces[3].clone()), whole);
        assert_eq!(all.incomplete_of(RECORD.salt), 0);
        // Hashing alone keeps nothing of pieces in their order.
        let mut all = Parts::hashed(0);
        for piece in &pieces[..3] {
            assert_eq!(all.add(RECORD, piece.clone()), Assembly::Incomplete);
        }
        assert_eq!(all.add(RECORD, pieces[3].clone()), Assembly::Complete(String::new()));
    }
}
