//! `sys/rotate/config`: when the key under which values are stored is rotated by itself.
//! Never in it: the rotation (`seal`, and the housekeeping of `lifecycle`).

use onrecord_storage::RotationLimits;
use onrecord_value::{GoDuration, object};

use crate::engine::space::failed;
use crate::engine::sys::{Sys, sudo};
use crate::engine::{Call, Handled, Path, Unsealed, fields};
use crate::outcome::{Outcome, Refusal};
use crate::rotation;

/// Fewer encryptions would rotate all the time, more would wear the key out (NIST SP 800-38D, 8.3).
const OPERATIONS: std::ops::RangeInclusive<u64> = 1_000_000..=3_865_470_566;
/// The shortest interval, in seconds.
const INTERVAL_MIN: u64 = 24 * 3600;

pub(super) const PATHS: &[Path<Sys>] = &[config("rotate/config"), config("rotate/keyring/config")];

const fn config(pattern: &'static str) -> Path<Sys> {
    sudo(pattern, "Read and set when the key under which values are stored is rotated by itself.")
        .description("Takes `enabled`, `max_operations` and `interval`.")
        .injected()
        .read(|_, unsealed, _| Handled::pending(read(unsealed)))
        .write(|_, unsealed, call| Handled::pending(write(unsealed, call)))
}

async fn read(unsealed: &Unsealed) -> Result<Outcome, Refusal> {
    let limits = rotation::limits(&unsealed.barrier).await.map_err(|error| failed(&error))?;
    Ok(Outcome::data(object! {
        "enabled" => limits.enabled,
        "interval" => limits.interval,
        "max_operations" => limits.max_operations,
    }))
}

async fn write(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let before = rotation::limits(&unsealed.barrier).await.map_err(|error| failed(&error))?;
    let limits = RotationLimits {
        enabled: fields::flag(call.data, "enabled")?.unwrap_or(before.enabled),
        max_operations: match fields::count(call.data, "max_operations")?.unwrap_or(before.max_operations) {
            0 => RotationLimits::default().max_operations,
            given => given,
        },
        interval: fields::span(call.data, "interval")?.map_or(Ok(before.interval), seconds)?,
    };
    if !OPERATIONS.contains(&limits.max_operations) {
        let (least, most) = (OPERATIONS.start(), OPERATIONS.end());
        return Err(Refusal::invalid(format!("max_operations must be between {least} and {most}")));
    }
    if limits.interval > 0 && limits.interval < INTERVAL_MIN {
        return Err(Refusal::invalid("interval must be 0, or at least 24h"));
    }
    rotation::set_limits(&unsealed.barrier, limits).await.map_err(|error| failed(&error))
}

fn seconds(span: GoDuration) -> Result<u64, Refusal> {
    u64::try_from(span.secs()).map_err(|_| Refusal::invalid("interval must not be negative"))
}
