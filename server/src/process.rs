//! The process: what it does to itself before it holds secrets (no core dumps, memory locked), and what the system says
//! about it.
//! Never in it: configuration.

use std::io;

use onrecord_core::host::Process;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// This process, as `/proc` tells (proc(5)).
pub(crate) struct Itself;

impl Process for Itself {
    fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim_end().parse().ok()?;
        Some(kib * 1024)
    }

    fn open_files(&self) -> Option<u64> {
        let files = std::fs::read_dir("/proc/self/fd").ok()?.count();
        // The look itself holds one open.
        u64::try_from(files).ok().map(|files| files.saturating_sub(1))
    }
}

/// Keeps memory out of core dumps and from other processes of the same user.
pub(crate) fn forbid_core_dumps() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Keeps memory, present and future, out of swap space.
pub(crate) fn lock_memory() -> io::Result<()> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_its_memory_and_files() {
        assert!(Itself.resident_bytes().unwrap() > 100_000);
        assert!(Itself.open_files().unwrap() >= 3);
    }
}
