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
    /// An HTTP `OPTIONS`, which no path takes; so with the rest.
    Options,
    /// An HTTP `TRACE`.
    Trace,
    /// An HTTP `CONNECT`.
    Connect,
    /// Any other method, without its name: that is the client's text.
    Unknown,
}

impl Operation {
    /// All that a path can take.
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

    /// What a method asks for by itself, without the request's query.
    pub(crate) fn of_method(method: &str) -> Self {
        match method {
            "GET" => Self::Read,
            "LIST" => Self::List,
            "DELETE" => Self::Delete,
            "HEAD" => Self::Header,
            "POST" | "PUT" => Self::Update,
            "PATCH" => Self::Patch,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            "CONNECT" => Self::Connect,
            _ => Self::Unknown,
        }
    }

    /// The same in the vocabulary of policies and of entries, which have words that no request has. What no path takes is
    /// to policies what only the root policy allows.
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
            Self::Options => (Policy::Header, Entry::Options),
            Self::Trace => (Policy::Header, Entry::Trace),
            Self::Connect => (Policy::Header, Entry::Connect),
            Self::Unknown => (Policy::Header, Entry::Unknown),
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
