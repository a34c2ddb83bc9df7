//! HTTP on one connection: turns a request into an exchange and an answer into a response, and does nothing between.
//! Never in it: decisions about requests (the core's) or sockets (`listener`).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, VARY,
};
use hyper::{Method, Request, Response, StatusCode};
use onrecord_core::{
    Account, Answer, Core, CorsGrant, Exchange, Forwarding, Headers, Journey, Load, Media, Overloaded, Peer,
    Permit, RateLimit, Received, Target,
};
use percent_encoding::percent_decode_str;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::answer_body::AnswerBody;
use crate::body;
use crate::forwarded_for::ForwardedFor;
use crate::streams::Streams;
use crate::transfer::LeastRate;
use crate::workers::LargeRequests;

/// What the paths of the API begin with.
const API_PREFIX: &str = "/v1/";
/// An answer of more bytes takes long to free.
const LARGE: usize = 64 * 1024;
/// The longest head of a request, in bytes.
pub(crate) const HEAD: usize = 64 * 1024;
/// What a request over HTTP/2 costs while its body is waited for, in bytes. It is charged, because one connection may have
/// many of them; over HTTP/1.1 it is a part of what a connection costs.
const STREAM: usize = 8 * 1024;

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
    /// The other end of the connection; none for Unix sockets.
    pub(crate) peer: Option<Peer>,
    /// What the connections of the client hold together.
    pub(crate) account: Arc<Account>,
    /// The rules by which `X-Forwarded-For` is read, if it is.
    pub(crate) forwarded_for: Option<Arc<ForwardedFor>>,
    /// The serial number of the verified client certificate, in decimal.
    pub(crate) client_certificate_serial: Option<Arc<str>>,
    /// The client's certificates in DER, its own first, trusted or not.
    pub(crate) client_certificates: Option<Arc<[Bytes]>>,
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
    /// What it costs beside its head, in bytes.
    beside: usize,
}

/// An answer in the terms of HTTP.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Reply {
    fn respond(self, body: impl FnOnce(Bytes) -> AnswerBody) -> Response<AnswerBody> {
        let mut response = Response::new(body(self.body));
        (*response.status_mut(), *response.headers_mut()) = (self.status, self.headers);
        response
    }
}

impl Service {
    /// Serves one request. It cannot fail: every error becomes an answer.
    ///
    /// The head is parsed at once and not kept: it borrows the connection's buffer, and as long as it does, the next read
    /// of the socket allocates another buffer.
    pub(crate) fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<AnswerBody>, Infallible>> + Send {
        let pending = self.parse_head(request, 0);
        async move {
            let mut response = self.answer(pending).await.respond(AnswerBody::whole);
            // The connection ends now: a client that is not told sends its next request into it.
            if self.sealings.has_changed().unwrap_or(true) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        }
    }

    /// Serves one request over HTTP/2.
    pub(crate) fn serve_stream(
        self: Arc<Self>,
        request: Request<Incoming>,
        streams: &Arc<Streams>,
    ) -> impl Future<Output = Result<Response<AnswerBody>, Infallible>> + Send + use<> {
        let asks_for_head = *request.method() == Method::HEAD;
        let opened = streams.open().map(|stream| (stream, self.parse_head(request, STREAM)));
        async move {
            // The connection is about to be cut off.
            let Some((stream, pending)) = opened else {
                return Ok(self.freed_elsewhere(Core::overloaded()).respond(AnswerBody::whole));
            };
            let answer = self.answer(pending).await;
            let length = answer.body.len();
            let mut response = answer.respond(|body| {
                let body = if asks_for_head { Bytes::new() } else { body };
                AnswerBody::of_stream(body, stream)
            });
            if asks_for_head {
                response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            Ok(response)
        }
    }

    /// Parses all of a request but its body. `beside` is what it costs beside its head, in bytes.
    fn parse_head(&self, request: Request<Incoming>, beside: usize) -> PendingRequest {
        let target = parse_target(request.uri().path());
        let declared = usize::try_from(request.body().size_hint().lower()).unwrap_or(usize::MAX);
        let (parts, body) = request.into_parts();
        let mut headers = Headers::new();
        for (name, value) in &parts.headers {
            push_header(&mut headers, name, value);
        }
        let (peer, account) = self.client(&headers);
        let permit = self.core.arrive(&account, &target);
        let exchange = Exchange {
            method: parts.method.as_str().to_owned(),
            target,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers,
            // Replaced when it is read.
            body: Received::Broken,
            peer,
            client_certificate_serial: self.client_certificate_serial.as_deref().map(str::to_owned),
            client_certificates: self.client_certificates.clone(),
        };
        PendingRequest { permit, exchange, body, declared, beside }
    }

    /// The peer with the client behind it, as the request's headers say if they are believed, and the client's account.
    fn client(&self, headers: &Headers) -> (Option<Peer>, Arc<Account>) {
        let (Some(peer), Some(rules)) = (&self.peer, &self.forwarded_for) else {
            return (self.peer.clone(), Arc::clone(&self.account));
        };
        let judged = Some(rules.judge(peer, headers));
        let is_stated =
            judged.as_ref().is_some_and(|peer| matches!(peer.forwarding, Forwarding::Client { .. }));
        let account =
            if is_stated { self.core.account_of_client(judged.as_ref()) } else { Arc::clone(&self.account) };
        (judged, account)
    }

    async fn answer(&self, pending: PendingRequest) -> Reply {
        let PendingRequest { permit, mut exchange, body, declared, beside } = pending;
        let head = exchange.query.len() + exchange.headers.len() + beside;
        if permit.hold_head(head, &exchange.query).is_err() {
            return self.freed_elsewhere(Core::overloaded());
        }
        let threads = &self.large_requests.bodies;
        let permit = match body::read(body, declared, self.bounds, permit, threads).await {
            Ok((permit, received)) => {
                exchange.body = received;
                permit
            }
            Err(Overloaded) => return self.freed_elsewhere(Core::overloaded()),
        };
        let mut journey = self.core.answer(permit, exchange);
        if journey.load() == Load::Small
            && let Some(answer) = until_moved(&mut journey).await
        {
            return self.freed_elsewhere(answer);
        }
        let threads = match journey.load() {
            Load::LargeOperator => &self.large_requests.operators,
            Load::Small | Load::Large => &self.large_requests.ordinary,
        };
        // The task goes on if the client disconnects. It fails only when the process ends.
        let done = threads.spawn(journey).await;
        self.freed_elsewhere(done.unwrap_or_else(|_| Core::overloaded()))
    }

    /// Splits an answer into its head and its body. To free a large body takes long, and small requests wait for this
    /// thread.
    fn freed_elsewhere(&self, answer: Answer) -> Reply {
        let status = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let waiting = Waiting { retry_after: answer.retry_after(), rate_limit: answer.rate_limit() };
        let headers = headers(answer.media(), &waiting, answer.cors());
        let mut body = answer.into_body();
        if body.len() > LARGE {
            let threads = self.large_requests.ordinary.clone();
            body = Bytes::from_owner(FreedElsewhere { body, threads });
        }
        Reply { status, headers, body }
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

fn headers(media: Media, waiting: &Waiting, cors: Option<&CorsGrant>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
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
    if let Some(grant) = cors {
        insert_cors(&mut headers, grant);
    }
    headers
}

/// Lets a browser show the answer to pages of the origin.
fn insert_cors(headers: &mut HeaderMap, grant: &CorsGrant) {
    let Ok(origin) = HeaderValue::from_str(&grant.origin) else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(VARY, HeaderValue::from(ORIGIN));
    let Some(allowed) = &grant.allowed_headers else { return };
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(CorsGrant::METHODS));
    headers.extend(HeaderValue::from_str(allowed).ok().map(|names| (ACCESS_CONTROL_ALLOW_HEADERS, names)));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(CorsGrant::MAX_AGE));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_when_to_ask_again_and_what_is_left_of_a_quota() {
        let rate_limit = Some(RateLimit { limit: 3, remaining: 0, reset: 20 });
        let waiting = Waiting { retry_after: Some(20), rate_limit };
        let sent = headers(Media::Json, &waiting, None);
        let header = |name: &str| sent.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("retry-after"), Some("20"));
        assert_eq!(
            ["limit", "remaining", "reset"].map(|name| header(&format!("x-ratelimit-{name}"))),
            [Some("3"), Some("0"), Some("20")]
        );
        let waiting = Waiting { retry_after: None, rate_limit: None };
        let sent = headers(Media::Json, &waiting, None);
        assert!(!sent.keys().any(|name| name.as_str().contains("rate")));
    }
}
