//! A cache of the hashes of the tokens and accessors that were seen last, so that they are not computed for each entry.
//! Never in it: a token in any form that leads back to it. A slot holds a keyed tag of 128 bits, made with keys that
//! only this cache has, and the hash, which is in the log anyway.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// How many hashes the cache can hold.
const SLOTS: usize = 1024;

/// A new hash replaces the one in its slot. Readers never wait and never write shared memory; a slot that is being
/// written counts as empty. Each slot is a sequence lock over atomics (Boehm, "Can seqlocks get along with
/// programming language memory models?", 2012).
pub(super) struct HashCache {
    keys: [RandomState; 2],
    /// Made at the first look-up: the salt of a probe never needs them.
    slots: OnceLock<Box<[Slot]>>,
}

#[derive(Default)]
struct Slot {
    /// Odd while the slot is being written.
    version: AtomicU64,
    tag: [AtomicU64; 2],
    digest: [AtomicU64; 4],
}

impl HashCache {
    pub(super) fn new() -> Self {
        Self { keys: [RandomState::new(), RandomState::new()], slots: OnceLock::new() }
    }

    /// The hash of a text, from the cache or computed.
    pub(super) fn get(&self, text: &[u8], compute: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
        let tag = self.keys.each_ref().map(|key| {
            let mut hasher = key.build_hasher();
            hasher.write(text);
            hasher.finish()
        });
        self.find(tag, compute)
    }

    /// The hash of a text with a number that no other text of this process has.
    pub(super) fn get_numbered(&self, number: u64, compute: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
        // No keyed tag is likely to be one of these, as none is likely to be another's.
        self.find([number, u64::MAX], compute)
    }

    fn find(&self, tag: [u64; 2], compute: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
        let at = usize::try_from(tag[0] % SLOTS as u64).unwrap_or(0);
        let slots = self.slots.get_or_init(|| (0..SLOTS).map(|_| Slot::default()).collect());
        let Some(slot) = slots.get(at) else { return compute() };
        if let Some(digest) = slot.read(tag) {
            return digest;
        }
        let digest = compute();
        slot.write(tag, &digest);
        digest
    }
}

impl Slot {
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
            // Another thread is writing this slot: the hash is not cached.
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
    use super::HashCache;

    #[test]
    fn a_hash_is_computed_once_and_belongs_to_its_text() {
        let cache = HashCache::new();
        assert_eq!(cache.get(b"one", || [1; 32]), [1; 32]);
        assert_eq!(cache.get(b"one", || panic!("computed twice")), [1; 32]);
        assert_eq!(cache.get(b"two", || [2; 32]), [2; 32]);
        assert_eq!(cache.get_numbered(1, || [3; 32]), [3; 32]);
        assert_eq!(cache.get_numbered(2, || [4; 32]), [4; 32]);
        assert_eq!(cache.get_numbered(1, || panic!("computed twice")), [3; 32]);
    }

    #[test]
    fn many_threads_get_the_hash_of_their_own_text() {
        let cache = HashCache::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // More texts than slots, so that they replace each other all the time.
                    for round in 0..20_000_u32 {
                        let number = round % 4096;
                        let mut expected = [0; 32];
                        expected.as_chunks_mut::<4>().0.fill(number.to_le_bytes());
                        assert_eq!(cache.get(&number.to_le_bytes(), || expected), expected);
                    }
                });
            }
        });
    }
}
