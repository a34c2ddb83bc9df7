//! The current process: its preparation before it holds secrets (no core dumps, memory locked), and its figures.
//! Never in it: configuration.

use std::io;

use onrecord_core::Process;
use onrecord_value::Object;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

use crate::host_facts::host_facts;

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
        // SCHED_IDLE (sched(7)): any other thread that wakes has the processor at once. One with a nice value of 19 keeps it until
        // the next tick, 4 ms, which cost reads a fifth. Where it is refused the work is done all the same.
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy).unwrap_or_default();
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
    fn a_thread_of_the_lowest_priority_runs_when_nothing_else_does() {
        let policy = std::thread::spawn(|| {
            CurrentProcess.lower_priority();
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            // Field 41 of proc_pid_stat(5); the third one is behind the name.
            let (_, fields) = stat.rsplit_once(") ").unwrap();
            fields.split(' ').nth(38).map(str::to_owned)
        });
        assert_eq!(policy.join().unwrap().as_deref(), Some("5"), "SCHED_IDLE");
    }

    #[test]
    fn a_process_knows_its_memory_and_files() {
        assert!(CurrentProcess.resident_bytes().unwrap() > 100_000);
        assert!(CurrentProcess.open_files().unwrap() >= 3);
    }
}
