//! `sys/ha-status`, `sys/step-down` and `sys/version-history`: the nodes of a cluster and their versions.
//! Never in it: the state of the seal (`seal`).

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::response::AnswerError;
use http::Method;
use onrecord_value::{Object, Value};

impl Client {
    /// The nodes, each with `hostname`, `api_address`, `active_node`, …
    pub async fn ha_status(&self) -> Result<Vec<Object>, Error> {
        let data = self.get_data("sys/ha-status").await?;
        let nodes = data.get("nodes").and_then(Value::as_array).ok_or(AnswerError::Field("nodes"))?;
        Ok(nodes.iter().filter_map(|node| node.as_object().cloned()).collect())
    }

    /// Gives up being the active node.
    pub async fn step_down(&self) -> Result<(), Error> {
        self.send(Request::new(Method::PUT, "sys/step-down")).await.map(drop)
    }

    /// The versions that have run with this storage, the oldest first: `keys`, and `key_info` of each.
    pub async fn version_history(&self) -> Result<Object, Error> {
        let request = Request::new(Method::GET, "sys/version-history").query("list", "true");
        Ok(self.send(request).await?.data()?)
    }

    /// The kinds of engines and login methods: names by type, and `detailed`.
    pub async fn plugins(&self) -> Result<Object, Error> {
        self.get_data("sys/plugins/catalog").await
    }
}
