//! Step 7: from an outcome to the bytes of an answer: Vault's envelope, errors, repeated keys.
//! Never in it: entries, or a decision about what is answered.

use std::panic::{AssertUnwindSafe, catch_unwind};

use onrecord_value::{Object, Value, json, object};

use crate::audit_errors;
use crate::context::RequestContext;
use crate::exchange::Shaped;
use crate::identity::CallerIdentity;
use crate::outcome::{Outcome, Refusal, Reply, ReplyShape};
use crate::token::{Issued, Wrapped};

/// The top-level keys of the envelope, which repeated keys of the data never replace.
const ENVELOPE: [&str; 8] =
    ["request_id", "lease_id", "renewable", "lease_duration", "data", "wrap_info", "warnings", "auth"];

/// Why an answer has no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShapingFailed {
    /// Making them panicked.
    Panicked,
    /// There is no room for them.
    NoRoom,
    /// The store did not take what was to be wrapped.
    NotWrapped,
    /// They are of a kind that cannot be wrapped.
    NotWrappable,
}

/// As [`shape`], within the budgets. What a panic says is not shown: it could hold a client's text.
pub(crate) fn bounded(context: &RequestContext<'_>, outcome: &Outcome) -> Result<Shaped, ShapingFailed> {
    let shaped = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        tests::panic_if_told();
        shape(context, outcome)
    }));
    if shaped.is_err() {
        tracing::error!("making an answer panicked; the request is answered with an internal error");
    }
    let shaped = shaped.map_err(|_| ShapingFailed::Panicked)?;
    let room = context.request.permit.hold_answer(shaped.body.len());
    room.map(|()| shaped).map_err(|_| ShapingFailed::NoRoom)
}

/// Puts an outcome into bytes.
pub(crate) fn shape(context: &RequestContext<'_>, outcome: &Outcome) -> Shaped {
    match outcome {
        Outcome::Refusal(refusal) => refused(refusal),
        Outcome::Reply(reply) => {
            let injected = context.route.row.is_some_and(|row| row.injected);
            replied(&context.request.id, reply, injected)
        }
    }
}

fn replied(id: &str, reply: &Reply, injected: bool) -> Shaped {
    if let Some(wrapped) = &reply.wrapped {
        return Shaped::json(200, wrap_info(wrapped));
    }
    if let Some(raw) = &reply.raw {
        let recorded = match &reply.data {
            Some(data) => data.clone(),
            None => object! {
                "http_content_type" => raw.media.name(),
                "http_raw_body" => String::from_utf8_lossy(&raw.body).into_owned(),
                "http_status_code" => 200,
            },
        };
        return Shaped { media: raw.media, recorded: Some(recorded), ..Shaped::json(200, raw.body.clone()) };
    }
    let nothing =
        reply.data.is_none() && reply.auth.is_none() && reply.lease.is_none() && reply.warnings.is_empty();
    if nothing && reply.shape == ReplyShape::Envelope {
        return Shaped { status: 204, ..Shaped::default() };
    }
    let mut body = Vec::with_capacity(512);
    match reply.shape {
        ReplyShape::Envelope => envelope(id, reply, injected, &mut body),
        ReplyShape::Bare => match &reply.data {
            Some(data) => json::write_object(data, &mut body),
            None => body.extend_from_slice(b"{}"),
        },
        ReplyShape::NotFound | ReplyShape::Status(_) => {
            let status = if let ReplyShape::Status(status) = reply.shape { status } else { 404 };
            let mut recorded = object! {
                "http_content_type" => "application/json", "http_status_code" => u64::from(status),
            };
            // Without contents, of an absent key that cannot be patched, it has no body. Else the recordings hold it as the
            // text of its body: whole, and hashed as one.
            if !nothing {
                envelope(id, reply, false, &mut body);
                recorded.insert("http_raw_body", String::from_utf8_lossy(&body).into_owned());
            }
            return Shaped { recorded: Some(recorded), ..Shaped::json(status, body) };
        }
    }
    body.push(b'\n');
    Shaped { recorded: reply.recorded.clone(), ..Shaped::json(200, body) }
}

fn refused(refusal: &Refusal) -> Shaped {
    if refusal.status == 204 {
        return Shaped { status: 204, ..Shaped::default() };
    }
    let mut body = Vec::with_capacity(96);
    body.extend_from_slice(b"{\"errors\":[");
    if let Some(text) = &refusal.text {
        json::write_str(text, &mut body);
    }
    body.extend_from_slice(b"]}\n");
    let text = refusal.text.as_deref().filter(|_| refusal.in_data);
    let recorded = text.map(|text| object! { "error" => text });
    let is_full = refusal.status == 503 && refusal.audit_error == Some(audit_errors::NO_ROOM);
    Shaped { recorded, retry_after: u32::from(is_full), ..Shaped::json(refusal.status, body) }
}

fn envelope(id: &str, reply: &Reply, injected: bool, out: &mut Vec<u8>) {
    out.push(b'{');
    if injected {
        for (key, value) in reply.data.iter().flat_map(Object::iter) {
            if !ENVELOPE.contains(&key) {
                json::write_str(key, out);
                out.push(b':');
                json::write(value, out);
                out.push(b',');
            }
        }
    }
    out.extend_from_slice(b"\"request_id\":");
    json::write_str(id, out);
    out.extend_from_slice(b",\"lease_id\":");
    json::write_str(reply.lease.as_ref().map_or("", |lease| &lease.id), out);
    let renewable = reply.lease.as_ref().is_some_and(|lease| lease.renewable);
    out.extend_from_slice(if renewable { b",\"renewable\":true" } else { b",\"renewable\":false" });
    out.extend_from_slice(b",\"lease_duration\":");
    let lease_seconds = reply.lease.as_ref().map(|lease| lease.ttl).or(reply.lease_seconds);
    number(lease_seconds.unwrap_or(0), out);
    out.extend_from_slice(b",\"data\":");
    match &reply.data {
        Some(data) => json::write_object(data, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"wrap_info\":null,\"warnings\":");
    warnings(reply, out);
    out.extend_from_slice(b",\"auth\":");
    match &reply.auth {
        Some(issued) => auth(issued, reply.identity.as_deref(), out),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

/// The envelope of a wrapped answer: nothing of what is inside, not even its id.
fn wrap_info(wrapped: &Wrapped) -> Vec<u8> {
    let token = &wrapped.token;
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(
        b"{\"request_id\":\"\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":0,\"data\":null,",
    );
    out.extend_from_slice(b"\"wrap_info\":{\"token\":");
    json::write_str(token.id.expose(), &mut out);
    out.extend_from_slice(b",\"accessor\":");
    json::write_str(&token.accessor, &mut out);
    out.extend_from_slice(b",\"ttl\":");
    number(token.creation_ttl, &mut out);
    out.extend_from_slice(b",\"creation_time\":");
    json::write(&Value::from(token.issued), &mut out);
    out.extend_from_slice(b",\"creation_path\":");
    json::write_str(&token.path, &mut out);
    if let Some(accessor) = &wrapped.accessor {
        out.extend_from_slice(b",\"wrapped_accessor\":");
        json::write_str(accessor, &mut out);
    }
    out.extend_from_slice(b"},\"warnings\":null,\"auth\":null}\n");
    out
}

fn warnings(reply: &Reply, out: &mut Vec<u8>) {
    if reply.warnings.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    out.push(b'[');
    for (at, warning) in reply.warnings.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::write_str(&warning.text, out);
    }
    out.push(b']');
}

/// The `auth` block, in the API's order.
fn auth(issued: &Issued, identity: Option<&CallerIdentity>, out: &mut Vec<u8>) {
    let token = &issued.entry;
    out.extend_from_slice(b"{\"client_token\":");
    json::write_str(issued.text(), out);
    out.extend_from_slice(b",\"accessor\":");
    json::write_str(&token.accessor, out);
    let all = identity.map_or(&token.policies, |identity| &identity.all_policies);
    for (key, names) in [(&b",\"policies\":"[..], all), (b",\"token_policies\":", &token.policies)] {
        out.extend_from_slice(key);
        json::write(&Value::from(names.as_slice()), out);
    }
    if let Some(identity) = identity.filter(|identity| !identity.policies.is_empty()) {
        out.extend_from_slice(b",\"identity_policies\":");
        json::write(&Value::from(identity.policies.as_slice()), out);
    }
    out.extend_from_slice(b",\"metadata\":");
    match &token.meta {
        Some(meta) => json::write_object(meta, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"lease_duration\":");
    number(issued.lease_seconds, out);
    out.extend_from_slice(if token.renewable { b",\"renewable\":true" } else { b",\"renewable\":false" });
    out.extend_from_slice(b",\"entity_id\":");
    json::write_str(identity.map_or(&token.entity_id, CallerIdentity::entity_id), out);
    out.extend_from_slice(b",\"token_type\":");
    json::write_str(token.kind.as_str(), out);
    out.extend_from_slice(b",\"orphan\":");
    out.extend_from_slice(if token.parent.is_none() { b"true" } else { b"false" });
    out.extend_from_slice(b",\"mfa_requirement\":null,\"num_uses\":");
    number(token.num_uses, out);
    out.push(b'}');
}

fn number(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::kit::{TestServer, entries, outline};
    use crate::outcome::Warning;

    thread_local! {
        static PANICS: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn panic_if_told() {
        assert!(!PANICS.replace(false), "with a client's text");
    }

    #[tokio::test]
    async fn a_panic_while_an_answer_is_made_is_on_record_and_what_was_issued_is_revoked() {
        let world = TestServer::new().await;
        let device = world.device("test/", false).await;
        let unsealed = world.core.unsealed().unwrap();
        let tokens = async || unsealed.tokens.accessors(unsealed.host.clock.now()).await.unwrap().len();
        let before = tokens().await;
        PANICS.set(true);
        let said = world.root("POST", "auth/token/create", Some(serde_json::json!({"ttl": "1h"}))).await;
        assert!(!PANICS.get(), "it has panicked");
        assert_eq!(
            (said.status, said.error().contains("its answer could not be made")),
            (500, true),
            "{said:?}"
        );
        assert!(!said.text.contains("client_token") && !said.text.contains("with a client's"), "{said:?}");
        assert_eq!(tokens().await, before, "the token whose answer was withheld is gone");
        assert_eq!(
            outline(&device),
            ["request update auth/token/create", "response update auth/token/create"]
        );
        let response = &entries(&device)[1];
        assert!(response["error"].as_str().unwrap().contains("making the answer panicked"), "{response}");
        assert_eq!(
            (&response["response"]["status_code"], response["response"].get("auth")),
            (&500.into(), None)
        );
        // The next one is answered as ever.
        assert_eq!(world.root("POST", "auth/token/create", None).await.status, 200);
    }

    /// Takes all room but for small requests from a server.
    fn fill(world: &TestServer) -> crate::admission::Permit {
        let target = crate::exchange::Target::Api("kv/other".to_owned());
        let other = world.core.arrive(&world.core.account(None), &target);
        while other.grow(1 << 20).is_ok() {}
        other
    }

    #[tokio::test]
    async fn without_room_for_the_answer_a_read_is_refused_and_a_write_says_that_it_was_carried_out() {
        let world = TestServer::new().await;
        assert_eq!(
            world.root("POST", "sys/mounts/kv", Some(serde_json::json!({"type": "kv"}))).await.status,
            204
        );
        let secret = serde_json::json!({"a": "x".repeat(100_000)});
        assert_eq!(world.root("POST", "kv/large", Some(secret)).await.status, 204);
        let unsealed = world.core.unsealed().unwrap();
        let tokens = async || unsealed.tokens.accessors(unsealed.host.clock.now()).await.unwrap().len();
        let before = tokens().await;
        let held = fill(&world);
        let read = world.start(crate::kit::ask("GET", "kv/large").token(&world.root)).await;
        assert_eq!((read.status(), read.retry_after()), (503, Some(1)));
        // Its metadata are in the answer, and make it a large one.
        let meta: std::collections::BTreeMap<_, _> =
            (0..30).map(|key| (format!("k{key}"), "<".repeat(500))).collect();
        let meta = serde_json::json!({"meta": meta, "policies": ["default"]});
        let device = world.device("test/", false).await;
        let said = world.root("POST", "auth/token/create", Some(meta)).await;
        assert_eq!((said.status, said.error().contains("was carried out")), (500, true), "{said:?}");
        assert!(
            entries(&device)[1]["error"].as_str().unwrap().contains("memory"),
            "{:?}",
            entries(&device)[1]
        );
        assert_eq!(tokens().await, before, "the token whose answer was withheld is gone");
        drop(held);
        assert_eq!(world.root("GET", "kv/large", None).await.status, 200);
    }

    fn text(shaped: &Shaped) -> &str {
        std::str::from_utf8(&shaped.body).unwrap()
    }

    #[test]
    fn an_envelope_has_the_keys_of_the_api_in_its_order() {
        let data = object! { "a<b" => 1, "auth" => "x" };
        let mut reply = Reply { data: Some(data), lease_seconds: Some(7), ..Reply::default() };
        assert_eq!(
            text(&replied("id", &reply, false)),
            "{\"request_id\":\"id\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":7,\
             \"data\":{\"a\\u003cb\":1,\"auth\":\"x\"},\"wrap_info\":null,\"warnings\":null,\"auth\":null}\n"
        );
        assert!(text(&replied("id", &reply, true)).starts_with("{\"a\\u003cb\":1,\"request_id\":\"id\""));
        reply.shape = ReplyShape::NotFound;
        let absent = replied("id", &reply, true);
        assert!(absent.status == 404 && text(&absent).ends_with("\"auth\":null}"));
        assert_eq!(absent.recorded.unwrap().str("http_raw_body").unwrap().as_bytes(), &*absent.body);
    }

    #[test]
    fn a_reply_without_contents_is_204_and_warnings_are_contents() {
        let mut reply = Reply::default();
        assert_eq!((replied("id", &reply, true).status, replied("id", &reply, true).body.len()), (204, 0));
        let template = crate::audit_errors::WARN_CAPPED;
        reply.warnings.push(Warning { text: "a \"b\"".into(), template });
        assert!(text(&replied("id", &reply, true)).contains("\"warnings\":[\"a \\\"b\\\"\"]"));
    }

    #[test]
    fn errors_are_a_list_of_at_most_one_text() {
        assert_eq!(
            text(&refused(&Refusal::denied())),
            "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}\n"
        );
        let Outcome::Refusal(absent) = Outcome::absent() else { panic!() };
        assert_eq!((absent.status, text(&refused(&absent))), (404, "{\"errors\":[]}\n"));
    }
}
