//! `sys/seal`, whose request entry is on record and after which nothing can be; `sys/rotate` and `sys/key-status`: a new
//! term of the key under which values are stored, and what is known of it.
//! Never in it: keys (`seal`), or the rotation of a worn key, which is housekeeping.

use onrecord_storage::{BarrierError, CommitError};
use onrecord_value::{Time, object};

use crate::engine::space::{failed, refused};
use crate::engine::unsealed::Unsealed;
use crate::outcome::{Outcome, Refusal};

/// Seals the server, once all other journeys have ended.
pub(super) async fn seal(unsealed: &Unsealed) -> Result<(), Refusal> {
    let gate = unsealed.gate.upgrade().ok_or_else(Refusal::internal)?;
    // One journey stays inside: this one.
    gate.seal_around_request(unsealed.settings.shutdown_timeout).await;
    Ok(())
}

pub(super) async fn rotate(unsealed: &Unsealed, now: Time) -> Result<(), Refusal> {
    match unsealed.barrier.rotate(now.unix_seconds()).await {
        Ok(status) => {
            tracing::info!(term = status.term, "the key under which values are stored was rotated");
            Ok(())
        }
        Err(BarrierError::Commit(CommitError::Conflict(_))) => {
            Err(Refusal::invalid("another rotation is under way; try again"))
        }
        Err(error) => Err(failed(&error)),
    }
}

pub(super) fn key_status(unsealed: &Unsealed) -> Result<Outcome, Refusal> {
    let status = unsealed.barrier.key_status().map_err(refused)?;
    Ok(Outcome::data(object! {
        "encryptions" => status.encryptions,
        "install_time" => Time::from_unix(status.installed, 0),
        "term" => status.term,
    }))
}
