//! Hostile bytes for every parser and for the store. A target is a plain function that takes any bytes and panics when it
//! finds something: the smoke test (`tests/smoke.rs`) runs all of them on a seeded corpus with every build, and
//! `just fuzz TARGET MINUTES` runs one under libFuzzer (`libfuzzer/`). [`damage`] flips bits of a data directory.
//! Never in it: a repair of what a target finds.

pub mod damage;
mod filter;
mod hcl;
mod http;
mod json;
mod lines;
pub mod mutate;
mod options;
mod seeds;
mod server;
mod storage;

pub use filter::filter;
pub use hcl::hcl;
pub use http::http;
pub use json::json;
pub use lines::lines;
pub use options::options;
pub use storage::storage;

/// A target: what is fed, and what to begin with.
#[derive(Clone, Copy)]
pub struct Target {
    /// As `just fuzz` names it.
    pub name: &'static str,
    /// Takes any bytes. A panic is a finding.
    pub run: fn(&[u8]),
    /// Well-formed inputs, from the recordings and goldens of the tree where there are any.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: [Target; 7] = [
    Target { name: "http", run: http, seeds: seeds::http },
    Target { name: "json", run: json, seeds: seeds::json },
    Target { name: "hcl", run: hcl, seeds: seeds::hcl },
    Target { name: "options", run: options, seeds: seeds::options },
    Target { name: "lines", run: lines, seeds: seeds::lines },
    Target { name: "filter", run: filter, seeds: seeds::filter },
    Target { name: "storage", run: storage, seeds: seeds::storage },
];
