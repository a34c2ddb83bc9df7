//! One request with its answer, as a row.
//! Never in it: how lines are found or joined.

use std::borrow::Cow;

use onrecord_value::{Object, Time, Value};

use super::field::Field;
use super::kv;

/// Where a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The name of the source.
    pub source: std::sync::Arc<str>,
    /// Its line, from 1 on.
    pub line: u64,
}

/// Where the two halves of a row are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// The request entry, if the logs have it.
    pub request: Option<Position>,
    /// The response entry, if the logs have it.
    pub response: Option<Position>,
}

/// One request with its answer. What both halves have is that of the answer.
#[derive(Clone, Debug)]
pub struct Row {
    pub(super) object: Object,
    pub(super) answered: bool,
    pub(super) time: Time,
    pub(super) at: At,
    pub(super) request_line: Option<Box<[u8]>>,
    pub(super) response_line: Option<Box<[u8]>>,
}

impl Row {
    /// When the request arrived: the time of its request entry, or of its answer if that is missing.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The text of a field that holds one; of a number, time, flag or list its text. `None` if the row lacks it.
    pub fn text(&self, field: Field) -> Option<Cow<'_, str>> {
        let text = |text: Option<&'_ str>| {
            text.filter(|text| !text.is_empty()).map(|text| Cow::Owned(text.to_owned()))
        };
        match field {
            Field::Time => Some(self.time.to_string().into()),
            Field::Type => Some(if self.answered { "response" } else { "request" }.into()),
            Field::Denied => Some(if self.denied() { "true" } else { "false" }.into()),
            Field::Elided => Some(if self.object.contains("elided") { "true" } else { "false" }.into()),
            Field::Id => text(self.str(&["request", "id"])),
            Field::Operation => text(self.str(&["request", "operation"])),
            Field::Path => text(self.str(&["request", "path"])),
            Field::Error => text(self.str(&["error"])),
            Field::Who => text(self.str(&["auth", "display_name"]).filter(|name| !name.is_empty()))
                .or_else(|| text(self.str(&["response", "auth", "display_name"]))),
            Field::Token => text(self.str(&["request", "client_token_accessor"]))
                .or_else(|| text(self.str(&["auth", "accessor"]))),
            Field::Issued => text(self.str(&["response", "auth", "accessor"])),
            Field::Wrapping => text(self.str(&["response", "wrap_info", "accessor"])),
            Field::Entity => text(self.str(&["auth", "entity_id"])),
            Field::Address => text(self.str(&["request", "client_address"]))
                .or_else(|| text(self.str(&["request", "remote_address"]))),
            Field::RemoteAddress => text(self.str(&["request", "remote_address"])),
            Field::Mount => text(self.str(&["request", "mount_point"])),
            Field::MountType => text(self.str(&["request", "mount_type"])),
            Field::Namespace => text(self.str(&["request", "namespace", "path"]))
                .or_else(|| text(self.str(&["request", "namespace", "id"]))),
            Field::TokenType => text(self.str(&["auth", "token_type"])),
            Field::TokenIssued => text(self.str(&["auth", "token_issue_time"])),
            Field::Lease => text(self.str(&["response", "secret", "lease_id"])),
            Field::Serial => text(self.str(&["request", "client_certificate_serial_number"])),
            Field::Trace => text(self.str(&["request", "trace_id"])),
            Field::ClientId => text(self.str(&["request", "client_id"])),
            Field::Device => {
                text(self.str(&["record", "device"])).or_else(|| text(self.str(&["record", "salt"])))
            }
            Field::Boot => text(self.str(&["record", "boot"])),
            Field::Policy
            | Field::TokenPolicies
            | Field::IdentityPolicies
            | Field::GrantedBy
            | Field::DeniedBy => {
                let list = self.list(field);
                (!list.is_empty()).then(|| list.join(", ").into())
            }
            Field::Status | Field::TokenTtl | Field::Duration | Field::Version | Field::Port | Field::Seq => {
                self.number(field).map(|number| number.to_string().into())
            }
        }
    }

    /// The texts of a field that holds a list; of another field its one text, if the row has it.
    pub fn list(&self, field: Field) -> Vec<Cow<'_, str>> {
        let keys: &[&str] = match field {
            Field::Policy => &["auth", "policies"],
            Field::TokenPolicies => &["auth", "token_policies"],
            Field::IdentityPolicies => &["auth", "identity_policies"],
            Field::GrantedBy => &["auth", "policy_results", "granting_policies"],
            Field::DeniedBy => &["auth", "policy_results", "denying_policies"],
            _ => return self.text(field).into_iter().collect(),
        };
        let items = self.get(keys).and_then(Value::as_array).unwrap_or_default();
        let name = |item: &Value| {
            let text = item.as_str().or_else(|| item.as_object()?.str("name"))?;
            Some(Cow::Owned(text.to_owned()))
        };
        items.iter().filter_map(name).collect()
    }

    /// The number of a field that holds one; a duration in nanoseconds.
    pub fn number(&self, field: Field) -> Option<i64> {
        let number = |keys: &[&str]| self.get(keys).and_then(Value::as_i64);
        match field {
            Field::Status => number(&["response", "status_code"]),
            Field::TokenTtl => number(&["auth", "token_ttl"]),
            Field::Duration => number(&["duration_ns"]),
            Field::Version => number(&["response", "data", "metadata", "version"])
                .or_else(|| number(&["response", "data", "version"])),
            Field::Port => {
                number(&["request", "client_port"]).or_else(|| number(&["request", "remote_port"]))
            }
            Field::Seq => number(&["record", "seq"]),
            _ => None,
        }
    }

    /// The point in time of a field that holds one.
    pub fn instant(&self, field: Field) -> Option<Time> {
        match field {
            Field::Time => Some(self.time),
            Field::TokenIssued => Time::parse(self.str(&["auth", "token_issue_time"])?).ok(),
            _ => None,
        }
    }

    /// The truth of a field that holds one.
    pub fn flag(&self, field: Field) -> Option<bool> {
        match field {
            Field::Denied => Some(self.denied()),
            Field::Elided => Some(self.object.contains("elided")),
            _ => None,
        }
    }

    /// The value at a path of keys of the entry (`["request", "data", "x"]`), of the answer if it has one.
    pub fn value(&self, keys: &[impl AsRef<str>]) -> Option<Value> {
        let (last, before) = keys.split_last()?;
        let mut object = &self.object;
        for key in before {
            object = object.object(key.as_ref())?;
        }
        object.get(last.as_ref()).cloned()
    }

    /// Whether policies refused it.
    pub fn denied(&self) -> bool {
        let allowed = self.get(&["auth", "policy_results", "allowed"]).and_then(Value::as_bool);
        allowed == Some(false)
            || self.number(Field::Status) == Some(403)
            || self.str(&["error"]).is_some_and(|error| error.contains("permission denied"))
    }

    /// Whether the logs have its answer.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// The path as people type it: `secret/app` for `secret/data/app` on a KV mount.
    pub fn typed_path(&self) -> Option<Cow<'_, str>> {
        let path = self.str(&["request", "path"]).filter(|path| !path.is_empty())?;
        let mount = self.str(&["request", "mount_point"]).unwrap_or_default();
        let kind = self.str(&["request", "mount_type"]).unwrap_or_default();
        Some(kv::typed_path(path, mount, kind))
    }

    /// The line of the request entry, if lines are kept and the logs have it.
    pub fn request_line(&self) -> Option<&[u8]> {
        self.request_line.as_deref()
    }

    /// The line of the response entry, if lines are kept and the logs have it.
    pub fn response_line(&self) -> Option<&[u8]> {
        self.response_line.as_deref()
    }

    /// Where the two halves are.
    pub fn at(&self) -> &At {
        &self.at
    }

    fn get(&self, keys: &[&str]) -> Option<&Value> {
        let (last, before) = keys.split_last()?;
        let mut object = &self.object;
        for key in before {
            object = object.object(key)?;
        }
        object.get(last)
    }

    fn str(&self, keys: &[&str]) -> Option<&str> {
        self.get(keys).and_then(Value::as_str)
    }
}

/// The texts of a value: itself, or those of a list; numbers and truth values as they are written.
pub(super) fn texts(value: &Value) -> Vec<Cow<'_, str>> {
    match value {
        Value::String(text) => vec![text.into()],
        Value::Number(number) => vec![number.text().into()],
        Value::Bool(truth) => vec![if *truth { "true" } else { "false" }.into()],
        Value::Array(items) => {
            items.iter().filter(|item| item.as_array().is_none()).flat_map(texts).collect()
        }
        Value::Null | Value::Time(_) | Value::Object(_) => Vec::new(),
    }
}
