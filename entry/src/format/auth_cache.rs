//! What a thread keeps of the last tokens' `auth` objects as its devices wrote them: all but the verdict is the same in
//! each entry of a token. Bounded in number and size; a place is overwritten by the next that falls on it.
//! Never in it: anything of a device that does not hash, or of facts without a name of their own ([`crate::CacheKey`]).

use std::cell::RefCell;
use std::ops::Range;

/// How many objects a thread keeps. More tokens than that in use on one thread are written anew now and then.
const PLACES: usize = 256;
/// A longer object is not kept.
const LONGEST: usize = 2048;

/// Which facts as which device writes them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Key {
    /// The number of the form.
    pub(super) form: u64,
    /// The number of the facts.
    pub(super) facts: u64,
}

/// An object as it was written, without what belongs between its two parts.
#[derive(Default)]
pub(super) struct Kept {
    key: Key,
    text: Vec<u8>,
    /// Where the second part begins.
    middle: usize,
    /// Where the token and the accessor stand in the first part.
    pub(super) said: TokenOffsets,
}

/// Where the token and the accessor of who asks stand in a buffer, as the device writes them.
#[derive(Clone, Default)]
pub(super) struct TokenOffsets {
    pub(super) token: Option<Range<usize>>,
    pub(super) accessor: Option<Range<usize>>,
}

impl TokenOffsets {
    /// The same places counted from `to` instead of `from`; none that do not lie before `end`.
    pub(super) fn moved(&self, from: usize, to: usize, end: usize) -> Self {
        let moved = |range: &Option<Range<usize>>| {
            let range = range.as_ref().filter(|range| range.start >= from && range.end <= end)?;
            Some(range.start - from + to..range.end - from + to)
        };
        Self { token: moved(&self.token), accessor: moved(&self.accessor) }
    }
}

impl Kept {
    pub(super) fn head(&self) -> &[u8] {
        self.text.get(..self.middle).unwrap_or_default()
    }

    pub(super) fn tail(&self) -> &[u8] {
        self.text.get(self.middle..).unwrap_or_default()
    }
}

thread_local! {
    static PLACES_OF_THREAD: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

fn place(key: Key) -> usize {
    // Facts are numbered in the order they come, forms too: neighbours get different places.
    let number = key.facts.wrapping_mul(31).wrapping_add(key.form) % PLACES as u64;
    usize::try_from(number).unwrap_or(0)
}

/// Hands out what is kept under a key.
pub(super) fn find<R>(key: Key, found: impl FnOnce(&Kept) -> R) -> Option<R> {
    PLACES_OF_THREAD.with_borrow(|places| places.get(place(key)).filter(|kept| kept.key == key).map(found))
}

/// Keeps an object whose parts are these; `said` is counted from the start of the first.
pub(super) fn keep(key: Key, head: &[u8], tail: &[u8], said: TokenOffsets) {
    if head.len() + tail.len() > LONGEST {
        return;
    }
    PLACES_OF_THREAD.with_borrow_mut(|places| {
        if places.is_empty() {
            places.resize_with(PLACES, Kept::default);
        }
        if let Some(kept) = places.get_mut(place(key)) {
            kept.text.clear();
            kept.text.extend_from_slice(head);
            kept.text.extend_from_slice(tail);
            (kept.key, kept.middle, kept.said) = (key, head.len(), said);
        }
    });
}
