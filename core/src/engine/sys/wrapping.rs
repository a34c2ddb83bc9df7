//! `sys/wrapping`: wrapping data, and the ways back from a wrapping token to what is wrapped in it. Each token gives its
//! contents once: its only use is reserved by one request, and spent durably before anything is read.
//! Never in it: how an answer is wrapped (`wrap`), or the check of a wrapping token before the record (`wrapping`).

use onrecord_seal::Secret;
use onrecord_value::{Object, Value, json, object};

use crate::engine::{Call, Unsealed, codec, fields, kv1};
use crate::exchange::Media;
use crate::outcome::{Outcome, Raw, Refusal, Reply};
use crate::token::{Entry, Wrapped};
use crate::tokens::Reservation;
use crate::wrapping::{self, FIELD, KEY};

/// The data of the request. The core wraps it, as it wraps any answer.
pub(super) fn wrap(call: &Call<'_>) -> Result<Outcome, Refusal> {
    if call.wrap_ttl.is_none() {
        return Err(Refusal::invalid("endpoint requires response wrapping to be used"));
    }
    call.permit.hold_decoded(call.data)?;
    Ok(Outcome::data(call.data.clone()))
}

/// What is wrapped, as it would have been answered.
pub(super) async fn unwrap(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let body = match named(call)? {
        Some(token) => {
            let held = reserve(unsealed, call, token).await?;
            held.spend().await?;
            let body = contents(unsealed, call, entry(&held)?).await;
            if let Some(deletion) = held.finish() {
                deletion.await;
            }
            body?
        }
        // The use of the caller's token is spent already; what is in it goes with the token at the end of the request.
        None => contents(unsealed, call, own(call)?).await?,
    };
    let inside = json::parse_object(body.as_bytes(), unsealed.settings.json_limits).ok();
    if let Some(inside) = &inside {
        call.permit.hold_decoded(inside)?;
    }
    let recorded = inside.map_or_else(|| Value::from(body.as_str()), Value::Object);
    let data = object! {
        "http_content_type" => Media::Json.name(),
        "http_raw_body" => recorded,
        "http_status_code" => 200,
    };
    let raw = Raw { media: Media::Json, body: body.into() };
    Ok(Reply { data: Some(data), raw: Some(raw), ..Reply::default() })
}

/// When and for what the token was made.
pub(super) async fn lookup(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let token = match (named(call)?, call.caller) {
        (Some(token), _) => wrapping::find(unsealed, token.expose(), call.now).await?.entry(),
        (None, Some(caller)) if caller.entry.is_wrapping() => caller.entry.clone(),
        (None, _) => return Err(wrapping::invalid()),
    };
    let data = object! {
        "creation_path" => token.path.as_str(),
        "creation_time" => token.issued,
        "creation_ttl" => token.creation_ttl,
    };
    Ok(fields::answer(data, call.data, &[FIELD]))
}

/// The same answer in a new token, which lives for as long as the first was made for. The old one is spent.
pub(super) async fn rewrap(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let token = named(call)?.ok_or_else(wrapping::invalid)?;
    let held = reserve(unsealed, call, token).await?;
    // What is stored twice for a moment was not given out twice: the new token is told when the old one is spent.
    let old = entry(&held)?;
    let body = contents(unsealed, call, old).await?;
    call.permit.hold_change(body.len())?;
    let value = codec::encode_object(&object! { KEY => body });
    let made = unsealed.tokens.create_wrapping(&old.path, old.creation_ttl, (KEY, &value), call.now).await?;
    if let Err(error) = held.spend().await {
        unsealed.tokens.withdraw_entry(&made).await?;
        return Err(error.into());
    }
    if let Some(deletion) = held.finish() {
        deletion.await;
    }
    Ok(Reply { wrapped: Some(Wrapped { token: made, accessor: None }), ..Reply::default() })
}

/// The token in the body, unless it is the caller's own.
fn named(call: &Call<'_>) -> Result<Option<Secret<String>>, Refusal> {
    let named = fields::text(call.data, FIELD)?.filter(|token| !token.is_empty());
    let is_own = |token: &str| call.caller.is_some_and(|caller| caller.entry.id.expose() == token);
    Ok(named.filter(|token| !is_own(token)).map(|token| Secret::new(token.into_owned())))
}

/// Reserves the only use of a wrapping token: of several requests, one gets it.
async fn reserve(
    unsealed: &Unsealed,
    call: &Call<'_>,
    token: Secret<String>,
) -> Result<Reservation, Refusal> {
    match unsealed.tokens.resolve(Some(&token), call.now).await {
        Reservation::Valid(caller) if caller.entry.is_wrapping() => Ok(Reservation::Valid(caller)),
        Reservation::Valid(_) | Reservation::Refused => Err(wrapping::invalid()),
        Reservation::Unavailable => Err(Refusal::internal()),
    }
}

fn entry(held: &Reservation) -> Result<&Entry, Refusal> {
    held.authenticated().map(|caller| &*caller.entry).ok_or_else(wrapping::invalid)
}

/// The caller's token, if it is a wrapping token.
fn own<'a>(call: &Call<'a>) -> Result<&'a Entry, Refusal> {
    let own = call.caller.map(|caller| &*caller.entry);
    own.filter(|entry| entry.is_wrapping()).ok_or_else(wrapping::invalid)
}

/// The wrapped answer: its bytes are JSON.
async fn contents(unsealed: &Unsealed, call: &Call<'_>, token: &Entry) -> Result<String, Refusal> {
    let cubbyhole = unsealed.mounts.at("cubbyhole/").ok_or_else(Refusal::internal)?;
    let stored = kv1::read(&cubbyhole.space, &format!("{}/{KEY}", token.name), call.permit).await?;
    match stored.and_then(|mut stored: Object| stored.remove(KEY)) {
        Some(Value::String(body)) => Ok(body),
        Some(_) | None => Err(wrapping::invalid()),
    }
}
