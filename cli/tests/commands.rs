//! The commands against a scripted server: what each sends, prints and ends with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

mod commands {
    mod answers;
    mod answers_jq;
    mod answers_live;
    mod answers_made;
    mod answers_tokens;
    mod audit;
    mod audit_status;
    mod auth;
    mod ceremonies;
    mod cluster;
    mod compatibility;
    mod completion;
    mod find_secret;
    mod generic;
    mod grammar;
    mod help;
    pub(crate) mod kit;
    mod kv;
    mod lease;
    mod log;
    mod log_report;
    mod login;
    mod operator;
    mod policy;
    mod secrets;
    mod snapshot;
    mod token;
    mod unwrap;
}
