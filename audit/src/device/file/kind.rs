//! The row of the file device in the table of kinds. Never in it: writing to files.

use std::path::Path;
use std::sync::Arc;

use super::FileDevice;
use super::options::{self, Destination, FileOptions};
use crate::clock::Clock;
use crate::device::discard::Discard;
use crate::device::error::DeviceError;
use crate::device::interface::Device;
use crate::device::kind::{DeviceKind, DeviceTarget};
use crate::device::options::{DeviceOption, GivenOptions, OptionError};
use crate::device::placement::Placement;
use crate::device::stdout::Stdout;

/// `file`: a file, the process's standard output, or nothing.
pub(crate) struct FileKind;

impl DeviceKind for FileKind {
    fn name(&self) -> &'static str {
        "file"
    }

    fn about(&self) -> &'static str {
        "appends every entry to a file"
    }

    fn options(&self) -> &'static [DeviceOption] {
        options::OPTIONS
    }

    fn parse(&self, given: &GivenOptions<'_>) -> Result<Arc<dyn DeviceTarget>, OptionError> {
        Ok(match options::parse(given)? {
            Destination::Stdout => Arc::new(StandardOutput),
            Destination::Discard => Arc::new(Nowhere),
            Destination::File(file) => Arc::new(file),
        })
    }
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
        FileDevice::preflight(self, placement).map_err(|cause| not_opened(&self.path, cause))
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

/// The process's standard output.
struct StandardOutput;

impl DeviceTarget for StandardOutput {
    fn open_later(&self, _placement: &Placement, _clock: Arc<dyn Clock>) -> Box<dyn Device> {
        Box::new(Stdout::default())
    }
}

/// Nothing is kept.
struct Nowhere;

impl DeviceTarget for Nowhere {
    fn open_later(&self, _placement: &Placement, _clock: Arc<dyn Clock>) -> Box<dyn Device> {
        Box::new(Discard)
    }

    fn discards(&self) -> bool {
        true
    }
}
