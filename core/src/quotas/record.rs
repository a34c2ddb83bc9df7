//! Quotas as they are stored. Never in it: what is counted.

use onrecord_value::Value;

use crate::stored::{Field, Plain, record};

/// What a quota limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuotaKind {
    /// The requests of each client.
    RateLimit,
    /// The leases that there are at once.
    LeaseCount,
}

impl QuotaKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate-limit",
            Self::LeaseCount => "lease-count",
        }
    }
}

impl Field<Plain> for QuotaKind {
    fn store(&self) -> Value {
        Value::from(self.as_str())
    }
    fn load(value: &Value) -> Option<Self> {
        [Self::RateLimit, Self::LeaseCount].into_iter().find(|kind| value.as_str() == Some(kind.as_str()))
    }
}

/// A quota. Durations are seconds, 0 where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) name: String,
    pub(crate) kind: QuotaKind,
    /// Empty: all paths. Else below a mount: the mount's path, or a path below it; with `*` at its end it stands for all that
    /// begin so.
    pub(crate) path: String,
    /// Requests in an interval, as the text of a number.
    pub(crate) rate: String,
    pub(crate) interval: u64,
    /// How long a client is refused that has sent too many.
    pub(crate) block_interval: u64,
    pub(crate) max_leases: u64,
    /// Echoed only: there are no other namespaces.
    pub(crate) inheritable: bool,
}

record! { Quota() {
    "block_interval" => block_interval,
    "inheritable" => inheritable,
    "interval" => interval,
    "kind" => kind,
    "max_leases" => max_leases,
    "name" => name,
    "path" => path,
    "rate" => rate,
} }

/// What holds for all quotas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct QuotaConfig {
    /// Paths that no rate limit holds for; with `*` at its end, one stands for all that begin so.
    pub(crate) exempt_paths: Vec<String>,
    /// Echoed only: refused requests are always counted on record.
    pub(crate) audit_logging: bool,
    /// Whether answers say what is left.
    pub(crate) response_headers: bool,
}

record! { QuotaConfig() {
    "audit_logging" => audit_logging,
    "exempt_paths" => exempt_paths,
    "response_headers" => response_headers,
} }

/// All that is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct QuotaTable {
    pub(crate) config: QuotaConfig,
    pub(crate) quotas: Vec<Quota>,
}

record! { QuotaTable() { "config" => config, "quotas" => quotas, } }

/// Whether a path is the one of a quota or of an exemption, or one of those that it stands for.
pub(crate) fn covers(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None if pattern.ends_with('/') || pattern.is_empty() => {
            path.starts_with(pattern) || pattern.strip_suffix('/') == Some(path)
        }
        None => path.trim_end_matches('/') == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::Record as _;

    #[test]
    fn a_table_reads_back_and_damaged_bytes_do_not() {
        let quota = Quota {
            name: "q".to_owned(),
            kind: QuotaKind::RateLimit,
            path: "kv/*".to_owned(),
            rate: "0.5".to_owned(),
            interval: 1,
            block_interval: 60,
            max_leases: 0,
            inheritable: false,
        };
        let config = QuotaConfig {
            exempt_paths: vec!["sys/x".to_owned()],
            audit_logging: true,
            response_headers: true,
        };
        let table = QuotaTable { config, quotas: vec![quota] };
        let stored = table.encode();
        assert_eq!(
            String::from_utf8_lossy(&stored),
            "{\"config\":{\"audit_logging\":true,\"exempt_paths\":[\"sys/x\"],\"response_headers\":true},\"quotas\":\
             [{\"block_interval\":60,\"inheritable\":false,\"interval\":1,\"kind\":\"rate-limit\",\"max_leases\":0,\
             \"name\":\"q\",\"path\":\"kv/*\",\"rate\":\"0.5\"}]}"
        );
        assert_eq!(QuotaTable::decode(&stored, ()), Some(table));
        for cut in 0..stored.len() {
            assert!(QuotaTable::decode(&stored[..cut], ()).is_none(), "{cut}");
        }
    }

    #[test]
    fn a_mount_covers_what_is_below_it_and_a_path_itself_or_what_begins_with_it() {
        for (pattern, path) in [
            ("", "any/thing"),
            ("kv/", "kv/a"),
            ("kv/", "kv"),
            ("kv/a", "kv/a"),
            ("kv/a", "kv/a/"),
            ("kv/a*", "kv/ab/c"),
            ("kv/*", "kv/a"),
        ] {
            assert!(covers(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [("kv/", "kvx/a"), ("kv/a", "kv/ab"), ("kv/a*", "kv/b"), ("kv/*", "kv")] {
            assert!(!covers(pattern, path), "{pattern} {path}");
        }
    }
}
