//! Attacks on a whole server with knowledge of its code: each was possible once. A file for each finding, named after what
//! it protects.
//! Never in it: the hostile client (`attacker` in `src`).

mod addresses;
mod announced_bodies;
mod anonymous_data;
mod checker;
mod core_dumps;
mod damaged_storage;
mod large_transfers;
mod lost_data;
mod many_things;
mod memory_after_seal;
mod misspelt_configuration;
mod names;
mod no_device;
mod odd_requests;
mod option_errors;
mod placement;
mod quiet_log;
mod refused_flood;
mod secrets_in_paths;
mod unread_answers;
mod unseal_guessing;
