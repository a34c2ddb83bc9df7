//! Tokens: what is stored of one, or in one, and what an issue hands out.
//! Never in it: HTTP endpoints (`engine::token`), storage (`tokens`) or policies' contents.

use std::sync::Arc;

use onrecord_entry::auth::CacheKey;
use onrecord_seal::{Secret, SecretBytes};
use onrecord_value::{Object, Time, Value};

use crate::bound_cidrs::BoundCidrs;
use crate::leases::keys;
use crate::policies::RESPONSE_WRAPPING;
use crate::stored::{Field, Plain, Record as _, record};

/// The path that issued the first root token.
pub(crate) const ROOT_PATH: &str = "auth/token/root";

/// Where the facts of a token are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// Stored by the server, under an HMAC of its text.
    #[default]
    Service,
    /// In its text, encrypted: nothing is stored, so it cannot be renewed or revoked alone.
    Batch,
}

impl TokenKind {
    /// `service` or `batch`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Batch => "batch",
        }
    }
}

impl Field<Plain> for TokenKind {
    fn store(&self) -> Value {
        match self {
            Self::Service => Value::Null,
            Self::Batch => Value::from(self.as_str()),
        }
    }
    fn load(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "service" => Some(Self::Service),
            "batch" => Some(Self::Batch),
            _ => None,
        }
    }
}

/// A token to be made.
#[derive(Default)]
pub struct TokenDraft {
    /// Its text; random if none is given.
    pub id: Option<Secret<String>>,
    /// Names of its policies, as they are to be stored.
    pub policies: Vec<String>,
    /// The path that issues it.
    pub path: String,
    /// The name that records show.
    pub display_name: String,
    /// String values.
    pub meta: Option<Object>,
    /// Uses; 0 is unlimited.
    pub num_uses: u64,
    /// Seconds to live; 0 never expires.
    pub ttl: u64,
    /// Seconds from issue that no renewal passes; 0 is none.
    pub explicit_max_ttl: u64,
    /// Seconds by which every renewal extends it; 0 is none.
    pub period: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Who the login method says the client is; none for tokens that no login issues.
    pub alias: Option<LoginAlias>,
    /// Where its facts are.
    pub kind: TokenKind,
    /// Where it may be used from.
    pub bound_cidrs: BoundCidrs,
    /// Whether a login leaves out the policy `default`.
    pub no_default_policy: bool,
    /// Its entity; empty if it has none.
    pub entity_id: String,
    /// The token role that it is made by; empty if there is none.
    pub role: String,
    /// The path of its lease where that of its issue has a secret in it; else empty. It is in the clear in storage.
    pub lease_path: String,
}

/// Who a client is, in the words of the login method that let it in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginAlias {
    /// The name of the account at the mount: a user, a role id, the common name of a certificate.
    pub name: String,
    /// What the method knows of the account, as texts; clear on record.
    pub metadata: Object,
    /// The groups that the client is in, in the words of the method (the groups claim of a JWT).
    pub groups: Vec<String>,
}

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
    /// Where its facts are.
    pub kind: TokenKind,
    /// Where it may be used from.
    pub bound_cidrs: BoundCidrs,
    /// Whether its login left out the policy `default`.
    pub no_default_policy: bool,
    /// Its entity; empty if it has none.
    pub entity_id: String,
    /// The token role that it was made by; empty if there was none.
    pub role: String,
    /// The path of its lease where that is not the path that issued it.
    pub lease_path: String,
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

    /// The path of its lease, whose id is below it.
    pub fn lease_path(&self) -> &str {
        if self.lease_path.is_empty() { &self.path } else { &self.lease_path }
    }

    /// The id of its lease. The first root token, wrapping tokens and batch tokens have none.
    pub(crate) fn lease_id(&self) -> Option<String> {
        let has_lease = self.kind == TokenKind::Service && self.path != ROOT_PATH && !self.is_wrapping();
        has_lease.then(|| keys::token_lease(self.lease_path(), &self.name))
    }

    /// Whether it is a root token.
    pub fn is_root(&self) -> bool {
        self.policies.iter().any(|name| name == "root")
    }

    /// Whether it is a wrapping token: made to be exchanged once for the answer that is wrapped in it.
    pub fn is_wrapping(&self) -> bool {
        self.policies.iter().any(|name| name == RESPONSE_WRAPPING)
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

/// A wrapping token that this request made: what its client gets in place of the answer.
pub struct Wrapped {
    /// The wrapping token.
    pub token: Arc<Entry>,
    /// The accessor of the token that is inside, if there is one.
    pub accessor: Option<String>,
}

/// The stored form of an entry: `1 | length of the id (u32, big endian) | id | JSON object`. The id stands outside of the
/// JSON, so that no unwiped copy of it is made on the way.
const FORMAT: u8 = 1;

impl Entry {
    pub(crate) fn to_stored(&self) -> SecretBytes {
        let text = self.encode();
        let id = self.id.expose().as_bytes();
        // Large enough never to grow: a buffer that moves leaves its old bytes behind.
        let mut whole = Vec::with_capacity(5 + id.len() + text.len());
        whole.push(FORMAT);
        whole.extend_from_slice(&u32::try_from(id.len()).unwrap_or(u32::MAX).to_be_bytes());
        whole.extend_from_slice(id);
        whole.extend_from_slice(&text);
        SecretBytes::new(whole)
    }

    /// The entry stored under `name`; `None` if the bytes are not of this form.
    pub(crate) fn from_stored(name: &str, stored: &[u8]) -> Option<Self> {
        let (format, rest) = stored.split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (id, text) = (rest.get(..length)?, rest.get(length..)?);
        if *format != FORMAT {
            return None;
        }
        let id = Arc::new(Secret::new(std::str::from_utf8(id).ok()?.to_owned()));
        Self::decode(text, (id, name.to_owned(), CacheKey::new()))
    }
}

record! { Entry(id: Arc<Secret<String>>, name: String, cache_key: CacheKey) {
    "accessor" => accessor,
    "creation_ttl" => creation_ttl,
    "depth" => depth,
    "display_name" => display_name,
    "explicit_max_ttl" => explicit_max_ttl,
    "issued" => issued as Nanos,
    "num_uses" => num_uses,
    "path" => path,
    "period" => period,
    "policies" => policies,
    "renewable" => renewable,
} optional {
    "bound_cidrs" => bound_cidrs,
    "entity_id" => entity_id as Sparse,
    "exhausted" => exhausted,
    "expires" => expires as Nanos,
    "kind" => kind,
    "lease_path" => lease_path as Sparse,
    "meta" => meta,
    "no_default_policy" => no_default_policy,
    "parent" => parent,
    "renewed" => renewed as Nanos,
    "role" => role as Sparse,
} }

#[cfg(test)]
mod tests {
    use onrecord_value::{Time, object};

    use super::*;

    fn entry() -> Entry {
        Entry {
            id: Arc::new(Secret::new("s.\"é".to_owned())),
            name: "n".to_owned(),
            accessor: "a".to_owned(),
            parent: Some("p".to_owned()),
            depth: 3,
            policies: vec!["default".to_owned(), "reader".to_owned()],
            path: "auth/token/create".to_owned(),
            display_name: "token-bob".to_owned(),
            meta: Some(object! { "team" => "blue" }),
            num_uses: 6,
            exhausted: true,
            issued: Time::from_unix(1_700_000_000, 123_456_789),
            creation_ttl: 3600,
            expires: Some(Time::from_unix(1_700_003_600, 123_456_789)),
            renewed: None,
            explicit_max_ttl: 7200,
            period: 60,
            renewable: true,
            kind: TokenKind::Service,
            bound_cidrs: BoundCidrs::default(),
            no_default_policy: false,
            entity_id: String::new(),
            role: String::new(),
            lease_path: String::new(),
            cache_key: CacheKey::new(),
        }
    }

    #[test]
    fn what_a_later_version_stores_of_an_entry_comes_back_and_is_left_out_where_it_is_not_set() {
        let bound_cidrs = BoundCidrs::parse(&["10.0.0.0/8"]).unwrap();
        let (entity_id, role) = ("e".to_owned(), "ci".to_owned());
        let one = Entry {
            kind: TokenKind::Batch,
            bound_cidrs,
            no_default_policy: true,
            entity_id,
            role,
            ..entry()
        };
        let stored = one.to_stored();
        let text = String::from_utf8_lossy(stored.expose()).into_owned();
        for part in [
            r#""bound_cidrs":["10.0.0.0/8"]"#,
            r#""entity_id":"e""#,
            r#""kind":"batch""#,
            r#""no_default_policy":true"#,
            r#""role":"ci""#,
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let two = Entry::from_stored("n", stored.expose()).unwrap();
        assert_eq!((two.kind, &two.bound_cidrs, two.no_default_policy), (one.kind, &one.bound_cidrs, true));
        assert_eq!((&*two.entity_id, &*two.role), ("e", "ci"));
    }

    #[test]
    fn an_entry_survives_storage_with_all_its_facts() {
        let one = entry();
        let stored = one.to_stored();
        assert_eq!(
            String::from_utf8_lossy(stored.expose()),
            "\u{1}\0\0\0\u{5}s.\"é{\"accessor\":\"a\",\"creation_ttl\":3600,\"depth\":3,\"display_name\":\"token-bob\",\
             \"exhausted\":true,\"expires\":1700003600123456789,\"explicit_max_ttl\":7200,\
             \"issued\":1700000000123456789,\"meta\":{\"team\":\"blue\"},\"num_uses\":6,\"parent\":\"p\",\
             \"path\":\"auth/token/create\",\"period\":60,\"policies\":[\"default\",\"reader\"],\"renewable\":true}"
        );
        let two = Entry::from_stored("n", stored.expose()).unwrap();
        assert_eq!(two.id.expose(), "s.\"é");
        assert_eq!(two.meta, one.meta);
        assert_eq!(two.issued, one.issued);
        assert_eq!(two.expires, one.expires);
        assert_eq!(two.renewed, None);
        assert_eq!(two.to_stored().expose(), stored.expose());
        let bare = Entry { parent: None, meta: None, exhausted: false, ..entry() };
        let again = Entry::from_stored("n", bare.to_stored().expose()).unwrap();
        assert!(again.parent.is_none() && again.meta.is_none() && !again.exhausted);
    }

    #[test]
    fn damaged_bytes_are_no_entry() {
        let stored = entry().to_stored();
        let bytes = stored.expose();
        for cut in 0..bytes.len() {
            assert!(Entry::from_stored("n", &bytes[..cut]).is_none(), "{cut}");
        }
        let mut other = bytes.to_vec();
        other[0] = 9;
        assert!(Entry::from_stored("n", &other).is_none());
    }
}
