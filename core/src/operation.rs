//! What a request asks to be done, in the words of the audit format.
//! Never in it: HTTP methods (the server's) or capabilities (the policy's).

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
    /// The word that entries and policies use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Help => "help",
            Self::Header => "header",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Read => "read",
            Self::Update => "update",
        }
    }

    /// Whether the operation stores something.
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Patch)
    }
}
