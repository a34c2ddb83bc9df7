//! `sys/audit` and its neighbours: status, hashes, salts, previews, drills.
//! Never in it: the options of a kind of device.

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::response::{AnswerError, Secret, flag, text};
use http::Method;
use onrecord_value::{Object, Value, object};
use std::collections::BTreeMap;

/// An audit device as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AuditDevice {
    /// `file`, `syslog`, `socket`.
    pub kind: String,
    /// Text for people.
    pub description: String,
    /// Its options as texts.
    pub options: BTreeMap<String, String>,
    /// Whether it is enabled on one node only.
    pub local: bool,
    /// Path, ending in `/`.
    pub path: String,
}

impl AuditDevice {
    fn from_object(object: &Object) -> Self {
        let options = object.object("options").map(|options| {
            options
                .iter()
                .map(|(key, value)| (key.to_owned(), value.as_str().unwrap_or_default().to_owned()))
                .collect()
        });
        Self {
            kind: text(object, "type"),
            description: text(object, "description"),
            options: options.unwrap_or_default(),
            local: flag(object, "local"),
            path: text(object, "path"),
        }
    }
}

impl Client {
    /// All devices by path.
    pub async fn audit_list(&self) -> Result<BTreeMap<String, AuditDevice>, Error> {
        let data = self.get_data("sys/audit").await?;
        Ok(data
            .iter()
            .filter_map(|(path, value)| Some((path.to_owned(), AuditDevice::from_object(value.as_object()?))))
            .collect())
    }

    /// Enables a device at a path. `device.path` is not sent. The answer has warnings about options without effect.
    pub async fn audit_enable(&self, path: &str, device: &AuditDevice) -> Result<Option<Secret>, Error> {
        let options: Object =
            device.options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let body = object! {
            "type" => device.kind.as_str(),
            "description" => device.description.as_str(),
            "options" => options,
            "local" => device.local,
        };
        Ok(self.put(format!("sys/audit/{path}"), body).await?.secret()?)
    }

    /// Whether the audit rule can be met, and the state of each device: `rule`, `devices` by path, `boot`, `last_seq`.
    pub async fn audit_status(&self) -> Result<Object, Error> {
        self.get_data("sys/audit-status").await
    }

    /// The keys that sign the checkpoints of the logs, for whose verification no token is needed: `device`, `origin`,
    /// `verifier_key`, `created`.
    pub async fn audit_log_keys(&self) -> Result<Vec<Object>, Error> {
        let request = Request::new(Method::GET, "sys/audit-log/keys").without_token();
        let body = self.plain().send(request).await?.object()?;
        let keys = body.object("data").unwrap_or(&body).get("keys").and_then(Value::as_array);
        Ok(keys.into_iter().flatten().filter_map(Value::as_object).cloned().collect())
    }

    /// Disables the device at a path, if there is one.
    pub async fn audit_disable(&self, path: &str) -> Result<(), Error> {
        self.send(Request::new(Method::DELETE, format!("sys/audit/{path}"))).await.map(drop)
    }

    /// Reopens all devices, or the one at a path. Returns the result of each, by path.
    pub async fn audit_reopen(&self, path: &str) -> Result<Object, Error> {
        let data = self.put(format!("sys/audit-reopen/{path}"), Object::new()).await?.data()?;
        data.object("devices").cloned().ok_or(AnswerError::Field("devices").into())
    }

    /// The hash that a device writes for a text.
    pub async fn audit_hash(&self, path: &str, input: &str) -> Result<String, Error> {
        self.hash(format!("sys/audit-hash/{path}"), input).await
    }

    /// The hash of a text under a salt, which may be retired.
    pub async fn audit_salt_hash(&self, id: &str, input: &str) -> Result<String, Error> {
        self.hash(format!("sys/audit-salts/{id}/hash"), input).await
    }

    async fn hash(&self, path: String, input: &str) -> Result<String, Error> {
        let data = self.put(path, object! { "input" => input }).await?.data()?;
        match data.get("hash") {
            Some(Value::String(hash)) => Ok(hash.clone()),
            _ => Err(AnswerError::Field("hash").into()),
        }
    }

    /// All salts, in use and retired, ordered by the start of their use.
    pub async fn audit_salts(&self) -> Result<Vec<AuditSalt>, Error> {
        let data = self.get_data("sys/audit-salts").await?;
        let salt = |(id, value): (&str, &Value)| Some(AuditSalt::from_object(id, value.as_object()?));
        let mut salts: Vec<_> = data.iter().filter_map(salt).collect();
        salts.sort_by(|one, other| {
            (&one.from, &one.path, &one.id).cmp(&(&other.from, &other.path, &other.id))
        });
        Ok(salts)
    }

    /// All salts, sealed to an age public key: a file in the age format, and how many salts it holds.
    pub async fn audit_salts_export(&self, recipient: &str) -> Result<(String, i64), Error> {
        let data = self.put("sys/audit-salts/export", object! { "recipient" => recipient }).await?.data()?;
        let count = data.get("salts").and_then(Value::as_i64).unwrap_or_default();
        Ok((data.str("file").ok_or(AnswerError::Field("file"))?.to_owned(), count))
    }

    /// Gives the device at a path a new salt. Returns the ids of the new and of the retired one.
    pub async fn audit_rotate_salt(&self, path: &str) -> Result<(String, String), Error> {
        let data = self.put(format!("sys/audit-rotate-salt/{path}"), Object::new()).await?.data()?;
        Ok((text(&data, "salt"), text(&data, "retired")))
    }

    /// Has the checkpoints of audit logs signed with a new key: `old`, `new`, and the `note` by which the old key vouches for
    /// the new one.
    pub async fn audit_log_rotate(&self) -> Result<Object, Error> {
        Ok(self.put("sys/audit-log/rotate", Object::new()).await?.data()?)
    }

    /// The lines that each device would write for a request, which is not executed.
    pub async fn audit_preview(&self, method: &str, path: &str, data: Object) -> Result<Object, Error> {
        let body = object! { "data" => data, "method" => method, "path" => path };
        Ok(self.put("sys/audit-preview", body).await?.data()?)
    }

    /// Starts a drill on the device at a path, or stops it.
    pub async fn audit_drill(&self, path: &str, body: Object) -> Result<Object, Error> {
        Ok(self.put(format!("sys/audit-drill/{path}"), body).await?.data()?)
    }
}

/// A salt as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AuditSalt {
    /// Its id, as in `record.salt`.
    pub id: String,
    /// The device's path.
    pub path: String,
    /// The device's type.
    pub kind: String,
    /// Start of its use, RFC 3339.
    pub from: String,
    /// End of its use; `None` while it is in use.
    pub to: Option<String>,
}

impl AuditSalt {
    fn from_object(id: &str, object: &Object) -> Self {
        Self {
            id: id.to_owned(),
            path: text(object, "path"),
            kind: text(object, "type"),
            from: text(object, "from"),
            to: object.str("to").map(str::to_owned),
        }
    }
}
