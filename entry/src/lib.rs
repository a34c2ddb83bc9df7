//! What a line of an audit log is, for those who write it and those who read it: the entry, the register of its
//! fields, redaction, salts, formats, sets of sequence numbers, and the way back from a line to an entry.
//!
//! An [`Entry`] describes a request, or the response to it. A [`Formatter`] writes it as a line with a device's own
//! options and salt: text of a client or a backend is hashed, unless the [`REGISTER`] names the field as clear.
//! [`decode()`] reads a line back.
//!
//! Never in this crate: devices, threads, IO.

mod decode;
mod entry;
mod format;
mod formatter;
mod limits;
mod options;
mod oversize;
mod patch;
mod redact;
mod register;
mod salt;
mod seq_set;

pub use decode::{BEGINNINGS, DecodeError, DecodedEntry, decode};
pub use entry::{
    Accessor, Auth, Boot, CacheKey, Clear, Data, Elided, Entry, EntryType, GAP_PATH, Gap, GrantingPolicy,
    Grants, Header, Headers, IssueTime, Metadata, Mount, Names, NamesByName, Namespace, Operation,
    PROBE_PATH, Part, Path, PolicyResults, Private, Ranges, Record, Request, Response, Secret, SeqRange,
    Stamp, Template, TemplateText, Token, TokenType, Torn, Warnings, WrapInfo,
};
pub use formatter::{Formatter, Lines, Scratch};
pub use limits::Limits;
pub use options::{Format, FormatError, FormatOptions};
pub use oversize::{Oversize, OversizeError, send_within};
pub use register::{LineField, REGISTER, Row, Treatment, Visibility, line_fields};
pub use salt::{HASH_LEN, HASH_PREFIX, Salt, SaltId};
pub use seq_set::SeqSet;
