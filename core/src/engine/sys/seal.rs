//! `sys/seal`: its request entry is on record, and nothing after it can be.
//! Never in it: waiting for itself.

use crate::engine::unsealed::Unsealed;
use crate::outcome::{Outcome, Refusal};

/// Seals the server, once all other journeys have ended.
pub(super) async fn seal(open: &Unsealed) -> Outcome {
    match open.gate.upgrade() {
        // One journey stays inside: this one.
        Some(gate) => {
            gate.seal_around_request(open.settings.shutdown_timeout).await;
            Outcome::empty()
        }
        None => Refusal::internal().into(),
    }
}
