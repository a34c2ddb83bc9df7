//! The calls, one file a resource: which path, which verb, what body. Texts for people are not made here.

pub(crate) mod audit;
pub(crate) mod kv;
mod logical;
mod mounts;
mod policy;
pub(crate) mod seal;
mod token;
