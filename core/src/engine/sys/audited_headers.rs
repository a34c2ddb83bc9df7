//! `sys/config/auditing/request-headers`: which request headers are recorded.
//! Never in it: the table itself (`crate::audited_headers`).

use onrecord_storage::BarrierError;
use onrecord_value::{Object, object};

use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Outcome, Refusal};

pub(super) fn list(unsealed: &Unsealed) -> Outcome {
    let headers = unsealed.audited_headers.current();
    let all: Object = headers.iter().map(|(name, hmac)| (name.as_str(), shown(*hmac))).collect();
    Outcome::data(object! { "headers" => all })
}

/// One of them, by its name as it was typed, not as it is stored.
pub(super) fn read(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let headers = unsealed.audited_headers.current();
    let hmac = headers.get(&call.captured.to_ascii_lowercase());
    let hmac = hmac.ok_or_else(|| Refusal::bad_request("Could not find header in config"))?;
    Ok(Outcome::data(object! { call.captured => shown(*hmac) }))
}

pub(super) async fn set(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let hmac = fields::flag(call.data, "hmac")?.unwrap_or(false);
    unsealed.audited_headers.change(call.captured, Some(hmac)).await.map_err(|error| not_stored(&error))
}

pub(super) async fn remove(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    unsealed.audited_headers.change(call.captured, None).await.map_err(|error| not_stored(&error))
}

fn not_stored(error: &BarrierError) -> Refusal {
    tracing::error!(%error, "the audited headers could not be stored");
    Refusal::internal()
}

fn shown(hmac: bool) -> Object {
    object! { "hmac" => hmac }
}
