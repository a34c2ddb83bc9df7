//! Splits a text into pieces that each fit a message when they are escaped.
//! Never in it: the line around a piece.

use crate::options::Format;

/// Pieces are not shorter than this: with less room the lines would hold little but their own keys.
pub(super) const PIECE_MIN: usize = 64;

/// The pieces of a text, each as long as the room allows.
pub(super) struct Pieces<'t> {
    rest: &'t str,
    cost: fn(char) -> usize,
    room: usize,
}

impl<'t> Pieces<'t> {
    /// `room` is in bytes as they are written in the format.
    pub(super) const fn new(text: &'t str, format: Format, room: usize) -> Self {
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
