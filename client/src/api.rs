//! The calls: path, method and body of each. One file for each resource.
//! Never in it: messages for people.

pub(crate) mod audit;
pub(crate) mod kv;
mod logical;
mod mounts;
mod policy;
pub(crate) mod seal;
pub(crate) mod token;
