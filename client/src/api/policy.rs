//! `sys/policies/acl`.
//! Never in it: what a policy means.

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::response::{AnswerError, strings};
use http::Method;
use onrecord_value::object;

impl Client {
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
