//! Drills of enabled devices: begun and ended on command, where the rules allow them at all.
//! Never in it: how a device fails (`device::drill`), or who may ask for it.

use std::time::Duration;

use super::Broker;
use super::slot::Slot;
use crate::device::{DRILL_MAX, Drill};
use crate::sync::Arc;

/// What is to be told about a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrillNews {
    /// It has begun, and ends by itself after this time.
    Begun(Drill, Duration),
    /// It has ended.
    Ended(Drill),
}

/// Why no drill is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrillError {
    /// The rules do not allow drills ([`Rules::drills`](super::Rules::drills)).
    #[error("drills are not enabled")]
    Off,
    /// No device of this path is enabled.
    #[error("no audit device is enabled at this path")]
    NoDevice,
    /// The device throws everything away: it cannot fail.
    #[error("this audit device throws everything away and cannot fail")]
    Discards,
    /// It is to last no time, or more than [`DRILL_MAX`].
    #[error("a drill lasts more than nothing and at most {} seconds", DRILL_MAX.as_secs())]
    Time,
}

impl Broker {
    /// Begins a drill on a device, in the place of one that runs. It ends by itself after `time`, and when the device is
    /// disabled or opened again, and at [`drain`](Self::drain).
    ///
    /// # Errors
    /// [`DrillError`]; nothing has changed then.
    pub fn drill(&self, path: &str, drill: Drill, time: Duration) -> Result<(), DrillError> {
        let slot = self.drillable(path)?;
        if time.is_zero() || time > DRILL_MAX {
            return Err(DrillError::Time);
        }
        slot.drill.begin(drill, time);
        slot.tell_drill(DrillNews::Begun(drill, time), &self.shared);
        // The writer sleeps no longer than the drill, so that its end is told though nothing is written.
        slot.rouse();
        Ok(())
    }

    /// Whether a drill could be held on a device.
    ///
    /// # Errors
    /// [`DrillError`].
    pub fn may_drill(&self, path: &str) -> Result<(), DrillError> {
        self.drillable(path).map(drop)
    }

    /// Ends the drill on a device. False if there is none.
    ///
    /// # Errors
    /// [`DrillError`].
    pub fn end_drill(&self, path: &str) -> Result<bool, DrillError> {
        let slot = self.drillable(path)?;
        let ended = slot.drill.end();
        slot.rouse();
        Ok(ended)
    }

    /// Ends the drills of all devices, or of the one of a path: what is opened again or ends in order must not wait for a
    /// device that only pretends.
    pub fn end_drills(&self, path: Option<&str>) {
        for slot in &self.shared.devices.read().slots {
            if path.is_none_or(|path| *slot.path == *path) && slot.drill.end() {
                slot.rouse();
            }
        }
    }

    fn drillable(&self, path: &str) -> Result<Arc<Slot>, DrillError> {
        if !self.shared.rules.drills() {
            return Err(DrillError::Off);
        }
        let slot = self.shared.devices.find(path).ok_or(DrillError::NoDevice)?;
        if slot.discards { Err(DrillError::Discards) } else { Ok(slot) }
    }
}
