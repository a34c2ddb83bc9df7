//! Making a broker: what is not said has a safe default.
//! Never in it: devices; they are enabled on the broker that is made.

use std::io;
use std::sync::Arc as StdArc;

use super::device_set::DeviceSet;
use super::earlier::Earlier;
use super::rules::{InForce, Rules};
use super::status::Observer;
use super::watch::Watch;
use super::{Broker, Shared};
use crate::clock::{Clock, SystemClock};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64};
use onrecord_entry::Boot;

/// Makes a [`Broker`]; had from [`Broker::builder`].
#[must_use = "a broker is made by `build`"]
#[derive(Default)]
pub struct Builder {
    rules: Rules,
    clock: Option<StdArc<dyn Clock>>,
    observer: Option<StdArc<dyn Observer>>,
}

impl Broker {
    /// A builder with the default [`Rules`], the [`SystemClock`] and no observer.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// The rule by which entries are on record, in place of the default one.
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The clock, in place of the machine's.
    pub fn clock(self, clock: StdArc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Is told when the health of a device changes, when a device misses entries, and of drills.
    pub fn observer(self, observer: StdArc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// A broker without devices, with a random [boot number](Boot).
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn build(self) -> io::Result<Broker> {
        Ok(self.build_with_boot(Boot::random()?))
    }

    /// A broker without devices. No other start of this service may ever have had the boot number: see
    /// [`Boot`].
    pub fn build_with_boot(self, boot: Boot) -> Broker {
        let Self { rules, clock, observer } = self;
        let clock = clock.unwrap_or_else(|| StdArc::new(SystemClock::new()));
        let (seq, singles) = (AtomicU64::new(0), AtomicBool::new(false));
        let (watch, devices, earlier) = (Watch::default(), DeviceSet::default(), Earlier::default());
        let rules = InForce::new(&rules);
        Broker {
            shared: Arc::new(Shared { rules, boot, clock, observer, seq, singles, watch, devices, earlier }),
        }
    }
}
