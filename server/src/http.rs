//! HTTP on one connection: a request becomes an exchange, an answer becomes a response, and nothing happens between.
//! Never in it: decisions about requests (the core's) or sockets (`listener`).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY,
};
use hyper::{Request, Response, StatusCode};
use onrecord_core::admission::{Overloaded, Permit};
use onrecord_core::exchange::{Answer, Exchange, Headers, Peer, Received, Target};
use onrecord_core::lifecycle::Core;
use percent_encoding::percent_decode_str;
use tokio::runtime::Handle;

/// The folder of the API in a URL.
const API: &str = "/v1/";
/// A longer body takes long to read, to hash and to write down: other requests of the thread do not wait for that.
const LONG_BODY: usize = 64 * 1024;

/// What one connection serves with.
pub(crate) struct Service {
    /// The core.
    pub(crate) core: Core,
    /// The other end.
    pub(crate) peer: Option<Peer>,
    /// The serial number of the verified client certificate, in decimal.
    pub(crate) client_certificate_serial: Option<Arc<str>>,
    /// How long a body may take to arrive.
    pub(crate) body_timeout: Duration,
    /// The largest body, in bytes.
    pub(crate) max_request_size: usize,
    /// Where long work is done.
    pub(crate) aside: Handle,
}

/// A request whose body is still to be read.
struct Begun {
    permit: Permit,
    exchange: Exchange,
    body: Incoming,
    /// How long the body is said to be at least.
    declared: usize,
}

impl Service {
    /// Serves one request. It cannot fail: whatever happens becomes an answer.
    ///
    /// The head is taken apart at once, and only what is made of it is kept: it lies in the connection's buffer, and as
    /// long as it does, HTTP's next look at the socket takes another.
    pub(crate) fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send {
        let begun = self.begin(request);
        async move {
            match begun {
                Ok(begun) => Ok(self.answer(begun).await),
                Err(refusal) => Ok(respond(refusal)),
            }
        }
    }

    /// All of a request but its body, with the place for it.
    fn begin(&self, request: Request<Incoming>) -> Result<Begun, Answer> {
        let target = target(request.uri().path());
        let declared = usize::try_from(request.body().size_hint().lower()).unwrap_or(usize::MAX);
        let permit = self.core.admit(&target, declared.min(self.max_request_size))?;
        let (parts, body) = request.into_parts();
        let mut headers = Headers::new();
        for (name, value) in &parts.headers {
            push_header(&mut headers, name, value);
        }
        let exchange = Exchange {
            method: parts.method.as_str().to_owned(),
            target,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers,
            // Until it is read.
            body: Received::Broken,
            peer: self.peer.clone(),
            client_certificate_serial: self.client_certificate_serial.as_deref().map(str::to_owned),
        };
        Ok(Begun { permit, exchange, body, declared })
    }

    async fn answer(&self, begun: Begun) -> Response<Full<Bytes>> {
        let Begun { mut permit, mut exchange, body, declared } = begun;
        exchange.body = match self.receive(body, declared, &mut permit).await {
            Ok(received) => received,
            Err(Overloaded) => return respond(Core::overloaded()),
        };
        let long = matches!(&exchange.body, Received::Whole(body) if body.len() > LONG_BODY);
        let journey = self.core.answer(permit, exchange);
        if !long {
            return respond(journey.await);
        }
        // It goes on if the client leaves. It is not run to its end only where the process ends.
        let done = self.aside.spawn(journey).await;
        respond(done.unwrap_or_else(|_| Core::overloaded()))
    }

    /// Reads the body within its bounds of size and time. Bytes that were not declared must find room first.
    async fn receive(
        &self,
        body: Incoming,
        declared: usize,
        permit: &mut Permit,
    ) -> Result<Received, Overloaded> {
        if body.is_end_stream() {
            return Ok(Received::Whole(Bytes::new()));
        }
        let reading = read(body, declared, self.max_request_size, permit);
        tokio::time::timeout(self.body_timeout, reading).await.unwrap_or(Ok(Received::Broken))
    }
}

/// Reads a body frame by frame.
async fn read(
    mut body: Incoming,
    declared: usize,
    limit: usize,
    permit: &mut Permit,
) -> Result<Received, Overloaded> {
    if declared > limit {
        return Ok(Received::TooLarge);
    }
    let mut whole = Vec::with_capacity(declared);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Ok(Received::Broken) };
        // Trailers are no part of the body.
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Ok(Received::TooLarge);
        }
        if whole.len() + data.len() > declared {
            permit.grow(data.len())?;
        }
        whole.extend_from_slice(&data);
    }
    Ok(Received::Whole(Bytes::from(whole)))
}

/// Where a URL's path leads. A path that is not UTF-8 leads nowhere in the API.
fn target(path: &str) -> Target {
    let inside = path.strip_prefix(API).and_then(|rest| percent_decode_str(rest).decode_utf8().ok());
    match inside {
        Some(inside) => Target::Api(inside.into_owned()),
        None => Target::Outside(path.to_owned()),
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

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let media = answer.media();
    let mut response = Response::new(Full::new(answer.into_body()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media.name()));
    headers
        .insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    response
}
