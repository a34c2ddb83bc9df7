//! The kinds of storage: a row for each, the table of them by name, and the way from a kind and its options to a back end.
//! Never in it: a kind.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::Backend;
use super::embedded::restore::{Restore, Restored, Step};

/// A kind of storage: a row of the table of kinds. A kind of another crate is added by
/// [`BackendKinds::with`].
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

    /// Puts a snapshot in the place of the data, while no server uses it. `step` hears of each step before it is made, and may
    /// end it there.
    ///
    /// # Errors
    /// Nothing was restored, except with `RestoreError::NotSynced`. This kind of storage is not restored from snapshots, unless
    /// it implements this.
    fn restore(
        &self,
        _wanted: &Restore,
        _step: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Restored, Box<dyn Error + Send + Sync>> {
        Err("this kind of storage is not restored from snapshots".into())
    }

    /// Checks everything that is stored, as far as that can be done without keys, without changing anything. `progress` is
    /// told the bytes done and all bytes. It may take long.
    fn check_data(&self, _progress: &mut dyn FnMut(u64, u64)) -> Vec<DataFinding> {
        let detail = "the data of this kind of storage cannot be checked".to_owned();
        vec![DataFinding { check: "storage: data", status: CheckStatus::Warn, detail }]
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
pub struct GivenOptions(BTreeMap<String, String>);

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

/// A check of what is stored, and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFinding {
    /// What was checked.
    pub check: &'static str,
    /// The result.
    pub status: CheckStatus,
    /// What was found.
    pub detail: String,
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

/// The kinds of storage that a configuration can choose, by name.
#[derive(Clone)]
pub struct BackendKinds(BTreeMap<&'static str, &'static BackendKind>);

impl fmt::Debug for BackendKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl BackendKinds {
    /// No kinds.
    pub(super) const fn empty() -> Self {
        Self(BTreeMap::new())
    }

    /// These kinds and one more, in the place of another of the same name.
    #[must_use]
    pub fn with(mut self, kind: &'static BackendKind) -> Self {
        self.0.insert(kind.name, kind);
        self
    }

    /// All kinds, by name.
    pub fn iter(&self) -> impl Iterator<Item = &'static BackendKind> {
        self.0.values().copied()
    }

    /// The kind of a name.
    pub fn get(&self, name: &str) -> Result<&'static BackendKind, OptionError> {
        self.0.get(name).copied().ok_or_else(|| {
            let mut known: Vec<String> = self.iter().map(describe).collect();
            let last = known.pop().unwrap_or_default();
            OptionError::UnknownKind(name.to_owned(), format!("{} and {last}", known.join(", ")))
        })
    }

    /// Reads the options of a storage of the kind `name`.
    pub fn parse(&self, name: &str, options: BTreeMap<String, String>) -> Result<BackendConfig, OptionError> {
        let kind = self.get(name)?;
        let given = GivenOptions(options);
        let is_missing = |option: &&BackendOption| option.required && given.text(option.key).is_empty();
        if let Some(missing) = kind.options.iter().find(is_missing) {
            return Err(OptionError::Missing(kind.name, *missing));
        }
        Ok(BackendConfig { kind, target: (kind.parse)(&given)?, given })
    }
}

/// The name of a kind and what it needs.
fn describe(kind: &BackendKind) -> String {
    let required = kind.options.iter().filter(|option| option.required);
    let needs: Vec<String> = required.map(|option| format!("a {}", option.key)).collect();
    if needs.is_empty() {
        format!("{:?}", kind.name)
    } else {
        format!("{:?} (with {})", kind.name, needs.join(" and "))
    }
}

/// A storage as a configuration chooses it: the kind, and its options understood. Two are equal if their kinds and options
/// are.
#[derive(Clone)]
pub struct BackendConfig {
    /// Its kind.
    pub kind: &'static BackendKind,
    given: GivenOptions,
    /// Where its data is.
    pub target: Arc<dyn BackendTarget>,
}

impl PartialEq for BackendConfig {
    fn eq(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name && self.given == other.given
    }
}

impl fmt::Display for BackendConfig {
    /// The kind, and its directory if it has one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name)?;
        self.target.directory().map_or(Ok(()), |directory| write!(f, " ({})", directory.display()))
    }
}

impl fmt::Debug for BackendConfig {
    /// Without the options: they may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
