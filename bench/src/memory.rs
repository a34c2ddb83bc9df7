//! The memory of processes, as the kernel counts it.
//! Never in it: what it is used for.

use onrecord_e2e::process::status_kib;

/// The memory of a process, resident now and at its peak, in MiB: numbers that are none once it has ended. `process` is its id, or
/// `self`.
pub fn memory_of(process: &str) -> (f64, f64) {
    let of = |name| status_kib(process, name).map_or(f64::NAN, |kib| kib as f64 / 1024.0);
    (of("VmRSS:"), of("VmHWM:"))
}

/// This process's memory, resident now and at its peak since the last call, in MiB.
pub fn memory() -> (f64, f64) {
    let found = memory_of("self");
    // Resets the peak (proc(5)); where that is not allowed, the peak is that of the whole run.
    drop(std::fs::write("/proc/self/clear_refs", "5"));
    found
}
