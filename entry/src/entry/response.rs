//! The facts of a response.
//! Never in it: HTTP types.

use std::fmt;

use onrecord_value::{Time, Value};

use super::auth::Auth;
use super::request::{Data, Headers, Mount};
use super::text::{Accessor, Clear, Template, TemplateText, Token, text_of};

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
#[derive(Clone, Copy, Debug)]
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
#[derive(Clone, Copy)]
pub struct Warnings<'a>(WarningsIn<'a>);

#[derive(Clone, Copy)]
enum WarningsIn<'a> {
    Given(&'a [Template]),
    Values(&'a [Value]),
}

impl<'a> Warnings<'a> {
    pub(crate) const fn decoded(values: &'a [Value]) -> Self {
        Self(WarningsIn::Values(values))
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        match self.0 {
            WarningsIn::Given(list) => list.len(),
            WarningsIn::Values(list) => list.len(),
        }
    }

    /// Whether there are none; the key is then left out of the line.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The warnings in order.
    pub fn iter(self) -> impl Iterator<Item = TemplateText<'a>> {
        (0..self.len()).filter_map(move |at| match self.0 {
            WarningsIn::Given(list) => list.get(at).map(|template| (*template).into()),
            WarningsIn::Values(list) => list.get(at).map(|value| TemplateText::decoded(text_of(value))),
        })
    }
}

impl Default for Warnings<'_> {
    fn default() -> Self {
        Self(WarningsIn::Given(&[]))
    }
}

impl<'a> From<&'a [Template]> for Warnings<'a> {
    fn from(list: &'a [Template]) -> Self {
        Self(WarningsIn::Given(list))
    }
}

impl<'a> From<&'a Vec<Template>> for Warnings<'a> {
    fn from(list: &'a Vec<Template>) -> Self {
        Self(WarningsIn::Given(list))
    }
}

impl fmt::Debug for Warnings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Warnings(..)")
    }
}
