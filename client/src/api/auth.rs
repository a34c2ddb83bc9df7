//! `sys/auth`: the login methods, and the logins at them.
//! Never in it: what a login method wants as a proof.

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::response::{AnswerError, Secret};
use http::Method;
use onrecord_value::Object;

impl Client {
    /// All login methods by path, each as the server shows it.
    pub async fn auth_methods(&self) -> Result<Object, Error> {
        self.get_data("sys/auth").await
    }

    /// Enables a login method; the body has `type`, `description`, `config`, …
    pub async fn auth_enable(&self, path: &str, body: Object) -> Result<(), Error> {
        self.post(format!("sys/auth/{path}"), body).await.map(drop)
    }

    /// Disables the login method at a path, if there is one.
    pub async fn auth_disable(&self, path: &str) -> Result<(), Error> {
        self.send(Request::new(Method::DELETE, format!("sys/auth/{path}"))).await.map(drop)
    }

    /// Changes the settings of a login method.
    pub async fn auth_tune(&self, path: &str, body: Object) -> Result<(), Error> {
        self.mount_tune(&format!("auth/{path}"), body).await
    }

    /// Logs in at the login path of a method. The body has the proof; no token is sent.
    pub async fn login(&self, path: &str, body: Object) -> Result<Secret, Error> {
        let request = Request::new(Method::PUT, path).body(&body.into()).without_token();
        self.send(request).await?.secret()?.ok_or(AnswerError::NoData.into())
    }
}
