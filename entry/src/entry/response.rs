//! The facts of a response.
//! Never in it: HTTP types.

use onrecord_value::Time;

use super::auth::Auth;
use super::list::List;
use super::request::{Data, Headers, Mount};
use super::text::{Accessor, Clear, TemplateText, Token};

/// A response's facts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Response<'a> {
    /// The token that this answer issues.
    pub auth: Option<Auth<'a>>,
    /// The mount that answered.
    pub mount: Mount<'a>,
    /// Present where the answer is a secret; `{}` where that has no lease.
    pub secret: Option<Secret<'a>>,
    /// The answer's data; hashed. Left out where the answer is wrapped.
    pub data: Data<'a>,
    /// The warnings to the client, as templates.
    pub warnings: Warnings<'a>,
    /// Where the client is sent.
    pub redirect: Clear<'a>,
    /// How the answer is wrapped.
    pub wrap_info: Option<WrapInfo<'a>>,
    /// Headers of the answer.
    pub headers: Headers<'a>,
    /// The HTTP status of the answer; 0 is left out.
    pub status_code: u16,
}

/// The lease of a secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct Secret<'a> {
    /// Its id; empty is left out.
    pub lease_id: Clear<'a>,
}

/// How an answer is wrapped.
#[derive(Clone, Copy, Debug, Default)]
pub struct WrapInfo<'a> {
    /// How long the wrapping token lives, seconds; 0 is left out.
    pub ttl: u64,
    /// The wrapping token; hashed, even where empty.
    pub token: Token<'a>,
    /// Its accessor; hashed, even where empty, unless the device says `hmac_accessor=false`.
    pub accessor: Accessor<'a>,
    /// When it was made.
    pub creation_time: Time,
    /// The path whose answer is wrapped.
    pub creation_path: Clear<'a>,
    /// The accessor of the token inside.
    pub wrapped_accessor: Accessor<'a>,
}

/// Warnings, in order.
pub type Warnings<'a> = List<'a, TemplateText<'a>>;
