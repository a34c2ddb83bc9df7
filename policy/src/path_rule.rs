//! [`PathRule`]: the rule of one path in one policy.
//! Never in it: how rules are merged or applied.

use std::time::Duration;

use crate::capability::Capabilities;
use crate::parameters::Parameters;
use crate::pattern::Pattern;

/// The rule of one path in one policy.
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
    /// No bound if zero.
    pub(crate) min_wrap: Duration,
    /// No bound if zero.
    pub(crate) max_wrap: Duration,
}
