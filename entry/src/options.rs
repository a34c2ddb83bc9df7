//! The options of a device that determine its lines, the bounds of the work one entry may cost (I5), and the budget that
//! counts it while an entry is written. Never in it: how a line is written, or what is written over a bound.

use crate::entry::words;

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

/// The limits of one entry. Over them, `data` is replaced by its size, its number of nodes and its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How deep objects and arrays of one `data` may nest; `data` itself counts as 1.
    pub depth: usize,
    /// How many values the `data` of a line may have, those inside counted.
    pub nodes: usize,
    /// How many texts of the `data` of a line may be hashed.
    pub hash_calls: usize,
    /// How long a line may be in bytes, prefix and newline counted.
    pub line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, nodes: 100_000, hash_calls: 20_000, line_bytes: 64 << 20 }
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The line is longer than [`Limits::line_bytes`].
    #[error("entry is longer than the limit of {limit} bytes a line")]
    LineTooLong {
        /// How long it may be, in bytes.
        limit: usize,
    },
}

words! {
    /// The limit that was exceeded first; a request without a valid token may have no data written at all.
    pub(crate) enum ExceededLimit {
        Depth = "depth",
        Nodes = "nodes",
        HashCalls = "hash_calls",
        LineBytes = "line_bytes",
        Unauthenticated = "unauthenticated",
    }
}

/// What may still be spent on one entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    depth: usize,
    nodes: usize,
    hash_calls: usize,
    /// The length the buffer may have.
    pub(crate) end: usize,
}

impl Budget {
    /// For a line that begins at `start` of its buffer.
    pub(crate) const fn new(limits: &Limits, start: usize) -> Self {
        Self {
            depth: limits.depth,
            nodes: limits.nodes,
            hash_calls: limits.hash_calls,
            end: start.saturating_add(limits.line_bytes),
        }
    }

    /// The same without room for any data.
    pub(crate) const fn without_room(self) -> Self {
        Self { end: 0, ..self }
    }

    /// Spends one node, in a buffer of `length` which is about to grow by at least `more` bytes.
    pub(crate) fn node(&mut self, length: usize, more: usize) -> Result<(), ExceededLimit> {
        self.nodes = self.nodes.checked_sub(1).ok_or(ExceededLimit::Nodes)?;
        if length.saturating_add(more) > self.end { Err(ExceededLimit::LineBytes) } else { Ok(()) }
    }

    pub(crate) fn hash(&mut self) -> Result<(), ExceededLimit> {
        self.hash_calls = self.hash_calls.checked_sub(1).ok_or(ExceededLimit::HashCalls)?;
        Ok(())
    }

    /// Enters an object or an array; give it back with [`Budget::leave`].
    pub(crate) fn enter(&mut self) -> Result<(), ExceededLimit> {
        self.depth = self.depth.checked_sub(1).ok_or(ExceededLimit::Depth)?;
        Ok(())
    }

    pub(crate) const fn leave(&mut self) {
        self.depth = self.depth.saturating_add(1);
    }
}
