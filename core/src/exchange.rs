//! The seam to a transport: what it hands in ([`Exchange`]) and what it may send back ([`Answer`]).
//! Never in it: HTTP library types, or a way to make an answer without the broker's proof (I3) outside
//! the few constructors below, each of which says why it may.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use onrecord_audit::{Recorded, RequestOnRecord, ResponseOnRecord, Unaudited};
use onrecord_value::{Object, json};

use crate::admission::Permit;
use crate::cross_origin::CorsGrant;

/// One request as a transport received it, before any judgement.
pub struct Exchange {
    /// The method, upper case (`GET`, `LIST`, …).
    pub method: String,
    /// Where it goes.
    pub target: Target,
    /// The raw query, without the question mark.
    pub query: String,
    /// All request headers.
    pub headers: Headers,
    /// The body.
    pub body: Received,
    /// The other end of the connection, and the client behind it; none for Unix sockets.
    pub peer: Option<Peer>,
    /// The serial number of the verified client certificate, in decimal.
    pub client_certificate_serial: Option<String>,
    /// The client's certificates in DER, its own first, as its TLS handshake presented them: the client has the key of the
    /// first, and whether anybody trusts them is for the login method to judge. None without TLS or without any.
    pub client_certificates: Option<Arc<[Bytes]>>,
}

/// The other end of a connection. Made once a connection, cloned for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer(Arc<PeerFacts>);

/// What is known of the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerFacts {
    /// Its IP address as text, without brackets or port.
    pub address: Arc<str>,
    /// Its port.
    pub port: u16,
    /// The client behind it.
    pub forwarding: Forwarding,
}

/// Whom a request of a peer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Forwarding {
    /// The peer itself, as far as is known.
    #[default]
    Direct,
    /// A client behind it: the peer is a trusted proxy, and stated this.
    Client {
        /// The client's IP address as text, without brackets or port.
        address: Arc<str>,
        /// The client's port; 0 if it was not stated.
        port: u16,
    },
    /// The listener's rules for proxies refuse the request: the text for the client, which has nothing of the request's.
    Refused(Arc<str>),
}

impl Peer {
    /// The same peer, as the proxy of a client.
    #[must_use]
    pub fn forwarding(&self, client: IpAddr, port: u16) -> Self {
        let address = client.to_canonical().to_string().into();
        self.with(Forwarding::Client { address, port })
    }

    /// The same peer, whose request is refused by the listener's rules for proxies.
    #[must_use]
    pub fn refused(&self, text: &str) -> Self {
        self.with(Forwarding::Refused(text.into()))
    }

    fn with(&self, forwarding: Forwarding) -> Self {
        Self(Arc::new(PeerFacts { forwarding, ..PeerFacts::clone(&self.0) }))
    }

    /// The address that counts as the client's where something depends on it (CIDR bounds, rates): that which a trusted
    /// proxy stated, or else the peer's own.
    pub fn client_address(&self) -> &str {
        match &self.forwarding {
            Forwarding::Client { address, .. } => address,
            Forwarding::Direct | Forwarding::Refused(_) => &self.address,
        }
    }

    /// The address and port of the client that a trusted proxy stated; empty and 0 without one.
    pub(crate) fn stated_client(&self) -> (&str, u16) {
        match &self.forwarding {
            Forwarding::Client { address, port } => (address, *port),
            Forwarding::Direct | Forwarding::Refused(_) => ("", 0),
        }
    }

    /// Why the listener's rules for proxies refuse the request, if they do.
    pub(crate) fn refusal(&self) -> Option<&str> {
        match &self.forwarding {
            Forwarding::Refused(text) => Some(text),
            Forwarding::Direct | Forwarding::Client { .. } => None,
        }
    }
}

impl Deref for Peer {
    type Target = PeerFacts;

    fn deref(&self) -> &PeerFacts {
        &self.0
    }
}

impl From<SocketAddr> for Peer {
    /// An IPv4 address that came through an IPv6 socket is written as what it is.
    fn from(socket: SocketAddr) -> Self {
        let address = socket.ip().to_canonical().to_string().into();
        Self(Arc::new(PeerFacts { address, port: socket.port(), forwarding: Forwarding::Direct }))
    }
}

/// The decoded path of a URL.
pub enum Target {
    /// Below the API root: `secret/data/app` for `/v1/secret/data/app`.
    Api(String),
    /// Anywhere else, with its leading slash.
    Outside(String),
}

/// What arrived of a body.
pub enum Received {
    /// All of it.
    Whole(Bytes),
    /// All of a large one, in pieces.
    Pieces(Vec<Bytes>),
    /// More than the configured limit; the rest was not read.
    TooLarge,
    /// The connection broke before it was complete.
    Broken,
    /// It came more slowly than the least rate, or the time for it ran out.
    TooSlow,
}

impl Received {
    /// What has arrived.
    pub(crate) fn pieces(&self) -> &[Bytes] {
        match self {
            Self::Whole(whole) => std::slice::from_ref(whole),
            Self::Pieces(pieces) => pieces,
            Self::TooLarge | Self::Broken | Self::TooSlow => &[],
        }
    }

    /// The same in one piece.
    #[must_use]
    pub fn join(self) -> Self {
        match self {
            Self::Pieces(pieces) => Self::Whole(pieces.concat().into()),
            other => other,
        }
    }
}

/// Request headers in one buffer: names in lower case, values as text.
#[derive(Default)]
pub struct Headers {
    text: String,
    spans: Vec<(usize, usize, usize)>,
}

impl Headers {
    /// No headers, with room for a usual request's.
    pub fn new() -> Self {
        Self { text: String::with_capacity(512), spans: Vec::with_capacity(12) }
    }

    /// Appends one value of a header. The order of values is kept.
    pub fn push(&mut self, name: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        self.text.get_mut(start..).map(str::make_ascii_lowercase);
        let middle = self.text.len();
        self.text.push_str(value);
        self.spans.push((start, middle, self.text.len()));
    }

    /// How many bytes they have.
    pub const fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// All pairs of name and value, in the order received.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.spans.iter().filter_map(|&(start, middle, end)| {
            Some((self.text.get(start..middle)?, self.text.get(middle..end)?))
        })
    }

    /// The first value of a header; `name` in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// All values of a header; `name` in lower case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(n, _)| *n == name).map(|(_, value)| value)
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.text);
    }
}

/// What the bytes of a body are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Media {
    /// JSON, as nearly everything.
    #[default]
    Json,
    /// Prometheus' text exposition, format 0.0.4.
    Prometheus,
    /// Bytes without a meaning to a client: a page of a snapshot.
    Octets,
    /// A certificate in DER (RFC 2585).
    Certificate,
    /// A certificate revocation list in DER (RFC 2585).
    RevocationList,
    /// Certificates in PEM (RFC 8555, 9.1).
    CertificateChain,
    /// Anything else in PEM.
    Pem,
}

impl Media {
    /// The name of the media type (RFC 9110, 8.3).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::Octets => "application/octet-stream",
            Self::Certificate => "application/pkix-cert",
            Self::RevocationList => "application/pkix-crl",
            Self::CertificateChain => "application/pem-certificate-chain",
            Self::Pem => "application/x-pem-file",
        }
    }
}

/// What is left of a rate limit quota, for headers of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many requests a client may send in an interval (`X-RateLimit-Limit`).
    pub limit: u64,
    /// How many it may send now (`X-RateLimit-Remaining`).
    pub remaining: u64,
    /// After how many seconds that changes (`X-RateLimit-Reset`).
    pub reset: u64,
}

/// An answer that may leave. It can only be made with a reason to leave.
pub struct Answer {
    status: u16,
    media: Media,
    body: Bytes,
    /// In how many seconds the client may try again; 0 says nothing about it.
    retry_after: u64,
    rate_limit: Option<Box<RateLimit>>,
    /// What the body holds of the budgets until it is written.
    permit: Option<Arc<Permit>>,
    /// What it says to a browser about its origin.
    cors: Option<Box<CorsGrant>>,
}

/// The bytes of an answer with what they hold.
struct Held {
    body: Bytes,
    _permit: Arc<Permit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Answer {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// What the body is.
    pub const fn media(&self) -> Media {
        self.media
    }

    /// In how many seconds the client may try again, where the server was at a limit (`Retry-After`, RFC 9110, 10.2.3).
    pub const fn retry_after(&self) -> Option<u64> {
        if self.retry_after > 0 { Some(self.retry_after) } else { None }
    }

    /// Which origin's pages may read it, if a browser's request named one that is allowed.
    pub fn cors(&self) -> Option<&CorsGrant> {
        self.cors.as_deref()
    }

    /// The body; empty for 204. It holds its part of the budgets until it is dropped.
    pub fn into_body(self) -> Bytes {
        match self.permit {
            Some(permit) => Bytes::from_owner(Held { body: self.body, _permit: permit }),
            None => self.body,
        }
    }

    /// Lets pages of an origin read it.
    pub(crate) fn grant(&mut self, cors: Option<Box<CorsGrant>>) {
        self.cors = cors;
    }

    /// The request is done, and only its answer holds anything of the budgets.
    pub(crate) fn hold(&mut self, permit: Arc<Permit>) {
        permit.finish(self.body.len());
        self.permit = permit.holds_bytes().then_some(permit);
    }

    /// Releases an answer. The proofs are used up: a request is answered once.
    pub(crate) fn released(shaped: Shaped, _proof: ReleaseProof) -> Self {
        Self::of(shaped)
    }

    /// Answers an exempt route (the reviewed list in `routes`).
    pub(crate) fn exempt(shaped: Shaped) -> Self {
        Self::of(shaped)
    }

    /// Answers while sealed: nothing can be recorded, and nothing is done.
    pub(crate) fn sealed() -> Self {
        Self::error(503, "Vault is sealed")
    }

    /// The 500 of the audit rule: the request or its response could not be put on record.
    /// Nothing of the withheld answer is in it.
    pub(crate) fn not_on_record(text: &'static str) -> Self {
        Self::error(500, text)
    }

    /// Refuses work beyond the fixed budgets before anything was looked at (counted, not recorded).
    pub(crate) fn overloaded() -> Self {
        let refused = Self::error(503, "the server is at its limit of requests in flight; try again");
        Self { retry_after: 1, ..refused }
    }

    /// Refuses a request beyond a rate limit quota. Nothing was done; an entry counts it.
    pub(crate) fn over_quota(path: &str, retry_after: u64) -> Self {
        let mut body = b"{\"errors\":[".to_vec();
        json::write_str(&format!("request path {path:?}: rate limit quota exceeded"), &mut body);
        body.extend_from_slice(b"]}\n");
        Self { retry_after, ..Self::of(Shaped::json(429, body)) }
    }

    /// What is left of the quota that the request counts for, where the answer is to say so.
    pub fn rate_limit(&self) -> Option<RateLimit> {
        self.rate_limit.as_deref().copied()
    }

    /// With headers about the quota.
    #[must_use]
    pub(crate) fn with_rate_limit(mut self, rate_limit: Option<Box<RateLimit>>) -> Self {
        self.rate_limit = rate_limit;
        self
    }

    /// Refuses a request whose peer sends too much of what is refused. Nothing was done; an entry counts it.
    pub(crate) fn over_rate() -> Self {
        let refused = Self::error(
            429,
            "too many requests of this address were refused, for want of a valid token, of permission or of form: try again \
             in a second, with a valid token (unauthenticated_rate_limit)",
        );
        Self { retry_after: 1, ..refused }
    }

    fn of(shaped: Shaped) -> Self {
        let Shaped { status, media, body, retry_after, recorded: _ } = shaped;
        let retry_after = u64::from(retry_after);
        Self { status, media, body, retry_after, rate_limit: None, permit: None, cors: None }
    }

    fn error(status: u16, text: &'static str) -> Self {
        Self::of(Shaped::json(status, format!("{{\"errors\":[\"{text}\"]}}\n")))
    }
}

/// The proofs by which an answer may leave.
#[allow(dead_code, reason = "proofs are held, not read")]
pub(crate) enum ReleaseProof {
    /// The response is on record. So is the request, unless it is the one that enabled the first device.
    OnRecord(Recorded<RequestOnRecord>, ResponseOnRecord),
    /// The request is on record, and its route is recorded by its request entry alone.
    RequestOnly(RequestOnRecord),
    /// No device is enabled, and the rule allows that.
    Unaudited(Unaudited),
}

/// The bytes of an answer before it may be released.
#[derive(Default)]
pub(crate) struct Shaped {
    /// The HTTP status.
    pub(crate) status: u16,
    /// What the body is.
    pub(crate) media: Media,
    /// The body; empty for 204.
    pub(crate) body: Bytes,
    /// In how many seconds the client may try again; 0: not said.
    pub(crate) retry_after: u32,
    /// `response.data` of the entry where it is not the reply's own data: an error's text, a raw body, data without the
    /// secrets in its keys.
    pub(crate) recorded: Option<Object>,
}

impl Shaped {
    /// A JSON body.
    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }
}
