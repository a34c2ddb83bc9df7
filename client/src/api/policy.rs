//! `sys/policies/acl` and capabilities.
//! Never in it: what a policy means.

use crate::client::Client;
use crate::error::Error;
use crate::request::{Method, Request};
use crate::response::{AnswerError, strings};
use onrecord_value::{Object, object};

impl Client {
    /// Names of all policies.
    pub async fn policies(&self) -> Result<Vec<String>, Error> {
        let request = Request::new(Method::Get, "sys/policies/acl").query("list", "true");
        let data = self.send(request).await?.data()?;
        strings(&data, "keys").ok_or(AnswerError::Field("keys").into())
    }

    /// The text of a policy; `None` if the policy does not exist.
    pub async fn policy(&self, name: &str) -> Result<Option<String>, Error> {
        match self.send(Request::new(Method::Get, format!("sys/policies/acl/{name}"))).await {
            Ok(response) => {
                let data = response.data()?;
                Ok(data.str("policy").or_else(|| data.str("rules")).map(str::to_owned))
            }
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
        self.send(Request::new(Method::Delete, format!("sys/policies/acl/{name}"))).await.map(drop)
    }

    /// What the caller may do at a path.
    pub async fn capabilities_self(&self, path: &str) -> Result<Vec<String>, Error> {
        let mut body = object! { "path" => path };
        if let Some(token) = self.token() {
            body.insert("token", token.expose());
        }
        self.capabilities_at("sys/capabilities-self", path, body).await
    }

    /// What a token may do at a path.
    pub async fn capabilities(&self, token: &str, path: &str) -> Result<Vec<String>, Error> {
        self.capabilities_at("sys/capabilities", path, object! { "path" => path, "token" => token }).await
    }

    /// What the token of an accessor may do at a path.
    pub async fn capabilities_accessor(&self, accessor: &str, path: &str) -> Result<Vec<String>, Error> {
        let body = object! { "path" => path, "accessor" => accessor };
        self.capabilities_at("sys/capabilities-accessor", path, body).await
    }

    async fn capabilities_at(&self, endpoint: &str, path: &str, body: Object) -> Result<Vec<String>, Error> {
        let data = self.post(endpoint, body).await?.data()?;
        strings(&data, "capabilities")
            .or_else(|| strings(&data, path))
            .ok_or(AnswerError::Field("capabilities").into())
    }
}
