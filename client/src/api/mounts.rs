//! `sys/mounts`: the secrets engines.
//! Never in it: what an engine stores.

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use http::Method;
use onrecord_value::Object;

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
}
