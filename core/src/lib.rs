//! The server without HTTP: pipeline, router, tokens, mounts, secrets engines, sys.
//!
//! A transport hands in an [`Exchange`] and gets back an [`Answer`]; [`Core`] is the whole interface between them.
//! What lies between is one list of steps ([`pipeline`]), each step a module of its own name:
//!
//! ```text
//! admission ─ capture ─ tokens ─ mounts/routes ─ decide ─ RECORD ─ act ─ shape ─ RECORD ─ release
//! ```
//!
//! Nothing is done before its request entry has settled, and no byte is answered before its response entry has: an
//! [`Answer`] can only be made with the broker's proof, or in one of three reviewed places (`exchange`).
//!
//! Never in this crate: HTTP types, files, environment, a clock or a source of randomness of its own ([`host`]).

mod act;
pub mod admission;
mod alarm;
pub mod audit_errors;
pub mod audited_headers;
mod blocking_task;
mod capture;
mod context;
mod decide;
pub mod devices;
pub mod engine;
pub mod exchange;
mod help;
pub mod host;
pub mod invalidation;
pub mod kind;
pub mod kinds;
pub mod lifecycle;
mod login;
mod meters;
mod metrics;
pub mod mount;
pub mod mounts;
pub mod operation;
pub mod outcome;
pub mod pipeline;
pub mod policies;
mod precheck;
mod preview;
mod rate_limiter;
mod record;
mod release;
pub mod request;
mod route;
pub mod routes;
pub mod settings;
mod shape;
pub mod token;
pub mod tokens;
pub mod unsealed;

// The tests' world names the crate as its users do.
#[cfg(test)]
extern crate self as onrecord_core;
#[cfg(test)]
#[path = "../tests/core/kit.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "not every test uses all of it")]
mod world;

pub use exchange::{Answer, Exchange, Headers, Media, Received, Target};
pub use host::{Host, Process, Spawn};
pub use lifecycle::Core;
pub use settings::{AuditSettings, DeclaredDevice, Settings};
