//! Looking tokens up. Never in it: the text of a token that the caller did not know.

use onrecord_value::{Object, Time, Value, object};

use super::{accessed, caller, found};
use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Outcome, Refusal, Reply};
use crate::token::Entry;

pub(super) async fn lookup(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let bad = || Refusal { text: Some("bad token".to_owned()), ..Refusal::denied() };
    let entry = found(open, call).await?.ok_or_else(bad)?.entry();
    Ok(reply(call, &entry, entry.id.expose(), "token"))
}

/// The caller's own, even if this request spends its last use.
pub(super) fn own(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let entry = open.tokens.current(caller(call)?).entry();
    Ok(reply(call, &entry, entry.id.expose(), "token"))
}

/// By its accessor: everything but its text.
pub(super) async fn by_accessor(open: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let entry = accessed(open, call).await?.entry();
    Ok(reply(call, &entry, "", "accessor"))
}

pub(super) async fn accessors(open: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let mut accessors = open.tokens.accessors(call.now).await?;
    accessors.sort_unstable();
    Ok(Outcome::keys(accessors))
}

fn reply(call: &Call<'_>, entry: &Entry, text: &str, known: &str) -> Reply {
    fields::answer(facts(entry, text, call.now), call.data, &[known])
}

/// What a look-up tells about a token.
fn facts(entry: &Entry, text: &str, now: Time) -> Object {
    let mut facts = object! {
        "accessor" => entry.accessor.as_str(),
        "creation_time" => entry.issued.unix_seconds(),
        "creation_ttl" => entry.creation_ttl,
        "display_name" => entry.display_name.as_str(),
        "entity_id" => "",
        "expire_time" => entry.expires,
        "explicit_max_ttl" => entry.explicit_max_ttl,
        "id" => text,
        "meta" => entry.meta.clone(),
        "num_uses" => entry.num_uses,
        "orphan" => entry.parent.is_none(),
        "path" => entry.path.as_str(),
        "policies" => entry.policies.as_slice(),
        "ttl" => entry.ttl(now),
        "type" => "service",
    };
    if entry.expires.is_some() {
        facts.insert("issue_time", entry.issued);
        facts.insert("renewable", entry.renewable);
    }
    if let Some(renewed) = entry.renewed {
        facts.insert("last_renewal", renewed);
        facts.insert("last_renewal_time", renewed.unix_seconds());
    }
    if entry.period > 0 {
        facts.insert("period", Value::from(entry.period));
    }
    facts
}
