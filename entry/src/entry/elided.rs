//! The facts of a line in place of a longer one: the longer line's length and digest, and maybe a piece of it.
//! Never in it: when a line is too long, or which facts the shorter line keeps (`oversize.rs` decides both).

use super::text::Clear;

/// The longer line that this line replaces. The longer line itself is not written.
#[derive(Clone, Copy, Debug)]
pub struct Elided<'a> {
    /// Its length in bytes: prefix included, newline not.
    pub bytes: u64,
    /// The SHA-256 of these bytes, lower-case hex.
    pub sha256: Clear<'a>,
}

/// One piece of a line that is sent in pieces. The texts, in the order of their numbers, are the whole line.
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
    /// The piece of a line that was already formatted: nothing in it is hashed again.
    pub text: Clear<'a>,
}
