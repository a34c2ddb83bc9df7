//! Service tokens: what is stored of one, who a request's caller is, and what an issue hands out.
//! Never in it: HTTP endpoints (`engine::token`) or policies' contents.

use std::sync::Arc;

use onrecord_policy::Acl;
use onrecord_seal::Secret;
use onrecord_value::{Object, Time};

/// What is stored of a token. Times are instants; durations are seconds, 0 where there is none.
#[derive(Clone)]
pub struct Entry {
    /// The token's text; stored encrypted, needed by look-ups that print it.
    pub id: Arc<Secret<String>>,
    /// The accessor: names the token without granting its rights.
    pub accessor: String,
    /// The parent's accessor; none for an orphan.
    pub parent: Option<String>,
    /// Sorted names of its policies.
    pub policies: Vec<String>,
    /// The path that issued it (`auth/token/create`, `auth/token/root`).
    pub path: String,
    /// `token-bob`, `root`.
    pub display_name: String,
    /// The creator's metadata: string values.
    pub meta: Option<Object>,
    /// Uses left; 0 is unlimited.
    pub num_uses: u64,
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
}

/// A request's caller: a live token with one use reserved.
pub struct Caller {
    /// What is stored of it.
    pub entry: Arc<Entry>,
    /// Its policies, compiled.
    pub acl: Arc<Acl>,
    /// Uses left before this request; `None` is unlimited.
    pub remaining_uses: Option<u64>,
}

/// A token that this request issued or renewed.
pub struct Issued {
    /// The token.
    pub entry: Arc<Entry>,
    /// Seconds until it expires from now; 0 never.
    pub lease_seconds: u64,
    /// Whether it is new. A renewed one is not revoked when its response cannot be recorded.
    pub new: bool,
}
