//! HCL 1 and its JSON form, with positions. Policies and configuration are written in it.
//!
//! A text becomes a [`Body`]: items in the order of the text, each with its keys and its value, everything
//! with the line and column it stands at. Both forms give the same tree, except that JSON spells labels as
//! nested maps; [`Body::blocks`] reads either.
//!
//! Never in this crate: what any key means.
//!
//! ```
//! let body = onrecord_hcl::parse(r#"
//!     path "secret/*" {
//!         capabilities = ["read", "list"]
//!     }
//! "#)?;
//! for block in body.blocks("path", 1)? {
//!     assert_eq!(block.labels, ["secret/*"]);
//!     assert_eq!(block.body.strings("capabilities")?.unwrap_or_default(), ["read", "list"]);
//! }
//!
//! let json = onrecord_hcl::parse(r#"{"path": {"secret/*": {"capabilities": ["read", "list"]}}}"#)?;
//! assert_eq!(json.blocks("path", 1)?.len(), 1);
//! # Ok::<(), onrecord_hcl::Error>(())
//! ```

mod body;
mod cursor;
mod error;
mod format;
mod json;
mod lexer;
mod parser;
mod text;

pub use body::{Block, Body, Data, Item, Key, Value};
pub use cursor::Position;
pub use error::{Error, ErrorKind};
pub use format::{FormatError, format};

/// The deepest nesting of lists and objects that is taken.
pub const DEPTH_MAX: usize = 64;

/// Parses a text: JSON if its first character that is not white space is `{`, which no HCL begins with.
pub fn parse(text: &str) -> Result<Body, Error> {
    if is_json(text) { json::parse(without_mark(text)) } else { parser::parse(without_mark(text)) }
}

/// Whether a text is JSON: its first character that is not white space is `{`.
fn is_json(text: &str) -> bool {
    without_mark(text).trim_start().starts_with('{')
}

/// A text without the byte order mark that some editors put before it.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}
