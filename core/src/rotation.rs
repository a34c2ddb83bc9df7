//! When the key under which values are stored is rotated by itself (`sys/rotate/config`): kept in storage.
//! Never in it: rotating (`onrecord-storage`).

use onrecord_storage::{Barrier, BarrierError, Batch, RotationLimits, View};

use crate::place;
use crate::stored::{Record as _, record};

const KEY: &str = "rotation";

struct Stored {
    enabled: bool,
    interval: u64,
    max_operations: u64,
}

record! { Stored() { "enabled" => enabled, "interval" => interval, "max_operations" => max_operations, } }

fn view(barrier: &Barrier) -> Result<View, BarrierError> {
    barrier.view(place::CORE).map_err(|error| BarrierError::Store(error.into()))
}

pub(crate) async fn limits(barrier: &Barrier) -> Result<RotationLimits, BarrierError> {
    let view = view(barrier)?;
    let Some(stored) = view.get(KEY).await? else { return Ok(RotationLimits::default()) };
    let stored = Stored::decode(stored.expose(), ()).ok_or_else(|| view.unreadable(KEY))?;
    let Stored { enabled, interval, max_operations } = stored;
    Ok(RotationLimits { enabled, max_operations, interval })
}

pub(crate) async fn set_limits(barrier: &Barrier, limits: RotationLimits) -> Result<(), BarrierError> {
    let RotationLimits { enabled, max_operations, interval } = limits;
    let view = view(barrier)?;
    let mut batch = Batch::new();
    view.put(&mut batch, KEY, &Stored { enabled, interval, max_operations }.encode())?;
    Ok(view.commit(batch).await?)
}

/// Rotates if a limit is reached.
pub(crate) async fn maintain(barrier: &Barrier, now: i64) -> Result<(), BarrierError> {
    barrier.maintain(now, limits(barrier).await?).await
}
