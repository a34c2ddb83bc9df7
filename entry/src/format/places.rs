//! The places of a line where something of its salt stands. With another salt's written over them it is the line of
//! another device with the same options.
//! Never in it: the text of a hash, but as the entry itself has it; or a line with places that nobody knows.

use super::writer::hex;
use crate::salt::{Salt, SaltId};

/// What stands at a place. It has texts as they are, and so is never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What<'e> {
    /// The hash of a text.
    Text(&'e [u8]),
    /// The hash of a token or an accessor.
    Token(&'e [u8]),
    /// The same, and a number that no other text of this kind has.
    Numbered(&'e [u8], u64),
    /// The same hash as at that place before.
    Again(usize),
    /// The id of the salt.
    Salt,
    /// The id of the device's first salt.
    First,
}

/// The places of one line.
#[derive(Default)]
pub(crate) struct Places<'e> {
    /// Where the digits begin, in the order they were written.
    list: Vec<(usize, What<'e>)>,
    /// Whether these are all of them.
    pub(super) complete: bool,
}

/// How many places a list that is used again may have room for.
const ROOM_KEPT: usize = 4096;

impl<'e> Places<'e> {
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.complete = false;
    }

    #[inline]
    pub(super) fn note(&mut self, at: usize, what: What<'e>) {
        self.list.push((at, what));
    }

    /// Makes the line, whose places these are, that of another salt; false if it cannot be made so.
    pub(crate) fn rewrite(&self, line: &mut [u8], salt: &Salt, first: Option<SaltId>) -> bool {
        self.complete && self.list.iter().all(|(at, what)| write(line, *at, *what, salt, first).is_some())
    }

    /// The room for the places of another entry.
    pub(crate) fn recycled(mut self) -> Places<'static> {
        self.list.clear();
        if self.list.capacity() > ROOM_KEPT {
            return Places::default();
        }
        // The list is empty: nothing is turned into anything, and the room is used again.
        let list = self.list.into_iter().map(|(at, _)| (at, What::Salt)).collect();
        Places { list, complete: false }
    }
}

fn write(line: &mut [u8], at: usize, what: What<'_>, salt: &Salt, first: Option<SaltId>) -> Option<()> {
    let digest = match what {
        What::Text(text) => salt.digest(text),
        What::Token(text) => salt.digest_of_token(text),
        What::Numbered(text, number) => salt.digest_of_numbered(text, number),
        What::Again(before) => {
            let end = before.checked_add(DIGITS).filter(|end| *end <= at && at + DIGITS <= line.len())?;
            line.copy_within(before..end, at);
            return Some(());
        }
        What::Salt | What::First => {
            let id = if what == What::Salt { salt.id() } else { first? };
            *line.get_mut(at..)?.first_chunk_mut()? = hex(id.number());
            return Some(());
        }
    };
    const_hex::encode_to_slice(digest, line.get_mut(at..at.checked_add(DIGITS)?)?).ok()
}

/// How many digits a hash has.
const DIGITS: usize = 64;
