//! `sys/mounts`, `sys/remount` and `sys/policies/acl`: the secrets engines, and the policies.
//! Never in it: what an engine stores, and what a policy means.

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::response::{AnswerError, strings};
use http::Method;
use onrecord_value::{Object, object};

impl Client {
    /// All mounts by path, each as the server shows it.
    pub async fn mounts(&self) -> Result<Object, Error> {
        self.get_data("sys/mounts").await
    }

    /// Mounts an engine; the body has `type`, `description`, `config`, `options`, …
    pub async fn mount(&self, path: &str, body: Object) -> Result<(), Error> {
        self.post(format!("sys/mounts/{path}"), body).await.map(drop)
    }

    /// Unmounts the engine at a path, if there is one.
    pub async fn unmount(&self, path: &str) -> Result<(), Error> {
        self.send(Request::new(Method::DELETE, format!("sys/mounts/{path}"))).await.map(drop)
    }

    /// Changes the settings of a mount.
    pub async fn mount_tune(&self, path: &str, body: Object) -> Result<(), Error> {
        self.post(format!("sys/mounts/{path}/tune"), body).await.map(drop)
    }

    /// Moves a mount to another path; those of login methods begin with `auth/`. Returns the id of the move.
    pub async fn remount(&self, from: &str, to: &str) -> Result<String, Error> {
        let data = self.post("sys/remount", object! { "from" => from, "to" => to }).await?.data()?;
        data.str("migration_id").map(str::to_owned).ok_or(AnswerError::Field("migration_id").into())
    }

    /// How far a move is: `in-progress`, `success` or `failure`.
    pub async fn remount_status(&self, id: &str) -> Result<String, Error> {
        let data = self.get_data(&format!("sys/remount/status/{id}")).await?;
        let status = data.object("migration_info").and_then(|info| info.str("status"));
        status.map(str::to_owned).ok_or(AnswerError::Field("migration_info").into())
    }

    /// Names of all policies.
    pub async fn policies(&self) -> Result<Vec<String>, Error> {
        let request = Request::new(Method::GET, "sys/policies/acl").query("list", "true");
        let data = self.send(request).await?.data()?;
        strings(&data, "keys").ok_or(AnswerError::Field("keys").into())
    }

    /// The text of a policy; `None` if the policy does not exist.
    pub async fn policy(&self, name: &str) -> Result<Option<String>, Error> {
        match self.get_data(&format!("sys/policies/acl/{name}")).await {
            Ok(data) => Ok(data.str("policy").or_else(|| data.str("rules")).map(str::to_owned)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a policy.
    pub async fn policy_write(&self, name: &str, text: &str) -> Result<(), Error> {
        self.put(format!("sys/policies/acl/{name}"), object! { "policy" => text }).await.map(drop)
    }

    /// Deletes a policy, if there is one.
    pub async fn policy_delete(&self, name: &str) -> Result<(), Error> {
        self.send(Request::new(Method::DELETE, format!("sys/policies/acl/{name}"))).await.map(drop)
    }
}
