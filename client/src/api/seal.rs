//! `sys/seal-status`, `init`, `unseal`, `seal`, `leader`, `health`, `rotate`.
//! Never in it: key shares kept after a call.

use crate::client::Client;
use crate::error::Error;
use crate::request::{Method, Request};
use crate::response::{AnswerError, flag, integer, strings, text};
use onrecord_value::{Object, object};

/// The state of the seal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the facts of the API, as it names them")]
pub struct SealStatus {
    /// Kind of seal, `shamir`.
    pub kind: String,
    /// Whether the server is initialized.
    pub initialized: bool,
    /// Whether the server is sealed.
    pub sealed: bool,
    /// Key shares needed to unseal.
    pub threshold: i64,
    /// Key shares that exist.
    pub shares: i64,
    /// Key shares submitted so far.
    pub progress: i64,
    /// Nonce of this unseal attempt.
    pub nonce: String,
    /// Version of the server.
    pub version: String,
    /// Build date of the server; empty if it sends none.
    pub build_date: String,
    /// Commit date of the server; empty if it sends none.
    pub commit_date: String,
    /// Whether a migration to another seal is running.
    pub migration: bool,
    /// Name of the cluster; empty while sealed.
    pub cluster_name: String,
    /// Id of the cluster; empty while sealed.
    pub cluster_id: String,
    /// Whether recovery keys exist.
    pub recovery_seal: bool,
    /// Storage back end, such as `inmem`.
    pub storage_type: String,
    /// Further keys of the response, such as the state of the audit devices.
    pub more: Object,
}

impl SealStatus {
    fn from_object(object: Object) -> Self {
        let mut status = Self {
            kind: text(&object, "type"),
            initialized: flag(&object, "initialized"),
            sealed: flag(&object, "sealed"),
            threshold: integer(&object, "t"),
            shares: integer(&object, "n"),
            progress: integer(&object, "progress"),
            nonce: text(&object, "nonce"),
            version: text(&object, "version"),
            build_date: text(&object, "build_date"),
            commit_date: text(&object, "commit_date"),
            migration: flag(&object, "migration"),
            cluster_name: text(&object, "cluster_name"),
            cluster_id: text(&object, "cluster_id"),
            recovery_seal: flag(&object, "recovery_seal"),
            storage_type: text(&object, "storage_type"),
            more: object,
        };
        for known in [
            "type",
            "initialized",
            "sealed",
            "t",
            "n",
            "progress",
            "nonce",
            "version",
            "build_date",
            "commit_date",
            "migration",
            "cluster_name",
            "cluster_id",
            "recovery_seal",
            "storage_type",
        ] {
            status.more.remove(known);
        }
        status
    }
}

/// Settings of an initialization.
#[derive(Clone, Debug, Default)]
pub struct InitRequest {
    /// Key shares to create.
    pub shares: i64,
    /// Key shares needed to unseal.
    pub threshold: i64,
}

/// The keys of a new server. `Debug` does not show them.
#[derive(Clone, Default)]
pub struct InitAnswer {
    /// Shares in hex.
    pub keys: Vec<String>,
    /// The same in base64.
    pub keys_base64: Vec<String>,
    /// Recovery shares in hex.
    pub recovery_keys: Vec<String>,
    /// The same in base64.
    pub recovery_keys_base64: Vec<String>,
    /// The first token.
    pub root_token: String,
}

impl std::fmt::Debug for InitAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InitAnswer").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

impl Client {
    /// The state of the seal.
    pub async fn seal_status(&self) -> Result<SealStatus, Error> {
        let request = Request::new(Method::Get, "sys/seal-status").without_token();
        Ok(SealStatus::from_object(self.plain().send(request).await?.object()?))
    }

    /// The health of the server, which it reports in every state and without a token.
    pub async fn health(&self) -> Result<Object, Error> {
        let codes = ["auditcode", "sealedcode", "uninitcode"];
        let request = Request::new(Method::Get, "sys/health").without_token();
        Ok(self
            .send(codes.into_iter().fold(request, |request, code| request.query(code, "200")))
            .await?
            .object()?)
    }

    /// The leader. A single server sets only `ha_enabled` and `is_self`.
    pub async fn leader(&self) -> Result<Object, Error> {
        Ok(self.plain().send(Request::new(Method::Get, "sys/leader").without_token()).await?.object()?)
    }

    /// Initializes the server: creates the keys and the root token.
    pub async fn init(&self, request: &InitRequest) -> Result<InitAnswer, Error> {
        let body = object! { "secret_shares" => request.shares, "secret_threshold" => request.threshold };
        let request = Request::new(Method::Put, "sys/init")
            .body(onrecord_value::Value::Object(body).to_json())
            .without_token();
        let answer = self.send(request).await?.object()?;
        let list = |key| strings(&answer, key).unwrap_or_default();
        Ok(InitAnswer {
            keys: list("keys"),
            keys_base64: list("keys_base64"),
            recovery_keys: list("recovery_keys"),
            recovery_keys_base64: list("recovery_keys_base64"),
            root_token: answer.str("root_token").ok_or(AnswerError::Field("root_token"))?.to_owned(),
        })
    }

    /// Submits one key share.
    pub async fn unseal(&self, key: &str) -> Result<SealStatus, Error> {
        self.unseal_with(object! { "key" => key, "reset" => false, "migrate" => false }).await
    }

    /// Discards the key shares submitted so far.
    pub async fn unseal_reset(&self) -> Result<SealStatus, Error> {
        self.unseal_with(object! { "reset" => true }).await
    }

    async fn unseal_with(&self, body: Object) -> Result<SealStatus, Error> {
        let request = Request::new(Method::Put, "sys/unseal")
            .body(onrecord_value::Value::Object(body).to_json())
            .without_token();
        Ok(SealStatus::from_object(self.send(request).await?.object()?))
    }

    /// Seals the server.
    pub async fn seal(&self) -> Result<(), Error> {
        self.send(Request::new(Method::Put, "sys/seal")).await.map(drop)
    }

    /// Creates a new encryption key for the storage.
    pub async fn rotate(&self) -> Result<(), Error> {
        self.post("sys/rotate/keyring", Object::new()).await.map(drop)
    }

    /// The active encryption key: `term`, `install_time`, `encryptions`.
    pub async fn key_status(&self) -> Result<Object, Error> {
        Ok(self.send(Request::new(Method::Get, "sys/key-status")).await?.data()?)
    }
}
