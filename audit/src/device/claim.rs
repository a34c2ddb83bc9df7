//! Who writes to which file: a file may have one device, whatever names lead to it.
//! Never in it: opening files.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// A file, whatever its names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    /// The file system.
    pub(crate) dev: u64,
    /// The inode on it.
    pub(crate) ino: u64,
}

/// The files that are in use. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    held: Arc<Mutex<HashSet<FileId>>>,
}

#[derive(Debug)]
struct Holding {
    claims: Claims,
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

impl Claims {
    /// A hold on nothing yet.
    pub(crate) fn claim(&self) -> Claim {
        Claim { holding: Arc::new(Holding { claims: self.clone(), state: Mutex::default() }) }
    }
}

impl Claim {
    /// Takes `file` instead of what was held. False if another claim has it.
    pub(crate) fn take(&self, file: FileId) -> bool {
        let mut state = self.holding.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.released || state.file == Some(file) {
            return true;
        }
        let mut held = self.holding.claims.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.insert(file) {
            return false;
        }
        if let Some(before) = state.file.replace(file) {
            held.remove(&before);
        }
        true
    }

    /// Gives the file free for other devices, for good.
    pub fn release(&self) {
        self.holding.release();
    }
}

impl Holding {
    fn release(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.released = true;
        if let Some(file) = state.file.take() {
            self.claims.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&file);
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.release();
    }
}
