//! A request's token: resolved, with one use of it reserved, until the request ends.
//! Never in it: how a token is found or judged.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use onrecord_policy::Acl;

use super::{TokenError, UseGuard};
use crate::token::Entry;

/// What became of the token a request came with.
pub enum Reservation {
    /// A live token; one use of it is reserved.
    Valid(Caller),
    /// None was sent, or it is unknown, expired, revoked or used up: the answer is the same, and so is the record.
    Refused,
    /// The store could not be read.
    Unavailable,
}

impl Reservation {
    /// The caller, if the token is valid.
    pub fn authenticated(&self) -> Option<&Caller> {
        if let Self::Valid(caller) = self { Some(caller) } else { None }
    }

    /// Whether the token, or one it descends from, was revoked since the request arrived.
    pub fn is_revoked(&self) -> bool {
        self.authenticated().is_some_and(|caller| caller.use_guard.is_revoked())
    }

    /// Gives the reserved use back: the request had no effect. Dropping it unspent does the same.
    pub fn release(self) {}

    /// Spends the reserved use, durably. Call it before the effect; an error means that there must be none.
    pub async fn spend(&self) -> Result<(), TokenError> {
        match self {
            Self::Valid(caller) => caller.use_guard.spend().await,
            Self::Refused | Self::Unavailable => Ok(()),
        }
    }

    /// Ends the request's hold. If it was the last of a used-up token, the token is deleted with all that hangs on it.
    /// Await it before the answer leaves.
    pub fn finish(self) -> Ending {
        match self {
            Self::Valid(caller) => caller.use_guard.finish(),
            Self::Refused | Self::Unavailable => Ending(None),
        }
    }
}

/// The end of a request's hold on its token. A used-up token is deleted by it: on the heap, so that the requests which
/// have none to delete need not carry the size of that.
#[must_use = "a used-up token is deleted only when this is awaited"]
pub struct Ending(pub(crate) Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Future for Ending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Ready(()), |deletion| deletion.as_mut().poll(context))
    }
}

/// A request's caller: a live token with one use reserved.
pub struct Caller {
    /// What was stored of it when the request arrived.
    pub entry: Arc<Entry>,
    /// Its policies, compiled.
    pub acl: Arc<Acl>,
    /// Stands for the client on record: the same for all tokens with the same policies.
    pub client_id: Arc<str>,
    /// Uses left before this request; `None` is unlimited.
    pub remaining_uses: Option<u64>,
    pub(crate) use_guard: UseGuard,
}
