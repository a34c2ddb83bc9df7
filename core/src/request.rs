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
    /// The serial number of the verified client certificate, in decimal.
    pub client_certificate_serial: Option<String>,
    /// The client's certificates in DER, its own first; not judged.
    pub client_certificates: Option<Arc<[Bytes]>>,
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
