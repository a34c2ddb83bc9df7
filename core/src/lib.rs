//! The server without HTTP: pipeline, router, tokens, mounts, secrets engines, sys.
//!
//! A transport hands in an [`Exchange`] and gets back an [`Answer`]; [`Core`] is the whole interface between them.
//! What lies between is one list of steps (`pipeline.rs`), each step a module of its own name:
//!
//! ```text
//! admission ─ capture ─ tokens ─ mounts/routes ─ decide ─ RECORD ─ act ─ shape ─ RECORD ─ release
//! ```
//!
//! Nothing is done before its request entry has settled, and no byte is answered before its response entry has: an
//! [`Answer`] can only be made with the broker's proof, or in one of a few reviewed places (`exchange`).
//!
//! Never in this crate: HTTP types, files, environment, a clock or a source of randomness of its own ([`Host`]).

mod act;
mod admission;
mod alarm;
mod audit_errors;
mod audited_headers;
mod auto_seal;
mod blocking_task;
mod boots;
pub mod bound_cidrs;
mod capture;
mod ceremonies;
mod context;
mod cors;
mod cpu_work;
mod cross_origin;
mod current;
mod decide;
mod devices;
pub mod engine;
mod exchange;
mod expiry_clock;
mod glob;
mod help;
mod host;
pub mod identity;
mod in_flight;
mod invalidation;
pub mod kinds;
pub mod leases;
mod lifecycle;
mod lockout;
mod log_keys;
mod log_queries;
mod login;
mod meters;
mod names;
mod network;
mod offline_act;
mod operation;
mod operations;
pub mod outcome;
mod pipeline;
mod place;
pub mod policies;
mod preview;
mod quotas;
mod rate;
mod rate_limiter;
mod record;
mod refusals;
mod release;
mod request;
mod restorations;
mod rotation;
mod route;
mod routes;
mod secret_path;
mod settings;
mod shape;
mod snapshots;
mod stored;
pub mod token;
pub mod tokens;
mod trace_context;
mod versions;
mod witnesses;
mod wrap;
mod wrapping;

// The kit of the tests names the crate as its users do.
#[cfg(test)]
extern crate self as onrecord_core;
#[cfg(test)]
#[path = "../tests/core/kit.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "not every test uses all of it")]
mod kit;

pub use admission::{Account, Admission, Connected, Load, Overloaded, Permit};
pub use auto_seal::{AutoSeal, AutoSealError, AutoSealFuture};
pub use cors::Cors;
pub use cross_origin::CorsGrant;
pub use devices::{AuditLog, DeclareError, Device, DevicesError};
pub use exchange::{
    Answer, Exchange, Forwarding, Headers, Media, Peer, PeerFacts, RateLimit, Received, Target,
};
pub use host::{Host, Process, Spawn, Task};
pub use lifecycle::{CeremonyError, Core, InitOptions, Initialised, Journey, Reloaded, Repair, SealStatus};
pub use log_keys::check_origin;
pub use operation::Operation;
pub use settings::{AuditSettings, EnableRequest, Settings};
pub use witnesses::Witnesses;

/// The version that status answers show.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
