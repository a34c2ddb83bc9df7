//! JSON text to the rules of Go's `encoding/json`: [`parse()`] one bounded document, [`write()`] it byte for byte.
//!
//! Never in it: the meaning of a document, or arithmetic (a number is its literal text).

mod error;
mod parse;
mod scan;
mod write;

pub use error::{Context, ParseError, ParseErrorKind};
pub(crate) use parse::is_number;
pub use parse::{Limits, parse, parse_object};
pub use write::{escape, write, write_object, write_str};
