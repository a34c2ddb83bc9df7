//! The tests of the library from outside, one program with one kit. The model of the hand-over is a program of its own
//! (`src/model.rs`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "a test that fails should panic; not every helper is used"
)]

mod attacks;
mod broker;
mod compile_fail;
mod crashes;
mod drill;
mod evidence;
mod fault_table;
mod faults;
mod file;
mod kit;
mod options;
mod own_lines;
mod replace;
mod rotated;
mod salt_file;
mod socket;
mod status;
