//! [`Cursor`]: reads a text character by character and counts lines and columns.
//! Never in it: tokens.

use std::fmt;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, counted from 1.
    pub line: u32,
    /// The character in the line, counted from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

pub(crate) struct Cursor<'a> {
    rest: &'a str,
    position: Position,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text, position: Position { line: 1, column: 1 } }
    }

    /// The position of the next character; at the end, one after the last.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next()?;
        self.rest = characters.as_str();
        if next == '\n' {
            self.position.line = self.position.line.saturating_add(1);
            self.position.column = 1;
        } else {
            self.position.column = self.position.column.saturating_add(1);
        }
        Some(next)
    }

    pub(crate) fn eat(&mut self, character: char) -> bool {
        self.eat_text(character.encode_utf8(&mut [0; 4]))
    }

    pub(crate) fn eat_text(&mut self, text: &str) -> bool {
        let is_next = self.rest.starts_with(text);
        if is_next {
            for _ in text.chars() {
                self.next();
            }
        }
        is_next
    }

    pub(crate) fn digits(&mut self) -> &'a str {
        self.take_while(|character| character.is_ascii_digit())
    }

    /// Takes the exponent of a number and says whether there is one; `None` if it has no digits.
    pub(crate) fn exponent(&mut self) -> Option<bool> {
        if !self.eat('e') && !self.eat('E') {
            return Some(false);
        }
        if !self.eat('+') {
            self.eat('-');
        }
        (!self.digits().is_empty()).then_some(true)
    }

    /// The text from `start`, which was the rest before, up to here.
    pub(crate) fn since(&self, start: &'a str) -> &'a str {
        start.get(..start.len() - self.rest.len()).unwrap_or_default()
    }

    pub(crate) fn skip_blank(&mut self) {
        self.take_while(|character| matches!(character, ' ' | '\t' | '\r' | '\n'));
    }

    /// Takes all characters up to the first that does not belong.
    pub(crate) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let start = self.rest;
        while self.peek().is_some_and(&belongs) {
            self.next();
        }
        self.since(start)
    }

    /// Takes the rest of the line without its end, then the end too. `None` at the end of the text.
    pub(crate) fn line(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let line = self.take_while(|character| character != '\n');
        self.next();
        Some(line)
    }
}
