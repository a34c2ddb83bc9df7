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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The document is empty or white space.
    Empty,
    /// The document ends too early.
    UnexpectedEof,
    /// A character that is not allowed at its position.
    InvalidCharacter {
        /// The (first byte of the) character.
        byte: u8,
        /// What the parser expected there.
        context: Context,
    },
    /// Deeper nesting than the limit.
    TooDeep {
        /// The limit, in levels.
        limit: usize,
    },
    /// More values than the limit.
    TooManyValues {
        /// The limit, in values.
        limit: usize,
    },
    /// The document is well-formed, but not a map.
    NotAnObject {
        /// Go's name for what it is; see [`crate::Value::kind`].
        found: &'static str,
    },
}

/// The position of an invalid character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// After an element of a list.
    AfterElement,
    /// After a key.
    AfterKey,
    /// After a value of a map.
    AfterPair,
    /// After the end of the document.
    AfterTopLevel,
    /// Where a value must begin.
    BeforeValue,
    /// In the digits of an exponent.
    Exponent,
    /// Directly after the point of a number.
    Fraction,
    /// Where a key must begin, after a comma.
    Key,
    /// In `true`, `false` or `null`.
    Literal {
        /// The word.
        word: &'static str,
        /// The character that the word has there.
        expecting: u8,
    },
    /// After the sign of a number.
    Number,
    /// Directly after `{`.
    ObjectStart,
    /// In a string, where control characters are not allowed.
    String,
    /// After `\`.
    StringEscape,
    /// After `\u`.
    UnicodeEscape,
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => f.write_str("EOF"),
            Self::UnexpectedEof => f.write_str("unexpected EOF"),
            Self::InvalidCharacter { byte, context } => {
                f.write_str("invalid character ")?;
                write_character(byte, f)?;
                context.fmt(f)
            }
            Self::TooDeep { limit } => write!(f, "JSON nested deeper than {limit} levels"),
            Self::TooManyValues { limit } => write!(f, "JSON with more than {limit} values"),
            Self::NotAnObject { found } => {
                write!(f, "json: cannot unmarshal {found} into Go value of type map[string]interface {{}}")
            }
        }
    }
}

/// A byte as a quoted character.
fn write_character(byte: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match byte {
        b'\'' => f.write_str(r"'\''"),
        b'"' => f.write_str("'\"'"),
        _ => {
            let text = quote(char::from(byte).encode_utf8(&mut [0; 2]));
            write!(f, "'{}'", text.trim_matches('"'))
        }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AfterElement => " after array element",
            Self::AfterKey => " after object key",
            Self::AfterPair => " after object key:value pair",
            Self::AfterTopLevel => " after top-level value",
            Self::BeforeValue => " looking for beginning of value",
            Self::Exponent => " in exponent of numeric literal",
            Self::Fraction => " after decimal point in numeric literal",
            Self::Key => " looking for beginning of object key string",
            Self::Literal { word, expecting } => {
                return write!(f, " in literal {word} (expecting '{}')", char::from(*expecting));
            }
            Self::Number => " in numeric literal",
            // Go's token reader adds nothing here.
            Self::ObjectStart => "",
            Self::String => " in string literal",
            Self::StringEscape => " in string escape code",
            Self::UnicodeEscape => r" in \u hexadecimal character escape",
        })
    }
}
