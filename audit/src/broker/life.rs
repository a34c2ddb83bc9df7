//! The life of a device: active, draining, ended.
//! Never in it: what follows from a change of it (`draining`).

use crate::sync::Arc;

/// Where a device is in its life. It goes from each state to the next, and never back. `D` is the type of the device.
pub(crate) enum Life<D> {
    Active,
    /// It takes no entries, and its writer finishes what waits.
    Draining {
        reason: DrainReason<D>,
        /// It hung for too long: all that waited was answered for, and the watch does not look at it any more.
        abandoned: bool,
    },
    Ended {
        reason: DrainReason<D>,
    },
}

pub(crate) enum DrainReason<D> {
    /// It was disabled for good after this number was given to an entry. Its log ends with an entry that says so.
    Disabled { last: u64 },
    /// The broker or this boot of the server ends: the next one restores the device.
    Released,
    /// Another device has its place and continues its log.
    Replaced {
        successor: Arc<D>,
        /// A list of devices still has this one, so the successor counts as listed: it may be offered late entries.
        lists_successor: bool,
    },
    /// It was tried out and not enabled.
    NotEnabled,
}

impl<D> Life<D> {
    pub(crate) const fn is_active(&self) -> bool {
        matches!(self, Self::Active)
    }

    pub(crate) const fn is_draining(&self) -> bool {
        matches!(self, Self::Draining { .. })
    }

    pub(crate) const fn is_abandoned(&self) -> bool {
        matches!(self, Self::Draining { abandoned: true, .. })
    }

    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }

    pub(crate) const fn reason(&self) -> Option<&DrainReason<D>> {
        match self {
            Self::Active => None,
            Self::Draining { reason, .. } | Self::Ended { reason } => Some(reason),
        }
    }

    pub(super) const fn successor(&self) -> Option<&Arc<D>> {
        match self.reason() {
            Some(DrainReason::Replaced { successor, .. }) => Some(successor),
            _ => None,
        }
    }

    /// The number after which a device that drains was disabled.
    pub(super) const fn disabled_after(&self) -> Option<u64> {
        match self {
            Self::Draining { reason: DrainReason::Disabled { last }, .. } => Some(*last),
            _ => None,
        }
    }

    pub(super) fn drain(&mut self, reason: DrainReason<D>) {
        if self.is_active() {
            *self = Self::Draining { reason, abandoned: false };
        }
    }

    pub(super) fn end(&mut self) {
        if let Self::Draining { reason, .. } = std::mem::replace(self, Self::Active) {
            *self = Self::Ended { reason };
        }
    }
}
