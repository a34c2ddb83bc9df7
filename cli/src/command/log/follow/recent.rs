//! What is known of the texts that were seen last. A number of them is remembered, each by a hash: a long text takes no more memory.
//! Never in it: the texts.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hash, RandomState};

pub(super) struct Recent<V> {
    /// With a key of this process: texts that are taken for each other cannot be made.
    hasher: RandomState,
    known: HashMap<u64, V>,
    order: VecDeque<u64>,
    most: usize,
}

impl<V: Default> Recent<V> {
    pub(super) fn new(most: usize) -> Self {
        Self { hasher: RandomState::new(), known: HashMap::new(), order: VecDeque::new(), most }
    }

    /// What is known of a text, to be changed. The text that was seen first is forgotten for a new one.
    pub(super) fn of(&mut self, text: impl Hash) -> &mut V {
        let hash = self.hasher.hash_one(text);
        if !self.known.contains_key(&hash) {
            if self.order.len() >= self.most
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.order.push_back(hash);
        }
        self.known.entry(hash).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_of_texts_are_remembered_and_the_oldest_is_forgotten() {
        let mut recent: Recent<u8> = Recent::new(3);
        for text in ["a", "b", "c", "a"] {
            *recent.of(text) += 1;
        }
        assert_eq!((*recent.of("a"), recent.known.len()), (2, 3));
        assert_eq!((*recent.of("d"), *recent.of("a"), *recent.of("c")), (0, 0, 1));
        assert_eq!((recent.known.len(), recent.order.len()), (3, 3));
    }
}
