//! A cache of one thread: the `auth` objects of the last tokens as the devices wrote them, without `policy_results`,
//! which differs between the entries of a token. Bounded in number and size; an object replaces the one in its slot.
//! Never in it: an object of a device that does not hash, or one without a [`crate::CacheKey`].

use std::cell::RefCell;
use std::ops::Range;

/// How many objects a thread caches. With more tokens in use on one thread, some are written from the beginning.
const SLOTS: usize = 256;
/// A longer object is not cached.
const LENGTH_MAX: usize = 2048;

/// Which token's facts, as which formatter writes them.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Key {
    /// The number of the formatter.
    pub(super) formatter: u64,
    /// The number of the facts' [`crate::CacheKey`].
    pub(super) facts: u64,
}

/// An object as it was written, without what belongs between its two parts.
#[derive(Default)]
pub(super) struct CachedAuth {
    key: Key,
    text: Vec<u8>,
    /// Where the second part begins.
    middle: usize,
    /// Where the token and the accessor are in the first part.
    pub(super) offsets: TokenOffsets,
}

/// Where the hashes of the caller's token and accessor are in a buffer.
#[derive(Clone, Default)]
pub(super) struct TokenOffsets {
    pub(super) token: Option<Range<usize>>,
    pub(super) accessor: Option<Range<usize>>,
}

impl TokenOffsets {
    /// The same ranges counted from `to` instead of `from`, without those that do not lie between `from` and `end`.
    pub(super) fn moved(&self, from: usize, to: usize, end: usize) -> Self {
        let moved = |range: &Option<Range<usize>>| {
            let range = range.as_ref().filter(|range| range.start >= from && range.end <= end)?;
            Some(range.start - from + to..range.end - from + to)
        };
        Self { token: moved(&self.token), accessor: moved(&self.accessor) }
    }
}

impl CachedAuth {
    pub(super) fn head(&self) -> &[u8] {
        self.text.get(..self.middle).unwrap_or_default()
    }

    pub(super) fn tail(&self) -> &[u8] {
        self.text.get(self.middle..).unwrap_or_default()
    }
}

thread_local! {
    static CACHE: RefCell<Vec<CachedAuth>> = const { RefCell::new(Vec::new()) };
}

fn slot(key: Key) -> usize {
    // Facts and formatters are numbered in the order in which they are made: neighbours get different slots.
    let number = key.facts.wrapping_mul(31).wrapping_add(key.formatter) % SLOTS as u64;
    usize::try_from(number).unwrap_or(0)
}

/// Calls `found` with the object that is cached under a key.
pub(super) fn find<R>(key: Key, found: impl FnOnce(&CachedAuth) -> R) -> Option<R> {
    CACHE.with_borrow(|cache| cache.get(slot(key)).filter(|cached| cached.key == key).map(found))
}

/// Caches an object of two parts; `offsets` count from the start of the first.
pub(super) fn insert(key: Key, head: &[u8], tail: &[u8], offsets: TokenOffsets) {
    if head.len() + tail.len() > LENGTH_MAX {
        return;
    }
    CACHE.with_borrow_mut(|cache| {
        if cache.is_empty() {
            cache.resize_with(SLOTS, CachedAuth::default);
        }
        if let Some(cached) = cache.get_mut(slot(key)) {
            cached.text.clear();
            cached.text.extend_from_slice(head);
            cached.text.extend_from_slice(tail);
            (cached.key, cached.middle, cached.offsets) = (key, head.len(), offsets);
        }
    });
}
