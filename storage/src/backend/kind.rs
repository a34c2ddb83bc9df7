//! What a kind of storage is: a row of the table of kinds, and the target that the options of a `storage` stanza lead to.
//! Never in it: a kind.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use super::Backend;

/// A kind of storage: a row of the table of kinds. A kind of another crate is added by
/// [`BackendKinds::with`](super::BackendKinds::with).
pub struct BackendKind {
    /// The name by which a `storage` stanza chooses it, such as `file`.
    pub name: &'static str,
    /// What such a storage does, for people: a sentence without its subject, such as "Keeps the data in memory."
    pub about: &'static str,
    /// The keys of its stanza. Others are ignored with a warning.
    pub options: &'static [BackendOption],
    /// Whether the data is still there after the process has ended.
    pub is_durable: bool,
    /// Reads the options. The required ones are there.
    pub parse: fn(&GivenOptions) -> Result<Arc<dyn BackendTarget>, OptionError>,
}

/// Where the data is: a kind's own options, understood.
pub trait BackendTarget: Send + Sync {
    /// Opens the back end, and makes it if there is none yet. Called on a thread that may block.
    fn open(&self) -> Result<Box<dyn Backend>, Box<dyn Error + Send + Sync>>;

    /// The directory that is its own: shown when the server starts, and kept out of the reach of audit devices that are
    /// enabled through the API.
    fn directory(&self) -> Option<&Path> {
        None
    }

    /// Whether anything was ever stored there. Only asked if the kind is durable.
    fn has_data(&self) -> bool {
        true
    }

    /// Finds out whether [`open`](Self::open) would work now, without changing anything.
    fn check(&self) -> (CheckStatus, String) {
        (CheckStatus::Warn, "this kind of storage is not checked before the server starts".to_owned())
    }
}

/// A key of the stanza of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendOption {
    /// The key.
    pub key: &'static str,
    /// What it says, for people: a phrase such as "the directory of its data".
    pub about: &'static str,
    /// Whether the stanza must have it.
    pub required: bool,
}

/// The options that a stanza gives, as text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct GivenOptions(pub(super) BTreeMap<String, String>);

impl GivenOptions {
    /// The text of an option; empty if it is not given.
    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }
}

/// Why a stanza is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// No kind has the name; which names there are, for people.
    #[error("unknown storage {0:?}: there are {1}")]
    UnknownKind(String, String),
    /// The stanza of a kind lacks an option, or it is empty.
    #[error("storage {0:?} needs a {key}: {about}", key = .1.key, about = .1.about)]
    Missing(&'static str, BackendOption),
    /// The value of an option is wrong; the text names both.
    #[error("{0}")]
    BadValue(String),
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStatus {
    /// The check found no problem.
    Ok,
    /// The server would start, but something is wrong or could not be checked.
    Warn,
    /// The server would not start, or this part of it would not work.
    Fail,
}

impl CheckStatus {
    /// `ok`, `warn`, `fail`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}
