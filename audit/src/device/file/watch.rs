//! Is the open file still the one with our name, and as long as we left it? If not, it is repaired and reported.
//! Never in it: a thread; the device's owner calls it now and then.

use rustix::fs::{AtFlags, CWD, Stat};
use rustix::io::Errno;

use super::{FileDevice, previous_file};
use crate::device::error::DeviceError;
use crate::device::notice::Notice;

/// Compares the name with the open file. A file that is gone is made again; another in its place is used.
pub(super) fn look(device: &mut FileDevice) -> Result<(), DeviceError> {
    let Some(open) = &device.open else { return device.open_file() };
    let stat = match named(device) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => {
            let moved = rustix::fs::fstat(&open.file).is_ok_and(|stat| stat.st_nlink > 0);
            return replace(device, if moved { Notice::Moved } else { Notice::Removed });
        }
        Err(errno) => {
            let error = device.error("stat", errno);
            device.close_file();
            return Err(error);
        }
    };
    if (stat.st_dev, stat.st_ino) != (open.id.dev, open.id.ino) {
        return replace(device, Notice::Replaced);
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size < open.end {
        let from = open.end;
        // What is here now does not follow what was there before the file.
        previous_file::write(&open.file, None, true);
        return replace(device, Notice::Truncated { from, to: size });
    }
    Ok(())
}

/// What has the name now.
pub(super) fn named(device: &FileDevice) -> Result<Stat, Errno> {
    rustix::fs::statat(CWD, device.path(), AtFlags::SYMLINK_NOFOLLOW)
}

/// Opens what has the name now, checked like any other; also mends a line that a truncation cut through.
fn replace(device: &mut FileDevice, notice: Notice) -> Result<(), DeviceError> {
    device.close_file();
    device.notices.push(notice);
    device.open_file()
}
