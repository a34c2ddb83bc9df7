//! The handle of a store: reads beside the committer, commits through it. Never in it: encryption.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::backend::Backend;
use crate::batch::{Batch, Seen};
use crate::commit::{Commit, Committer, FAILED, HEALTHY};
use crate::error::StoreError;

/// How many locks the keys share.
const STRIPES: usize = 256;

/// A store of clear keys and opaque bytes. Cheap to clone; when the last clone is dropped, what waits is
/// committed and the committer thread ends.
#[derive(Clone)]
pub struct Storage {
    shared: Arc<Shared>,
}

struct Shared {
    committer: Arc<Committer>,
    stripes: Vec<Mutex<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Whether the store takes commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// The last commit was made, or there was none.
    Healthy,
    /// The last commit failed, and the store is just being reopened and checked.
    Suspect,
    /// It did not come back from a reopening, or had lost an acknowledged commit: it takes nothing any more. The server seals.
    Failed,
}

/// Orders the writers of one key from their read to their commit call. Not `Send`: never held over an await.
pub struct KeyLock<'a> {
    _guard: Option<MutexGuard<'a, ()>>,
}

impl Storage {
    /// Starts the committer thread of a back end.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(backend: impl Backend) -> std::io::Result<Self> {
        let committer = Arc::new(Committer::new(Box::new(backend)));
        let worker = Arc::clone(&committer);
        let thread =
            std::thread::Builder::new().name("onrecord-commit".to_owned()).spawn(move || worker.run())?;
        let stripes = std::iter::repeat_with(Mutex::default).take(STRIPES).collect();
        Ok(Self { shared: Arc::new(Shared { committer, stripes, thread: Some(thread) }) })
    }

    /// The name of the kind of storage, as `sys/seal-status` gives it: `inmem`, `file`.
    pub fn kind(&self) -> &'static str {
        self.shared.committer.backend.kind()
    }

    /// Whether it takes commits. After a refused commit, a server asks and seals on [`Health::Failed`].
    pub fn health(&self) -> Health {
        match self.shared.committer.health() {
            HEALTHY => Health::Healthy,
            FAILED => Health::Failed,
            _ => Health::Suspect,
        }
    }

    /// The stored bytes, as of the last acknowledged commit or later.
    pub fn read(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.backend()?.read(key)?)
    }

    /// The stored bytes as the batches on their way will leave them, for a batch that depends on them and
    /// requires what was [`Seen`]. Never for an answer: they may yet be refused.
    pub fn latest(&self, key: &str) -> Result<Seen, StoreError> {
        let backend = self.backend()?;
        let stored = match self.shared.committer.pending(key) {
            Some(pending) => pending,
            None => backend.read(key)?.map(Arc::from),
        };
        Ok(Seen { key: key.to_owned(), stored })
    }

    /// Orders writers that read, decide and commit: hold it from [`Storage::latest`] to the return of
    /// [`Storage::commit`]. Keys share locks: holding two at once can deadlock.
    pub fn lock(&self, key: &str) -> KeyLock<'_> {
        // FNV-1a: any spread will do, and it must be the same for all.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let stripe = usize::try_from(hash % STRIPES as u64).unwrap_or(0);
        let guard =
            self.shared.stripes.get(stripe).map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner));
        KeyLock { _guard: guard }
    }

    /// The direct children of the folder `prefix` (empty, or ending in `/`) after the child `after` (empty:
    /// from the first), at most `limit`, sorted; sub-folders end in `/`.
    pub fn list(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        crate::key::check_folder(prefix)?;
        Ok(self.backend()?.list(prefix, after, limit)?)
    }

    /// The whole keys below `prefix` after the whole key `after` (empty: from the first), at most `limit`,
    /// sorted.
    pub fn keys(&self, prefix: &str, after: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        Ok(self.backend()?.keys(prefix, after, limit)?)
    }

    /// Puts a batch in line and returns at once; the batch's place in the order is taken by this call. The
    /// answer comes when it is durable, or refused.
    pub fn commit(&self, batch: Batch) -> Commit {
        self.shared.committer.submit(batch)
    }

    fn backend(&self) -> Result<&dyn Backend, StoreError> {
        if self.shared.committer.health() == FAILED {
            return Err(StoreError::Failed);
        }
        Ok(&*self.shared.committer.backend)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.committer.close();
        if let Some(thread) = self.thread.take() {
            // A waker may own the last handle, and wakers run on the committer thread.
            if thread.thread().id() != std::thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage of kind {:?}", self.kind())
    }
}
