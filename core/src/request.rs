//! One captured request: parsed, bounded, not judged.
//! Never in it: tokens' entries, mounts, decisions.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use onrecord_seal::Secret;
use onrecord_value::{Object, Time};

use crate::admission::Permit;
use crate::exchange::{Headers, Peer};
use crate::operation::Operation;
use crate::outcome::Refusal;

/// What a client asked, as far as its own words say.
pub struct Request {
    /// Random UUID; `request_id` of the answer and `request.id` of both entries.
    pub id: String,
    /// What is to be done. A write is `Update` until the route's existence check makes it `Create`.
    pub operation: Operation,
    /// The logical path; a list's ends in `/`. Of a URL outside the API, the URL's path with its leading slash.
    pub path: String,
    /// Body or query parameters, by operation.
    pub data: Object,
    /// All headers.
    pub headers: Headers,
    /// The token as sent, if one was.
    pub token: Option<Secret<String>>,
    /// The other end of the connection.
    pub peer: Option<Peer>,
    /// What its TLS handshake says of the client; none without certificates.
    pub client_identity: Option<Box<TlsIdentity>>,
    /// When it was captured, for everything in the request that needs a time.
    pub received: Time,
    /// The same moment on the monotonic clock, for `duration_ns`.
    pub started: Duration,
    /// How long the wrapping token shall live, in seconds, if the client wants the answer wrapped.
    pub wrap_ttl: Option<u64>,
    /// A refusal found while capturing (bad JSON, oversized body, …); it is recorded like any other.
    pub refusal: Option<Box<Refusal>>,
    /// What it holds of the budgets.
    pub permit: Arc<Permit>,
}

/// The certificates that a client showed in its TLS handshake. Most have none: a request keeps them on the heap.
#[derive(Clone, Default)]
pub struct TlsIdentity {
    /// The serial number of the verified certificate, in decimal.
    pub serial: Option<String>,
    /// All of them in DER, its own first; not judged.
    pub certificates: Option<Arc<[Bytes]>>,
}

impl Request {
    /// The serial number of the verified client certificate, in decimal; empty if there is none.
    pub(crate) fn certificate_serial(&self) -> &str {
        self.client_identity.as_ref().and_then(|identity| identity.serial.as_deref()).unwrap_or_default()
    }

    /// The client's certificates in DER, its own first; not judged.
    pub(crate) fn client_certificates(&self) -> &[Bytes] {
        self.client_identity
            .as_ref()
            .and_then(|identity| identity.certificates.as_deref())
            .unwrap_or_default()
    }
}
