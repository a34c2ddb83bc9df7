//! Requests whose entry is not whole, because its device shortened it or replaced its data by a digest: the text may be in what was left
//! out. A request counts once, also if several devices and files have it.
//! Never in it: a request in which the text was found.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use memchr::memmem;
use onrecord_trail::query::{Field, Row};

/// What a line has whose data was replaced by a digest, in both formats.
const OVER_LIMIT: &[u8] = b"data_over_limit";
/// What a line has that its device shortened, in both formats.
const ELIDED: [&[u8]; 2] = [b"\"elided\":{\"bytes\":", b"<json:object name=\"elided\">"];

/// Requests of a kind that are remembered, about 5 MB. A copy of a further one counts again: the number may then be too large, and is
/// never too small.
const REQUESTS_MAX: usize = 400_000;

#[derive(Default)]
pub(super) struct CutRequests {
    hasher: RandomState,
    digests: Requests,
    shortened: Requests,
}

/// Requests, by the hashes of their ids.
#[derive(Default)]
struct Requests {
    known: HashSet<u64>,
    further: u64,
}

impl Requests {
    fn insert(&mut self, key: u64) {
        if self.known.len() < REQUESTS_MAX || self.known.contains(&key) {
            self.known.insert(key);
        } else {
            self.further += 1;
        }
    }

    fn count(&self) -> u64 {
        self.known.len() as u64 + self.further
    }
}

/// The bytes of which such a line has some.
pub(super) fn marks() -> impl Iterator<Item = Vec<u8>> {
    ELIDED.into_iter().chain([OVER_LIMIT]).map(<[u8]>::to_vec)
}

impl CutRequests {
    /// Notes the request of a row with these lines, if one of them is not whole.
    pub(super) fn insert(&mut self, row: &Row, lines: &[&[u8]]) {
        let has = |mark| lines.iter().any(|line| memmem::find(line, mark).is_some());
        if has(OVER_LIMIT) {
            self.digests.insert(self.key(row));
        }
        if ELIDED.into_iter().any(has) {
            self.shortened.insert(self.key(row));
        }
    }

    /// The text was found in another copy of the request.
    pub(super) fn remove(&mut self, row: &Row) {
        let key = self.key(row);
        self.digests.known.remove(&key);
        self.shortened.known.remove(&key);
    }

    /// Requests that have a digest in place of data.
    pub(super) fn digests(&self) -> u64 {
        self.digests.count()
    }

    /// Requests that have a shortened entry.
    pub(super) fn shortened(&self) -> u64 {
        self.shortened.count()
    }

    fn key(&self, row: &Row) -> u64 {
        if let Some(id) = row.text(Field::Id).filter(|id| !id.is_empty()) {
            return self.hasher.hash_one(id.as_ref());
        }
        let at = [&row.at().request, &row.at().response];
        self.hasher.hash_one(at.map(|at| at.as_ref().map(|at| (&at.source, at.line))))
    }
}

#[cfg(test)]
mod tests {
    use super::{REQUESTS_MAX, Requests};

    #[test]
    fn a_request_counts_once_as_long_as_it_is_remembered_and_none_is_left_out() {
        let mut requests = Requests::default();
        for key in (0..REQUESTS_MAX as u64).chain([0, 1, u64::MAX, u64::MAX]) {
            requests.insert(key);
        }
        assert_eq!((requests.count(), requests.known.len()), (REQUESTS_MAX as u64 + 2, REQUESTS_MAX));
    }
}
