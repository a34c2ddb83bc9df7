//! Which facts of a line a shorter one keeps, level by level; the essential ones always.
//! Never in it: text that is not in the line, except digests of it.

use onrecord_value::{Object, Value, object};
use sha2::{Digest, Sha256};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// All except data and headers.
    NoData,
    /// The ids, the operation, the path, the caller and the address, the decision, the error.
    Essential,
    /// The same in few bytes: every text that is not short becomes its digest.
    Bare,
}

/// The longest text that stays as it is in the shortest line, in bytes.
const SHORT: usize = 64;

impl Level {
    /// From the longest line to the shortest.
    pub(super) const ALL: [Self; 3] = [Self::NoData, Self::Essential, Self::Bare];

    /// The object of the shorter line. `limit` is how long that line may be.
    pub(super) fn of(self, line: &Object, limit: usize) -> Object {
        let most = match self {
            Self::NoData => usize::MAX,
            // A text that fills much of the line would leave no room for the others.
            Self::Essential => (limit / 16).max(SHORT),
            Self::Bare => SHORT,
        };
        self.shorten("entry", line, most)
    }

    /// `name`: that of the object in the register. `most`: the longest text that stays, in bytes.
    fn shorten(self, name: &str, object: &Object, most: usize) -> Object {
        let kept = object.iter().filter(|(key, _)| self.keeps(name, key));
        kept.map(|(key, value)| (key, self.shorten_value(key, value, most))).collect()
    }

    fn shorten_value(self, key: &str, value: &Value, most: usize) -> Value {
        match value {
            // What the device lacks stays exact while there is room.
            Value::Object(gap) if self == Self::Essential && key == "gap" => gap.clone().into(),
            Value::Object(object) => self.shorten(key, object, most).into(),
            Value::String(text) if text.len() > most => {
                format!("sha256:{}", const_hex::encode(Sha256::digest(text))).into()
            }
            // One range: the count stays exact; the range may include numbers that were not missed.
            Value::Array(ranges) if self == Self::Bare && key == "ranges" => {
                let number = |range: Option<&Value>, key| range?.as_object()?.get(key).cloned();
                let (from, to) = (number(ranges.first(), "from"), number(ranges.last(), "to"));
                vec![object! { "from" => from, "to" => to }].into()
            }
            other => other.clone(),
        }
    }

    fn keeps(self, object: &str, key: &str) -> bool {
        let is_bare = match object {
            "entry" => !matches!(key, "forwarded_from" | "elided" | "part"),
            "auth" => matches!(key, "policy_results" | "token_type"),
            "policy_results" => key == "allowed",
            "request" => matches!(
                key,
                "id" | "operation"
                    | "path"
                    | "remote_address"
                    | "remote_port"
                    | "client_address"
                    | "client_port"
            ),
            "response" => key == "status_code",
            "gap" => key != "torn",
            "refused" | "checkpoint" | "tree" => true,
            _ => false,
        };
        let is_essential = || match object {
            "entry" => key == "forwarded_from",
            "auth" => matches!(key, "client_token" | "accessor" | "display_name" | "entity_id"),
            "request" => matches!(
                key,
                "client_id"
                    | "mount_point"
                    | "mount_type"
                    | "client_token"
                    | "client_token_accessor"
                    | "namespace"
                    | "trace_id"
                    | "parent_id"
            ),
            "response" => matches!(key, "auth" | "secret" | "wrap_info"),
            "wrap_info" => key != "creation_path",
            "namespace" | "secret" => true,
            _ => false,
        };
        match self {
            Self::NoData if matches!(object, "request" | "response") => {
                !matches!(key, "data" | "data_over_limit" | "headers")
            }
            Self::NoData => true,
            Self::Essential => is_bare || is_essential(),
            Self::Bare => is_bare,
        }
    }
}
