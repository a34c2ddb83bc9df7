//! Step 1: from what a transport received to a [`Request`]: bounded parsing, and the refusals that need no look at the
//! server's state. A refusal is kept in the request and recorded like any other.
//! Never in it: tokens' entries, mounts, decisions.

use std::sync::Arc;

use bytes::Bytes;
use onrecord_seal::Secret;
use onrecord_value::{Object, Value, boolean, json};
use percent_encoding::percent_decode_str;

use crate::admission::Permit;
use crate::audit_errors;
use crate::cross_origin;
use crate::engine::unsealed::Unsealed;
use crate::exchange::{Exchange, Headers, Peer, Received, Target};
use crate::operation::Operation;
use crate::outcome::Refusal;
use crate::request::{Request, TlsIdentity};
use crate::wrapping;

/// Captures an exchange. What is wrong with it becomes the request's refusal. None: it is refused unread, because it has no
/// token and its peer has sent too many requests that were refused.
pub(crate) fn capture(unsealed: &Unsealed, exchange: Exchange, permit: Arc<Permit>) -> Option<Request> {
    let started = unsealed.host.clock.monotonic();
    let received = unsealed.host.clock.now();
    let Exchange {
        method,
        target,
        query,
        headers,
        body,
        peer,
        client_certificate_serial,
        client_certificates,
    } = exchange;
    let seen = Seen::of(&headers);
    let may_have_token = seen.token.is_some() || wrapping::may_have_token_in_body(&target);
    if !may_have_token && unsealed.refusals.refuse_unread(unsealed, peer.as_ref()) {
        return None;
    }
    let shown = client_certificate_serial.is_some() || client_certificates.is_some();
    let client_identity = shown.then(|| {
        Box::new(TlsIdentity { serial: client_certificate_serial, certificates: client_certificates })
    });
    let (path, outside) = match target {
        Target::Api(path) => (path, false),
        Target::Outside(path) => (path, true),
    };
    // Without an id its entries could not be told from others': nothing is done then.
    let id = unsealed.host.entropy.uuid();
    let nameless = id.is_err();
    let cors = cross_origin::judge(&unsealed.operations.cors.current(), &method, &headers)
        .and_then(|judged| judged.answer());
    let by_proxy_rules = peer.as_ref().and_then(Peer::refusal).map(str::to_owned);
    let mut request = Request {
        id: id.unwrap_or_default(),
        operation: Operation::of_method(&method),
        path,
        data: Object::new(),
        token: seen.token.map(|text| Secret::new(text.to_owned())),
        peer,
        client_identity,
        received,
        started,
        wrap_ttl: None,
        refusal: None,
        headers: Headers::default(),
        permit,
    };
    let refusal = if nameless {
        Some(Refusal::internal())
    } else if let Some(text) = by_proxy_rules {
        Some(Refusal::at_capture(400, text, audit_errors::FORWARDING))
    } else if cors.is_some() {
        cors
    } else if outside && Operation::ALL.contains(&request.operation) {
        Some(Refusal::outside(&request.path))
    } else if let Some(name) = seen.unsupported {
        Some(Refusal::unsupported_header(name))
    } else if seen.compressed {
        let text = "this server takes no compressed bodies: send the request without Content-Encoding";
        Some(Refusal::at_capture(415, text, audit_errors::CONTENT_ENCODING))
    } else {
        let form_encoded = seen.form_encoded;
        let understood =
            understand(&mut request, &method, &query, body, form_encoded, unsealed.settings.json_limits);
        let wrap_ttl = wrapping::parse_ttl(seen.wrap_ttl, unsealed.settings.max_lease_ttl);
        understood.and_then(|()| wrap_ttl.map(|ttl| request.wrap_ttl = ttl)).err()
    };
    wrapping::adopt_token(&mut request);
    request.refusal = refusal.map(Box::new);
    request.headers = headers;
    Some(request)
}

/// What the headers say that matters here, found in one pass.
#[derive(Default)]
struct Seen<'a> {
    token: Option<&'a str>,
    form_encoded: bool,
    compressed: bool,
    wrap_ttl: Option<&'a str>,
    unsupported: Option<&'static str>,
}

impl<'a> Seen<'a> {
    fn of(headers: &'a Headers) -> Self {
        let mut seen = Self::default();
        let mut bearer = None;
        for (name, value) in headers.iter() {
            match name {
                "x-vault-token" if seen.token.is_none() => seen.token = Some(value),
                "authorization" if bearer.is_none() => bearer = bearer_token(value),
                "content-encoding" => seen.compressed = !matches!(value.trim(), "" | "identity"),
                "content-type" => seen.form_encoded = value.starts_with("application/x-www-form-urlencoded"),
                "x-vault-wrap-ttl" if !value.is_empty() => seen.wrap_ttl = Some(value),
                "x-vault-wrap-format" if !value.is_empty() => seen.unsupported = Some("X-Vault-Wrap-Format"),
                "x-vault-namespace" if !matches!(value, "" | "/" | "root" | "root/") => {
                    seen.unsupported = Some("X-Vault-Namespace");
                }
                "x-vault-mfa" if !value.is_empty() => seen.unsupported = Some("X-Vault-MFA"),
                _ => {}
            }
        }
        seen.token = seen.token.or(bearer).map(str::trim).filter(|token| !token.is_empty());
        seen
    }
}

/// The token of `Authorization: Bearer TOKEN`; the scheme has no case (RFC 9110, 11.1).
fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn understand(
    request: &mut Request,
    method: &str,
    query: &str,
    body: Received,
    form_encoded: bool,
    limits: json::Limits,
) -> Result<(), Refusal> {
    match method {
        "GET" => {
            request.data = query_data_within(query, limits)?;
            request.operation = read_or_list(&mut request.data)?;
        }
        "LIST" => {
            request.data = query_data_within(query, limits)?;
            request.data.remove("list");
            request.operation = Operation::List;
        }
        "DELETE" => {
            request.operation = Operation::Delete;
            request.data = query_data_within(query, limits)?;
        }
        "HEAD" => request.operation = Operation::Header,
        "POST" | "PUT" | "PATCH" => {
            request.operation = if method == "PATCH" { Operation::Patch } else { Operation::Update };
            let body = whole(body)?;
            if request.path.ends_with('/') {
                return Err(Refusal::at_capture(
                    400,
                    "cannot write to a path ending in '/'",
                    audit_errors::WRITE_TO_SLASH,
                ));
            }
            request.data = body_data(&body, form_encoded, limits)?;
        }
        _ => {
            return Err(Refusal {
                status: 405,
                text: None,
                audit_error: Some(audit_errors::UNSUPPORTED_METHOD),
                in_data: false,
            });
        }
    }
    if request.operation == Operation::List && !request.path.ends_with('/') {
        request.path.push('/');
    }
    if has_dots(&request.path) {
        return Err(Refusal::at_capture(
            400,
            "the path contains a relative component",
            audit_errors::RELATIVE_PATH,
        ));
    }
    Ok(())
}

fn read_or_list(data: &mut Object) -> Result<Operation, Refusal> {
    if data.is_empty() {
        return Ok(Operation::Read);
    }
    if let Some(list) = data.remove("list") {
        let text = list.as_str().unwrap_or_default();
        let list = text.is_empty() || {
            let wrong = |error| Refusal::at_capture(400, format!("{error}"), audit_errors::BAD_QUERY);
            boolean::parse(text).map_err(wrong)?
        };
        if list {
            return Ok(Operation::List);
        }
    }
    Ok(if data.remove("help").is_some() { Operation::Help } else { Operation::Read })
}

/// A path that climbs or stands still; a segment of three dots is a name.
pub(crate) fn has_dots(path: &str) -> bool {
    path.contains("..") && path.split('/').any(|segment| segment == "..")
}

fn whole(body: Received) -> Result<Bytes, Refusal> {
    match body {
        Received::Whole(bytes) => Ok(bytes),
        Received::Pieces(pieces) => Ok(pieces.concat().into()),
        Received::TooLarge => {
            Err(Refusal::at_capture(413, "http: request body too large", audit_errors::BODY_TOO_LARGE))
        }
        Received::TooSlow => {
            Err(Refusal::at_capture(408, "the request body arrived too slowly", audit_errors::BODY_TOO_SLOW))
        }
        Received::Broken => Err(Refusal::at_capture(
            400,
            "failed to decode JSON input: unexpected EOF",
            audit_errors::BAD_JSON,
        )),
    }
}

fn body_data(body: &[u8], form_encoded: bool, limits: json::Limits) -> Result<Object, Refusal> {
    let body = body.trim_ascii();
    // Replaced bytes would be another value than the one sent.
    let Ok(text) = std::str::from_utf8(body) else {
        return Err(Refusal::at_capture(400, "the request body is not UTF-8", audit_errors::NOT_UTF_8));
    };
    if body.is_empty() || body == b"null" {
        return Ok(Object::new());
    }
    if form_encoded && !matches!(body.first(), Some(b'{' | b'[')) {
        if count_pairs(text) > limits.nodes {
            let text = format!("form with more than {} values", limits.nodes);
            return Err(Refusal::at_capture(400, text, audit_errors::BAD_FORM));
        }
        return Ok(query_data(text));
    }
    json::parse_object(body, limits).map_err(|error| {
        Refusal::at_capture(400, format!("failed to decode JSON input: {error}"), audit_errors::BAD_JSON)
    })
}

fn count_pairs(query: &str) -> usize {
    query.split('&').count()
}

fn query_data_within(query: &str, limits: json::Limits) -> Result<Object, Refusal> {
    if count_pairs(query) > limits.nodes {
        let text = format!("query with more than {} values", limits.nodes);
        return Err(Refusal::at_capture(400, text, audit_errors::BAD_QUERY));
    }
    Ok(query_data(query))
}

/// `a=1&b=2&b=3` as an object of texts and, for a repeated key, lists of texts. A key without a name is left out.
fn query_data(query: &str) -> Object {
    if query.is_empty() {
        return Object::new();
    }
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decode(key), Value::String(percent_decode(value)))
    };
    let mut pairs: Vec<_> = query.split('&').map(pair).filter(|(key, _)| !key.is_empty()).collect();
    // Sorted at once: an insertion each takes time quadratic in what anybody may send. The values of a key keep their
    // order.
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut data: Vec<(String, Value)> = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        match data.last_mut() {
            Some((last, Value::Array(list))) if *last == key => list.push(value),
            Some((last, one)) if *last == key => *one = Value::Array(vec![std::mem::take(one), value]),
            _ => data.push((key, value)),
        }
    }
    data.into_iter().collect()
}

/// Decodes a part of a query: `%XX` (RFC 3986, section 2.1) and `+` for a blank. A `%` without two hex digits stays; bytes
/// that are not UTF-8 become U+FFFD.
fn percent_decode(text: &str) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_parameters_are_texts_and_lists_of_texts() {
        let data = query_data("a=1&b=x%20y+z&a=2&=lost&c&d=%zz&e=%ff");
        assert_eq!(
            String::from_utf8(Value::Object(data).to_json()).unwrap(),
            "{\"a\":[\"1\",\"2\"],\"b\":\"x y z\",\"c\":\"\",\"d\":\"%zz\",\"e\":\"\u{fffd}\"}"
        );
    }

    #[test]
    fn a_body_of_nothing_is_no_data() {
        for nothing in [&b""[..], b"  \n", b"null", b"{}"] {
            assert!(body_data(nothing, false, json::Limits::default()).is_ok_and(|data| data.is_empty()));
        }
    }

    #[test]
    fn a_form_is_read_only_where_it_says_so_and_is_one() {
        let limits = json::Limits::default();
        assert_eq!(body_data(b"a=b", true, limits).ok().unwrap().str("a"), Some("b"));
        assert_eq!(body_data(b"{\"a\":\"c\"}", true, limits).ok().unwrap().str("a"), Some("c"));
        assert_eq!(body_data(b"a=b", false, limits).err().unwrap().status, 400);
        let few = json::Limits { nodes: 2, ..limits };
        assert_eq!(body_data(b"b=1&a=2", true, few).ok().unwrap().len(), 2);
        assert_eq!(body_data(b"b=1&a=2&c=3", true, few).err().unwrap().status, 400);
    }

    #[test]
    fn the_token_comes_from_either_header() {
        let mut headers = Headers::new();
        headers.push("Authorization", "Bearer two");
        assert_eq!(Seen::of(&headers).token, Some("two"));
        assert_eq!(bearer_token("bearer  three"), Some(" three"));
        assert_eq!((bearer_token("Basic dTpw"), bearer_token("Bearer")), (None, None));
        headers.push("X-Vault-Token", "one");
        assert_eq!(Seen::of(&headers).token, Some("one"));
    }
}
