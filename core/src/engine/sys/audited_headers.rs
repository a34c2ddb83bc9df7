//! `sys/config/auditing/request-headers`: which request headers are recorded.
//! Never in it: the table itself (`crate::audited_headers`).

use onrecord_storage::BarrierError;
use onrecord_value::{Object, object};

use crate::engine::unsealed::Unsealed;
use crate::engine::{Call, fields};
use crate::outcome::{Outcome, Refusal};

/// All audited headers.
pub(super) fn list(unsealed: &Unsealed) -> Outcome {
    let headers = unsealed.audited_headers.current();
    let all: Object = headers.iter().map(|(name, hmac)| (name.as_str(), shown(*hmac))).collect();
    Outcome::data(object! { "headers" => all })
}

/// One of them, by its name as it was typed, not as it is stored.
pub(super) fn read(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    match unsealed.audited_headers.current().get(&call.captured.to_ascii_lowercase()) {
        Some(hmac) => Ok(Outcome::data(Object::from_iter([(call.captured, shown(*hmac))]))),
        None => Err(Refusal::bad_request("Could not find header in config")),
    }
}

/// Records a header from now on.
pub(super) async fn set(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let hmac = fields::flag(call.data, "hmac")?.unwrap_or(false);
    stored(unsealed.audited_headers.set(call.captured, hmac).await)
}

/// Records it no longer.
pub(super) async fn remove(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    stored(unsealed.audited_headers.remove(call.captured).await)
}

fn stored(result: Result<(), BarrierError>) -> Result<Outcome, Refusal> {
    result.map(|()| Outcome::empty()).map_err(|error| {
        tracing::error!(%error, "the audited headers could not be stored");
        Refusal::internal()
    })
}

fn shown(hmac: bool) -> Object {
    object! { "hmac" => hmac }
}
