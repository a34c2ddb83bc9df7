//! A disk that forgets what was not synced, for tests: writes go to a cache, a crash keeps any part of what
//! was not synced, in any order, torn inside a write. Never in it: anything a server would run on.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// The sector size: writes tear between sectors, never inside one.
const SECTOR: usize = 512;

/// A disk in memory. Clones are the same disk; a crash ends every attachment.
#[derive(Debug, Clone, Default)]
pub struct LossyDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    synced: Vec<u8>,
    cached: Vec<u8>,
    unsynced: Vec<Step>,
    power: u64,
    fault: Option<Fault>,
    syncs: u64,
}

#[derive(Debug)]
enum Step {
    Write(usize, Vec<u8>),
    Resize(usize),
}

/// What the disk does wrong once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The next sync fails and nothing of it is durable for certain.
    Sync,
    /// The next sync does its work and reports that it failed.
    SyncDoneButFailed,
    /// The next write fails as on a full disk.
    Write,
    /// Every write and sync fails from now on.
    Dead,
    /// Reads, too, and from now on.
    Gone,
}

impl LossyDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The engine's side of the disk, until the next crash.
    pub fn attach(&self) -> LossyBackend {
        let power = self.lock().power;
        LossyBackend { disk: self.clone(), power }
    }

    /// Loses power: of what was not synced, `keep` says sector by sector what reached the disk. Every
    /// attachment fails from now on.
    pub fn crash(&self, mut keep: impl FnMut() -> bool) {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.power += 1;
        state.fault = None;
        for step in std::mem::take(&mut state.unsynced) {
            match step {
                Step::Resize(size) => {
                    if keep() {
                        state.synced.resize(size, 0);
                    }
                }
                Step::Write(offset, data) => {
                    for (index, sector) in data.chunks(SECTOR).enumerate() {
                        if keep() {
                            put(&mut state.synced, offset + index * SECTOR, sector);
                        }
                    }
                }
            }
        }
        state.cached.clone_from(&state.synced);
    }

    /// Does this wrong, once or from now on.
    pub fn fail(&self, fault: Fault) {
        self.lock().fault = Some(fault);
    }

    /// How often it was synced.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was written beyond the end without a resize that lasted grows the disk.
fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    if bytes.len() < offset + data.len() {
        bytes.resize(offset + data.len(), 0);
    }
    if let Some(place) = bytes.get_mut(offset..offset + data.len()) {
        place.copy_from_slice(data);
    }
}

impl State {
    fn sync(&mut self) {
        self.synced.clone_from(&self.cached);
        self.unsynced.clear();
        self.syncs += 1;
    }

    /// Takes the fault if it is one of these; those that last stay.
    fn fails(&mut self, faults: &[Fault]) -> bool {
        let fails = self.fault.is_some_and(|fault| faults.contains(&fault));
        if fails && !matches!(self.fault, Some(Fault::Dead | Fault::Gone)) {
            self.fault = None;
        }
        fails
    }
}

/// An attachment to a [`LossyDisk`].
#[derive(Debug)]
pub struct LossyBackend {
    disk: LossyDisk,
    power: u64,
}

impl LossyBackend {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.lock();
        if state.power == self.power { Ok(state) } else { Err(io::Error::other("the power was lost")) }
    }
}

fn at(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl StorageBackend for LossyBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state()?.cached.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.state()?;
        if state.fails(&[Fault::Gone]) {
            return Err(io::Error::other("the disk is gone"));
        }
        let start = at(offset)?;
        let stored = state.cached.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(stored);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state()?;
        if state.fails(&[Fault::Dead, Fault::Gone]) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let size = at(len)?;
        state.cached.resize(size, 0);
        state.unsynced.push(Step::Resize(size));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state()?;
        if state.fails(&[Fault::SyncDoneButFailed]) {
            state.sync();
            return Err(io::Error::other("the sync failed"));
        }
        if state.fails(&[Fault::Sync, Fault::Dead, Fault::Gone]) {
            return Err(io::Error::other("the sync failed"));
        }
        state.sync();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state()?;
        if state.fails(&[Fault::Write, Fault::Dead, Fault::Gone]) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let start = at(offset)?;
        put(&mut state.cached, start, data);
        state.unsynced.push(Step::Write(start, data.to_vec()));
        Ok(())
    }
}
