//! The library: what an entry of each kind costs, beside the bare operations that it cannot do without, in the same run.
//! Never in it: devices, the server.

mod entries;
mod lines;

use crate::effort::Effort;
pub use entries::SampleData;
pub use lines::thread_cpu_time;

/// All library benches.
pub fn run(effort: Effort) {
    let sample = SampleData::leak();
    lines::run(sample, effort);
}
