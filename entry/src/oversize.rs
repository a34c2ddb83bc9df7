//! Lines longer than a device takes: what goes out in their place, so that nothing is cut in silence.
//! Never in it: sending, or finding out how much a device takes at once.

mod cut;
mod shorter;

use sha2::{Digest, Sha256};

use self::cut::{PIECE_MIN, Pieces};
use self::shorter::{Level, Store};
use crate::decode::{DecodedEntry, decode};
use crate::entry::{Clear, Elided, Part};

/// What becomes of a line that is longer than the device takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Oversize {
    /// A shorter line goes out, with what the entry is about, and the whole line's length and SHA-256.
    #[default]
    Elide,
    /// The line goes out in pieces, each in a line of its own.
    Split,
    /// The device has failed for this line, and for no other.
    Fail,
}

/// Why nothing can go out in a line's place.
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
    /// The line does not decode as an entry, so nothing can be said about it.
    #[error("the line does not decode as an entry")]
    Undecodable,
}

/// Sends a line, or what the policy puts in its place, as messages of at most `limit` bytes, newlines counted.
///
/// What is sent are lines of the same format and prefix, with the `record` of the whole. Each decodes. When a message
/// cannot be sent, those after it are not tried; sent again, the line goes out from its beginning, and whoever reads
/// it knows by the numbers of the parts which of them came twice.
///
/// # Errors
/// Those of `send`; [`OversizeError::TooLong`] where the policy says so, or where not even the shortest line fits (with
/// a short prefix it does in 1 KiB of JSON, and in 2 KiB of JSONx); [`OversizeError::Undecodable`] for what is no line
/// of a form.
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
    let whole = Whole::of(line)?;
    let mut message = Vec::new();
    if policy == Oversize::Elide {
        let fits =
            Level::ALL.into_iter().any(|level| whole.stand_in(level, limit, None, &mut message) <= limit);
        return if fits { send(&message) } else { Err(too_long()) };
    }
    let (level, lead) = whole.lead(limit);
    let room = limit.checked_sub(lead).filter(|room| *room >= PIECE_MIN).ok_or_else(too_long)?;
    let pieces = || Pieces::new(whole.text, whole.decoded.line_format(), room);
    let of = pieces().count() as u64;
    for (number, text) in (1..).zip(pieces()) {
        whole.stand_in(level, limit, Some(Piece { number, of, text }), &mut message);
        send(&message)?;
    }
    Ok(())
}

/// The line that is too long.
struct Whole<'l> {
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

impl<'l> Whole<'l> {
    fn of(line: &'l [u8]) -> Result<Self, OversizeError> {
        let decoded = decode(line).map_err(|_| OversizeError::Undecodable)?;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = std::str::from_utf8(text).map_err(|_| OversizeError::Undecodable)?;
        Ok(Self { text, decoded, sha256: const_hex::encode(Sha256::digest(text)) })
    }

    /// Makes the line that goes out in its place, with a piece of it or without; says how long that is.
    fn stand_in(&self, level: Level, limit: usize, piece: Option<Piece<'_>>, out: &mut Vec<u8>) -> usize {
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

    /// How much of the entry each part repeats, and how long its line is at most without its piece.
    fn lead(&self, limit: usize) -> (Level, usize) {
        // There are never more pieces than bytes.
        let most = self.text.len() as u64;
        let longest = Piece { number: most, of: most, text: "" };
        let mut line = Vec::new();
        let lead = |level: Level| (level, self.stand_in(level, limit, Some(longest), &mut line));
        let mut leads = Level::ALL.map(lead).into_iter();
        let last = (Level::Bare, usize::MAX);
        leads.clone().find(|(_, length)| *length <= limit / 4).or(leads.next_back()).unwrap_or(last)
    }
}

#[cfg(test)]
mod tests;
