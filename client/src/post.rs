//! A POST of bytes to a service that is not the API, such as the witness of a log.
//! Never in it: tokens, and headers of the API.

use crate::client::Client;
use crate::error::{Cause, Error, TransportError};
use crate::response::{AnswerError, Response};
use bytes::Bytes;
use http_body_util::Full;

impl Client {
    /// Posts bytes to a path below the client's address. No token is sent, nothing is repeated and no redirect is followed. An
    /// answer of any status is a response.
    pub async fn post_outside_api(&self, path: &str, body: Vec<u8>) -> Result<Response, Error> {
        let (config, transport) = self.parts();
        let target = config.address.target_outside_api(path);
        let failed = |cause| {
            let (method, url) = ("POST".to_owned(), config.address.url(&target));
            Error::Transport(Box::new(TransportError { method, url, cause }))
        };
        let request = http::Request::builder()
            .method(http::Method::POST)
            .uri(&target)
            .header(http::header::HOST, config.address.authority())
            .header(http::header::USER_AGENT, concat!("onrecord/", env!("CARGO_PKG_VERSION")))
            .header(http::header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(Bytes::from(body)))
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
