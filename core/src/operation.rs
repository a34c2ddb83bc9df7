//! What a request asks to be done, in the words of the audit format.
//! Never in it: HTTP methods (the server's) or capabilities (the policy's).

use onrecord_entry::Operation as Entry;
use onrecord_policy::Operation as Policy;

/// The operation of a request, as it stands in `request.operation` of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A write to a key that does not exist yet (only engines with an existence check tell it from an update).
    Create,
    /// Removal of a key.
    Delete,
    /// Description of a path (`?help=1`).
    Help,
    /// An HTTP `HEAD`.
    Header,
    /// Enumeration of keys.
    List,
    /// A merge into an existing key.
    Patch,
    /// A look at a key.
    Read,
    /// A write.
    Update,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Delete,
        Self::Help,
        Self::Header,
        Self::List,
        Self::Patch,
        Self::Read,
        Self::Update,
    ];

    /// The same in the vocabulary of policies and of entries, which have words that no request has.
    const fn in_policies_and_entries(self) -> (Policy, Entry) {
        match self {
            Self::Create => (Policy::Create, Entry::Create),
            Self::Delete => (Policy::Delete, Entry::Delete),
            Self::Help => (Policy::Help, Entry::Help),
            Self::Header => (Policy::Header, Entry::Header),
            Self::List => (Policy::List, Entry::List),
            Self::Patch => (Policy::Patch, Entry::Patch),
            Self::Read => (Policy::Read, Entry::Read),
            Self::Update => (Policy::Update, Entry::Update),
        }
    }

    pub(crate) const fn for_policies(self) -> Policy {
        self.in_policies_and_entries().0
    }

    pub(crate) const fn for_entries(self) -> Entry {
        self.in_policies_and_entries().1
    }

    /// The word that entries and policies use.
    pub const fn as_str(self) -> &'static str {
        self.for_entries().as_str()
    }
}
