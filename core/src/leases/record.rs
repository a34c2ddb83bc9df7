//! The lease of a secret. Never in it: the secret.

use onrecord_value::{Object, Time};

use super::FAILURES_MAX;
use crate::stored::record;

/// What is stored of the lease of a secret. Durations are seconds, 0 where there is none.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Lease {
    /// The path of the issue, and random letters.
    pub id: String,
    /// The UUID of the mount that issued it. When the mount is gone, so is what it leased.
    pub mount: String,
    /// What the token that asked for it is stored under; empty if it came without a stored one. It ends with that token.
    pub token: String,
    /// When it was issued.
    pub issued: Time,
    /// When it ends unless it is renewed.
    pub expires: Time,
    /// When it was renewed last.
    pub renewed: Option<Time>,
    /// Its first time to live.
    pub ttl: u64,
    /// A bound that renewal cannot pass, in seconds from issue; 0 leaves it to the mount.
    pub max_ttl: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// What the engine needs to take back what it leased. No secret.
    pub data: Object,
    /// How often taking it back has failed.
    pub failures: u64,
    /// When that is tried again; none before it is tried for the first time.
    pub retry: Option<Time>,
}

record! { Lease(id: String) {
    "data" => data,
    "expires" => expires as Nanos,
    "failures" => failures,
    "issued" => issued as Nanos,
    "max_ttl" => max_ttl,
    "mount" => mount,
    "renewable" => renewable,
    "token" => token,
    "ttl" => ttl,
} optional {
    "renewed" => renewed as Nanos,
    "retry" => retry as Nanos,
} }

impl Lease {
    /// The last segment of its id, which no other lease has.
    pub(super) fn tag(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }

    /// Its place in the order of expiry.
    pub(super) fn due(&self) -> Time {
        self.retry.unwrap_or(self.expires)
    }

    /// Whether taking it back has failed so often that it is not tried again by itself.
    pub fn is_irrevocable(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    /// Whether its time is over.
    pub fn expired(&self, now: Time) -> bool {
        self.expires <= now
    }

    /// Seconds until it ends, to the nearest.
    pub fn left(&self, now: Time) -> u64 {
        u64::try_from((self.expires.since(now).as_millis() + 500) / 1000).unwrap_or(u64::MAX)
    }
}

/// A lease as an answer shows it.
#[derive(Debug, Clone)]
pub struct IssuedLease {
    /// Its id.
    pub id: String,
    /// Seconds until it ends.
    pub ttl: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Whether it is new. A renewed one is not revoked when its response cannot be recorded.
    pub(crate) new: bool,
}

#[cfg(test)]
mod tests {
    use onrecord_value::object;

    use super::*;
    use crate::stored::Record as _;

    #[test]
    fn a_stored_lease_reads_back_and_damaged_bytes_do_not() {
        let lease = Lease {
            id: "pki/issue/web/abc".to_owned(),
            mount: "m".to_owned(),
            token: "t".to_owned(),
            issued: Time::from_unix(1_700_000_000, 1),
            expires: Time::from_unix(1_700_000_060, 1),
            renewed: None,
            ttl: 60,
            max_ttl: 600,
            renewable: true,
            data: object! { "serial" => "01" },
            failures: 0,
            retry: None,
        };
        let stored = lease.encode();
        assert_eq!(
            String::from_utf8_lossy(&stored),
            "{\"data\":{\"serial\":\"01\"},\"expires\":1700000060000000001,\"failures\":0,\
             \"issued\":1700000000000000001,\"max_ttl\":600,\"mount\":\"m\",\"renewable\":true,\"token\":\"t\",\"ttl\":60}"
        );
        assert_eq!(Lease::decode(&stored, (lease.id.clone(),)), Some(lease.clone()));
        for cut in 0..stored.len() {
            assert!(Lease::decode(&stored[..cut], (String::new(),)).is_none(), "{cut}");
        }
        assert_eq!((lease.tag(), lease.left(Time::from_unix(1_700_000_030, 1))), ("abc", 30));
        assert!(lease.expired(lease.expires) && !lease.expired(lease.issued));
    }
}
