//! Where keys were given that may be given only once in all files: the second one is refused with both places.
//! Never in it: which keys those are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use onrecord_hcl::{Body, Position};

use super::reader::Reader;
use crate::error::FileError;

/// The places of the keys seen so far.
#[derive(Debug, Default)]
pub(super) struct Given(BTreeMap<String, (PathBuf, u32)>);

impl Given {
    /// Notes a key, or refuses it because it was given before.
    pub(super) fn once(&mut self, reader: &Reader, name: &str, position: Position) -> Result<(), FileError> {
        let place = (reader.file().to_owned(), position.line);
        let Some((file, line)) = self.0.insert(name.to_owned(), place) else { return Ok(()) };
        let message = format!("{name} is given twice: first at {}:{line}", file.display());
        Err(reader.error(position, message))
    }

    /// Notes the keys of a stanza. `place` stands before their names.
    pub(super) fn each_once(&mut self, reader: &Reader, body: &Body, place: &str) -> Result<(), FileError> {
        let mut items = body.items.iter();
        items.try_for_each(|item| {
            let name = item.name().escape_debug();
            self.once(reader, &format!("{place}{name}"), item.position())
        })
    }
}
