//! Who writes to which file: a file may have one device, whatever names lead to it; and for the moment of a change also
//! the one that takes its place. Never in it: opening files.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A file, whatever its names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    /// The file system.
    pub(crate) dev: u64,
    /// The inode on it.
    pub(crate) ino: u64,
}

/// The files that are in use, and by how many claims each. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    held: Arc<Mutex<HashMap<FileId, Holders>>>,
}

/// How many claims there are to a file.
#[derive(Debug, Default)]
struct Holders {
    /// Of devices that are wanted.
    wanted: usize,
    /// Of devices that nobody wants any more, and that may still write what waits.
    leaving: usize,
}

#[derive(Debug)]
struct Holding {
    claims: Claims,
    /// Who leaves as this one comes: what one of them holds, it may hold as well.
    predecessors: Vec<Weak<Holding>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<FileId>,
    released: bool,
}

/// A device's hold on the file behind it. Clones are the same hold; it ends with the last, or with
/// [`release`](Self::release).
#[derive(Clone, Debug)]
pub struct Claim {
    holding: Arc<Holding>,
}

/// The right to hold what another device holds, which leaves it in the same change.
#[derive(Clone, Debug)]
pub(crate) struct Inheritance(Weak<Holding>);

impl Claims {
    /// A hold on nothing yet.
    pub(crate) fn claim(&self, inheritance: &[Inheritance]) -> Claim {
        let predecessors = inheritance.iter().map(|Inheritance(holding)| Weak::clone(holding)).collect();
        Claim { holding: Arc::new(Holding { claims: self.clone(), predecessors, state: Mutex::default() }) }
    }

    /// Adds a claim, if all that there are but `leaving` of them have ended: two cannot inherit the same file.
    fn add(&self, file: FileId, leaving: usize) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let holders = held.entry(file).or_default();
        let free = holders.wanted <= leaving;
        holders.wanted += usize::from(free);
        free
    }

    fn count(&self, file: FileId, count: impl FnOnce(&Holders) -> usize) -> usize {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(&file).map_or(0, count)
    }

    fn change(&self, file: FileId, change: impl FnOnce(&mut Holders)) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holders) = held.get_mut(&file) {
            change(holders);
            if holders.wanted + holders.leaving == 0 {
                held.remove(&file);
            }
        }
    }

    fn remove(&self, file: FileId, leaving: bool) {
        self.change(file, |holders| {
            let count = if leaving { &mut holders.leaving } else { &mut holders.wanted };
            *count = count.saturating_sub(1);
        });
    }
}

impl Claim {
    /// Takes `file` instead of what was held. False if another claim has it.
    pub(crate) fn take(&self, file: FileId) -> bool {
        // Looked up before its own lock is taken: no two are ever held at once.
        let holds = |predecessor: &Arc<Holding>| {
            let state = predecessor.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.file == Some(file) && !state.released
        };
        let leaving = self.holding.predecessors.iter().filter_map(Weak::upgrade).filter(holds).count();
        let mut state = self.holding.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.released {
            // It finishes what waits, where it disturbs nobody.
            return self.holding.claims.count(file, |holders| holders.wanted) == 0;
        }
        if state.file == Some(file) {
            return true;
        }
        if !self.holding.claims.add(file, leaving) {
            return false;
        }
        if let Some(before) = state.file.replace(file) {
            self.holding.claims.remove(before, false);
        }
        true
    }

    /// Whether no other device writes to the file: then an unfinished line in it is one that nobody will finish.
    pub(crate) fn is_alone(&self) -> bool {
        let file = self.holding.state.lock().unwrap_or_else(PoisonError::into_inner).file;
        let all = |holders: &Holders| holders.wanted + holders.leaving;
        file.is_none_or(|file| self.holding.claims.count(file, all) <= 1)
    }

    /// Holds nothing for now: the file is closed, and its number may soon be another's.
    pub(crate) fn leave(&self) {
        let mut state = self.holding.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = state.file.take() {
            self.holding.claims.remove(file, state.released);
        }
    }

    /// The right to hold the same file, for a device that is to take the place of this one.
    pub(crate) fn inheritance(&self) -> Inheritance {
        Inheritance(Arc::downgrade(&self.holding))
    }

    /// Whether the device was disabled: what it still waits for is not wanted any more.
    pub fn is_released(&self) -> bool {
        self.holding.state.lock().unwrap_or_else(PoisonError::into_inner).released
    }

    /// Gives the file free for other devices, for good.
    pub fn release(&self) {
        self.holding.release();
    }
}

impl Holding {
    fn release(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut state.released, true) {
            return;
        }
        if let Some(file) = state.file {
            self.claims.change(file, |holders| {
                holders.wanted = holders.wanted.saturating_sub(1);
                holders.leaving += 1;
            });
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = state.file {
            self.claims.remove(file, state.released);
        }
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
        let new = claims.claim(&[old.inheritance()]);
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
        let both = [a.inheritance(), b.inheritance()];
        let (new_a, new_b) = (claims.claim(&both), claims.claim(&both));
        assert!(new_a.take(OTHER) && new_b.take(FILE));
        assert!(!claims.claim(&both).take(FILE), "it has its heir");
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
        assert!(old.take(FILE), "it still has lines to write");
        assert!(new.take(FILE));
        assert!(!old.take(FILE));
    }

    #[test]
    fn a_device_is_alone_when_no_other_can_write_to_its_file() {
        let claims = Claims::default();
        let old = claims.claim(&[]);
        assert!(old.take(FILE) && old.is_alone());
        let new = claims.claim(&[old.inheritance()]);
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
    fn a_successor_that_fails_leaves_the_file_to_the_old_device() {
        let claims = Claims::default();
        let old = claims.claim(&[]);
        assert!(old.take(FILE));
        let new = claims.claim(&[old.inheritance()]);
        assert!(new.take(FILE));
        drop(new);
        assert!(!claims.claim(&[]).take(FILE));
    }
}
