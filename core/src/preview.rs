//! `sys/audit-preview`: what each audit device would write for a request of the same client, made by the steps of a
//! journey and by the devices' own forms, without doing it. Its own two entries are like any request's.
//! Never in it: an effect. It stops where a journey would record, and says what only the doing could tell.

use std::sync::Arc;

use bytes::Bytes;
use onrecord_audit::broker::Preview;
use onrecord_entry::Entry;
use onrecord_value::{Object, Value, object};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::context::RequestContext;
use crate::decide;
use crate::engine::{fields, sys};
use crate::exchange::{Exchange, Headers, Received, Shaped, Target};
use crate::outcome::{Outcome, Refusal, Reply};
use crate::routes::Recording;
use crate::{capture, record, route, shape, trace_context};

/// What a query escapes: all but the unreserved characters (RFC 3986, section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The longest `data`, as JSON: the lines of all devices stand in one answer.
const DATA_MAX: usize = 1024 * 1024;

/// What a response entry says that is known only when the request has been carried out.
const UNKNOWN: [&str; 7] = [
    "error",
    "duration_ns",
    "response.auth",
    "response.data",
    "response.secret",
    "response.status_code",
    "response.warnings",
];

/// Answers a request for a preview.
pub(crate) async fn answer(asked: &RequestContext<'_>) -> Outcome {
    preview(asked).await.into()
}

async fn preview(asked: &RequestContext<'_>) -> Result<Reply, Refusal> {
    let unsealed = asked.unsealed;
    let exchange = exchange(asked)?;
    if let Target::Api(path) = &exchange.target
        && let Some((route, _)) = sys::exempt(path, false)
    {
        let Recording::Exempt(reason, _) = route.recording else { return Err(Refusal::internal()) };
        return Ok(reply(asked, object! { "note" => reason, "recorded" => false }));
    }
    // It has the headers of a request with a token: it is never refused unread.
    let request = capture::capture(unsealed, exchange, Arc::clone(&asked.request.permit));
    let mut request = request.ok_or_else(Refusal::internal)?;
    let route = route::route(unsealed, &mut request, asked.caller).await;
    let verdict = decide::decide(&request, asked.caller, &route);
    let trace = trace_context::of(&request.headers);
    let context = RequestContext { request: &request, route: &route, verdict, trace, ..*asked };
    let recorded = record::request_entry(&context, |entry| unsealed.broker.preview(entry));
    let mut data = object! {
        "allowed" => request.refusal.is_none() && verdict.allowed(),
        "operation" => request.operation.as_str(),
        "recorded" => true,
    };
    let prechecked = context.precheck();
    let answered = if let (Some(row), None) = (route.row, &prechecked)
        && let Recording::RequestOnly(reason) = row.recording
    {
        data.insert("note", format!("if it succeeds there is no response entry: {reason}"));
        None
    } else {
        let settled = |entry: &Entry<'_>| unsealed.broker.preview(entry);
        Some(match &prechecked {
            Some(outcome) => {
                let shaped = shape::shape(&context, outcome);
                data.insert("status_code", shaped.status);
                data.insert("unknown", Value::from(vec!["duration_ns"]));
                record::response_entry(&context, outcome, &shaped, 0, settled)
            }
            None => {
                data.insert("unknown", Value::from(UNKNOWN.to_vec()));
                record::response_entry(&context, &Outcome::empty(), &Shaped::default(), 0, settled)
            }
        })
    };
    data.insert("devices", lines(recorded, answered));
    Ok(reply(asked, data))
}

fn reply(asked: &RequestContext<'_>, data: Object) -> Reply {
    let warnings =
        fields::unrecognized(&asked.request.data, &["data", "method", "path"]).into_iter().collect();
    Reply { data: Some(data), warnings, ..Reply::default() }
}

/// The lines of each device by its path; of one that throws them away, that it does.
fn lines(requests: Vec<Preview>, responses: Option<Vec<Preview>>) -> Value {
    let mut devices = Object::new();
    let responses = responses.into_iter().flatten().map(Some).chain(std::iter::repeat_with(|| None));
    for (request, response) in requests.into_iter().zip(responses) {
        let path = request.path.to_string();
        let mut lines = Object::new();
        if request.discards {
            lines.insert("discards", true);
        } else {
            lines.insert("request", line(request));
            if let Some(response) = response.filter(|response| *response.path == *path) {
                lines.insert("response", line(response));
            }
        }
        devices.insert(path, lines);
    }
    Value::Object(devices)
}

fn line(preview: Preview) -> Value {
    match preview.line {
        Ok(line) => Value::from(String::from_utf8_lossy(line.trim_ascii_end()).into_owned()),
        Err(why) => Value::Object(object! { "error" => why.to_string() }),
    }
}

/// The request of which a preview is wanted, as if the same client had sent it.
fn exchange(asked: &RequestContext<'_>) -> Result<Exchange, Refusal> {
    let told = &asked.request.data;
    let method = fields::text(told, "method")?.unwrap_or_default().trim().to_uppercase();
    if !matches!(&*method, "GET" | "LIST" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD") {
        return Err(Refusal::bad_request("\"method\" must be GET, LIST, POST, PUT, PATCH, DELETE or HEAD"));
    }
    let path = fields::text(told, "path")?.unwrap_or_default();
    let path = path.trim().trim_start_matches('/');
    let path = path.strip_prefix("v1/").unwrap_or(path).to_owned();
    if path.is_empty() {
        return Err(Refusal::bad_request("the \"path\" parameter is empty"));
    }
    let data = fields::map(told, "data")?.map(|data| Value::Object(data.clone()));
    let json = data.as_ref().map(Value::to_json).unwrap_or_default();
    if json.len() > DATA_MAX {
        return Err(Refusal::bad_request(format!("a preview takes at most {DATA_MAX} bytes of data")));
    }
    let in_query = matches!(&*method, "GET" | "LIST" | "DELETE");
    let query = match data.as_ref().and_then(Value::as_object) {
        Some(data) if in_query => query(data),
        _ => String::new(),
    };
    let body = if in_query { Bytes::new() } else { Bytes::from(json) };
    let identity = asked.request.client_identity.as_deref().cloned().unwrap_or_default();
    let mut headers = Headers::new();
    asked.request.headers.iter().for_each(|(name, value)| headers.push(name, value));
    Ok(Exchange {
        method,
        target: Target::Api(path),
        query,
        headers,
        body: Received::Whole(body),
        peer: asked.request.peer.clone(),
        client_certificate_serial: identity.serial,
        client_certificates: identity.certificates,
    })
}

/// Data as a query: what is no text is written as its JSON, a list as its elements.
fn query(data: &Object) -> String {
    let mut query = String::new();
    for (key, value) in data {
        let one = std::slice::from_ref(value);
        for value in value.as_array().unwrap_or(one) {
            let json = || String::from_utf8_lossy(&value.to_json()).into_owned();
            let text = value.as_str().map_or_else(json, str::to_owned);
            if !query.is_empty() {
                query.push('&');
            }
            query.extend(utf8_percent_encode(key, ESCAPED));
            query.push('=');
            query.extend(utf8_percent_encode(&text, ESCAPED));
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use onrecord_value::object;

    use super::query;

    #[test]
    fn data_becomes_a_query_that_reads_back() {
        let data = object! { "a b" => "x&y=ü", "list" => vec!["1", "2"], "n" => 1.5, "t" => true };
        assert_eq!(query(&data), "a%20b=x%26y%3D%C3%BC&list=1&list=2&n=1.5&t=true");
    }
}
