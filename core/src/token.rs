//! Service tokens: what is stored of one, who a request's caller is, and what an issue hands out.
//! Never in it: HTTP endpoints (`engine::token`), storage (`tokens`) or policies' contents.

mod stored;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use onrecord_entry::CacheKey;
use onrecord_policy::Acl;
use onrecord_seal::Secret;
use onrecord_value::{Object, Time};

use crate::tokens::{TokenError, UseGuard};

/// What is stored of a token. Times are instants; durations are seconds, 0 where there is none.
#[derive(Clone)]
pub struct Entry {
    /// The token's text; stored encrypted, needed by look-ups that print it.
    pub id: Arc<Secret<String>>,
    /// What it is stored under: an HMAC of its text. Also names its cubbyhole.
    pub name: String,
    /// The accessor: names the token without granting its rights.
    pub accessor: String,
    /// What the parent is stored under; none for an orphan. A token without its parent is dead.
    pub parent: Option<String>,
    /// How many generations it is away from an orphan.
    pub depth: u32,
    /// Sorted names of its policies.
    pub policies: Vec<String>,
    /// The path that issued it (`auth/token/create`, `auth/token/root`).
    pub path: String,
    /// `token-bob`, `root`.
    pub display_name: String,
    /// The creator's metadata: string values.
    pub meta: Option<Object>,
    /// Uses left; 0 is unlimited, unless it is [`Entry::exhausted`].
    pub num_uses: u64,
    /// Whether its last use is spent: it is dead for all but the request that spent it.
    pub exhausted: bool,
    /// When it was issued.
    pub issued: Time,
    /// Its first time to live, in seconds; 0 never expires.
    pub creation_ttl: u64,
    /// When it dies unless it is renewed; `None` never.
    pub expires: Option<Time>,
    /// When it was renewed last.
    pub renewed: Option<Time>,
    /// A bound that renewal cannot pass, in seconds from issue; 0 is none.
    pub explicit_max_ttl: u64,
    /// Seconds by which every renewal extends it; 0 is none.
    pub period: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Stands for all of these facts in entries: a copy, which may be changed, has another.
    pub cache_key: CacheKey,
}

impl Entry {
    /// Whether its time is over at `now`.
    pub fn expired(&self, now: Time) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Seconds until it expires, to the nearest; 0 if it never does.
    pub fn ttl(&self, now: Time) -> u64 {
        let left = self.expires.map_or(0, |expires| expires.since(now).as_millis());
        u64::try_from((left + 500) / 1000).unwrap_or(u64::MAX)
    }

    /// Whether it is a root token.
    pub fn is_root(&self) -> bool {
        self.policies.iter().any(|name| name == "root")
    }
}

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
    /// Who asks, if the token is live.
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

/// A token that this request issued or renewed.
pub struct Issued {
    /// The token.
    pub entry: Arc<Entry>,
    /// Seconds until it expires from now; 0 never.
    pub lease_seconds: u64,
    /// Whether it is new. A renewed one is not revoked when its response cannot be recorded.
    pub new: bool,
    /// Whether the request knew the token's text. If not (renewal by accessor) neither answer nor record has it.
    pub text_known: bool,
}

impl Issued {
    /// The token's text as far as answer and record may have it: empty if the request did not know it.
    pub(crate) fn text(&self) -> &str {
        if self.text_known { self.entry.id.expose() } else { "" }
    }
}
