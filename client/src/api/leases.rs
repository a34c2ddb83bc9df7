//! `sys/leases`: looks up, renews and revokes leases.
//! Never in it: the leases of tokens (`token`).

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::response::{AnswerError, Secret};
use http::Method;
use onrecord_value::object;

impl Client {
    /// The properties of a lease.
    pub async fn lease_lookup(&self, id: &str) -> Result<Secret, Error> {
        let response = self.put("sys/leases/lookup", object! { "lease_id" => id }).await?;
        response.secret()?.ok_or(AnswerError::NoData.into())
    }

    /// Renews a lease by `increment` seconds (0: as its own settings say).
    pub async fn lease_renew(&self, id: &str, increment: i64) -> Result<Secret, Error> {
        let body = object! { "increment" => increment, "lease_id" => id };
        self.put("sys/leases/renew", body).await?.secret()?.ok_or(AnswerError::NoData.into())
    }

    /// Revokes a lease. With `sync` the answer comes once it is revoked.
    pub async fn lease_revoke(&self, id: &str, sync: bool) -> Result<(), Error> {
        self.put(format!("sys/leases/revoke/{id}"), object! { "sync" => sync }).await.map(drop)
    }

    /// Revokes all leases below a prefix. With `sync` the answer comes once they are revoked.
    pub async fn lease_revoke_prefix(&self, prefix: &str, sync: bool) -> Result<(), Error> {
        self.put(format!("sys/leases/revoke-prefix/{prefix}"), object! { "sync" => sync }).await.map(drop)
    }

    /// Removes all leases below a prefix, even where what was leased cannot be taken back.
    pub async fn lease_revoke_force(&self, prefix: &str) -> Result<(), Error> {
        let request = Request::new(Method::PUT, format!("sys/leases/revoke-force/{prefix}"));
        self.send(request).await.map(drop)
    }
}
