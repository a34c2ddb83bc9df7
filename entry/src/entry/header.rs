//! Audited headers: those that the configuration names, and no others.
//! Never in it: which headers are configured.

use std::fmt;

use onrecord_value::{Object, Value};

use super::text::{Private, text_of};

/// One audited header.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// Its name in lower case.
    pub name: &'a str,
    /// Its values in the order of the request.
    pub values: &'a [Private<'a>],
    /// Whether the values are hashed; on a raw device too.
    pub hmac: bool,
}

/// Audited headers, each once.
#[derive(Clone, Copy)]
pub struct Headers<'a>(HeadersIn<'a>);

#[derive(Clone, Copy)]
enum HeadersIn<'a> {
    Given(&'a [Header<'a>]),
    Object(&'a Object),
}

/// The values of one header.
#[derive(Clone, Copy)]
pub(crate) enum HeaderValues<'a> {
    Given(&'a [Private<'a>]),
    Values(&'a [Value]),
}

impl<'a> HeaderValues<'a> {
    pub(crate) fn for_each(self, mut visit: impl FnMut(&'a [u8])) {
        match self {
            Self::Given(list) => list.iter().for_each(|value| visit(value.reveal())),
            Self::Values(list) => list.iter().for_each(|value| visit(text_of(value).as_bytes())),
        }
    }
}

impl<'a> Headers<'a> {
    pub(crate) const fn decoded(object: &'a Object) -> Self {
        Self(HeadersIn::Object(object))
    }

    /// Whether there are none; the key is then left out of the line.
    pub fn is_empty(self) -> bool {
        match self.0 {
            HeadersIn::Given(list) => list.is_empty(),
            HeadersIn::Object(object) => object.is_empty(),
        }
    }

    /// Calls back for each header in the order of the names: name, values, whether they are hashed.
    pub(crate) fn for_each(self, mut visit: impl FnMut(&'a str, HeaderValues<'a>, bool)) {
        match self.0 {
            HeadersIn::Given(list) => {
                let mut seen: Option<&str> = None;
                // Few headers are audited, and they mostly come in order: choosing the next one each time needs no memory.
                while let Some(next) = list
                    .iter()
                    .filter(|header| seen.is_none_or(|name| header.name > name))
                    .min_by_key(|header| header.name)
                {
                    visit(next.name, HeaderValues::Given(next.values), next.hmac);
                    seen = Some(next.name);
                }
            }
            HeadersIn::Object(object) => object.iter().for_each(|(name, value)| {
                if let Value::Array(list) = value {
                    visit(name, HeaderValues::Values(list), false);
                }
            }),
        }
    }
}

impl Default for Headers<'_> {
    fn default() -> Self {
        Self(HeadersIn::Given(&[]))
    }
}

impl<'a> From<&'a [Header<'a>]> for Headers<'a> {
    fn from(list: &'a [Header<'a>]) -> Self {
        Self(HeadersIn::Given(list))
    }
}

impl<'a> From<&'a Vec<Header<'a>>> for Headers<'a> {
    fn from(list: &'a Vec<Header<'a>>) -> Self {
        Self(HeadersIn::Given(list))
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Headers(..)")
    }
}
