//! What waits for its other half, by its id; bounded in number and bytes.
//! Never in it: what it waits for.

use std::collections::HashMap;

use crate::id::Id;

pub(super) struct Waiting<T> {
    items: HashMap<Id, Item<T>>,
    /// Of all items together.
    bytes: usize,
    inserted: u64,
    items_max: usize,
    bytes_max: usize,
}

struct Item<T> {
    order: u64,
    bytes: usize,
    content: T,
}

impl<T> Waiting<T> {
    pub(super) fn new(items_max: usize, bytes_max: usize) -> Self {
        Self { items: HashMap::new(), bytes: 0, inserted: 0, items_max, bytes_max }
    }

    /// Adds one, in place of an earlier one of this id.
    pub(super) fn insert(&mut self, id: Id, item: T, bytes: usize) {
        self.inserted += 1;
        self.bytes += bytes;
        let old = self.items.insert(id, Item { order: self.inserted, bytes, content: item });
        self.bytes -= old.map_or(0, |old| old.bytes);
    }

    pub(super) fn remove(&mut self, id: &Id) -> Option<T> {
        let item = self.items.remove(id)?;
        self.bytes -= item.bytes;
        Some(item.content)
    }

    /// Changes one, which then has this many bytes.
    pub(super) fn update(&mut self, id: &Id, change: impl FnOnce(&mut T) -> usize) {
        if let Some(item) = self.items.get_mut(id) {
            let bytes = change(&mut item.content);
            self.bytes = self.bytes - item.bytes + bytes;
            item.bytes = bytes;
        }
    }

    /// If there are too many, the older half of them, in their order.
    pub(super) fn take_excess(&mut self) -> Vec<T> {
        if self.items.len() <= self.items_max && self.bytes <= self.bytes_max {
            return Vec::new();
        }
        let mut orders: Vec<u64> = self.items.values().map(|item| item.order).collect();
        orders.sort_unstable();
        let middle = orders.get(orders.len() / 2).copied().unwrap_or(u64::MAX);
        self.take(|order| order <= middle)
    }

    /// All of them, in their order.
    pub(super) fn take_all(&mut self) -> Vec<T> {
        self.take(|_| true)
    }

    fn take(&mut self, which: impl Fn(u64) -> bool) -> Vec<T> {
        let mut taken: Vec<(u64, T)> = self
            .items
            .extract_if(|_, item| which(item.order))
            .map(|(_, item)| {
                self.bytes -= item.bytes;
                (item.order, item.content)
            })
            .collect();
        taken.sort_unstable_by_key(|(order, _)| *order);
        taken.into_iter().map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_half_goes_when_there_are_too_many_or_too_large_ones() {
        let id = |number: u64| Id::of(&number.to_string());
        let mut waiting = Waiting::new(4, 100);
        for number in 0..4 {
            waiting.insert(id(number), number, 10);
        }
        assert!(waiting.take_excess().is_empty());
        waiting.insert(id(4), 4, 10);
        assert_eq!(waiting.take_excess(), [0, 1, 2]);
        waiting.update(&id(4), |_| 95);
        assert_eq!(waiting.take_excess(), [3, 4]);
        assert_eq!((waiting.bytes, waiting.remove(&id(4))), (0, None));
        waiting.insert(id(5), 5, 1);
        waiting.insert(id(5), 6, 2);
        assert_eq!((waiting.bytes, waiting.take_all()), (2, vec![6]));
    }
}
