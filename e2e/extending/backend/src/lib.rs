//! A kind of storage that keeps all values in one JSON file: the example of docs/EXTENDING.md.
//! Never in it: anything of a server; `main.rs` adds the kind to one.

mod json;

pub use json::{JsonError, JsonFile, KIND};
