//! A question to an ACL, and the reasons for a refusal.
//! Never in it: the decision.

use std::time::Duration;

use onrecord_value::Object;

use crate::capability::Operation;

/// The request that a token wants to make.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The operation.
    pub operation: Operation,
    /// The path; slashes at its beginning are ignored.
    pub path: &'a str,
    /// The parameters: body or query.
    pub data: Option<&'a Object>,
    /// How long the wrapping token of the answer shall live, if it is wrapped.
    pub wrap_ttl: Option<Duration>,
}

impl<'a> Question<'a> {
    /// A question without parameters and without wrapping.
    pub const fn new(operation: Operation, path: &'a str) -> Self {
        Self { operation, path, data: None, wrap_ttl: None }
    }
}

/// Why a question was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The rule that won does not have the capability.
    Capability,
    /// No rule matches.
    NoRule,
    /// A parameter is missing, denied or not allowed.
    Parameter,
    /// The lifetime of the wrapping token is not what the rule requires.
    WrapTtl,
}
