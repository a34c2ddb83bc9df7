//! The calls: path, method and body of each. One file for each resource.
//! Never in it: messages for people.

pub(crate) mod audit;
mod auth;
pub(crate) mod ceremony;
mod cluster;
pub(crate) mod kv;
mod leases;
mod logical;
pub(crate) mod seal;
mod snapshot;
mod sys;
pub(crate) mod token;
