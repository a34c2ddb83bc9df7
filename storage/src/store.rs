//! The handle of a store: reads beside the committer, commits through it. Never in it: encryption.

use std::error::Error;
use std::sync::Arc;
use std::thread::JoinHandle;

use onrecord_seal::MacKey;

use crate::backend::{Backend, BackendConfig};
use crate::batch::{Batch, Seen};
use crate::commit::{Commit, Committer};
use crate::error::{BackendError, StoreError, TablesError};
use crate::key_lock::{KeyLock, KeyLocks};
use crate::read::Read;
use crate::table_check;
use crate::table_digests::{TABLES, TableDigests};

/// A store of clear keys and opaque bytes. Cheap to clone; when the last clone is dropped, what waits is
/// committed and the committer thread ends.
#[derive(Clone)]
pub struct Storage {
    shared: Arc<Shared>,
}

struct Shared {
    committer: Arc<Committer>,
    locks: KeyLocks,
    thread: Option<JoinHandle<()>>,
}

impl Storage {
    /// Starts the committer thread of a back end.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(backend: impl Backend) -> std::io::Result<Self> {
        Self::start_committer(Box::new(backend))
    }

    /// Opens the back end that a configuration chooses, and starts its committer thread.
    pub fn open(config: &BackendConfig) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self::start_committer(config.target.open()?)?)
    }

    fn start_committer(backend: Box<dyn Backend>) -> std::io::Result<Self> {
        let committer = Arc::new(Committer::new(backend));
        let worker = Arc::clone(&committer);
        let thread =
            std::thread::Builder::new().name("onrecord-commit".to_owned()).spawn(move || worker.run())?;
        let shared = Shared { committer, locks: KeyLocks::default(), thread: Some(thread) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The name of the kind of storage, as `sys/seal-status` gives it: `inmem`, `file`.
    pub fn kind(&self) -> &'static str {
        self.shared.committer.backend.kind()
    }

    /// Whether it takes nothing any more: after a failed commit it could not be reopened, or had lost an acknowledged one.
    /// A server asks after a refused commit, and seals.
    pub fn has_failed(&self) -> bool {
        self.shared.committer.has_failed()
    }

    /// The stored bytes, as of the last acknowledged commit or later.
    pub fn read(&self, key: &str) -> Read<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.ask(|backend| backend.read(key))
    }

    /// The stored bytes as the batches on their way will leave them, for a batch that depends on them and
    /// requires what was [`Seen`]. Never for an answer: they may yet be refused.
    pub fn latest(&self, key: &str) -> Read<'_, Result<Seen, StoreError>> {
        match self.shared.committer.pending(key) {
            Some(stored) => Read::Ready(Ok(Seen { key: key.to_owned(), stored })),
            None => self.seen(key),
        }
    }

    /// The stored bytes, as of the last acknowledged commit or later, for a batch that requires what was [`Seen`].
    pub(crate) fn seen(&self, key: &str) -> Read<'_, Result<Seen, StoreError>> {
        let seen = Seen { key: key.to_owned(), stored: None };
        self.read(key).map(|stored| Ok(Seen { stored: stored?.map(Arc::from), ..seen }))
    }

    /// Whether a batch on its way changes a key.
    pub(crate) fn is_pending(&self, key: &str) -> bool {
        self.shared.committer.pending(key).is_some()
    }

    /// Orders writers that read, decide and commit: hold it from [`Storage::latest`] to the return of
    /// [`Storage::commit`], not until the commit is durable. First come, first served. Never hold two at once:
    /// two tasks could wait for each other.
    pub async fn lock(&self, key: &str) -> KeyLock<'_> {
        self.shared.locks.acquire(key).await
    }

    /// The direct children of the folder `prefix` (empty, or ending in `/`) after the child `after` (empty:
    /// from the first), at most `limit`, sorted; sub-folders end in `/`.
    pub fn list(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, StoreError>> {
        match crate::key::check_folder(prefix) {
            Ok(()) => self.ask(|backend| backend.list(prefix, after, limit)),
            Err(error) => Read::Ready(Err(error.into())),
        }
    }

    /// The whole keys below `prefix` after the whole key `after` (empty: from the first), at most `limit`,
    /// sorted.
    pub fn keys(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, StoreError>> {
        self.ask(|backend| backend.keys(prefix, after, limit))
    }

    /// The back end, unless it has failed.
    pub(crate) fn backend(&self) -> Result<&dyn Backend, StoreError> {
        if self.has_failed() { Err(StoreError::Failed) } else { Ok(&*self.shared.committer.backend) }
    }

    /// Puts a batch in line and returns at once; the batch's place in the order is taken by this call. The
    /// answer comes when it is durable, or refused.
    pub fn commit(&self, batch: Batch) -> Commit {
        self.shared.committer.submit(batch)
    }

    /// Keeps the stored digests of the tables up to date from now on, in each transaction.
    pub(crate) async fn load_digests(&self, key: &MacKey) -> Result<(), TablesError> {
        let record = self.shared.committer.backend.read(TABLES).await?.ok_or(TablesError::Missing)?;
        let loaded = TableDigests::load(key, &record).ok_or(TablesError::Unreadable)?;
        // Those that are kept up to date already are newer: a transaction may be under way.
        let mut digests = self.shared.committer.digests();
        if digests.as_ref().is_none_or(|digests| digests.reload(&record).is_none()) {
            *digests = Some(loaded);
        }
        Ok(())
    }

    /// Takes over the stored digests, which another process has changed.
    pub(crate) async fn reload_digests(&self) -> Result<(), TablesError> {
        let record = self.shared.committer.backend.read(TABLES).await?.ok_or(TablesError::Missing)?;
        if let Some(digests) = &mut *self.shared.committer.digests() {
            *digests = digests.reload(&record).ok_or(TablesError::Unreadable)?;
        }
        Ok(())
    }

    /// Counts everything that is stored now, and keeps the digests up to date from now on, in each transaction. Blocks the
    /// thread.
    pub(crate) fn count_digests(&self, key: &MacKey) -> Result<(), BackendError> {
        let mut digests = self.shared.committer.digests();
        *digests = Some(table_check::count(&*self.shared.committer.backend, key)?);
        Ok(())
    }

    /// Keeps no digests any more: those of a key that was not stored.
    pub(crate) fn drop_digests(&self) {
        *self.shared.committer.digests() = None;
    }

    /// Compares what is stored with its digests. Returns the tables that are too large for that. Blocks the thread, and
    /// commits wait.
    pub(crate) fn check_tables(&self) -> Result<Vec<String>, TablesError> {
        let digests = self.shared.committer.digests();
        let stored = digests.as_ref().ok_or(TablesError::Missing)?;
        table_check::check(stored, &*self.shared.committer.backend)
    }

    fn ask<'a, T: 'a>(
        &'a self,
        ask: impl FnOnce(&'a dyn Backend) -> Read<'a, Result<T, BackendError>>,
    ) -> Read<'a, Result<T, StoreError>> {
        if self.has_failed() {
            return Read::Ready(Err(StoreError::Failed));
        }
        ask(&*self.shared.committer.backend).map(|answer| answer.map_err(StoreError::from))
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
