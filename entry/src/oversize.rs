//! Lines longer than a device accepts: what is sent in their place, so that nothing is truncated silently.
//! Never in it: sending, or finding out how long a message of a device may be.

mod shorten;

use sha2::{Digest, Sha256};

use self::shorten::Level;
use crate::decode::reader::{Read as _, Reader};
use crate::decode::{DecodedEntry, decode};
use crate::entry::{Clear, Entry};
pub use crate::entry::{Elided, Part};
use crate::options::Format;

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
    #[error("a line that is too long for the device is no entry")]
    Undecodable,
}

/// Sends a line, or what the policy puts in its place, as messages of at most `limit` bytes, newlines counted.
///
/// The messages are lines of the same format and prefix, with the `record` of the whole line; each decodes. After a
/// message that cannot be sent, the rest is not tried. When the line is sent again, it is sent from its beginning; a
/// reader recognises repeated parts by their numbers. Errors are those of `send`; [`OversizeError::TooLong`] where the policy says so, or where not even the shortest line fits (with
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
        let object = level.of(self.decoded.object(), limit);
        let mut entry = Entry::read(Reader(&object));
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

/// Pieces are not shorter than this: with less room the lines would hold little but their own keys.
const PIECE_MIN: usize = 64;

/// The pieces of a text, each as long as the room allows.
struct Pieces<'t> {
    rest: &'t str,
    cost: fn(char) -> usize,
    room: usize,
}

impl<'t> Pieces<'t> {
    /// `room` is in bytes as they are written in the format.
    const fn new(text: &'t str, format: Format, room: usize) -> Self {
        let cost = match format {
            Format::Json => in_json,
            Format::Jsonx => in_jsonx,
        };
        Self { rest: text, cost, room }
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let mut left = self.room;
        let fits = |(_, character): &(usize, char)| {
            left.checked_sub((self.cost)(*character)).map(|rest| left = rest).is_none()
        };
        let end = self.rest.char_indices().find(fits).map_or(self.rest.len(), |(at, _)| at);
        let (piece, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (!piece.is_empty()).then_some(piece)
    }
}

/// How many bytes a character takes in a string of JSON, at most.
const fn in_json(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        character if character < ' ' => 6,
        character => character.len_utf8(),
    }
}

/// How many bytes a character takes in an element of JSONx, at most.
const fn in_jsonx(character: char) -> usize {
    match character {
        '<' | '>' => 4,
        '"' | '\'' | '&' | '\t' | '\n' | '\r' => 5,
        character if character < ' ' => 3,
        character => character.len_utf8(),
    }
}

#[cfg(test)]
mod tests;
