//! A disk that is soon full, where the machine lets tests mount one.
//! Never in it: what is written to it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of a few kilobytes.
pub struct SmallDisk {
    path: PathBuf,
    kilobytes: u64,
}

impl SmallDisk {
    /// Mounts one, if that is allowed.
    pub fn mount(path: &Path) -> Option<Self> {
        std::fs::create_dir(path).ok()?;
        let kilobytes = 256;
        let options = format!("size={kilobytes}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path)
            .stderr(std::process::Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self { path: path.to_owned(), kilobytes })
    }

    pub fn log(&self) -> PathBuf {
        self.path.join("small.log")
    }

    /// Gives it more room.
    pub fn grow(&mut self, kilobytes: u64) {
        self.kilobytes += kilobytes;
        let options = format!("remount,size={}k", self.kilobytes);
        let done = Command::new("mount").args(["-o", &options]).arg(&self.path).status();
        assert!(done.is_ok_and(|status| status.success()), "the small disk grows");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.path).status());
    }
}
