//! HTTP on one connection: a request becomes an exchange, an answer becomes a response, and nothing happens between.
//! Never in it: decisions about requests (the core's) or sockets (`listener`).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY,
};
use hyper::{Request, Response, StatusCode};
use onrecord_core::{Answer, Core, Exchange, Headers, Received};
use percent_encoding::percent_decode_str;

/// The folder of the API in a URL.
const API: &str = "/v1/";

/// What one connection serves with.
#[derive(Clone)]
pub(crate) struct Service {
    /// The core.
    pub(crate) core: Arc<Core>,
    /// The other end.
    pub(crate) peer: Option<SocketAddr>,
    /// The serial number of the verified client certificate, in decimal.
    pub(crate) client_certificate_serial: Option<Arc<str>>,
    /// How long a body may take to arrive.
    pub(crate) body_timeout: Duration,
    /// The largest body, in bytes.
    pub(crate) max_request_size: usize,
}

impl Service {
    /// Serves one request. It cannot fail: whatever happens becomes an answer.
    pub(crate) async fn serve(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let declared = request.body().size_hint().lower();
        let Some(slot) = self.core.admit(usize::try_from(declared).unwrap_or(usize::MAX)) else {
            return Ok(respond(self.core.overloaded()));
        };
        let exchange = self.exchange(request).await;
        let core = Arc::clone(&self.core);
        // A task of its own: a client that leaves drops this future, and must not change what is done or recorded.
        let journey = tokio::spawn(async move {
            let answer = core.handle(exchange).await;
            drop(slot);
            answer
        });
        let answer = journey.await.unwrap_or_else(|_| self.core.failed());
        Ok(respond(answer))
    }

    /// Turns a request into an exchange, reading its body within bounds.
    async fn exchange(&self, request: Request<Incoming>) -> Exchange {
        let (parts, body) = request.into_parts();
        let mut headers = Headers::new();
        for (name, value) in &parts.headers {
            push_header(&mut headers, name, value);
        }
        let path = parts.uri.path().strip_prefix(API).and_then(decode);
        Exchange {
            method: parts.method.as_str().to_owned(),
            path,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers,
            body: self.receive(body).await,
            peer: self.peer,
            client_certificate_serial: self.client_certificate_serial.as_deref().map(str::to_owned),
        }
    }

    async fn receive(&self, body: Incoming) -> Received {
        if body.is_end_stream() {
            return Received::Whole(Bytes::new());
        }
        let collected = Limited::new(body, self.max_request_size).collect();
        match tokio::time::timeout(self.body_timeout, collected).await {
            Ok(Ok(whole)) => Received::Whole(whole.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Received::TooLarge,
            Ok(Err(_)) | Err(_) => Received::Broken,
        }
    }
}

/// Header values are bytes; those that are not UTF-8 are read as the field's servers do, byte by byte replaced.
fn push_header(headers: &mut Headers, name: &HeaderName, value: &HeaderValue) {
    match value.to_str() {
        Ok(text) => headers.push(name.as_str(), text),
        // A credential must be exactly what was sent, or nothing.
        Err(_) if name == AUTHORIZATION => {}
        Err(_) => headers.push(name.as_str(), &String::from_utf8_lossy(value.as_bytes())),
    }
}

/// The decoded path; `None` if it is not UTF-8, which no path of the API is.
fn decode(path: &str) -> Option<String> {
    percent_decode_str(path).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Full::new(answer.into_body()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
        .insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    response
}
