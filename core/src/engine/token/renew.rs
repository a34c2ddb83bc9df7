//! Renewing tokens. Never in it: storage.

use onrecord_value::GoDuration;

use super::lifetime::{self, Bounds, Granted, TtlRequest};
use super::{accessed, caller, found};
use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Refusal, Reply};
use crate::token::{Entry, Issued};
use crate::tokens::ActiveToken;

pub(super) async fn renew(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let found = found(unsealed, call).await?.ok_or_else(|| Refusal::invalid("token not found"))?;
    extend(unsealed, call, &found, true).await
}

pub(super) async fn own(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    extend(unsealed, call, &unsealed.tokens.current(caller(call)?), true).await
}

/// By its accessor: the answer has not its text.
pub(super) async fn by_accessor(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    extend(unsealed, call, &accessed(unsealed, call).await?, false).await
}

async fn extend(
    unsealed: &Unsealed,
    call: &Call<'_>,
    found: &ActiveToken,
    text_known: bool,
) -> Result<Reply, Refusal> {
    let increment = fields::span(call.data, "increment")?.unwrap_or(GoDuration::ZERO);
    if increment.is_negative() {
        return Err(Refusal::invalid("increment must not be negative"));
    }
    let increment = u64::try_from(increment.secs()).unwrap_or(0);
    let bounds = Bounds::of(unsealed, &call.mount.tune);
    let mut capped = None;
    let plan = |entry: &Entry| {
        granted(entry, increment, call, bounds).map(|granted| {
            capped = granted.capped.filter(|_| increment > 0);
            granted.ttl
        })
    };
    let entry = unsealed.tokens.renew(found, call.now, plan).await?.map_err(Refusal::invalid)?;
    let capped = capped.map(|capped| lifetime::warning("increment", capped));
    let unknown = fields::unrecognized(call.data, &["accessor", "increment", "token"]);
    let warnings = capped.into_iter().chain(unknown).collect();
    let lease_seconds = entry.ttl(call.now);
    let auth = Some(Issued { entry, lease_seconds, new: false, text_known });
    Ok(Reply { auth, warnings, ..Reply::default() })
}

/// The seconds a renewal grants, or why there are none.
fn granted(entry: &Entry, increment: u64, call: &Call<'_>, bounds: Bounds) -> Result<Granted, &'static str> {
    if entry.expires.is_none() {
        return Err("invalid lease ID");
    }
    if !entry.renewable {
        return Err("lease is not renewable");
    }
    let request = TtlRequest {
        ttl: if increment > 0 { increment } else { entry.creation_ttl },
        period: entry.period,
        explicit_max_ttl: entry.explicit_max_ttl,
        age: call.now.since(entry.issued).as_secs(),
    };
    lifetime::grant(request, bounds).map_err(|lifetime::Over| "past the max TTL, cannot renew")
}
