//! What several tests need, by what it is about.
//! Never in it: tests.

pub(crate) mod broker;
pub(crate) mod file;
pub(crate) mod peer;
