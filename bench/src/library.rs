//! The library beside its floors, all in the same run: what an entry costs by kind, and how many a second reach a device.
//! Never in it: the server.

mod kinds;
mod lines;
mod writers;

use crate::effort::Effort;

/// All library benches.
pub fn run(effort: Effort) {
    let world = kinds::World::leak();
    lines::run(world, effort);
    writers::run(world, effort);
}
