//! Looking whether a file could be written to, without leaving anything behind.
//! Never in it: mending what is there; a torn tail is left to whoever opens the device.

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
            safety::unmake_file(&opened.file, &opened.directory, &options.path);
        }
        for directory in missing {
            // Somebody may have put something there meanwhile.
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
