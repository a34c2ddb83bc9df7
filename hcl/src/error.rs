//! The errors of texts, with their positions.
//! Never in it: a check.

use crate::Position;

/// A refused text. Prints as `At 1:14: literal not terminated`.
///
/// A message may name keys of the text, so it is shown to the author of the text only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("At {position}: {kind}")]
pub struct Error {
    pub(crate) position: Position,
    pub(crate) kind: ErrorKind,
}

impl Error {
    /// Where the text was refused.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Why it was refused.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }
}

/// Why a text was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `/*` without `*/`.
    #[error("comment not terminated")]
    CommentNotTerminated,
    /// Something else after the closing brace of a JSON text.
    #[error("unexpected text after the end of the object")]
    Trailing,
    /// `<<` without a name, or something behind the name.
    #[error("heredoc needs a name and a line end after it")]
    HeredocAnchor,
    /// The line that ends a heredoc never comes.
    #[error("heredoc not terminated")]
    HeredocNotTerminated,
    /// A character that cannot stand here.
    #[error("illegal character")]
    IllegalCharacter,
    /// A `\` before something that it cannot stand before.
    #[error("illegal char escape")]
    IllegalEscape,
    /// Digits that make no number.
    #[error("illegal number")]
    IllegalNumber,
    /// No value follows these keys, which have blanks between.
    #[error("key '{0}' expected start of object ('{{') or assignment ('=')")]
    KeyAlone(String),
    /// A key must begin here; the token that does.
    #[error("expected: IDENT | STRING | ASSIGN | LBRACE got: {0}")]
    KeyExpected(&'static str),
    /// More labels than this block has.
    #[error("'{name}' has more than {expected} label(s)")]
    LabelExtra {
        /// The first key of the block.
        name: String,
        /// How many it has.
        expected: usize,
    },
    /// Fewer labels than the block with this first key needs.
    #[error("'{0}' needs a label")]
    LabelMissing(String),
    /// A comma or the end of the list is missing; the token in its place.
    #[error("error parsing list, expected comma or list end, got: {0}")]
    ListEndExpected(&'static str),
    /// A string that does not end in its line.
    #[error("literal not terminated")]
    LiteralNotTerminated,
    /// Several keys before a `=`.
    #[error("nested object expected: LBRACE got: ASSIGN")]
    NestedAssignment,
    /// A `=` without a key.
    #[error("no object keys found!")]
    NoKey,
    /// An object that does not end; the token in place of its end.
    #[error("object expected closing RBRACE got: {0}")]
    ObjectNotClosed(&'static str),
    /// Deeper nesting than [`crate::DEPTH_MAX`].
    #[error("nested deeper than {} levels", crate::DEPTH_MAX)]
    TooDeep,
    /// A value is missing here; the token in its place.
    #[error("value expected, got: {0}")]
    ValueExpected(&'static str),
    /// A value of another kind than its key takes.
    #[error("'{name}' must be {expected}, got: {found}")]
    WrongKind {
        /// The key.
        name: String,
        /// The kind that it takes, with its article.
        expected: &'static str,
        /// The kind that it has.
        found: &'static str,
    },
}
