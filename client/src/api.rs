//! The calls: path, method and body of each. One file for each resource.
//! Never in it: messages for people.

pub(crate) mod audit;
pub(crate) mod kv;
mod logical;
pub(crate) mod seal;
mod snapshot;
mod sys;
pub(crate) mod token;
