//! [`Policy`]: one policy text, parsed and checked when it is written.
//! Never in it: a decision.

use std::fmt;
use std::sync::Arc;

use crate::error::ParseError;
use crate::parse;
use crate::path_rule::PathRule;

/// A parsed policy.
pub struct Policy {
    pub(crate) name: Arc<str>,
    pub(crate) paths: Vec<PathRule>,
}

impl Policy {
    /// The name of the policy that may do everything.
    pub const ROOT: &'static str = "root";

    /// Parses a text in HCL or JSON. An empty one allows nothing.
    pub fn parse(name: &str, text: &str) -> Result<Self, ParseError> {
        Ok(Self { name: name.into(), paths: parse::paths(text)? })
    }

    /// The policy that may do everything. It has no text.
    pub fn root() -> Self {
        Self { name: Self::ROOT.into(), paths: Vec::new() }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({:?}, {} paths)", self.name, self.paths.len())
    }
}
