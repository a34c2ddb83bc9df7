//! The bounded value tree, JSON text to Go's rules, and durations, booleans and sizes as Vault writes them; blocks of addresses; the known
//! word that a mistyped one is nearest to.
//!
//! The data that clients send and receive is a [`Value`]: JSON text is parsed into one in a single bounded
//! pass ([`json::parse()`]) and written back byte for byte as Go's `encoding/json` would ([`json::write()`]).
//! A number keeps the literal text it was written with, so nothing is ever rounded.
//!
//! Never in this crate: IO, clocks, or the meaning of a value.
//!
//! ```
//! use onrecord_value::{json, object, Value};
//!
//! let value = json::parse(br#"{"b": 1.50, "a": "x<y"}"#, json::Limits::default())?;
//! assert_eq!(value.to_json(), br#"{"a":"x\u003cy","b":1.50}"#);
//! assert_eq!(Value::from(object! { "keys" => vec!["a", "b"] }).to_json(), br#"{"keys":["a","b"]}"#);
//! # Ok::<(), json::ParseError>(())
//! ```

mod address_block;
pub mod boolean;
pub mod duration;
pub mod integer;
pub mod json;
mod number;
mod object;
pub mod printable;
pub mod quote;
#[cfg(feature = "serde_json")]
mod serde;
pub mod size;
pub mod suggest;
pub mod time;
mod tree;

pub use address_block::{AddressBlock, AddressBlockError};
pub use duration::GoDuration;
pub use number::Number;
pub use object::Object;
pub use time::Time;
pub use tree::Value;
