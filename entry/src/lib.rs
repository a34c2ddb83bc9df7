//! What a line of an audit log is, for those who write it and those who read it: the entry, the register of its
//! fields, redaction, salts, formats, sets of sequence numbers, and the way back from a line to an entry.
//!
//! An [`Entry`] describes a request, or the response to it. A [`Formatter`] writes it as a line with a device's own
//! options and salt: text of a client or a backend is hashed, unless the [register](register::REGISTER) names the field as clear.
//! [`decode()`] reads a line back.
//!
//! Never in this crate: devices, threads, IO but for the system's random numbers.

/// Gives types a `Debug` that never shows their content.
macro_rules! opaque {
    ($($name:ident $(<$lifetime:lifetime>)?),*) => {$(
        impl fmt::Debug for $name $(<$lifetime>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

pub mod decode;
mod entry;
pub mod format;
mod options;
pub mod oversize;
mod patch;
mod redact;
pub mod register;
mod salt;
pub mod salt_export;
mod seq_set;

pub use onrecord_value as value;

pub use decode::decode;
pub use entry::auth::Auth;
pub use entry::gap::{Boot, Stamp};
pub use entry::request::{Operation, Request};
pub use entry::response::Response;
pub use entry::text::Clear;
pub use entry::{Entry, EntryType, auth, gap, request, response, text};
pub use format::Formatter;
pub use options::FormatOptions;
pub use salt::{HASH_LEN, HASH_PREFIX, Salt, SaltId, is_hash};
pub use seq_set::{SeqRange, SeqSet};
