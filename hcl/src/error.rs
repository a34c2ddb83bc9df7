//! Why a text was refused, and where.

use std::fmt;

use crate::Position;

/// A refused text. Prints as `At 1:14: literal not terminated`.
///
/// A message may name keys of the text, so it goes to whoever wrote the text and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub(crate) position: Position,
    pub(crate) kind: ErrorKind,
}

impl Error {
    /// Where.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Why.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }
}

/// What stands where something else must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Found {
    Assign,
    Bool,
    Colon,
    Comma,
    Eof,
    Ident,
    LeftBrace,
    LeftBracket,
    Null,
    Number,
    RightBrace,
    RightBracket,
    String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Assign => "ASSIGN",
            Self::Bool => "BOOL",
            Self::Colon => "COLON",
            Self::Comma => "COMMA",
            Self::Eof => "EOF",
            Self::Ident => "IDENT",
            Self::LeftBrace => "LBRACE",
            Self::LeftBracket => "LBRACK",
            Self::Null => "NULL",
            Self::Number => "NUMBER",
            Self::RightBrace => "RBRACE",
            Self::RightBracket => "RBRACK",
            Self::String => "STRING",
        })
    }
}

/// Why a text was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `/*` without `*/`.
    CommentNotTerminated,
    /// Something else after the closing brace of a JSON text.
    Trailing,
    /// `<<` without a name, or something behind the name.
    HeredocAnchor,
    /// The line that ends a heredoc never comes.
    HeredocNotTerminated,
    /// A character that cannot stand here.
    IllegalCharacter,
    /// A `\` before something that it cannot stand before.
    IllegalEscape,
    /// Digits that make no number.
    IllegalNumber,
    /// No value follows these keys.
    KeyAlone {
        /// The keys with blanks between.
        keys: String,
    },
    /// A key must begin here.
    KeyExpected {
        /// What stands here.
        found: Found,
    },
    /// More labels than this block has.
    LabelExtra {
        /// The first key of the block.
        name: String,
        /// How many it has.
        expected: usize,
    },
    /// Fewer labels than this block needs.
    LabelMissing {
        /// The first key of the block.
        name: String,
    },
    /// A comma or the end of the list must stand here.
    ListEndExpected {
        /// What stands here.
        found: Found,
    },
    /// A string that does not end in its line.
    LiteralNotTerminated,
    /// Several keys before a `=`.
    NestedAssignment,
    /// A `=` without a key.
    NoKey,
    /// An object that does not end.
    ObjectNotClosed {
        /// What stands where it must.
        found: Found,
    },
    /// Deeper nesting than [`crate::DEPTH_MAX`].
    TooDeep,
    /// A value must stand here.
    ValueExpected {
        /// What stands here.
        found: Found,
    },
    /// A value of another kind than its key takes.
    WrongKind {
        /// The key.
        name: String,
        /// The kind that it takes, with its article.
        expected: &'static str,
        /// The kind that it has.
        found: &'static str,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "At {}: {}", self.position, self.kind)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommentNotTerminated => f.write_str("comment not terminated"),
            Self::Trailing => f.write_str("unexpected text after the end of the object"),
            Self::HeredocAnchor => f.write_str("heredoc needs a name and a line end after it"),
            Self::HeredocNotTerminated => f.write_str("heredoc not terminated"),
            Self::IllegalCharacter => f.write_str("illegal character"),
            Self::IllegalEscape => f.write_str("illegal char escape"),
            Self::IllegalNumber => f.write_str("illegal number"),
            Self::KeyAlone { keys } => {
                write!(f, "key '{keys}' expected start of object ('{{') or assignment ('=')")
            }
            Self::KeyExpected { found } => {
                write!(f, "expected: IDENT | STRING | ASSIGN | LBRACE got: {found}")
            }
            Self::LabelExtra { name, expected } => {
                write!(f, "'{name}' has more than {expected} label(s)")
            }
            Self::LabelMissing { name } => write!(f, "'{name}' needs a label"),
            Self::ListEndExpected { found } => {
                write!(f, "error parsing list, expected comma or list end, got: {found}")
            }
            Self::LiteralNotTerminated => f.write_str("literal not terminated"),
            Self::NestedAssignment => f.write_str("nested object expected: LBRACE got: ASSIGN"),
            Self::NoKey => f.write_str("no object keys found!"),
            Self::ObjectNotClosed { found } => write!(f, "object expected closing RBRACE got: {found}"),
            Self::TooDeep => write!(f, "nested deeper than {} levels", crate::DEPTH_MAX),
            Self::ValueExpected { found } => write!(f, "value expected, got: {found}"),
            Self::WrongKind { name, expected, found } => {
                write!(f, "'{name}' must be {expected}, got: {found}")
            }
        }
    }
}

impl std::error::Error for Error {}
