//! The options of the file device. Never in it: opening the file.

use std::path::PathBuf;

use onrecord_value::integer;

use super::{Given, OptionError, Parsed, Target};

const KNOWN: &[&str] = &["durability", "file_path", "path"];

/// What a file device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// The file; a relative one is relative to the process's directory.
    pub path: PathBuf,
    /// Its permissions.
    pub mode: FileMode,
    /// Whether the device has a line only when `fdatasync` has returned, too.
    pub fsync: bool,
}

/// The permissions of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// Leave them; the file must exist.
    Keep,
    /// Exactly these; never execute bits.
    Exact(u32),
}

impl Default for FileMode {
    fn default() -> Self {
        Self::Exact(0o600)
    }
}

/// Go's `os.FileMode` bits of a type: directory, link, device, pipe, socket, character device, irregular.
const GO_TYPE_BITS: u32 = 1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;

impl FileMode {
    /// The permissions from octal digits.
    pub(super) fn parse(text: &str) -> Result<Self, OptionError> {
        let bits = u32::try_from(integer::parse_unsigned(text, 8, 32)?).unwrap_or(u32::MAX);
        if bits & GO_TYPE_BITS != 0 {
            return Err(OptionError::NotARegularMode);
        }
        Ok(if bits == 0 { Self::Keep } else { Self::Exact(bits & 0o666) })
    }
}

pub(super) fn parse(given: Given<'_>) -> Result<Parsed, OptionError> {
    let path = given.text("file_path").or_else(|| given.text("path")).ok_or(OptionError::NoFilePath)?;
    let form = given.form()?;
    let mode = given.mode()?;
    let fsync = match given.text("durability") {
        None | Some("os") => false,
        Some("fsync") => true,
        Some(text) => return Err(OptionError::UnknownDurability(text.to_owned())),
    };
    Ok((target(path, mode, fsync), form, KNOWN))
}

fn target(path: &str, mode: FileMode, fsync: bool) -> Target {
    // The two device nodes mean the same as the words: what is written to /dev/null is on no record.
    if path.eq_ignore_ascii_case("stdout") || path == "/dev/stdout" {
        Target::Stdout
    } else if path.eq_ignore_ascii_case("discard") || path == "/dev/null" {
        Target::Discard
    } else {
        Target::File(FileOptions { path: PathBuf::from(path), mode, fsync })
    }
}
