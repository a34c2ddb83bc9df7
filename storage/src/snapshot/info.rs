//! What is known of a snapshot that was read to its end.
//! Never in it: reading.

use super::Header;

/// A snapshot whose checksum was found right.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// The format of the file.
    pub format: u64,
    /// What stands before its records.
    pub header: Header,
    /// The length of the file.
    pub bytes: u64,
    /// The SHA-256 of the whole file, in hex.
    pub sha256: String,
    /// The SHA-256 of what the HMAC is made of, in hex.
    pub content_sha256: String,
    /// The HMAC, which only the server that made it can check.
    pub mac: String,
}
