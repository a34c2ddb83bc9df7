//! The library beside its floors, all in the same run: what an entry costs by kind.
//! Never in it: devices, the server.

mod kinds;
mod lines;

use crate::effort::Effort;
pub use kinds::World;
pub use lines::ran;

/// All library benches.
pub fn run(effort: Effort) {
    let world = World::leak();
    lines::run(world, effort);
}
