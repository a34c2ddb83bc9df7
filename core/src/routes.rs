//! The table of the server's own routes below `sys/` and `auth/token/`: which operations they take, whether they need
//! `sudo` or no token at all, and whether they are exempt from recording, with the reason (I6).
//! Never in it: handlers. A test enumerates this table against what the server answers and records.

use crate::operation::Operation;

/// Whether requests to a route are put on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Both entries.
    Both,
    /// The request entry alone: after it nothing can be recorded any more.
    RequestOnly,
    /// No entry, for the reason given.
    Exempt(&'static str),
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever a policy allows.
    Policy,
    /// Whoever a policy allows with `sudo`.
    Sudo,
    /// Anybody, without a token.
    Anybody,
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// The logical path; `:name` takes one segment, `*name` the rest.
    pub pattern: &'static str,
    /// The operations it takes.
    pub operations: &'static [Operation],
    /// Who may use it.
    pub access: Access,
    /// Whether it is recorded.
    pub recording: Recording,
    /// Whether the keys of `data` are repeated at the top level of the answer.
    pub injected: bool,
}
