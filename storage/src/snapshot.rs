//! The format of a snapshot: everything in a store at one moment, as one file, with the checksums that prove it whole.
//! Never in it: where the records come from, or files.
//!
//! ```text
//! onrecord-snapshot 1          the format
//! created 1764423123           seconds since 1970
//! …                            further lines of a word and a text; unknown ones are passed over
//!                              an empty line
//! u32 u32 key value            one record each, by ascending key: both lengths in big endian, then the bytes
//! 0xffffffff u64               the end, and the number of records
//! 64 hex digits                HMAC of the SHA-256 of all before it, under the name key of the server
//! 32 bytes                     SHA-256 of all before it
//! ```
//! Values are as they are stored: encrypted. Names of keys are as they are stored, too: tokens and accessors are HMACs.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

mod error;
mod info;
mod reading;
mod restoration;
mod saving;

pub use error::SnapshotError;
pub use info::SnapshotInfo;
pub use reading::read;
pub use restoration::Restoration;
pub use saving::{Page, Saving};

use crate::error::BackendError;
use crate::key::STORED_MAX_BYTES;

/// The format that is written.
pub const FORMAT: u64 = 1;
/// The longest value that a snapshot holds.
pub const VALUE_MAX: usize = 256 << 20;

const MAGIC: &str = "onrecord-snapshot ";
/// Stands in the place of a key's length after the last record.
const END: u32 = u32::MAX;
const MAC_LENGTH: usize = 64;
/// The most bytes of the text before the records.
const HEADER_MAX: usize = 16 << 10;

/// All records of a store as they were at one moment: commits made later do not show.
pub trait Records: Send {
    /// How many there are.
    fn count(&self) -> Result<u64, BackendError>;

    /// Those after the key `after` (empty: from the first), by key, until their values add up to `bytes`: at least one if
    /// there is one.
    fn after(&self, after: &str, bytes: usize) -> Result<Vec<(String, Vec<u8>)>, BackendError>;
}

/// What stands in a snapshot before its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// When it was made, in seconds since 1970.
    pub created: i64,
    /// The id of the cluster that made it.
    pub cluster: String,
    /// The version of the server that made it.
    pub server: String,
    /// The kind of its storage.
    pub storage: String,
    /// The format of the stored values.
    pub store_format: u64,
    /// How many records there are.
    pub records: u64,
}

impl Header {
    fn text(&self) -> String {
        let Self { created, cluster, server, storage, store_format, records } = self;
        let mut text = format!("{MAGIC}{FORMAT}\ncreated {created}\n");
        for (word, value) in [("cluster", cluster), ("server", server), ("storage", storage)] {
            let _infallible = writeln!(text, "{word} {}", value.replace(['\n', '\r'], " "));
        }
        let _infallible = write!(text, "store-format {store_format}\nrecords {records}\n\n");
        text
    }
}

/// Writes a snapshot, piece by piece. A clone continues from the same place.
#[derive(Clone)]
struct Encoder {
    hash: Sha256,
    records: u64,
    bytes: u64,
}

/// What is known of a snapshot once it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The number of its records.
    pub records: u64,
    /// The length of the file.
    pub bytes: u64,
    /// The SHA-256 of the whole file, in hex: as `sha256sum` prints it.
    pub sha256: String,
}

impl Encoder {
    fn new() -> Self {
        Self { hash: Sha256::new(), records: 0, bytes: 0 }
    }

    fn add(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        out.extend_from_slice(bytes);
    }

    fn header(&mut self, header: &Header, out: &mut Vec<u8>) {
        self.add(header.text().as_bytes(), out);
    }

    fn record(&mut self, key: &str, value: &[u8], out: &mut Vec<u8>) -> Result<(), SnapshotError> {
        let key_length = u32::try_from(key.len()).ok().filter(|_| key.len() <= STORED_MAX_BYTES);
        let key_length = key_length.ok_or(SnapshotError::KeyTooLong(key.len()))?;
        let value_length = u32::try_from(value.len()).ok().filter(|_| value.len() <= VALUE_MAX);
        let too_large = || SnapshotError::TooLarge { key: key.to_owned(), bytes: value.len() };
        let value_length = value_length.ok_or_else(too_large)?;
        self.add(&key_length.to_be_bytes(), out);
        self.add(&value_length.to_be_bytes(), out);
        self.add(key.as_bytes(), out);
        self.add(value, out);
        self.records += 1;
        Ok(())
    }

    /// Writes the end. `mac` makes the HMAC of a text.
    fn finish<E>(
        mut self,
        mac: impl FnOnce(&str) -> Result<String, E>,
        out: &mut Vec<u8>,
    ) -> Result<Summary, E> {
        let records = self.records;
        self.add(&END.to_be_bytes(), out);
        self.add(&records.to_be_bytes(), out);
        let mac = mac(&mac_input(&hex(&self.hash)))?;
        self.add(mac.as_bytes(), out);
        let digest = self.hash.clone().finalize();
        self.add(&digest, out);
        Ok(Summary { records, bytes: self.bytes, sha256: hex(&self.hash) })
    }
}

/// What the HMAC of a snapshot is made of. No token or accessor begins so.
pub(crate) fn mac_input(sha256: &str) -> String {
    format!("snapshot {sha256}")
}

fn hex(hash: &Sha256) -> String {
    const_hex::encode(hash.clone().finalize())
}
