//! [`Policy`]: one policy text, parsed and checked when it is written.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::capability::Capabilities;
use crate::error::ParseError;
use crate::parameters::Parameters;
use crate::parse;
use crate::pattern::Pattern;

/// A parsed policy.
pub struct Policy {
    pub(crate) name: Arc<str>,
    pub(crate) paths: Vec<PathRule>,
}

/// What a policy says about one path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PathRule {
    /// The path as the text has it.
    pub(crate) text: String,
    pub(crate) pattern: Pattern,
    pub(crate) capabilities: Capabilities,
    pub(crate) allowed: Parameters,
    pub(crate) denied: Parameters,
    /// In lower case.
    pub(crate) required: Vec<String>,
    /// Zero is no bound.
    pub(crate) min_wrap: Duration,
    /// Zero is no bound.
    pub(crate) max_wrap: Duration,
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
