//! The hashes of the tokens and accessors that were seen last, so that each is computed once and not twice an entry.
//! Never in it: a token in any form that leads back to it. A place holds a keyed tag of 128 bits, made with keys that
//! only this table has, and the hash itself, which stands in the log anyway.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// How many hashes are remembered; two thirds of a page of tokens in use fit even a busy server.
const PLACES: usize = 1024;

/// A table that forgets by overwriting. Readers never wait and never write shared memory; a place that is being
/// written counts as empty. Each place is a sequence lock over atomics (Boehm, "Can seqlocks get along with
/// programming language memory models?", 2012).
pub(super) struct Remembered {
    keys: [RandomState; 2],
    /// Made at the first look-up: the salt of a probe has none.
    places: OnceLock<Box<[Place]>>,
}

#[derive(Default)]
struct Place {
    /// Odd while the place is written.
    version: AtomicU64,
    tag: [AtomicU64; 2],
    digest: [AtomicU64; 4],
}

impl Remembered {
    pub(super) fn new() -> Self {
        Self { keys: [RandomState::new(), RandomState::new()], places: OnceLock::new() }
    }

    /// The hash of a text: remembered, or computed and from now on remembered.
    pub(super) fn get(&self, text: &[u8], compute: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
        let tag = self.keys.each_ref().map(|key| {
            let mut hasher = key.build_hasher();
            hasher.write(text);
            hasher.finish()
        });
        self.find(tag, compute)
    }

    /// The hash of a text that is known by a number; no other has it in this process.
    pub(super) fn get_numbered(&self, number: u64, compute: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
        // No keyed tag is likely to be one of these, as none is likely to be another's.
        self.find([number, u64::MAX], compute)
    }

    fn find(&self, tag: [u64; 2], compute: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
        let at = usize::try_from(tag[0] % PLACES as u64).unwrap_or(0);
        let places = self.places.get_or_init(|| (0..PLACES).map(|_| Place::default()).collect());
        let Some(place) = places.get(at) else { return compute() };
        if let Some(digest) = place.read(tag) {
            return digest;
        }
        let digest = compute();
        place.write(tag, &digest);
        digest
    }
}

impl Place {
    fn read(&self, tag: [u64; 2]) -> Option<[u8; 32]> {
        let version = self.version.load(Ordering::Acquire);
        if version == 0 || version % 2 == 1 {
            return None;
        }
        let found = self.tag.each_ref().map(|word| word.load(Ordering::Relaxed));
        let words = self.digest.each_ref().map(|word| word.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        if found != tag || self.version.load(Ordering::Relaxed) != version {
            return None;
        }
        let mut digest = [0; 32];
        for (bytes, word) in digest.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Some(digest)
    }

    fn write(&self, tag: [u64; 2], digest: &[u8; 32]) {
        let version = self.version.load(Ordering::Relaxed);
        let free = version.is_multiple_of(2)
            && self
                .version
                .compare_exchange(version, version.wrapping_add(1), Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        if !free {
            // Somebody else writes here: then this hash is not remembered.
            return;
        }
        fence(Ordering::Release);
        for (word, value) in self.tag.iter().zip(tag) {
            word.store(value, Ordering::Relaxed);
        }
        for (word, bytes) in self.digest.iter().zip(digest.as_chunks::<8>().0) {
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::Remembered;

    #[test]
    fn a_hash_is_computed_once_and_belongs_to_its_text() {
        let remembered = Remembered::new();
        assert_eq!(remembered.get(b"one", || [1; 32]), [1; 32]);
        assert_eq!(remembered.get(b"one", || panic!("computed twice")), [1; 32]);
        assert_eq!(remembered.get(b"two", || [2; 32]), [2; 32]);
        assert_eq!(remembered.get_numbered(1, || [3; 32]), [3; 32]);
        assert_eq!(remembered.get_numbered(2, || [4; 32]), [4; 32]);
        assert_eq!(remembered.get_numbered(1, || panic!("computed twice")), [3; 32]);
    }

    #[test]
    fn many_threads_get_the_hash_of_their_own_text() {
        let remembered = Remembered::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // More texts than places, so that they displace each other all the time.
                    for round in 0..20_000_u32 {
                        let number = round % 4096;
                        let mut expected = [0; 32];
                        expected.as_chunks_mut::<4>().0.fill(number.to_le_bytes());
                        assert_eq!(remembered.get(&number.to_le_bytes(), || expected), expected);
                    }
                });
            }
        });
    }
}
