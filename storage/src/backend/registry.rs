//! The kinds of storage by name, and the way from a kind and its options to a back end. Kinds that are written in other
//! crates are added to the built-in ones.
//! Never in it: what a kind is ([`BackendKind`]), or what its options mean.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::embedded::EmbeddedKind;
use super::kind::{BackendKind, BackendTarget, GivenOptions, OptionError};
use super::memory::MemoryKind;

/// The kinds of storage that a configuration can choose. Cheap to clone.
#[derive(Clone)]
pub struct BackendKinds {
    kinds: Arc<BTreeMap<&'static str, Arc<dyn BackendKind>>>,
}

impl Default for BackendKinds {
    /// The built-in kinds.
    fn default() -> Self {
        let rows: [Arc<dyn BackendKind>; 2] = [Arc::new(EmbeddedKind), Arc::new(MemoryKind)];
        Self { kinds: Arc::new(rows.into_iter().map(|kind| (kind.name(), kind)).collect()) }
    }
}

impl fmt::Debug for BackendKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds.keys()).finish()
    }
}

impl BackendKinds {
    /// These kinds and one more, in the place of another of the same name.
    #[must_use]
    pub fn with(mut self, kind: impl BackendKind + 'static) -> Self {
        Arc::make_mut(&mut self.kinds).insert(kind.name(), Arc::new(kind));
        self
    }

    /// All kinds, by name.
    pub fn iter(&self) -> impl Iterator<Item = &dyn BackendKind> {
        self.kinds.values().map(|kind| &**kind)
    }

    /// The kind of a name.
    pub fn get(&self, name: &str) -> Result<&Arc<dyn BackendKind>, OptionError> {
        self.kinds.get(name).ok_or_else(|| {
            let known: Vec<String> = self.iter().map(describe).collect();
            let known = match known.split_last() {
                Some((last, [])) => last.clone(),
                Some((last, others)) => format!("{} and {last}", others.join(", ")),
                None => "none".to_owned(),
            };
            OptionError::UnknownKind { name: name.to_owned(), known }
        })
    }

    /// Reads the options of a storage of the kind `name`.
    pub fn parse(&self, name: &str, options: BTreeMap<String, String>) -> Result<BackendConfig, OptionError> {
        let kind = Arc::clone(self.get(name)?);
        let given = GivenOptions(options);
        for option in kind.options() {
            if option.required && given.text(option.key).is_empty() {
                return Err(OptionError::Missing { kind: kind.name(), key: option.key, about: option.about });
            }
        }
        Ok(BackendConfig { target: kind.parse(&given)?, kind, given })
    }
}

/// The name of a kind and what it needs.
fn describe(kind: &dyn BackendKind) -> String {
    let required = kind.options().iter().filter(|option| option.required);
    let needs: Vec<String> = required.map(|option| format!("a {}", option.key)).collect();
    if needs.is_empty() {
        format!("{:?}", kind.name())
    } else {
        format!("{:?} (with {})", kind.name(), needs.join(" and "))
    }
}

/// A storage as a configuration chooses it: the kind, and its options understood. Two are equal if their kinds and options
/// are.
#[derive(Clone)]
pub struct BackendConfig {
    kind: Arc<dyn BackendKind>,
    given: GivenOptions,
    target: Arc<dyn BackendTarget>,
}

impl BackendConfig {
    /// Its kind.
    pub fn kind(&self) -> &dyn BackendKind {
        &*self.kind
    }

    /// Where its data is.
    pub fn target(&self) -> &dyn BackendTarget {
        &*self.target
    }
}

impl PartialEq for BackendConfig {
    fn eq(&self, other: &Self) -> bool {
        self.kind.name() == other.kind.name() && self.given == other.given
    }
}

impl fmt::Display for BackendConfig {
    /// The kind, and its directory if it has one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        self.target.directory().map_or(Ok(()), |directory| write!(f, " ({})", directory.display()))
    }
}

impl fmt::Debug for BackendConfig {
    /// Without the options: they may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
