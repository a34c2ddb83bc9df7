//! Batch-commit storage, its back ends, the barrier and prefix views. Never in it: tokens, mounts, HTTP.
//!
//! ```text
//! View      keys below one prefix, in the clear      ┐ encrypts and decrypts in the caller's thread
//!  Barrier  the keyring while unsealed               ┘
//!   Storage one committer thread, group commit, reads beside it
//!    Backend  memory | embedded | a kind of another crate ([`BackendKinds`])
//! ```
//!
//! Whatever must be true together is one [`Batch`]: views add to it, from any number of prefixes, and
//! [`Storage::commit`] makes all of it durable or none. A read after an acknowledged commit sees it.
//!
//! # Changing a value that depends on its old one
//! ```
//! # use std::sync::Arc;
//! # use onrecord_seal::{OsEntropy, SealConfig};
//! # use onrecord_storage::{Barrier, Batch, Storage, StoreError, View, memory::Memory};
//! # fn increment(old: Option<&[u8]>) -> Vec<u8> { vec![old.map_or(0, |o| o[0]) + 1] }
//! # async fn example(view: &View) -> Result<(), Box<dyn std::error::Error>> {
//! let commit = {
//!     let _lock = view.lock("counter").await?;           // others of this key wait their turn
//!     let (old, seen) = view.latest("counter").await?;   // also sees what is still being committed
//!     let mut batch = Batch::new();
//!     batch.require(seen);                               // refused if that did not become durable
//!     view.put(&mut batch, "counter", &increment(old.as_ref().map(|old| old.expose())))?;
//!     view.commit(batch)                                 // takes its place in the order here
//! };
//! commit.await?;                                         // without the lock
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! # let storage = Storage::start(Memory::new()).unwrap();
//! # let barrier = Barrier::new(storage, Arc::new(OsEntropy::new()));
//! # let (_, batch) = barrier.initialize(SealConfig::new(1, 1).unwrap(), 0).await.unwrap();
//! # barrier.commit(batch).await.unwrap();
//! # example(&barrier.view("example/").unwrap()).await.unwrap();
//! # });
//! ```
//! The lock orders the writers of a key up to the moment their batch is queued, not until it is durable, so
//! many writes of one key go out in one transaction. A read of memory or of the embedded store is ready at
//! once ([`Read`]): nothing is allocated for the future, and the task goes on.

pub mod backend;
pub mod barrier;
pub mod batch;
pub mod commit;
pub mod error;
mod fnv;
pub mod key;
pub mod key_lock;
#[cfg(feature = "test-support")]
pub mod old_store;
pub mod read;
pub mod snapshot;
pub mod store;
mod table_check;
pub mod table_digests;
pub mod view;

pub use backend::{Backend, BackendConfig, BackendKinds, Visitor, embedded, memory};
#[cfg(feature = "test-support")]
pub use backend::{far, lossy};
pub use barrier::{Barrier, BarrierError, Digests, Rekey, RekeyError, RotationLimits};
pub use batch::{Batch, Change, Precondition, Seen};
pub use commit::Commit;
pub use error::{BackendError, CommitError, Conflict, REMEDY, StoreError, TablesError};
pub use key::KeyError;
pub use key_lock::KeyLock;
pub use read::Read;
pub use store::Storage;
pub use table_digests::{TableDifference, TableDigests};
pub use view::View;
