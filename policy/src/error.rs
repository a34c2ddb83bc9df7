//! Why a policy was refused.

use std::fmt;

use onrecord_hcl::Position;
use onrecord_value::duration::DurationError;
use onrecord_value::quote::Quoted;

/// A refused policy text. Its message names parts of the text, so it goes to whoever wrote it and nowhere
/// else; callers put `failed to parse policy: ` before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is not HCL or JSON, or a value is of the wrong kind.
    Hcl(onrecord_hcl::Error),
    /// The rule of a path is wrong.
    Path {
        /// The path as the text has it.
        path: String,
        /// What is wrong.
        reason: PathError,
    },
    /// Keys that mean nothing.
    UnknownKeys {
        /// The path whose rule has them, if they are not outside of all rules.
        path: Option<String>,
        /// The keys and the lines they stand in.
        keys: Vec<(String, u32)>,
    },
}

/// What is wrong with the rule of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// A capability that does not exist.
    Capability(String),
    /// A setting that stands there twice.
    Duplicate {
        /// The setting.
        key: String,
        /// Where it stands again.
        position: Position,
    },
    /// A value of the wrong kind.
    Hcl(onrecord_hcl::Error),
    /// An old-style `policy` that does not exist.
    OldPolicy(String),
    /// A path with `{{`: templates are not known here, and taking one literally would protect nothing.
    Templated,
    /// A duration that is none, or is negative.
    Ttl {
        /// The setting.
        key: &'static str,
        /// What is wrong with it.
        error: DurationError,
    },
    /// The longest time is shorter than the shortest.
    TtlOrder,
    /// `+*`.
    Wildcards,
}

impl From<onrecord_hcl::Error> for ParseError {
    fn from(error: onrecord_hcl::Error) -> Self {
        Self::Hcl(error)
    }
}

impl From<onrecord_hcl::Error> for PathError {
    fn from(error: onrecord_hcl::Error) -> Self {
        Self::Hcl(error)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hcl(error) => error.fmt(f),
            Self::Path { path, reason } => write!(f, "path {}: {reason}", Quoted(path)),
            Self::UnknownKeys { path, keys } => {
                match keys.len() {
                    1 => writeln!(f, "1 error occurred:")?,
                    count => writeln!(f, "{count} errors occurred:")?,
                }
                for (key, line) in keys {
                    f.write_str("\t* ")?;
                    if let Some(path) = path {
                        write!(f, "path {}: ", Quoted(path))?;
                    }
                    writeln!(f, "invalid key {} on line {line}", Quoted(key))?;
                }
                f.write_str("\n")
            }
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capability(name) => write!(f, "invalid capability {}", Quoted(name)),
            Self::Duplicate { key, position } => write!(
                f,
                "The argument {} at {position} was already set. Each argument can only be defined once",
                Quoted(key)
            ),
            Self::Hcl(error) => error.fmt(f),
            Self::OldPolicy(name) => write!(f, "invalid policy {}", Quoted(name)),
            Self::Templated => f.write_str("templated paths are not supported"),
            Self::Ttl { key, error } => write!(f, "error parsing {key}: {error}"),
            Self::TtlOrder => f.write_str("max_wrapping_ttl cannot be less than min_wrapping_ttl"),
            Self::Wildcards => f.write_str("invalid use of wildcards ('+*' is forbidden)"),
        }
    }
}

impl std::error::Error for ParseError {}
