//! A disk that is soon full, where the machine lets tests mount one.
//! Never in it: what is written to it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file system of a few kilobytes. It is taken down when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
    kilobytes: u64,
}

impl SmallDisk {
    /// Mounts one at a path where nothing is yet, if that is allowed.
    pub fn mount(path: &Path, kilobytes: u64) -> Option<Self> {
        std::fs::create_dir(path).ok()?;
        let options = format!("size={kilobytes}k,mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path)
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self { path: path.to_owned(), kilobytes })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it more room.
    pub fn grow(&mut self, kilobytes: u64) {
        self.kilobytes += kilobytes;
        self.remount(&format!("size={}k", self.kilobytes));
    }

    /// Lets nothing be written to it, or lets it again.
    pub fn set_read_only(&self, read_only: bool) {
        self.remount(if read_only { "ro" } else { "rw" });
    }

    fn remount(&self, options: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.path).status();
        assert!(done.is_ok_and(|status| status.success()), "the small disk is mounted with {options}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.path).status());
    }
}
