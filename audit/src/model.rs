//! The hand-over from callers to writers under a model checker: the library's own sources, compiled once more with
//! the checker's locks and threads. A lost wake-up is a deadlock here, and a deadlock is found.
//! It is the root of a test program of its own, not a part of the library; it lies here to find its modules.
//! `ONRECORD_MODEL_ITERATIONS` sets how many schedules are tried of each scenario.
#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::let_underscore_must_use,
    missing_docs,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the sources are linted where they belong, and a test that fails should panic"
)]

mod broker;
mod cause;
mod clock;
mod device;
mod evidence;
mod health_tracker;
mod loss;
mod rules;
mod statistics;
mod status;
mod wait;

#[path = "model/held.rs"]
mod held;
#[path = "model/kit.rs"]
mod kit;
#[path = "model/sync.rs"]
mod sync;

#[path = "model/gaps.rs"]
mod gaps;
#[path = "model/handover.rs"]
mod handover;
#[path = "model/life.rs"]
mod life;
#[path = "model/newcomers.rs"]
mod newcomers;
#[path = "model/rule.rs"]
mod rule;

pub use clock::*;
