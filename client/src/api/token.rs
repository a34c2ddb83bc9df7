//! `auth/token`.
//! Never in it: the token file.

use crate::client::Client;
use crate::error::Error;
use crate::request::{Method, Request};
use crate::response::{AnswerError, Secret};
use onrecord_value::{Object, object};

impl Client {
    /// Creates a token. The body has `policies`, `ttl`, …; `role` and `orphan` select the endpoint.
    pub async fn token_create(
        &self,
        role: Option<&str>,
        orphan: bool,
        body: Object,
    ) -> Result<Secret, Error> {
        let path = match role {
            Some(role) => format!("auth/token/create/{role}"),
            None if orphan => "auth/token/create-orphan".to_owned(),
            None => "auth/token/create".to_owned(),
        };
        whole(self.post(path, body).await?.secret()?)
    }

    /// The caller's own token.
    pub async fn token_lookup_self(&self) -> Result<Secret, Error> {
        whole(self.send(Request::new(Method::Get, "auth/token/lookup-self")).await?.secret()?)
    }

    /// Another token.
    pub async fn token_lookup(&self, token: &str) -> Result<Secret, Error> {
        whole(self.post("auth/token/lookup", object! { "token" => token }).await?.secret()?)
    }

    /// The token of an accessor, without the token itself.
    pub async fn token_lookup_accessor(&self, accessor: &str) -> Result<Secret, Error> {
        whole(self.post("auth/token/lookup-accessor", object! { "accessor" => accessor }).await?.secret()?)
    }

    /// Renews the caller's token by `increment` seconds (0: as its own settings say).
    pub async fn token_renew_self(&self, increment: i64) -> Result<Secret, Error> {
        whole(self.put("auth/token/renew-self", object! { "increment" => increment }).await?.secret()?)
    }

    /// Renews another token.
    pub async fn token_renew(&self, token: &str, increment: i64) -> Result<Secret, Error> {
        let body = object! { "token" => token, "increment" => increment };
        whole(self.put("auth/token/renew", body).await?.secret()?)
    }

    /// Renews the token of an accessor.
    pub async fn token_renew_accessor(&self, accessor: &str, increment: i64) -> Result<Secret, Error> {
        let body = object! { "accessor" => accessor, "increment" => increment };
        whole(self.post("auth/token/renew-accessor", body).await?.secret()?)
    }

    /// Revokes the caller's token and its children.
    pub async fn token_revoke_self(&self) -> Result<(), Error> {
        self.send(Request::new(Method::Put, "auth/token/revoke-self")).await.map(drop)
    }

    /// Revokes a token and its children.
    pub async fn token_revoke(&self, token: &str) -> Result<(), Error> {
        self.put("auth/token/revoke", object! { "token" => token }).await.map(drop)
    }

    /// Revokes a token; its children stay.
    pub async fn token_revoke_orphan(&self, token: &str) -> Result<(), Error> {
        self.put("auth/token/revoke-orphan", object! { "token" => token }).await.map(drop)
    }

    /// Revokes the token of an accessor and its children.
    pub async fn token_revoke_accessor(&self, accessor: &str) -> Result<(), Error> {
        self.post("auth/token/revoke-accessor", object! { "accessor" => accessor }).await.map(drop)
    }
}

fn whole(secret: Option<Secret>) -> Result<Secret, Error> {
    secret.ok_or(AnswerError::NoData.into())
}
