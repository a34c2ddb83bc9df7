//! Service tokens: what is stored of one, and what an issue hands out.
//! Never in it: HTTP endpoints (`engine::token`), storage (`tokens`) or policies' contents.

mod stored;

use std::sync::Arc;

use onrecord_entry::auth::CacheKey;
use onrecord_seal::Secret;
use onrecord_value::{Object, Time};

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
