//! The errors of JSON documents, with the messages of Go's decoder.
//!
//! A message holds at most one character of the document.
//! Never in it: a check.

use std::fmt;

use crate::quote::quote;

/// A refused document: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ParseError {
    pub(super) kind: ParseErrorKind,
    pub(super) offset: usize,
}

impl ParseError {
    /// What is wrong.
    pub fn kind(&self) -> ParseErrorKind {
        self.kind
    }

    /// How many bytes of the document precede the place.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// What is wrong with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The document is empty or white space.
    #[error("EOF")]
    Empty,
    /// The document ends too early.
    #[error("unexpected EOF")]
    UnexpectedEof,
    /// A character that is not allowed at its position.
    #[error("invalid character {}{context}", Character(*.byte))]
    InvalidCharacter {
        /// The (first byte of the) character.
        byte: u8,
        /// What the parser expected there.
        context: Context,
    },
    /// Deeper nesting than the limit.
    #[error("JSON nested deeper than {limit} levels")]
    TooDeep {
        /// The limit, in levels.
        limit: usize,
    },
    /// More values than the limit.
    #[error("JSON with more than {limit} values")]
    TooManyValues {
        /// The limit, in values.
        limit: usize,
    },
    /// The document is well-formed, but not a map.
    #[error("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}")]
    NotAnObject {
        /// Go's name for what it is; see [`crate::Value::kind`].
        found: &'static str,
    },
}

/// The position of an invalid character, as the message says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Context {
    /// After an element of a list.
    #[error(" after array element")]
    AfterElement,
    /// After a key.
    #[error(" after object key")]
    AfterKey,
    /// After a value of a map.
    #[error(" after object key:value pair")]
    AfterPair,
    /// After the end of the document.
    #[error(" after top-level value")]
    AfterTopLevel,
    /// Where a value must begin.
    #[error(" looking for beginning of value")]
    BeforeValue,
    /// In the digits of an exponent.
    #[error(" in exponent of numeric literal")]
    Exponent,
    /// Directly after the point of a number.
    #[error(" after decimal point in numeric literal")]
    Fraction,
    /// Where a key must begin, after a comma.
    #[error(" looking for beginning of object key string")]
    Key,
    /// In `true`, `false` or `null`.
    #[error(" in literal {word} (expecting '{}')", char::from(*.expecting))]
    Literal {
        /// The word.
        word: &'static str,
        /// The character that the word has there.
        expecting: u8,
    },
    /// After the sign of a number.
    #[error(" in numeric literal")]
    Number,
    /// Directly after `{`. Go's token reader adds nothing here.
    #[error("")]
    ObjectStart,
    /// In a string, where control characters are not allowed.
    #[error(" in string literal")]
    String,
    /// After `\`.
    #[error(" in string escape code")]
    StringEscape,
    /// After `\u`.
    #[error(r" in \u hexadecimal character escape")]
    UnicodeEscape,
}

/// A byte as a quoted character.
struct Character(u8);

impl fmt::Display for Character {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\'' => f.write_str(r"'\''"),
            b'"' => f.write_str("'\"'"),
            byte => {
                let text = quote(char::from(byte).encode_utf8(&mut [0; 2]));
                write!(f, "'{}'", text.trim_matches('"'))
            }
        }
    }
}
