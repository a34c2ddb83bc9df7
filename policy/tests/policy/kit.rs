//! What several of these tests use. Never in it: a test.

use onrecord_policy::{Acl, Policy};

/// A policy that must parse.
pub(crate) fn policy(name: &str, text: &str) -> Policy {
    Policy::parse(name, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The ACL of one policy.
pub(crate) fn acl(text: &str) -> Acl {
    Acl::new([&policy("p", text)])
}
