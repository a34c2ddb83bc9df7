//! The contract of a storage back end: the narrow seam below the committer. Never in it: queues, threads,
//! encryption.

use std::ops::ControlFlow;

use crate::batch::Batch;
use crate::error::{BackendError, Conflict};
use crate::read::{Read, block_on};
use crate::snapshot::Records;
use crate::table_digests::TableDigests;

pub mod embedded;
#[cfg(feature = "test-support")]
pub mod far;
mod kind;
#[cfg(feature = "test-support")]
pub mod lossy;
pub mod memory;
mod with_digests;

pub use kind::{
    BackendConfig, BackendKind, BackendKinds, BackendOption, BackendTarget, CheckStatus, DataFinding,
    GivenOptions, OptionError,
};

/// How many keys [`Backend::for_each`] asks for at once.
const PAGE: usize = 1024;

/// Is shown keys and what is stored there, and says whether it wants more.
pub type Visitor<'a> = &'a mut dyn FnMut(&str, &[u8]) -> ControlFlow<()>;

/// A durable ordered map from keys to bytes. Keys are ordered by their bytes. Reads may come from any number
/// of threads at any time, and many at once; a back end that holds its data answers [`Read::Ready`], one that
/// asks elsewhere [`Read::Pending`], and brings what its futures need (a client, a thread, a runtime). Commits
/// and reopenings come from one thread, one at a time, and may block it.
pub trait Backend: Send + Sync + 'static {
    /// The name of this kind of storage, as `sys/seal-status` gives it.
    fn kind(&self) -> &'static str;

    /// What is stored at `key`: all of every commit that has returned, nothing of one that has failed.
    fn read(&self, key: &str) -> Read<'_, Result<Option<Vec<u8>>, BackendError>>;

    /// The children of the folder `prefix` that come after the child `after` (empty: from the first), at
    /// most `limit`, sorted. A child with keys below it ends in `/`; a key that is both is two children.
    fn list(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>>;

    /// The whole keys that begin with `prefix` and come after the whole key `after` (empty: from the
    /// first), at most `limit`, sorted.
    fn keys(&self, prefix: &str, after: &str, limit: usize) -> Read<'_, Result<Vec<String>, BackendError>>;

    /// Makes all batches durable, in order, in one transaction, and says for each whether its preconditions
    /// held; a batch sees the changes of those before it. After an error nothing is known about any.
    fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<(), Conflict>>, BackendError>;

    /// All records as they are now, for a snapshot. What is committed later does not show.
    ///
    /// # Errors
    /// This kind of storage makes no snapshots, unless it implements this.
    fn records(&self) -> Result<Box<dyn Records>, BackendError> {
        Err(BackendError::new("snapshot", format!("storage {:?} makes no snapshots", self.kind())))
    }

    /// What restorations have left beside the values, for the record: an id and a note each.
    fn restorations(&self) -> Result<Vec<(String, Vec<u8>)>, BackendError> {
        Ok(Vec::new())
    }

    /// Removes the note of a restoration. It may be called beside a commit.
    fn forget_restoration(&self, _id: &str) -> Result<(), BackendError> {
        Ok(())
    }

    /// As [`Backend::commit`], and tells `digests` what is changed; its record is stored in the same transaction. A back end
    /// that can see the old values while it commits does this in its own way.
    fn commit_with_digests(
        &self,
        batches: &[Batch],
        digests: &mut TableDigests,
    ) -> Result<Vec<Result<(), Conflict>>, BackendError> {
        with_digests::commit(self, batches, digests)
    }

    /// Shows every key that begins with `prefix`, in order, and what is stored there, until the visitor has seen enough. May
    /// block the thread; no commit is made meanwhile.
    fn for_each(&self, prefix: &str, visit: Visitor<'_>) -> Result<ControlFlow<()>, BackendError> {
        let mut after = String::new();
        loop {
            let page = block_on(self.keys(prefix, &after, PAGE))?;
            for key in &page {
                if let Some(value) = block_on(self.read(key))?
                    && visit(key, &value).is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
            }
            let Some(last) = page.into_iter().next_back() else { return Ok(ControlFlow::Continue(())) };
            after = last;
        }
    }

    /// How many keys have a value, if that is known without reading them.
    fn count(&self) -> Result<Option<u64>, BackendError> {
        Ok(None)
    }

    /// Whether a check of everything that is stored is quick enough for a start.
    fn is_small(&self) -> bool {
        true
    }

    /// Opens the store again after a failed commit and checks that it is whole.
    fn reopen(&self) -> Result<(), BackendError>;
}

impl Default for BackendKinds {
    fn default() -> Self {
        Self::empty().with(&embedded::KIND).with(&memory::KIND)
    }
}

/// Walks the direct children of a folder over an ordered iterator of keys, jumping over what lies below a
/// sub-folder. `from` opens an iterator at the first key not below its argument.
fn children<I, E>(
    prefix: &str,
    after: &str,
    limit: usize,
    mut from: impl FnMut(&str) -> Result<I, E>,
) -> Result<Vec<String>, E>
where
    I: Iterator<Item = Result<String, E>>,
{
    let mut found = Vec::new();
    let mut keys = from(&start(prefix, after))?;
    while found.len() < limit {
        let Some(key) = keys.next() else { break };
        let key = key?;
        let Some(rest) = key.strip_prefix(prefix) else { break };
        if let Some(end) = rest.find('/') {
            let folder = rest.get(..=end).unwrap_or(rest);
            keys = from(&start(prefix, folder))?;
            found.push(folder.to_owned());
        } else {
            found.push(rest.to_owned());
        }
    }
    Ok(found)
}

/// The first text that is after the child `after` of `prefix`, and after all below it if it is a folder.
fn start(prefix: &str, after: &str) -> String {
    match after.strip_suffix('/') {
        // '0' follows '/' in ASCII.
        Some(folder) => format!("{prefix}{folder}0"),
        None if after.is_empty() => prefix.to_owned(),
        None => format!("{prefix}{after}\0"),
    }
}

/// Takes the keys that begin with `prefix` and come after `after` from an ordered iterator.
fn below<I, E>(
    prefix: &str,
    after: &str,
    limit: usize,
    from: impl FnOnce(&str) -> Result<I, E>,
) -> Result<Vec<String>, E>
where
    I: Iterator<Item = Result<String, E>>,
{
    let first = if after < prefix { prefix.to_owned() } else { format!("{after}\0") };
    from(&first)?
        .take(limit)
        .take_while(|key| key.as_ref().map_or(true, |key| key.starts_with(prefix)))
        .collect()
}
