//! `sys/config/auditing/request-headers`: which request headers are recorded.
//! Never in it: the table itself (`headers`).

use onrecord_value::{Object, Value, object};

use crate::engine::{Call, fields};
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal};
use crate::unsealed::Unsealed;

/// Lists, reads, sets and removes audited headers.
pub(super) async fn handle(open: &Unsealed, call: &Call<'_>) -> Outcome {
    let headers = &open.audited_headers;
    if call.captured.is_empty() {
        let all: Object =
            headers.current().iter().map(|(name, hmac)| (name.as_str(), shown(*hmac))).collect();
        return Outcome::data(object! { "headers" => all });
    }
    let stored = match call.operation {
        Operation::Read => {
            let hmac = headers.current().get(&call.captured.to_ascii_lowercase()).copied();
            return match hmac {
                // As it was typed, not as it is stored.
                Some(hmac) => Outcome::data(Object::from_iter([(call.captured, shown(hmac))])),
                None => Refusal::bad_request("Could not find header in config").into(),
            };
        }
        Operation::Delete => headers.remove(call.captured).await,
        _ => match fields::flag(call.data, "hmac") {
            Ok(hmac) => headers.set(call.captured, hmac.unwrap_or(false)).await,
            Err(refusal) => return refusal.into(),
        },
    };
    match stored {
        Ok(()) => Outcome::empty(),
        Err(error) => {
            tracing::error!(%error, "the audited headers could not be stored");
            Refusal::internal().into()
        }
    }
}

fn shown(hmac: bool) -> Value {
    Value::Object(object! { "hmac" => hmac })
}
