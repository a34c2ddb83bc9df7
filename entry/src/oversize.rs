//! Lines longer than a device accepts: what is sent in their place, so that nothing is truncated silently.
//! Never in it: sending, or finding out how long a message of a device may be.

mod shorten;
mod split;

use sha2::{Digest, Sha256};

use self::shorten::{Level, Store};
use self::split::{PIECE_MIN, Pieces};
use crate::decode::{DecodedEntry, decode};
use crate::entry::Clear;
pub use crate::entry::{Elided, Part};

/// What a device does with a line that is longer than it accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Oversize {
    /// It sends a shorter line with the essential facts, and the whole line's length and SHA-256.
    #[default]
    Elide,
    /// It sends the line in pieces, each in a line of its own.
    Split,
    /// It fails for this line, and stays ready for others.
    Fail,
}

/// Why nothing can be sent in place of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OversizeError {
    /// The policy refuses a longer line, or not even the shortest one fits.
    #[error("a line of {bytes} bytes is longer than the {limit} it takes")]
    TooLong {
        /// The line, in bytes.
        bytes: usize,
        /// How long a message may be, in bytes.
        limit: usize,
    },
    /// The line does not decode as an entry, so it cannot be shortened.
    #[error("the line does not decode as an entry")]
    Undecodable,
}

/// Sends a line, or what the policy puts in its place, as messages of at most `limit` bytes, newlines counted.
///
/// The messages are lines of the same format and prefix, with the `record` of the whole line; each decodes. After a
/// message that cannot be sent, the rest is not tried. When the line is sent again, it is sent from its beginning; a
/// reader recognises repeated parts by their numbers.
///
/// # Errors
/// Those of `send`; [`OversizeError::TooLong`] where the policy says so, or where not even the shortest line fits (with
/// a short prefix it does in 1 KiB of JSON, and in 2 KiB of JSONx); [`OversizeError::Undecodable`] for a text that is not a
/// line of a [`Formatter`](crate::Formatter).
pub fn send_within<E: From<OversizeError>>(
    line: &[u8],
    limit: usize,
    policy: Oversize,
    mut send: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    if line.len() <= limit {
        return send(line);
    }
    let too_long = || E::from(OversizeError::TooLong { bytes: line.len(), limit });
    if policy == Oversize::Fail {
        return Err(too_long());
    }
    let whole = LongLine::of(line)?;
    let mut message = Vec::new();
    if policy == Oversize::Elide {
        let fits =
            Level::ALL.into_iter().any(|level| whole.replacement(level, limit, None, &mut message) <= limit);
        return if fits { send(&message) } else { Err(too_long()) };
    }
    let (level, lead) = whole.lead(limit);
    let room = limit.checked_sub(lead).filter(|room| *room >= PIECE_MIN).ok_or_else(too_long)?;
    let pieces = || Pieces::new(whole.text, whole.decoded.line_format(), room);
    let of = pieces().count() as u64;
    for (number, text) in (1..).zip(pieces()) {
        whole.replacement(level, limit, Some(Piece { number, of, text }), &mut message);
        send(&message)?;
    }
    Ok(())
}

/// A line that is too long.
struct LongLine<'l> {
    /// Without its newline.
    text: &'l str,
    decoded: DecodedEntry,
    sha256: String,
}

#[derive(Clone, Copy)]
struct Piece<'t> {
    number: u64,
    of: u64,
    text: &'t str,
}

impl<'l> LongLine<'l> {
    fn of(line: &'l [u8]) -> Result<Self, OversizeError> {
        let decoded = decode(line).map_err(|_| OversizeError::Undecodable)?;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = std::str::from_utf8(text).map_err(|_| OversizeError::Undecodable)?;
        Ok(Self { text, decoded, sha256: const_hex::encode(Sha256::digest(text)) })
    }

    /// Writes the line that is sent in its place, with a piece of it or without; returns its length.
    fn replacement(&self, level: Level, limit: usize, piece: Option<Piece<'_>>, out: &mut Vec<u8>) -> usize {
        let (bytes, sha256) = (self.text.len() as u64, Clear::new(&self.sha256));
        let (entry, store) = (self.decoded.entry(), Store::default());
        let mut entry = level.of(&entry, limit, &store);
        match piece {
            None => entry.elided = Some(Elided { bytes, sha256 }),
            Some(Piece { number, of, text }) => {
                entry.part = Some(Part { number, of, bytes, sha256, text: Clear::new(text) });
            }
        }
        out.clear();
        self.decoded.format_entry(&entry, self.decoded.line_format(), out);
        out.len()
    }

    /// How much of the entry each part repeats, and the maximal length of its line without its piece.
    fn lead(&self, limit: usize) -> (Level, usize) {
        // There cannot be more pieces than bytes.
        let most = self.text.len() as u64;
        let longest = Piece { number: most, of: most, text: "" };
        let mut line = Vec::new();
        let lead = |level: Level| (level, self.replacement(level, limit, Some(longest), &mut line));
        let mut leads = Level::ALL.map(lead).into_iter();
        let last = (Level::Bare, usize::MAX);
        leads.clone().find(|(_, length)| *length <= limit / 4).or(leads.next_back()).unwrap_or(last)
    }
}

#[cfg(test)]
mod tests;
