//! The errors of policy texts.
//! Never in it: a check.

use std::fmt;

use onrecord_hcl::Position;
use onrecord_value::duration::DurationError;
use onrecord_value::quote::Quoted;

/// A refused policy text. Its message names parts of the text, so it is shown to the author of the text only.
/// Callers put `failed to parse policy: ` before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is not HCL or JSON, or a value is of the wrong kind.
    #[error("{0}")]
    Hcl(#[from] onrecord_hcl::Error),
    /// The rule of a path is wrong.
    #[error("path {}: {reason}", Quoted(path))]
    Path {
        /// The path as the text has it.
        path: String,
        /// What is wrong.
        #[source]
        reason: PathError,
    },
    /// Unknown keys.
    #[error("{}", UnknownKeys(path.as_deref(), keys))]
    UnknownKeys {
        /// The path whose rule has them, if they are not outside of all rules.
        path: Option<String>,
        /// The keys and their lines.
        keys: Vec<(String, u32)>,
    },
}

/// What is wrong with the rule of a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// A capability that does not exist.
    #[error("invalid capability {}", Quoted(.0))]
    Capability(String),
    /// A setting that occurs twice.
    #[error(
        "The argument {} at {position} was already set. Each argument can only be defined once",
        Quoted(key)
    )]
    Duplicate {
        /// The setting.
        key: String,
        /// Where it occurs the second time.
        position: Position,
    },
    /// A value of the wrong kind.
    #[error("{0}")]
    Hcl(#[from] onrecord_hcl::Error),
    /// An old-style `policy` that does not exist.
    #[error("invalid policy {}", Quoted(.0))]
    OldPolicy(String),
    /// Something between `{{` and `}}` that is no fact of a caller.
    #[error("invalid template {}", Quoted(.0))]
    Template(String),
    /// `{{` without `}}`.
    #[error("a template is not closed with '}}}}'")]
    OpenTemplate,
    /// A text that is not a duration, or a negative one.
    #[error("error parsing {key}: {error}")]
    Ttl {
        /// The setting.
        key: &'static str,
        /// What is wrong with it.
        #[source]
        error: DurationError,
    },
    /// `max_wrapping_ttl` is less than `min_wrapping_ttl`.
    #[error("max_wrapping_ttl cannot be less than min_wrapping_ttl")]
    TtlOrder,
    /// `+*`.
    #[error("invalid use of wildcards ('+*' is forbidden)")]
    Wildcards,
}

/// The keys in a list, as Vault prints several errors.
struct UnknownKeys<'a>(Option<&'a str>, &'a [(String, u32)]);

impl fmt::Display for UnknownKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, keys) = self;
        match keys.len() {
            1 => writeln!(f, "1 error occurred:")?,
            count => writeln!(f, "{count} errors occurred:")?,
        }
        for (key, line) in *keys {
            f.write_str("\t* ")?;
            if let Some(path) = path {
                write!(f, "path {}: ", Quoted(path))?;
            }
            writeln!(f, "invalid key {} on line {line}", Quoted(key))?;
        }
        f.write_str("\n")
    }
}
