//! What a line says that stands for a longer one: how long that is, its digest, and maybe a piece of it.
//! Never in it: when a line is too long, or which facts the shorter one keeps; `device/oversize.rs` decides both.

use super::text::Clear;

/// The line that this one stands for. The whole line went nowhere.
#[derive(Clone, Copy, Debug)]
pub struct Elided<'a> {
    /// Its length in bytes: prefix included, newline not.
    pub bytes: u64,
    /// The SHA-256 of these bytes, lower-case hex.
    pub sha256: Clear<'a>,
}

/// One piece of a line that went out in pieces. Its texts, in the order of their numbers, are the whole line.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Which piece, from 1 on.
    pub number: u64,
    /// How many pieces there are.
    pub of: u64,
    /// The length of the whole line in bytes: prefix included, newline not.
    pub bytes: u64,
    /// The SHA-256 of the whole line, lower-case hex.
    pub sha256: Clear<'a>,
    /// The piece: text which the device has already made, so nothing in it is to be hashed again.
    pub text: Clear<'a>,
}
