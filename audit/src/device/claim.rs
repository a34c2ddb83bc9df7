//! Which device writes to which file: a file may have one device, whatever names lead to it; and for the moment of a change
//! also the device that takes its place. Never in it: opening files.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::Stat;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
}

impl FileId {
    pub(crate) const fn of(stat: &Stat) -> Self {
        Self { dev: stat.st_dev, ino: stat.st_ino }
    }
}

/// All claims, by their numbers. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(Arc<Mutex<BTreeMap<u64, Holder>>>);

#[derive(Debug, Default)]
struct Holder {
    file: Option<FileId>,
    /// The device was disabled. It may still write what waits.
    released: bool,
}

impl Holder {
    fn is_enabled_on(&self, file: FileId) -> bool {
        self.file == Some(file) && !self.released
    }
}

#[derive(Debug)]
struct Holding {
    claims: Claims,
    /// No other claim of this process has the same.
    number: u64,
    /// The devices that leave as this one comes: what one of them holds, it may hold as well.
    predecessors: Vec<Succession>,
}

/// A device's hold on the file behind it. Clones are the same hold; it ends with the last, or with
/// [`release`](Self::release).
#[derive(Clone, Debug)]
pub struct Claim {
    holding: Arc<Holding>,
}

/// The right to hold what another device holds, which leaves it in the same change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Succession(u64);

impl Claims {
    /// A hold on nothing yet.
    pub(crate) fn claim(&self, predecessors: &[Succession]) -> Claim {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, Holder::default());
        let predecessors = predecessors.to_vec();
        Claim { holding: Arc::new(Holding { claims: self.clone(), number, predecessors }) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    fn with<T>(&self, look: impl FnOnce(&mut Holder) -> T) -> T {
        look(self.holding.claims.lock().entry(self.holding.number).or_default())
    }

    /// Takes `file` instead of what was held. False if another claim has it.
    pub(crate) fn take(&self, file: FileId) -> bool {
        let Holding { claims, number, predecessors } = &*self.holding;
        let mut all = claims.lock();
        let enabled = all.values().filter(|holder| holder.is_enabled_on(file)).count();
        let leaves =
            |Succession(number): &&_| all.get(number).is_some_and(|holder| holder.is_enabled_on(file));
        let leaving = predecessors.iter().filter(leaves).count();
        let own = all.entry(*number).or_default();
        if own.released {
            // It finishes what waits, if no enabled device has the file.
            if enabled == 0 {
                own.file = Some(file);
            }
            return enabled == 0;
        }
        // All that hold it leave, but for this claim itself: two cannot succeed to the same file.
        let free = own.file == Some(file) || enabled <= leaving;
        if free {
            own.file = Some(file);
        }
        free
    }

    /// Whether no other device writes to the file: then no device will finish an unfinished line in it.
    pub(crate) fn is_alone(&self) -> bool {
        let file = self.with(|holder| holder.file);
        file.is_none()
            || self.holding.claims.lock().values().filter(|holder| holder.file == file).count() <= 1
    }

    /// Whether no device that came before it writes to the file: then the file has its tree, if it keeps one.
    pub(crate) fn is_first(&self) -> bool {
        let (file, number) = (self.with(|holder| holder.file), self.holding.number);
        let all = self.holding.claims.lock();
        file.is_none() || all.range(..number).all(|(_, holder)| holder.file != file)
    }

    /// Holds nothing for now: the file is closed, and its number may soon be another's.
    pub(crate) fn leave(&self) {
        self.with(|holder| holder.file = None);
    }

    /// The right to hold the same file, for a device that is to take the place of this one.
    pub(crate) fn succession(&self) -> Succession {
        Succession(self.holding.number)
    }

    /// Whether the device was disabled: what it still waits for is not enabled any more.
    pub fn is_released(&self) -> bool {
        self.with(|holder| holder.released)
    }

    /// Gives the file free for other devices, for good.
    pub fn release(&self) {
        self.with(|holder| holder.released = true);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.claims.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileId = FileId { dev: 1, ino: 1 };

    #[test]
    fn a_file_has_one_device_and_for_a_change_also_its_successor() {
        let claims = Claims::default();
        let (old, stranger) = (claims.claim(&[]), claims.claim(&[]));
        assert!(old.take(FILE));
        assert!(!stranger.take(FILE));
        let new = claims.claim(&[old.succession()]);
        assert!(new.take(FILE));
        old.release();
        assert!(!stranger.take(FILE), "the successor holds it");
        drop(new);
        assert!(stranger.take(FILE));
    }

    #[test]
    fn devices_of_one_change_may_exchange_their_files_and_no_two_have_one() {
        const OTHER: FileId = FileId { dev: 1, ino: 2 };
        let claims = Claims::default();
        let (a, b) = (claims.claim(&[]), claims.claim(&[]));
        assert!(a.take(FILE) && b.take(OTHER));
        let both = [a.succession(), b.succession()];
        let (new_a, new_b) = (claims.claim(&both), claims.claim(&both));
        assert!(new_a.take(OTHER) && new_b.take(FILE));
        assert!(!claims.claim(&both).take(FILE), "it has its successor");
        drop((a, b));
        assert!(!claims.claim(&[]).take(FILE) && !claims.claim(&[]).take(OTHER));
    }

    #[test]
    fn a_closed_file_is_free() {
        let claims = Claims::default();
        let one = claims.claim(&[]);
        assert!(one.take(FILE));
        one.leave();
        assert!(claims.claim(&[]).take(FILE), "the system has given its number to a new file");
    }

    #[test]
    fn a_device_that_was_disabled_opens_no_file_of_another() {
        let claims = Claims::default();
        let (old, new) = (claims.claim(&[]), claims.claim(&[]));
        assert!(old.take(FILE));
        old.release();
        old.leave();
        assert!(old.take(FILE), "it still has lines to write");
        assert!(new.take(FILE));
        assert!(!new.is_alone() && !new.is_first(), "the other may still write them");
        assert!(!old.take(FILE));
    }

    #[test]
    fn a_device_is_alone_when_no_other_can_write_to_its_file() {
        let claims = Claims::default();
        let old = claims.claim(&[]);
        assert!(old.take(FILE) && old.is_alone());
        let new = claims.claim(&[old.succession()]);
        assert!(new.take(FILE) && !new.is_alone());
        old.release();
        assert!(!new.is_alone(), "it may still write what waits");
        old.leave();
        assert!(new.is_alone());
        new.release();
        let next = claims.claim(&[]);
        assert!(next.take(FILE) && !next.is_alone());
        drop(new);
        assert!(next.is_alone());
    }

    #[test]
    fn of_the_devices_of_a_file_the_one_that_came_first_is_first_until_it_leaves() {
        let claims = Claims::default();
        let old = claims.claim(&[]);
        assert!(old.take(FILE) && old.is_first());
        let new = claims.claim(&[old.succession()]);
        assert!(new.take(FILE) && old.is_first() && !new.is_first());
        old.release();
        let next = claims.claim(&[new.succession()]);
        assert!(next.take(FILE) && !next.is_first());
        old.leave();
        assert!(new.is_first() && !next.is_first());
        drop(new);
        assert!(next.is_first());
    }

    #[test]
    fn a_successor_that_fails_leaves_the_file_to_the_old_device() {
        let claims = Claims::default();
        let old = claims.claim(&[]);
        assert!(old.take(FILE));
        let new = claims.claim(&[old.succession()]);
        assert!(new.take(FILE));
        drop(new);
        assert!(!claims.claim(&[]).take(FILE));
    }
}
