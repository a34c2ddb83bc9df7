//! The kinds of storage by name, and the way from a kind and its options to a back end. Kinds that are written in other
//! crates are added to the built-in ones.
//! Never in it: what a kind is ([`BackendKind`]), or what its options mean.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::kind::{BackendKind, BackendOption, BackendTarget, GivenOptions, OptionError};
use super::{embedded, memory};

/// The kinds of storage that a configuration can choose, by name.
#[derive(Clone)]
pub struct BackendKinds(BTreeMap<&'static str, &'static BackendKind>);

impl Default for BackendKinds {
    /// The built-in kinds.
    fn default() -> Self {
        Self(BTreeMap::new()).with(&embedded::KIND).with(&memory::KIND)
    }
}

impl fmt::Debug for BackendKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl BackendKinds {
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
