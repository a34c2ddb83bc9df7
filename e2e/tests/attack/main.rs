//! Attacks on a whole server with knowledge of its code: each was possible once. A file for each finding, named after what
//! it protects.
//! Never in it: the hostile client (`attacker` in `src`).

mod announced_bodies;
mod anonymous_data;
mod checker;
mod lost_data;
mod misspelt_configuration;
mod no_device;
mod odd_requests;
mod secrets_in_paths;
mod unread_answers;
