//! Entries in pieces: joined in their order, and counted as one entry if the SHA-256 of the whole is right.
//! Never in it: the text of a piece after it was hashed.

use std::collections::{BTreeMap, HashMap};

use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, SaltId};
use sha2::{Digest, Sha256};

use crate::fast_scan::Part;

/// How many bytes of pieces may wait for earlier pieces, of all entries together. Devices send pieces in their order.
const WAITING_MAX: usize = 256 * 1024 * 1024;

#[derive(Default)]
pub(crate) struct Parts {
    pending: HashMap<(SaltId, Boot, u64), Pending>,
    waiting: usize,
}

struct Pending {
    first: Part,
    hash: Sha256,
    hashed: u64,
    next: u64,
    early: BTreeMap<u64, String>,
}

/// The state of an entry after a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assembly {
    Incomplete,
    Complete,
    /// All pieces are there, and their SHA-256 is wrong.
    Corrupt,
}

impl Parts {
    pub(crate) fn add(&mut self, record: Record, part: Part) -> Assembly {
        let key = (record.device_id(), record.boot, record.seq);
        let pending = self.pending.entry(key).or_insert_with(|| Pending {
            first: Part { text: String::new(), ..part.clone() },
            hash: Sha256::new(),
            hashed: 0,
            next: 1,
            early: BTreeMap::new(),
        });
        if part.number > pending.next {
            if self.waiting.saturating_add(part.text.len()) <= WAITING_MAX {
                self.waiting += part.text.len();
                let double = pending.early.insert(part.number, part.text);
                self.waiting -= double.map_or(0, |text| text.len());
            }
            return Assembly::Incomplete;
        }
        if part.number < pending.next {
            return Assembly::Incomplete;
        }
        pending.take(&part.text);
        while let Some(text) = pending.early.remove(&pending.next) {
            self.waiting -= text.len();
            pending.take(&text);
        }
        if pending.next <= pending.first.of {
            return Assembly::Incomplete;
        }
        let right = self.pending.remove(&key).is_some_and(|pending| pending.has_right_digest());
        if right { Assembly::Complete } else { Assembly::Corrupt }
    }

    /// How many entries of a salt have pieces missing.
    pub(crate) fn incomplete(&self, salt: SaltId) -> u64 {
        self.pending.keys().filter(|(of, ..)| *of == salt).count() as u64
    }
}

impl Pending {
    fn take(&mut self, text: &str) {
        self.hash.update(text);
        self.hashed += text.len() as u64;
        self.next += 1;
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
            let mut all = Parts::default();
            let (last, before) = order.split_last().unwrap();
            for &at in before {
                assert_eq!(all.add(RECORD, pieces[at].clone()), Assembly::Incomplete, "{order:?}");
            }
            assert_eq!(all.incomplete(RECORD.salt), 1);
            assert_eq!(all.add(RECORD, pieces[*last].clone()), Assembly::Complete, "{order:?}");
            assert_eq!((all.incomplete(RECORD.salt), all.waiting), (0, 0));
        }
    }

    #[test]
    fn a_changed_piece_is_noticed() {
        let mut pieces = parts("the whole line", &[3]);
        pieces[1].text = "another end".to_owned();
        let mut all = Parts::default();
        assert_eq!(all.add(RECORD, pieces[0].clone()), Assembly::Incomplete);
        assert_eq!(all.add(RECORD, pieces[1].clone()), Assembly::Corrupt);
    }
}
