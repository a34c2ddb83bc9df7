//! What a kind of storage is: a row of the table of kinds, and the target that the options of a `storage` stanza lead to.
//! A kind that is written in another crate implements both traits and is registered by its name
//! ([`BackendKinds::with`](super::BackendKinds::with)).
//! Never in it: a kind.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use super::Backend;

/// A kind of storage: its name, and how its options are read.
pub trait BackendKind: Send + Sync {
    /// The name by which a `storage` stanza chooses it, such as `file`.
    fn name(&self) -> &'static str;

    /// What such a storage does, for people: a sentence without its subject, such as "Keeps the data in memory."
    fn about(&self) -> &'static str;

    /// The keys of its stanza. Others are ignored with a warning.
    fn options(&self) -> &'static [BackendOption];

    /// Whether the data is still there after the process has ended.
    fn is_durable(&self) -> bool {
        true
    }

    /// Reads the options. The required ones are there.
    fn parse(&self, given: &GivenOptions) -> Result<Arc<dyn BackendTarget>, OptionError>;
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
#[derive(Debug, Clone, Copy)]
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
    /// No kind has the name.
    #[error("unknown storage {name:?}: there are {known}")]
    UnknownKind {
        /// The name.
        name: String,
        /// The names that exist, for people.
        known: String,
    },
    /// A required option is missing or empty.
    #[error("storage {kind:?} needs a {key}: {about}")]
    Missing {
        /// The name of the kind.
        kind: &'static str,
        /// The option's key.
        key: &'static str,
        /// What it says.
        about: &'static str,
    },
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
