//! `sys/audit` and `sys/audit-hash`.

use crate::answer::{flag, text};
use crate::client::Client;
use crate::error::{AnswerError, Error};
use crate::request::{Method, Request};
use onrecord_value::{Object, Value, object};
use std::collections::BTreeMap;

/// An audit device as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AuditDevice {
    /// `file`, `syslog`, `socket`.
    pub kind: String,
    /// For people.
    pub description: String,
    /// Its options as text.
    pub options: BTreeMap<String, String>,
    /// Whether it belongs to one node only.
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
        let data = self.send(Request::new(Method::Get, "sys/audit")).await?.data()?;
        Ok(data
            .iter()
            .filter_map(|(path, value)| Some((path.to_owned(), AuditDevice::from_object(value.as_object()?))))
            .collect())
    }

    /// Enables a device at a path. `device.path` is not sent.
    pub async fn audit_enable(&self, path: &str, device: &AuditDevice) -> Result<(), Error> {
        let options: Object =
            device.options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let body = object! {
            "type" => device.kind.as_str(),
            "description" => device.description.as_str(),
            "options" => options,
            "local" => device.local,
        };
        self.put(format!("sys/audit/{path}"), body).await.map(drop)
    }

    /// Disables the device at a path, if there is one.
    pub async fn audit_disable(&self, path: &str) -> Result<(), Error> {
        self.send(Request::new(Method::Delete, format!("sys/audit/{path}"))).await.map(drop)
    }

    /// The hash a device writes for a text.
    pub async fn audit_hash(&self, path: &str, input: &str) -> Result<String, Error> {
        let data = self.put(format!("sys/audit-hash/{path}"), object! { "input" => input }).await?.data()?;
        match data.get("hash") {
            Some(Value::String(hash)) => Ok(hash.clone()),
            _ => Err(Error::Answer(AnswerError::Field("hash"))),
        }
    }
}
