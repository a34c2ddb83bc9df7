//! Why a directory is not opened as a store, and what to do about it. Never in it: finding out.

use std::io;
use std::path::PathBuf;

use super::newest_commit::FILE as NEWEST;
use super::{FILE, FORMAT};
use crate::error::REMEDY;

/// Why a directory was not opened as a store.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the storage directory {}: {problem}", directory.display())]
#[non_exhaustive]
pub struct OpenError {
    /// The directory.
    pub directory: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

/// What can be wrong with a store's directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Another process has it.
    #[error("another process is using it")]
    InUse,
    /// A version that this one does not know wrote it, in this format.
    #[error("it has format {0}, written by a newer version; this one knows {FORMAT}")]
    Format(u64),
    /// Its file is not as the engine has written it: what the engine says.
    #[error("the file {FILE} is damaged ({0}); {REMEDY}")]
    Damaged(String),
    /// Its file lacks commits that were acknowledged.
    #[error(
        "the file {FILE} is damaged or an older copy: its last commit is number {found}, but commit {noted} was \
         acknowledged; {REMEDY}. If the older copy is meant, remove the file {NEWEST} beside it"
    )]
    Behind {
        /// The number of the last commit that it has.
        found: u64,
        /// That of the last one that was acknowledged.
        noted: u64,
    },
    /// The file that says which commit was the newest cannot be read.
    #[error(
        "the file {NEWEST} is damaged: whether {FILE} lacks commits is not known; if {FILE} is known to be whole, \
         remove {NEWEST}, else {REMEDY}"
    )]
    Newest,
    /// The system refuses it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The engine refuses it.
    #[error("{0}")]
    Engine(#[source] redb::Error),
}

impl From<redb::Error> for Problem {
    /// What says that the contents of the file are wrong is damage: the operator can do something about it, and trying again
    /// is of no use. A failure of the system stays what it is.
    fn from(error: redb::Error) -> Self {
        use redb::Error;
        match error {
            Error::Corrupted(what) => Self::Damaged(what),
            Error::Io(error) if is_about_contents(&error) => Self::Damaged(error.to_string()),
            // No version of ours wrote an older format of the engine, and none has tables of other types.
            Error::UpgradeRequired(_)
            | Error::TableTypeMismatch { .. }
            | Error::TableIsMultimap(_)
            | Error::TableIsNotMultimap(_)
            | Error::TypeDefinitionChanged { .. }
            | Error::TableDoesNotExist(_) => Self::Damaged(error.to_string()),
            error => Self::Engine(error),
        }
    }
}

/// Whether an error of reading is one of what was read: the file ends too soon, or is not one of the engine's.
fn is_about_contents(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

impl From<redb::DatabaseError> for Problem {
    fn from(error: redb::DatabaseError) -> Self {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => Self::InUse,
            error => redb::Error::from(error).into(),
        }
    }
}
