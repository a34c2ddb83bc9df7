//! The row of the file device in the table of kinds, and its options. Never in it: writing to files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use onrecord_value::quote::quote;

use super::{FileDevice, FileOptions, safety};
use crate::clock::Clock;
use crate::device::batch::{Appended, Batch};
use crate::device::error::DeviceError;
use crate::device::interface::Device;
use crate::device::kind::{BuiltInKind, DeviceTarget};
use crate::device::options::{DeviceOption, GivenOptions, OptionError, RejectedValue};
use crate::device::placement::Placement;
use crate::device::stdout::Stdout;

/// A file, the process's standard output, or nothing.
pub(in crate::device) const FILE: BuiltInKind =
    BuiltInKind { name: "file", about: "appends every entry to a file", options: OPTIONS, parse };

const OPTIONS: &[DeviceOption] = &[
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
    DeviceOption::new(
        "evidence",
        "Whether a signed Merkle tree over all lines is kept in FILE.tlog: \"on\" or \"off\".",
    )
    .default("on"),
];

/// The order of the checks is the documented one: path, common options, `durability`, then what is new.
fn parse(given: &GivenOptions<'_>) -> Result<Arc<dyn DeviceTarget>, OptionError> {
    let path =
        given.text("file_path").or_else(|| given.text("path")).ok_or(OptionError::Missing("file_path"))?;
    let mode = given.common()?.mode;
    let fsync = match given.text("durability") {
        None | Some("os") => false,
        Some("fsync") => true,
        Some(text) => {
            let known = format!("unknown durability {}; it is \"os\" or \"fsync\"", quote(text));
            return Err(RejectedValue::complete("durability", known));
        }
    };
    let evidence = match given.text("evidence") {
        None | Some("on") => true,
        Some("off") => false,
        Some(text) => {
            let known = format!("unknown evidence {}; it is \"on\" or \"off\"", quote(text));
            return Err(RejectedValue::complete("evidence", known));
        }
    };
    // The two device nodes mean the same as the words: what is written to /dev/null is on no record.
    Ok(if path.eq_ignore_ascii_case("stdout") || path == "/dev/stdout" {
        Arc::new(StandardOutput)
    } else if path.eq_ignore_ascii_case("discard") || path == "/dev/null" {
        Arc::new(Discard)
    } else {
        Arc::new(FileOptions { path: PathBuf::from(path), mode, fsync, evidence })
    })
}

impl DeviceTarget for FileOptions {
    fn open(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Result<Box<dyn Device>, OptionError> {
        let opened = FileDevice::open(self.clone(), placement.clone(), clock);
        Ok(Box::new(opened.map_err(|cause| not_opened(&self.path, cause))?))
    }

    fn open_later(&self, placement: &Placement, clock: Arc<dyn Clock>) -> Box<dyn Device> {
        Box::new(FileDevice::closed(self.clone(), placement.clone(), clock))
    }

    fn preflight(&self, placement: &Placement, _clock: Arc<dyn Clock>) -> Result<(), OptionError> {
        safety::preflight(self, placement).map_err(|cause| not_opened(&self.path, cause))
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

fn not_opened(path: &Path, cause: DeviceError) -> OptionError {
    match cause {
        DeviceError::System { call: "stat", .. } => OptionError::Unavailable(cause),
        cause => OptionError::Open { path: path.display().to_string(), cause },
    }
}

struct StandardOutput;

impl DeviceTarget for StandardOutput {
    fn open_later(&self, _placement: &Placement, _clock: Arc<dyn Clock>) -> Box<dyn Device> {
        Box::new(Stdout::default())
    }
}

/// Has everything and keeps nothing.
#[derive(Clone, Copy)]
struct Discard;

impl DeviceTarget for Discard {
    fn open_later(&self, _placement: &Placement, _clock: Arc<dyn Clock>) -> Box<dyn Device> {
        Box::new(*self)
    }

    fn discards(&self) -> bool {
        true
    }
}

impl Device for Discard {
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        Appended::all(batch)
    }

    fn discards(&self) -> bool {
        true
    }
}
