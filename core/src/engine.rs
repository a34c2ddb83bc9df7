//! The engines that can be mounted, and what each is asked.
//! Never in it: tokens, policies and recording, which are settled before an engine is called.

pub mod codec;
pub mod cubbyhole;
pub mod fields;
pub mod kv1;
pub mod kv2;
pub mod space;
pub mod sys;
pub mod token;

use std::sync::Arc;

use onrecord_value::{Object, Time};

use crate::decide;
use crate::mount::Mount;
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal};
use crate::routes::Route;
use crate::token::Caller;
use crate::unsealed::Unsealed;

/// What an engine is asked: allowed by policy, and on record.
pub struct Call<'a> {
    /// What to do.
    pub operation: Operation,
    /// The path below the mount, without a leading slash; a list's ends in `/` or is empty.
    pub path: &'a str,
    /// The row of the route table that took the path; none for engines that are not the server's own.
    pub route: Option<&'static Route>,
    /// What the row's pattern captured of the path; empty where it captures nothing.
    pub captured: &'a str,
    /// Body or query parameters.
    pub data: &'a Object,
    /// Who asks; none only on routes that need no token.
    pub caller: Option<&'a Caller>,
    /// The mount that was routed to.
    pub mount: &'a Mount,
    /// The time of the request; an engine asks no clock.
    pub now: Time,
}

impl Call<'_> {
    /// Holds a write to what was decided about it, at the moment of the change: a key that came or went since makes it
    /// another operation than the one on record, which the policies must allow as well.
    pub fn recheck_operation(&self, exists: bool) -> Result<(), Refusal> {
        let operation = if exists { Operation::Update } else { Operation::Create };
        let path = || [&*self.mount.path, self.path].concat();
        let may = |caller| decide::may(caller, operation, &path(), self.data);
        if operation == self.operation || self.caller.is_some_and(may) {
            Ok(())
        } else {
            Err(Refusal::denied())
        }
    }
}

/// The engines, as a closed set: a new kind is a new variant, found by the compiler wherever it matters.
/// Clones are one engine.
#[derive(Clone)]
pub enum Engine {
    /// A token's private store.
    Cubbyhole(Arc<cubbyhole::Cubbyhole>),
    /// Key-value, version 1.
    Kv1(Arc<kv1::Kv1>),
    /// Key-value, version 2.
    Kv2(Arc<kv2::Kv2>),
    /// The server itself.
    Sys,
    /// Token creation, look-up, renewal, revocation.
    Token,
}

impl Engine {
    /// Does what is asked.
    pub async fn handle(&self, open: &Unsealed, call: &Call<'_>) -> Outcome {
        match self {
            Self::Kv2(engine) => engine.handle(call).await,
            // Larger: on the heap, so that the journey of a read need not carry their size.
            Self::Cubbyhole(engine) => Box::pin(engine.handle(call)).await,
            Self::Kv1(engine) => Box::pin(engine.handle(call, open.settings.default_lease_ttl)).await,
            Self::Sys => Box::pin(sys::handle(open, call)).await,
            Self::Token => Box::pin(token::handle(open, call)).await,
        }
    }

    /// Whether the key of a write exists already; `None` where the engine makes no difference (always `update`).
    /// Reads only.
    pub async fn exists(&self, call: &Call<'_>) -> Option<bool> {
        match self {
            Self::Cubbyhole(engine) => engine.exists(call).await,
            Self::Kv1(engine) => engine.exists(call).await,
            Self::Kv2(engine) => engine.exists(call).await,
            Self::Sys | Self::Token => None,
        }
    }
}
