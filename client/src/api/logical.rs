//! Reads, writes, lists and deletes any path.
//! Never in it: knowledge of a path.

use crate::client::Client;
use crate::error::Error;
use crate::request::{Method, Request};
use crate::response::{Response, Secret};
use onrecord_value::{Object, Value};

impl Client {
    /// `GET path` with a query. `None` if the response is 404 without data and warnings.
    pub async fn read(&self, path: &str, query: &[(String, String)]) -> Result<Option<Secret>, Error> {
        let mut request = Request::new(Method::Get, path);
        for (name, value) in query {
            request = request.query(name, value);
        }
        self.found(request).await
    }

    /// `GET path`, for callers that need the bytes.
    pub async fn read_raw(&self, path: &str, query: &[(String, String)]) -> Result<Response, Error> {
        let mut request = Request::new(Method::Get, path);
        for (name, value) in query {
            request = request.query(name, value);
        }
        self.send(request).await
    }

    /// `GET path?list=true`. `None` if the response is 404.
    pub async fn list(&self, path: &str) -> Result<Option<Secret>, Error> {
        self.found(Request::new(Method::Get, path).query("list", "true")).await
    }

    /// `PUT path` with a JSON body; `Value::Null` is sent as `null`.
    pub async fn write(&self, path: &str, body: &Value) -> Result<Option<Secret>, Error> {
        Ok(self.send(Request::new(Method::Put, path).body(body.to_json())).await?.secret()?)
    }

    /// `PATCH path` with a JSON merge patch (RFC 7396).
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Option<Secret>, Error> {
        let request = Request::new(Method::Patch, path)
            .content_type("application/merge-patch+json")
            .body(body.to_json());
        Ok(self.send(request).await?.secret()?)
    }

    /// `DELETE path` with a query.
    pub async fn delete(&self, path: &str, query: &[(String, String)]) -> Result<Option<Secret>, Error> {
        let mut request = Request::new(Method::Delete, path);
        for (name, value) in query {
            request = request.query(name, value);
        }
        Ok(self.send(request).await?.secret()?)
    }

    pub(crate) async fn post(&self, path: impl Into<String>, body: Object) -> Result<Response, Error> {
        self.send(Request::new(Method::Post, path).body(Value::Object(body).to_json())).await
    }

    pub(crate) async fn put(&self, path: impl Into<String>, body: Object) -> Result<Response, Error> {
        self.send(Request::new(Method::Put, path).body(Value::Object(body).to_json())).await
    }

    async fn found(&self, request: Request) -> Result<Option<Secret>, Error> {
        match self.send(request).await {
            Ok(response) => Ok(response.secret()?),
            // A deleted version of a secret answers 404 and still has data.
            Err(Error::Api(error)) if error.status == 404 => Ok(error.body.secret()?.filter(|secret| {
                secret.warnings.as_ref().is_some_and(|list| !list.is_empty())
                    || secret.data.as_ref().is_some_and(|data| !data.is_empty())
            })),
            Err(error) => Err(error),
        }
    }
}
