//! The capabilities, the operations, and the capability that each operation needs.
//! Never in it: paths.

/// The capabilities with their words, sorted.
macro_rules! capabilities {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// A right on a path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Capability {
            $($(#[$doc])* $name,)*
        }

        impl Capability {
            /// All of them, sorted by name.
            pub const ALL: [Self; 9] = [$(Self::$name,)*];

            /// The word in policies and answers.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// The capability of a word.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($word => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

capabilities! {
    /// Write to a path that does not exist yet.
    Create = "create",
    /// Remove.
    Delete = "delete",
    /// Nothing, even if another rule for the same path allows it.
    Deny = "deny",
    /// Enumerate keys.
    List = "list",
    /// Merge into the data of a path that exists.
    Patch = "patch",
    /// Read.
    Read = "read",
    /// Enumerate keys at any depth.
    Scan = "scan",
    /// Use paths that require it beside their own capability.
    Sudo = "sudo",
    /// Write to a path that exists.
    Update = "update",
}

/// The operation of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Write to a path that does not exist yet.
    Create,
    /// Remove.
    Delete,
    /// An HTTP `HEAD`: only the root policy allows it.
    Header,
    /// Ask for the description of a path: always allowed.
    Help,
    /// Enumerate keys.
    List,
    /// Merge into the data of a path that exists.
    Patch,
    /// Read.
    Read,
    /// Enumerate keys at any depth.
    Scan,
    /// Write to a path that exists.
    Update,
}

impl Operation {
    pub(crate) const fn needs(self) -> Option<Capability> {
        Some(match self {
            Self::Create => Capability::Create,
            Self::Delete => Capability::Delete,
            Self::List => Capability::List,
            Self::Patch => Capability::Patch,
            Self::Read => Capability::Read,
            Self::Scan => Capability::Scan,
            Self::Update => Capability::Update,
            Self::Header | Self::Help => return None,
        })
    }

    /// Whether it enumerates: then its path may end in a slash that the rule does not have.
    pub(crate) const fn enumerates(self) -> bool {
        matches!(self, Self::List | Self::Scan)
    }

    pub(crate) const fn has_parameters(self) -> bool {
        matches!(self, Self::Create | Self::Patch | Self::Read | Self::Update)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities(u16);

impl Capabilities {
    pub(crate) const DENY: Self = Self(1 << Capability::Deny as u16);

    pub(crate) const fn contains(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u16) != 0
    }

    pub(crate) const fn insert(&mut self, capability: Capability) {
        self.0 |= 1 << capability as u16;
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn allows(self) -> bool {
        self.0 & !Self::DENY.0 != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.contains(*capability))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        let mut set = Self::default();
        capabilities.into_iter().for_each(|capability| set.insert(capability));
        set
    }
}
