//! `sys/storage/snapshot`: a snapshot of the server's storage, page by page.
//! Never in it: files, and what is in a snapshot.

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use http::Method;
use onrecord_value::{Object, object};

impl Client {
    /// Begins a snapshot: `id`, `records`, `created_time`, `idle_seconds`.
    pub async fn snapshot_begin(&self) -> Result<Object, Error> {
        let request = Request::new(Method::POST, "sys/storage/snapshot").body(&Object::new().into());
        Ok(self.send(request).await?.data()?)
    }

    /// A page of a snapshot. All pages, one after the other, are its file.
    pub async fn snapshot_page(&self, id: &str, page: u64) -> Result<Vec<u8>, Error> {
        let request = Request::new(Method::POST, format!("sys/storage/snapshot/{id}"));
        Ok(self.send(request.body(&object! { "page" => page }.into())).await?.body)
    }

    /// Ends a snapshot: it is complete, or given up.
    pub async fn snapshot_end(&self, id: &str) -> Result<(), Error> {
        self.send(Request::new(Method::DELETE, format!("sys/storage/snapshot/{id}"))).await.map(drop)
    }
}
