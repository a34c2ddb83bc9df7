//! What waits for its other half or its other parts, by a key, in the order in which it came. Its bytes are known, those of the keys
//! included, so that all that waits can be held within a bound.
//! Never in it: what it waits for, and the bound.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::rc::Rc;
use std::time::Instant;

pub(super) struct Waiting<K, V> {
    items: HashMap<Rc<K>, Item<V>>,
    /// The keys of all items, by their numbers: nothing is left here of what does not wait any more.
    order: BTreeMap<u64, Rc<K>>,
    /// How many were ever inserted.
    inserted: u64,
    bytes: usize,
}

struct Item<V> {
    number: u64,
    since: Instant,
    bytes: usize,
    value: V,
}

impl<K, V> Default for Waiting<K, V> {
    fn default() -> Self {
        Self { items: HashMap::new(), order: BTreeMap::new(), inserted: 0, bytes: 0 }
    }
}

impl<K: Hash + Eq, V> Waiting<K, V> {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The bytes of all that waits.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.items.contains_key(key)
    }

    /// Adds what does not wait yet. `bytes` are those of the key and the value.
    pub(super) fn insert(&mut self, key: K, value: V, bytes: usize, now: Instant) {
        self.remove(&key);
        let key = Rc::new(key);
        self.inserted += 1;
        self.bytes += bytes;
        self.order.insert(self.inserted, Rc::clone(&key));
        self.items.insert(key, Item { number: self.inserted, since: now, bytes, value });
    }

    /// Changes what waits, and returns by how many bytes it grew.
    pub(super) fn grow(&mut self, key: &K, change: impl FnOnce(&mut V) -> usize) {
        if let Some(item) = self.items.get_mut(key) {
            let more = change(&mut item.value);
            item.bytes += more;
            self.bytes += more;
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let item = self.items.remove(key)?;
        self.order.remove(&item.number);
        self.bytes -= item.bytes;
        Some(item.value)
    }

    /// Since when the first one waits.
    pub(super) fn first_since(&self) -> Option<Instant> {
        let (_, key) = self.order.first_key_value()?;
        self.items.get(key).map(|item| item.since)
    }

    pub(super) fn take_first(&mut self) -> Option<(Rc<K>, V)> {
        let key = Rc::clone(self.order.first_key_value()?.1);
        let value = self.remove(&key)?;
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_taken_in_its_order_and_what_was_removed_leaves_nothing() {
        let (mut waiting, now) = (Waiting::default(), Instant::now());
        for key in 0..1000 {
            waiting.insert(key, "value", 3, now);
            // The first one waits on, as a request does that is never answered.
            assert_eq!(waiting.remove(&key).is_some_and(|_| key > 0), key > 0);
            if key == 0 {
                waiting.insert(key, "first", 5, now);
            }
        }
        assert_eq!((waiting.len(), waiting.order.len(), waiting.bytes()), (1, 1, 5));
        waiting.insert(7, "second", 6, now);
        waiting.grow(&0, |_| 10);
        assert_eq!((waiting.bytes(), waiting.first_since()), (21, Some(now)));
        assert_eq!(waiting.take_first().map(|(key, value)| (*key, value)), Some((0, "first")));
        assert_eq!((waiting.bytes(), waiting.remove(&7), waiting.bytes()), (6, Some("second"), 0));
    }
}
