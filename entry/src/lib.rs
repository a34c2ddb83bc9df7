//! What a line of an audit log is, for those who write it and those who read it: the entry, the register of its
//! fields, redaction, salts, formats, sets of sequence numbers, and the way back from a line to an entry.
//!
//! An [`Entry`] says what is asked, or what is answered. A [`Formatter`] makes a line of it with a device's own options
//! and salt: whatever a client or a backend wrote is hashed, unless the [`REGISTER`] names the field as clear.
//! [`decode()`] reads a line back.
//!
//! Never in this crate: devices, threads, IO.

mod decode;
mod entry;
mod format;
mod formatter;
mod limits;
mod oversize;
mod redact;
mod register;
mod salt;
mod seq_set;

pub use decode::{BEGINNINGS, DecodeError, DecodedEntry, decode};
pub use entry::{
    Accessor, Auth, Boot, CacheKey, Clear, Data, Elided, Entry, GAP_PATH, Gap, GrantingPolicy, Grants,
    Header, Headers, IssueTime, Kind, Metadata, Mount, Names, NamesByName, Namespace, Operation, PROBE_PATH,
    Part, Path, PolicyResults, Private, Ranges, Record, Request, Response, Secret, SeqRange, Stamp, Template,
    TemplateText, Token, TokenType, Torn, Warnings, WrapInfo,
};
pub use formatter::{Format, FormatError, FormatOptions, Formatter, Lines, Scratch};
pub use limits::Limits;
pub use oversize::{Oversize, OversizeError, send_within};
pub use register::{Exposure, LineField, REGISTER, Row, Treatment, line_fields};
pub use salt::{HASH_LEN, HASH_PREFIX, Salt, SaltId};
pub use seq_set::SeqSet;
