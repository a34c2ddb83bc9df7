//! The options of the file device. Never in it: opening the file.

use std::path::PathBuf;

use onrecord_value::quote::quote;

use crate::device::options::{DeviceOption, FileMode, GivenOptions, OptionError};

pub(super) const OPTIONS: &[DeviceOption] = &[
    DeviceOption::new(
        "file_path",
        "Path of the file; \"stdout\" for the server's standard output; \"discard\" to keep nothing. Required.",
    ),
    DeviceOption::new("path", "Another name of file_path."),
    DeviceOption::new(
        "durability",
        "When the device has an entry: \"os\" when it is written, \"fsync\" when it is on the disk.",
    )
    .default("os"),
];

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

/// Where the lines of a file device go.
pub(super) enum Destination {
    Stdout,
    Discard,
    File(FileOptions),
}

/// The order of the checks is the documented one: path, common options, `durability`.
pub(super) fn parse(given: &GivenOptions<'_>) -> Result<Destination, OptionError> {
    let path =
        given.text("file_path").or_else(|| given.text("path")).ok_or(OptionError::Missing("file_path"))?;
    let mode = given.common()?.mode;
    let fsync = match given.text("durability") {
        None | Some("os") => false,
        Some("fsync") => true,
        Some(text) => {
            let text = quote(text);
            return Err(OptionError::BadValue(format!(
                "unknown durability {text}; it is \"os\" or \"fsync\""
            )));
        }
    };
    // The two device nodes mean the same as the words: what is written to /dev/null is on no record.
    Ok(if path.eq_ignore_ascii_case("stdout") || path == "/dev/stdout" {
        Destination::Stdout
    } else if path.eq_ignore_ascii_case("discard") || path == "/dev/null" {
        Destination::Discard
    } else {
        Destination::File(FileOptions { path: PathBuf::from(path), mode, fsync })
    })
}
