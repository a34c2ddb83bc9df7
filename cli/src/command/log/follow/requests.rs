//! What is known of the requests that were read last: whether they were shown, and what of them was counted. The copies of several
//! devices, and an answer that comes late, are read in several batches.
//! Never in it: rows, and what is said of them.

use std::mem::replace;

use super::recent::Recent;

/// How many requests are remembered.
const REMEMBERED: usize = 100_000;

pub(super) struct Requests(Recent<Known>);

#[derive(Default)]
struct Known {
    shown: Shown,
    elided: bool,
    undecided: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    #[default]
    No,
    WithoutAnswer,
    WithAnswer,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self(Recent::new(REMEMBERED))
    }

    /// Whether a request is to be shown: the first time, and when its answer comes after it was shown without.
    pub(super) fn is_to_be_shown(&mut self, id: &str, answered: bool) -> bool {
        let now = if answered { Shown::WithAnswer } else { Shown::WithoutAnswer };
        self.note(id, |known| {
            let has_news = now > known.shown;
            known.shown = known.shown.max(now);
            has_news
        })
    }

    /// Whether it is the first time that an entry of a request is a shortened one.
    pub(super) fn is_first_elided(&mut self, id: &str) -> bool {
        self.note(id, |known| !replace(&mut known.elided, true))
    }

    /// Whether it is the first time that a request may be meant or not.
    pub(super) fn is_first_undecided(&mut self, id: &str) -> bool {
        self.note(id, |known| !replace(&mut known.undecided, true))
    }

    /// Requests without ids cannot be told apart.
    fn note(&mut self, id: &str, note: impl FnOnce(&mut Known) -> bool) -> bool {
        if id.is_empty() { note(&mut Known::default()) } else { note(self.0.of(id)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_shown_once_and_again_when_its_answer_comes_late() {
        let mut requests = Requests::new();
        let shown = [("1", false), ("1", false), ("1", true), ("1", true), ("1", false), ("2", true)];
        let shown = shown.map(|(id, answered)| requests.is_to_be_shown(id, answered));
        assert_eq!(shown, [true, false, true, false, false, true]);
        let mut is_new = || requests.is_to_be_shown("", true);
        assert!(is_new() && is_new(), "requests without ids cannot be told apart");
    }

    #[test]
    fn what_a_request_lacks_is_new_once_of_each_kind() {
        let mut requests = Requests::new();
        let elided = ["1", "1", "2", ""].map(|id| requests.is_first_elided(id));
        assert_eq!(elided, [true, false, true, true]);
        let undecided = ["1", "1", "", ""].map(|id| requests.is_first_undecided(id));
        assert_eq!(undecided, [true, false, true, true]);
    }
}
