//! A file that is only read: what is written stays in memory, and is forgotten. So a store that was not closed can be opened,
//! repaired and checked without a change to its file. Never in it: checks.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// Bytes that are kept together.
const BLOCK: u64 = 4096;

#[derive(Debug)]
pub(super) struct Overlay {
    file: File,
    state: Mutex<State>,
    read: Arc<AtomicU64>,
}

#[derive(Debug)]
struct State {
    /// Of the whole.
    length: u64,
    /// How much of the file shows below what was written.
    from_file: u64,
    written: BTreeMap<u64, Box<[u8]>>,
}

impl Overlay {
    /// Over a file. `read` counts the bytes that are read of it.
    pub(super) fn new(file: File, read: Arc<AtomicU64>) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            state: Mutex::new(State { length, from_file: length, written: BTreeMap::new() }),
            read,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn block(&self, state: &State, number: u64) -> io::Result<Box<[u8]>> {
        if let Some(written) = state.written.get(&number) {
            return Ok(written.clone());
        }
        let mut block = vec![0; size(BLOCK)?];
        let there = state.from_file.saturating_sub(number * BLOCK).min(BLOCK);
        self.file.read_exact_at(block.get_mut(..size(there)?).unwrap_or_default(), number * BLOCK)?;
        Ok(block.into())
    }

    /// Hands out the blocks of a range, each with the part of the range that is in it.
    fn each_block(
        offset: u64,
        length: usize,
        mut each: impl FnMut(u64, std::ops::Range<usize>, std::ops::Range<usize>) -> io::Result<()>,
    ) -> io::Result<()> {
        let (mut at, mut done) = (offset, 0);
        while done < length {
            let begin = size(at % BLOCK)?;
            let count = (size(BLOCK)? - begin).min(length - done);
            each(at / BLOCK, begin..begin + count, done..done + count)?;
            at += count as u64;
            done += count;
        }
        Ok(())
    }
}

fn size(bytes: u64) -> io::Result<usize> {
    usize::try_from(bytes).map_err(io::Error::other)
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read.fetch_add(out.len() as u64, Ordering::Relaxed);
        let state = self.state();
        let end = offset.saturating_add(out.len() as u64);
        if end > state.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // Nothing but the file shows in most ranges.
        let blocks = offset / BLOCK..end.div_ceil(BLOCK);
        if end <= state.from_file && state.written.range(blocks).next().is_none() {
            return self.file.read_exact_at(out, offset);
        }
        Self::each_block(offset, out.len(), |number, within, part| {
            let block = self.block(&state, number)?;
            let (Some(to), Some(from)) = (out.get_mut(part), block.get(within)) else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            to.copy_from_slice(from);
            Ok(())
        })
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.state();
        state.from_file = state.from_file.min(length);
        let kept = length.div_ceil(BLOCK);
        state.written.split_off(&kept);
        if !length.is_multiple_of(BLOCK) && state.written.contains_key(&(length / BLOCK)) {
            let end = size(length % BLOCK)?;
            if let Some(last) = state.written.get_mut(&(length / BLOCK)) {
                last.get_mut(end..).unwrap_or_default().fill(0);
            }
        }
        state.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.length = state.length.max(offset.saturating_add(data.len() as u64));
        Self::each_block(offset, data.len(), |number, within, part| {
            let mut block = self.block(&state, number)?;
            let (Some(to), Some(from)) = (block.get_mut(within), data.get(part)) else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            to.copy_from_slice(from);
            state.written.insert(number, block);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_shows_and_the_file_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut model: Vec<u8> = (0..10_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
        std::fs::write(&path, &model).unwrap();
        let before = model.clone();
        let overlay = Overlay::new(File::open(&path).unwrap(), Arc::default()).unwrap();
        for (offset, length) in [(0, 3), (4090, 20), (9_990, 10), (12_000, 5), (8_192, 4096)] {
            let data = vec![0xaa; length];
            model.resize(model.len().max(offset + length), 0);
            model[offset..offset + length].fill(0xaa);
            overlay.write(offset as u64, &data).unwrap();
        }
        for length in [9_000, 11_000] {
            model.resize(length, 0);
            overlay.set_len(length as u64).unwrap();
        }
        let mut all = vec![0; model.len()];
        overlay.read(0, &mut all).unwrap();
        assert!(all == model && overlay.len().unwrap() == model.len() as u64);
        let mut middle = vec![0; 100];
        overlay.read(4050, &mut middle).unwrap();
        assert_eq!(middle, model[4050..4150]);
        assert!(overlay.read(model.len() as u64 - 1, &mut [0; 2]).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
