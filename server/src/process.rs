//! The current process: its preparation before it holds secrets (no core dumps, memory locked), and its figures.
//! Never in it: configuration.

use std::io;

use onrecord_core::Process;
use onrecord_value::Object;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setpriority_process, setrlimit,
};

use crate::host_facts::host_facts;

/// The nice value that has the least of a processor (setpriority(2)).
const LOWEST: i32 = 19;

/// The figures of this process, from `/proc` (proc(5)).
pub(crate) struct CurrentProcess;

impl Process for CurrentProcess {
    fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim_end().parse().ok()?;
        Some(kib * 1024)
    }

    fn open_files(&self) -> Option<u64> {
        let files = std::fs::read_dir("/proc/self/fd").ok()?.count();
        // Reading the folder holds one open.
        u64::try_from(files).ok().map(|files| files.saturating_sub(1))
    }

    fn lower_priority(&self) {
        // Linux has a priority for each thread. Where it is refused the work is done all the same.
        setpriority_process(Some(rustix::thread::gettid()), LOWEST).unwrap_or_default();
    }

    fn host_facts(&self) -> Option<Object> {
        Some(host_facts())
    }
}

/// Keeps memory out of core dumps and from other processes of the same user.
pub fn forbid_core_dumps() -> io::Result<()> {
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
        assert!(CurrentProcess.resident_bytes().unwrap() > 100_000);
        assert!(CurrentProcess.open_files().unwrap() >= 3);
    }
}
