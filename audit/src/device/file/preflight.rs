//! Whether a file could be written to, found out without leaving anything behind.
//! Never in it: repairing what is there; a torn tail is left to the device when it opens the file.

use std::path::{Path, PathBuf};

use super::{FileDevice, FileOptions, safety};
use crate::device::error::DeviceError;
use crate::device::placement::Placement;

impl FileDevice {
    /// Opens the file as a device would, checks it, and takes back what had to be made for that.
    pub(crate) fn preflight(options: &FileOptions, placement: &Placement) -> Result<(), DeviceError> {
        let missing = missing_directories(&options.path);
        let opened = safety::open(options, placement);
        if let Ok(opened) = &opened
            && opened.created
        {
            safety::remove_if_empty(&opened.file, &opened.directory, &options.path);
        }
        for directory in missing {
            // Another process may have put something there meanwhile.
            let _left_over = std::fs::remove_dir(directory);
        }
        opened.map(drop)
    }
}

/// The directories that opening would make, the deepest first.
fn missing_directories(path: &Path) -> Vec<PathBuf> {
    let above = path.ancestors().skip(1).filter(|directory| !directory.as_os_str().is_empty());
    above.take_while(|directory| !directory.exists()).map(Path::to_owned).collect()
}
