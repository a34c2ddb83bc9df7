//! A kind of engine, as one row: name, version, how it is mounted, its paths and how it is made; and the table of all
//! kinds of a server. Never in it: the rows of the built-in table (`kinds`).

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use crate::engine::mount::LOGINS;
use crate::engine::{AnyEngine, Engine, Space, Tune};
use crate::outcome::Refusal;
use crate::routes::Route;

/// A kind of engine.
#[must_use]
pub struct EngineKind {
    /// `type` of a mount: `kv`.
    pub name: &'static str,
    /// The version that the option `version` selects; empty if the kind has only one.
    pub version: &'static str,
    /// How it comes to be mounted.
    pub mounting: Mounting,
    /// What it is for, in one line.
    pub synopsis: &'static str,
    /// Makes an engine of this kind over its part of the store.
    pub(crate) open: fn(Arc<Space>) -> Opening,
    /// Finds the path that takes a path below the mount.
    pub(crate) find: fn(&str) -> Option<Found>,
    route: fn(usize) -> Option<&'static Route>,
}

/// How a kind of engine is mounted.
pub enum Mounting {
    /// As a secrets engine, through `sys/mounts`.
    Secrets,
    /// As a login method below `auth/`, through `sys/auth`. What its handlers return can log a client in.
    Login,
    /// Once, from the first start on; it stays.
    Builtin(Builtin),
}

/// Where and how a built-in engine is mounted.
pub struct Builtin {
    /// `sys/`.
    pub path: &'static str,
    /// What listings say of it.
    pub description: &'static str,
    /// Its part of the store, if not one named after the mount.
    pub folder: Option<&'static str>,
    /// Echoed only.
    pub local: bool,
    /// Echoed only.
    pub seal_wrap: bool,
    /// The settings it begins with.
    pub tune: fn() -> Tune,
}

impl EngineKind {
    /// The row of an engine.
    pub const fn new<E: Engine>(name: &'static str, mounting: Mounting, synopsis: &'static str) -> Self {
        Self {
            name,
            version: "",
            mounting,
            synopsis,
            open: |space| Box::pin(async move { Ok(Arc::new(E::open(space).await?) as Arc<dyn AnyEngine>) }),
            find: |path| {
                let mut rows = E::PATHS.iter().map(|path| &path.route).enumerate();
                rows.find_map(|(number, row)| Some((number, row, row.matches(path)?)))
            },
            route: |number| E::PATHS.get(number).map(|path| &path.route),
        }
    }

    /// One of several versions of the kind. The first in the table is the default.
    pub const fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// All its paths.
    pub fn routes(&self) -> impl Iterator<Item = &'static Route> {
        (0..).map_while(self.route)
    }

    /// Whether it is part of the server: always there, and not to be removed.
    pub const fn is_builtin(&self) -> bool {
        matches!(self.mounting, Mounting::Builtin(_))
    }

    /// Whether what its paths capture are names, of which another spelling may mean the same. Paths of a secrets engine
    /// are keys: each spelling is a key of its own.
    pub(crate) const fn paths_are_names(&self) -> bool {
        match &self.mounting {
            Mounting::Secrets => false,
            Mounting::Login => true,
            Mounting::Builtin(builtin) => builtin.folder.is_none(),
        }
    }

    /// `kv-v2`: a name for this version alone.
    fn is_versioned_name(&self, name: &str) -> bool {
        let version = name.strip_prefix(self.name).and_then(|rest| rest.strip_prefix("-v"));
        !self.version.is_empty() && version == Some(self.version)
    }
}

/// A path of a kind: its number, its row, and what it captures of the path that it takes.
type Found = (usize, &'static Route, Range<usize>);
type Opening = Pin<Box<dyn Future<Output = Result<Arc<dyn AnyEngine>, Refusal>> + Send>>;

/// Why a table has no such kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// None has the name.
    Name,
    /// It has no such version. Its name.
    Version(&'static str),
}

/// The kinds of engine of a server.
#[derive(Clone)]
pub struct Kinds(Vec<&'static EngineKind>);

impl Kinds {
    /// A table of these kinds.
    pub fn new(kinds: &[&'static EngineKind]) -> Self {
        Self(kinds.to_vec())
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, kind: &'static EngineKind) -> Self {
        self.0.push(kind);
        self
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &'static EngineKind> {
        self.0.iter().copied()
    }

    /// The kind that a client asks for by name and option `version`, among those that `may` be mounted so.
    pub(crate) fn asked_for(
        &self,
        name: &str,
        version: Option<&str>,
        may: impl Fn(&EngineKind) -> bool,
    ) -> Result<&'static EngineKind, Unknown> {
        let mut known = None;
        for kind in self.iter().filter(|kind| may(kind)) {
            let versioned = kind.is_versioned_name(name);
            if !versioned && kind.name != name {
                continue;
            }
            known = Some(kind.name);
            if version.is_none_or(|version| version == kind.version || (version.is_empty() && !versioned)) {
                return Ok(kind);
            }
        }
        Err(known.map_or(Unknown::Name, Unknown::Version))
    }

    /// The kind of a stored mount: the version it was made with, or the default one.
    pub(crate) fn stored(&self, name: &str, version: &str) -> Option<&'static EngineKind> {
        self.iter().find(|kind| kind.name == name && kind.version == version).or_else(|| self.default(name))
    }

    /// Whether a value of the option `version` stands for this kind.
    pub(crate) fn is_version(&self, kind: &EngineKind, value: &str) -> bool {
        let default = || self.default(kind.name).is_some_and(|first| first.version == kind.version);
        value == kind.version || (value.is_empty() && default())
    }

    /// Whether a built-in login method has this name.
    pub(crate) fn builtin_login(&self, name: &str) -> bool {
        let login = |kind: &EngineKind| matches!(&kind.mounting, Mounting::Builtin(at) if at.path.starts_with(LOGINS));
        self.iter().any(|kind| kind.name == name && login(kind))
    }

    /// The default version of a kind: the first in the table.
    pub(crate) fn default(&self, name: &str) -> Option<&'static EngineKind> {
        self.iter().find(|kind| kind.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;

    fn asked_for(name: &str, version: Option<&str>) -> Result<(&'static str, &'static str), Unknown> {
        let mountable = |kind: &EngineKind| !kind.is_builtin();
        kinds::builtin().asked_for(name, version, mountable).map(|kind| (kind.name, kind.version))
    }

    #[test]
    fn a_version_is_asked_for_by_option_or_by_name_and_the_first_is_the_default() {
        assert_eq!(asked_for("kv", None), Ok(("kv", "1")));
        assert_eq!(asked_for("kv", Some("")), Ok(("kv", "1")));
        assert_eq!(asked_for("kv", Some("2")), Ok(("kv", "2")));
        assert_eq!(asked_for("kv-v2", None), Ok(("kv", "2")));
        assert_eq!(asked_for("kv-v1", Some("1")), Ok(("kv", "1")));
        for (name, version) in [("kv", "3"), ("kv-v2", "1"), ("kv-v1", ""), ("kv-v1", "2")] {
            assert_eq!(asked_for(name, Some(version)), Err(Unknown::Version("kv")), "{name} {version}");
        }
        assert_eq!(asked_for("kv-v3", None), Err(Unknown::Name));
        assert_eq!(asked_for("system", None), Err(Unknown::Name));
    }

    #[test]
    fn no_path_is_hidden_by_an_earlier_one_and_each_has_a_synopsis() {
        for kind in kinds::builtin().iter() {
            for route in kind.routes() {
                let path = route.template().0.replace(['{', '}'], "");
                let (_, taken, _) = (kind.find)(&path).unwrap_or_else(|| panic!("{}", route.pattern()));
                assert_eq!(taken.pattern(), route.pattern(), "{}", kind.name);
                assert!(!route.synopsis.is_empty(), "{} {}", kind.name, route.pattern());
                assert!(route.operations().next().is_some(), "{} {}", kind.name, route.pattern());
            }
        }
    }
}
