//! The options of a device that determine its lines, and the error of an entry that has no line under them.
//! Never in it: how a line is written.

use std::fmt;

use crate::limits::Limits;

/// The options of a device that determine its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatOptions {
    /// Nothing is hashed, except for the audited headers that are configured as hashed.
    pub log_raw: bool,
    /// Accessors are hashed. The default is true.
    pub hmac_accessor: bool,
    /// In response entries of lists, `keys` and `key_info` become their lengths.
    pub elide_list_responses: bool,
    /// Written as it is at the beginning of each line.
    pub prefix: String,
    /// The format of a line.
    pub format: Format,
    /// The limits of the work for one entry.
    pub limits: Limits,
}

impl Default for FormatOptions {
    fn default() -> Self {
        Self {
            log_raw: false,
            hmac_accessor: true,
            elide_list_responses: false,
            prefix: String::new(),
            format: Format::Json,
            limits: Limits::default(),
        }
    }
}

/// The format of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// The same as XML elements, sorted at every level; one entry a line too.
    Jsonx,
}

/// Why an entry cannot be formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// The line is longer than it may be.
    LineTooLong {
        /// How long it may be, in bytes.
        limit: usize,
    },
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong { limit } => {
                write!(f, "entry is longer than the limit of {limit} bytes a line")
            }
        }
    }
}

impl std::error::Error for FormatError {}
