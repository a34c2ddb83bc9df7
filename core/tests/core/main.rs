//! The core from outside: a module for each subject. The canary is a binary of its own, because it collects everything
//! that the process logs.
//! Never in it: tests of one module's inside (beside the module).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    reason = "a test that fails should panic"
)]

mod audit_query;
mod auto_seal;
mod boots;
mod ceremonies;
mod ceremony_journal;
mod clock;
mod compatibility;
mod engines;
mod existence;
mod extending;
mod facts_on_record;
mod far_storage;
mod forwarding;
mod identity;
mod invalidation;
mod journey;
mod kit;
mod leases;
mod lifecycle;
mod log_keys;
mod logins;
mod observability;
mod operations;
mod quotas;
mod reload;
mod repair;
mod routes;
mod salts;
mod secrets_on_record;
mod snapshot;
mod tokens;
mod upgrade;
mod wrapping;
