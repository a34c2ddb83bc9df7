//! `sys/seal-status`, `init`, `unseal`, `seal`, `leader`, `health`, `rotate`.
//! Never in it: key shares kept after a call.

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::response::{AnswerError, strings};
use http::Method;
use onrecord_value::{Object, object};

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
    /// The state of the seal: `type`, `initialized`, `sealed`, `t` of `n` key shares, `progress`, …
    pub async fn seal_status(&self) -> Result<Object, Error> {
        self.plain().without_token(Request::new(Method::GET, "sys/seal-status")).await
    }

    /// The health of the server, which it reports in every state and without a token.
    pub async fn health(&self) -> Result<Object, Error> {
        let codes = ["auditcode", "sealedcode", "uninitcode"].map(|code| (code.to_owned(), "200".to_owned()));
        self.without_token(Request::new(Method::GET, "sys/health").queries(&codes)).await
    }

    /// The leader. A single server sets only `ha_enabled` and `is_self`.
    pub async fn leader(&self) -> Result<Object, Error> {
        self.plain().without_token(Request::new(Method::GET, "sys/leader")).await
    }

    /// Initializes the server: creates `shares` key shares, of which `threshold` unseal, and the root token.
    pub async fn init(&self, shares: i64, threshold: i64) -> Result<InitAnswer, Error> {
        self.init_with(object! { "secret_shares" => shares, "secret_threshold" => threshold }).await
    }

    /// Initializes a server that a key service unseals: creates `shares` recovery keys, of which `threshold` are needed.
    pub async fn init_with_recovery(&self, shares: i64, threshold: i64) -> Result<InitAnswer, Error> {
        self.init_with(object! { "recovery_shares" => shares, "recovery_threshold" => threshold }).await
    }

    async fn init_with(&self, body: Object) -> Result<InitAnswer, Error> {
        let request = Request::new(Method::PUT, "sys/init").body(&body.into());
        let answer = self.without_token(request).await?;
        let list = |key| strings(&answer, key).unwrap_or_default();
        Ok(InitAnswer {
            keys: list("keys"),
            keys_base64: list("keys_base64"),
            recovery_keys: list("recovery_keys"),
            recovery_keys_base64: list("recovery_keys_base64"),
            root_token: answer.str("root_token").ok_or(AnswerError::Field("root_token"))?.to_owned(),
        })
    }

    /// Submits one key share, or with `None` discards those submitted so far. Returns the state of the seal.
    pub async fn unseal(&self, key: Option<&str>) -> Result<Object, Error> {
        let body = match key {
            Some(key) => object! { "key" => key, "reset" => false, "migrate" => false },
            None => object! { "reset" => true },
        };
        self.without_token(Request::new(Method::PUT, "sys/unseal").body(&body.into())).await
    }

    async fn without_token(&self, request: Request) -> Result<Object, Error> {
        Ok(self.send(request.without_token()).await?.object()?)
    }

    /// Seals the server.
    pub async fn seal(&self) -> Result<(), Error> {
        self.send(Request::new(Method::PUT, "sys/seal")).await.map(drop)
    }

    /// Creates a new encryption key for the storage.
    pub async fn rotate(&self) -> Result<(), Error> {
        self.post("sys/rotate/keyring", Object::new()).await.map(drop)
    }

    /// The active encryption key: `term`, `install_time`, `encryptions`.
    pub async fn key_status(&self) -> Result<Object, Error> {
        self.get_data("sys/key-status").await
    }
}
