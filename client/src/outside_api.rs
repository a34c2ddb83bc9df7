//! Calls of services that are not the API: the witness of a log, a web server that has the tree of one.
//! Never in it: tokens, and headers of the API.

use crate::client::Client;
use crate::error::{Cause, Error, TransportError};
use crate::response::{AnswerError, Response};
use bytes::Bytes;
use http::Method;
use http_body_util::Full;

impl Client {
    /// Posts a text to a path below the client's address. No token is sent, nothing is repeated and no redirect is followed. An
    /// answer of any status is a response.
    pub async fn post_outside_api(&self, path: &str, body: Vec<u8>) -> Result<Response, Error> {
        self.call_outside_api(Method::POST, path, Some(body)).await
    }

    /// Reads what is at a path below the client's address, as [`Client::post_outside_api`] posts.
    pub async fn get_outside_api(&self, path: &str) -> Result<Response, Error> {
        self.call_outside_api(Method::GET, path, None).await
    }

    async fn call_outside_api(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Response, Error> {
        let (config, transport) = self.parts();
        let target = config.address.target_outside_api(path);
        let verb = method.to_string();
        let failed = |cause| {
            let url = config.address.url(&target);
            Error::Transport(Box::new(TransportError { method: verb.clone(), url, cause }))
        };
        let mut request = http::Request::builder()
            .method(method)
            .uri(&target)
            .header(http::header::HOST, config.address.authority())
            .header(http::header::USER_AGENT, concat!("onrecord/", env!("CARGO_PKG_VERSION")));
        if body.is_some() {
            request = request.header(http::header::CONTENT_TYPE, "text/plain; charset=utf-8");
        }
        let request = request
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|_| failed(Cause::Header("URL".to_owned())))?;
        let work = transport.exchange(&config.address, &request, config.answer_bytes_max);
        match tokio::time::timeout(config.timeout, work).await.unwrap_or(Err(Cause::Timeout)) {
            Ok(answer) => {
                Ok(Response { status: answer.status().as_u16(), body: answer.into_body().to_vec() })
            }
            Err(Cause::TooLong) => Err(AnswerError::TooLong(config.answer_bytes_max).into()),
            Err(cause) => Err(failed(cause)),
        }
    }
}
