//! Reads, writes, lists and deletes any path; its help; and the way back from a wrapping token.
//! Never in it: knowledge of a path.

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::response::{Response, Secret};
use http::Method;
use onrecord_value::{Object, Value, object};

impl Client {
    /// `GET path` with a query. `None` if the response is 404 without data and warnings.
    pub async fn read(&self, path: &str, query: &[(String, String)]) -> Result<Option<Secret>, Error> {
        self.found(Request::new(Method::GET, path).queries(query)).await
    }

    /// `GET path`, for callers that need the bytes.
    pub async fn read_raw(&self, path: &str, query: &[(String, String)]) -> Result<Response, Error> {
        self.send(Request::new(Method::GET, path).queries(query)).await
    }

    /// `GET path?list=true`. `None` if the response is 404.
    pub async fn list(&self, path: &str) -> Result<Option<Secret>, Error> {
        self.found(Request::new(Method::GET, path).query("list", "true")).await
    }

    /// `PUT path` with a JSON body; `Value::Null` is sent as `null`.
    pub async fn write(&self, path: &str, body: &Value) -> Result<Option<Secret>, Error> {
        Ok(self.send(Request::new(Method::PUT, path).body(body)).await?.secret()?)
    }

    /// `PATCH path` with a JSON merge patch (RFC 7396).
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Option<Secret>, Error> {
        let request = Request::new(Method::PATCH, path).content_type("application/merge-patch+json");
        Ok(self.send(request.body(body)).await?.secret()?)
    }

    /// `DELETE path` with a query.
    pub async fn delete(&self, path: &str, query: &[(String, String)]) -> Result<Option<Secret>, Error> {
        Ok(self.send(Request::new(Method::DELETE, path).queries(query)).await?.secret()?)
    }

    /// What a mount or a path is for: `help`, `see_also`.
    pub async fn path_help(&self, path: &str) -> Result<Object, Error> {
        Ok(self.send(Request::new(Method::GET, path).query("help", "1")).await?.object()?)
    }

    /// What is wrapped in a token, once; with `None`, in the token of this client. `None` if that has no body.
    pub async fn unwrap(&self, token: Option<&str>) -> Result<Option<Secret>, Error> {
        let body = token.map_or(Value::Null, |token| object! { "token" => token }.into());
        Ok(self.send(Request::new(Method::PUT, "sys/wrapping/unwrap").body(&body)).await?.secret()?)
    }

    pub(crate) async fn get_data(&self, path: &str) -> Result<Object, Error> {
        Ok(self.send(Request::new(Method::GET, path)).await?.data()?)
    }

    pub(crate) async fn post(&self, path: impl Into<String>, body: Object) -> Result<Response, Error> {
        self.send(Request::new(Method::POST, path).body(&body.into())).await
    }

    pub(crate) async fn put(&self, path: impl Into<String>, body: Object) -> Result<Response, Error> {
        self.send(Request::new(Method::PUT, path).body(&body.into())).await
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
