//! HTTP on one connection: turns a request into an exchange and an answer into a response, and does nothing between.
//! Never in it: decisions about requests (the core's) or sockets (`listener`).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY,
};
use hyper::{Request, Response, StatusCode};
use onrecord_core::{
    Account, Answer, Core, Exchange, Headers, Journey, Load, Media, Overloaded, Peer, Permit, RateLimit,
    Received, Target,
};
use percent_encoding::percent_decode_str;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::body;
use crate::transfer::LeastRate;
use crate::workers::LargeRequests;

/// What the paths of the API begin with.
const API_PREFIX: &str = "/v1/";
/// An answer of more bytes takes long to free.
const LARGE: usize = 64 * 1024;
/// The longest head of a request, in bytes.
pub(crate) const HEAD: usize = 64 * 1024;

/// How a listener treats its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Connections at once; more wait in the kernel's queue.
    pub(crate) connections: usize,
    /// Connections of one client address at once, over all listeners; more are refused.
    pub(crate) connections_of_address: usize,
    /// How long a TLS handshake or a request's header may take.
    pub(crate) header_timeout: Duration,
    /// How long a body may take.
    pub(crate) body_timeout: Duration,
    /// How long writing an answer may make no progress.
    pub(crate) write_timeout: Duration,
    /// The least rate of bodies and answers.
    pub(crate) least_rate: LeastRate,
    /// The largest body, in bytes.
    pub(crate) max_request_size: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 8192,
            connections_of_address: 8192 / 4,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            least_rate: LeastRate::default(),
            max_request_size: 32 << 20,
        }
    }
}

/// What one connection serves with.
pub(crate) struct Service {
    /// The core.
    pub(crate) core: Core,
    /// The client's address.
    pub(crate) peer: Option<Peer>,
    /// What the connections of the client's address hold together.
    pub(crate) account: Arc<Account>,
    /// The serial number of the verified client certificate, in decimal.
    pub(crate) client_certificate_serial: Option<Arc<str>>,
    /// The limits of time and size.
    pub(crate) bounds: Bounds,
    /// The threads for large requests.
    pub(crate) large_requests: LargeRequests,
    /// Has changed once the server was sealed after the connection was made.
    pub(crate) sealings: watch::Receiver<u64>,
}

/// A request whose body is not read yet.
struct PendingRequest {
    permit: Permit,
    exchange: Exchange,
    body: Incoming,
    /// The length that the head declares; 0 if it declares none.
    declared: usize,
}

impl Service {
    /// Serves one request. It cannot fail: every error becomes an answer.
    ///
    /// The head is parsed at once and not kept: it borrows the connection's buffer, and as long as it does, the next read
    /// of the socket allocates another buffer.
    pub(crate) fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send {
        let pending = self.parse_head(request);
        async move {
            let mut response = self.answer(pending).await;
            // The connection ends now: a client that is not told sends its next request into it.
            if self.sealings.has_changed().unwrap_or(true) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        }
    }

    /// Parses all of a request but its body.
    fn parse_head(&self, request: Request<Incoming>) -> PendingRequest {
        let target = parse_target(request.uri().path());
        let declared = usize::try_from(request.body().size_hint().lower()).unwrap_or(usize::MAX);
        let permit = self.core.arrive(&self.account, &target);
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
            // Replaced when it is read.
            body: Received::Broken,
            peer: self.peer.clone(),
            client_certificate_serial: self.client_certificate_serial.as_deref().map(str::to_owned),
            client_certificates: None,
        };
        PendingRequest { permit, exchange, body, declared }
    }

    async fn answer(&self, pending: PendingRequest) -> Response<Full<Bytes>> {
        let PendingRequest { permit, mut exchange, body, declared } = pending;
        if permit.hold_head(exchange.query.len() + exchange.headers.len(), &exchange.query).is_err() {
            return respond(self.freed_elsewhere(Core::overloaded()));
        }
        let threads = &self.large_requests.bodies;
        let permit = match body::read(body, declared, self.bounds, permit, threads).await {
            Ok((permit, received)) => {
                exchange.body = received;
                permit
            }
            Err(Overloaded) => return respond(self.freed_elsewhere(Core::overloaded())),
        };
        let mut journey = self.core.answer(permit, exchange);
        if journey.load() == Load::Small
            && let Some(answer) = until_moved(&mut journey).await
        {
            return respond(self.freed_elsewhere(answer));
        }
        let threads = match journey.load() {
            Load::LargeOperator => &self.large_requests.operators,
            Load::Small | Load::Large => &self.large_requests.ordinary,
        };
        // The task goes on if the client disconnects. It fails only when the process ends.
        let done = threads.spawn(journey).await;
        respond(self.freed_elsewhere(done.unwrap_or_else(|_| Core::overloaded())))
    }

    /// Splits an answer into its facts and its body. To free a large body takes long, and small requests wait for this
    /// thread.
    fn freed_elsewhere(&self, answer: Answer) -> (StatusCode, Media, Waiting, Bytes) {
        let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let waiting = Waiting { retry_after: answer.retry_after(), rate_limit: answer.rate_limit() };
        let (media, body) = (answer.media(), answer.into_body());
        if body.len() <= LARGE {
            return (status, media, waiting, body);
        }
        let threads = self.large_requests.ordinary.clone();
        (status, media, waiting, Bytes::from_owner(FreedElsewhere { body, threads }))
    }
}

/// What an answer says about when a client may ask again.
struct Waiting {
    retry_after: Option<u64>,
    rate_limit: Option<RateLimit>,
}

/// Polls a journey to its end; none if it is to go on on other threads.
async fn until_moved(journey: &mut Journey) -> Option<Answer> {
    std::future::poll_fn(|context| match Pin::new(&mut *journey).poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if journey.load() == Load::Small => Poll::Pending,
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// A body that the threads for large requests free.
struct FreedElsewhere {
    body: Bytes,
    threads: Handle,
}

impl AsRef<[u8]> for FreedElsewhere {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for FreedElsewhere {
    fn drop(&mut self) {
        let body = std::mem::take(&mut self.body);
        self.threads.spawn(async move { drop(body) });
    }
}

/// What a URL's path names. A path that is not UTF-8 is outside of the API.
fn parse_target(path: &str) -> Target {
    let decoded = path.strip_prefix(API_PREFIX).and_then(|rest| percent_decode_str(rest).decode_utf8().ok());
    match decoded {
        Some(decoded) => Target::Api(decoded.into_owned()),
        None => Target::Outside(path.to_owned()),
    }
}

/// Header values are bytes; in one that is not UTF-8 the invalid bytes are replaced, as compatible servers do.
fn push_header(headers: &mut Headers, name: &HeaderName, value: &HeaderValue) {
    match value.to_str() {
        Ok(text) => headers.push(name.as_str(), text),
        // A credential with replaced bytes would be another credential: the header is ignored.
        Err(_) if name == AUTHORIZATION => {}
        Err(_) => headers.push(name.as_str(), &String::from_utf8_lossy(value.as_bytes())),
    }
}

fn respond((status, media, waiting, body): (StatusCode, Media, Waiting, Bytes)) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media.name()));
    headers
        .insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    if let Some(seconds) = waiting.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(RateLimit { limit, remaining, reset }) = waiting.rate_limit {
        for (name, number) in
            [("x-ratelimit-limit", limit), ("x-ratelimit-remaining", remaining), ("x-ratelimit-reset", reset)]
        {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(number));
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_when_to_ask_again_and_what_is_left_of_a_quota() {
        let rate_limit = Some(RateLimit { limit: 3, remaining: 0, reset: 20 });
        let waiting = Waiting { retry_after: Some(20), rate_limit };
        let response = respond((StatusCode::TOO_MANY_REQUESTS, Media::Json, waiting, Bytes::new()));
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("retry-after"), Some("20"));
        assert_eq!(
            ["limit", "remaining", "reset"].map(|name| header(&format!("x-ratelimit-{name}"))),
            [Some("3"), Some("0"), Some("20")]
        );
        let waiting = Waiting { retry_after: None, rate_limit: None };
        let response = respond((StatusCode::OK, Media::Json, waiting, Bytes::new()));
        assert!(!response.headers().keys().any(|name| name.as_str().contains("rate")));
    }
}
