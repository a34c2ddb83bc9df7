//! The life of a device in the broker: enable, disable, reopen, drain. None of it ever waits for a device without a
//! bound. Never in it: the journey of an entry.

use std::fmt;
use std::sync::Arc as StdArc;
use std::sync::PoisonError;
use std::time::Duration;

use super::cause::{Refused, Why};
use super::kick::Kick;
use super::queue::{Errand, Life, Queue};
use super::recording::{format, offer_line};
use super::roster::{Enabled, NotAdded};
use super::slot::Slot;
use super::writer::Writer;
use super::{Broker, Shared};
use crate::device::{Device, DeviceError};
use crate::entry::{Entry, Stamp};
use crate::form::Form;
use crate::salt::Salt;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;

/// A device to be enabled.
pub struct Enrolment {
    pub(crate) path: String,
    pub(crate) device: Box<dyn Device>,
    pub(crate) form: Form,
    pub(crate) required: bool,
    pub(crate) failing: Option<DeviceError>,
}

impl Enrolment {
    /// A device, the path by which it is known (as it is to be shown, so usually with a closing slash), and the
    /// form of its lines.
    pub fn new(path: impl Into<String>, device: Box<dyn Device>, form: Form) -> Self {
        Self { path: path.into(), device, form, required: false, failing: None }
    }

    /// Entries settle only if this device has them.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The device is known not to work at the moment: it begins as `failing`, and is tried again and again.
    #[must_use]
    pub fn failing(mut self, error: DeviceError) -> Self {
        self.failing = Some(error);
        self
    }
}

/// The entry that tries a device when it is enabled.
pub struct Probe {
    /// A random UUID.
    pub id: String,
    /// A salt to be thrown away.
    pub salt: StdArc<Salt>,
}

/// Why a device was not enabled.
#[derive(Debug)]
#[non_exhaustive]
pub enum EnableError {
    /// A device of this path is enabled.
    PathInUse,
    /// There are as many devices as there can be.
    TooMany,
    /// The system gave no thread for it.
    Thread(std::io::Error),
    /// The device did not take the probe entry.
    Probe(Why),
}

impl fmt::Display for EnableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PathInUse => f.write_str("path already in use"),
            Self::TooMany => f.write_str("too many audit devices"),
            Self::Thread(error) => write!(f, "no thread for the audit device: {error}"),
            Self::Probe(why) => write!(f, "audit backend failed test message: {why}"),
        }
    }
}

impl std::error::Error for EnableError {}

impl Broker {
    /// Enables a device after it took a probe entry, which is formatted with the device's own options and a salt
    /// that is thrown away. Without a probe (`skip_test`) it is enabled as it is. A device that hangs is given up
    /// after `audit_timeout`.
    ///
    /// # Errors
    /// [`EnableError`]; the device is dropped then.
    pub async fn enable(&self, enrolment: Enrolment, probe: Option<Probe>) -> Result<(), EnableError> {
        if self.shared.roster.find(&enrolment.path).is_some() {
            return Err(EnableError::PathInUse);
        }
        let hired = Hired::hire(&self.shared, enrolment)?;
        if let Some(probe) = probe.filter(|_| !hired.slot.discards) {
            let recording = {
                let (slot, shared) = (&hired.slot, &self.shared);
                let stamp = Stamp {
                    time: shared.clock.now(),
                    seq: shared.seq.load(Ordering::Relaxed),
                    boot: shared.boot,
                };
                let form = slot.form.with_salt(probe.salt);
                let mut line = Vec::new();
                format(&form, &Entry::probe(&probe.id), &stamp, &mut line).map_err(EnableError::Probe)?;
                let kick = Kick::new(Arc::new(Enabled::new(vec![Arc::clone(slot)])));
                offer_line(shared, kick, slot, &line, stamp.seq)
            };
            drop(recording.await.map_err(|refused| EnableError::Probe(first_cause(refused)))?);
        }
        hired.admit()
    }

    /// Enables a device without a probe: one of the stored table, at a start. It may be
    /// [`failing`](Enrolment::failing).
    pub fn restore(&self, enrolment: Enrolment) -> Result<(), EnableError> {
        if self.shared.roster.find(&enrolment.path).is_some() {
            return Err(EnableError::PathInUse);
        }
        Hired::hire(&self.shared, enrolment)?.admit()
    }

    /// Disables a device at once. What waits for it is still written, in the background; a device that fails, or
    /// hangs for a second, is given up, and the memory of its queue is freed. False if there is none.
    pub fn disable(&self, path: &str) -> bool {
        let Some(slot) = self.shared.roster.remove(path) else { return false };
        self.shared.watch.attend(&slot);
        slot.close(false);
        true
    }

    /// Opens the devices again, as after a rotation (SIGHUP). Blocks until each has done so or `timeout` is over;
    /// says which failed. Those tried by themselves later.
    pub fn reopen(&self, timeout: Duration) -> Vec<(StdArc<str>, Why)> {
        self.errands(timeout, |queue| &mut queue.reopen)
    }

    /// Waits until everything accepted is written and synced, at most for `timeout`. Blocks. Says which devices
    /// did not get so far.
    pub fn drain(&self, timeout: Duration) -> Vec<(StdArc<str>, Why)> {
        self.errands(timeout, |queue| &mut queue.sync)
    }

    fn errands(&self, timeout: Duration, errand: fn(&mut Queue) -> &mut Errand) -> Vec<(StdArc<str>, Why)> {
        let deadline = self.shared.clock.monotonic().saturating_add(timeout);
        let enabled = self.shared.roster.read();
        let slots: Vec<_> = enabled.slots.iter().filter(|slot| !slot.discards).collect();
        let asked: Vec<u64> = slots.iter().map(|slot| slot.ask(errand)).collect();
        slots
            .into_iter()
            .zip(asked)
            .filter_map(|(slot, number)| {
                let why = slot.wait_for(errand, number, deadline, &self.shared).err()?;
                Some((StdArc::clone(&slot.path), why))
            })
            .collect()
    }
}

impl Slot {
    /// Asks the writer for an errand; returns its number.
    fn ask(&self, errand: fn(&mut Queue) -> &mut Errand) -> u64 {
        let mut queue = self.queue();
        errand(&mut queue).asked += 1;
        let number = errand(&mut queue).asked;
        let duty = queue.take_duty();
        drop(queue);
        if duty {
            self.kick();
        }
        number
    }

    fn wait_for(
        &self,
        errand: fn(&mut Queue) -> &mut Errand,
        number: u64,
        deadline: Duration,
        shared: &Shared,
    ) -> Result<(), Why> {
        let mut queue = self.queue();
        queue.onlookers += 1;
        let outcome = loop {
            if errand(&mut queue).done >= number {
                break errand(&mut queue).error.clone().map_or(Ok(()), |error| Err(Why::Device(error)));
            }
            if queue.life == Life::Ended {
                break Err(Why::Disabled);
            }
            let left = deadline.saturating_sub(shared.clock.monotonic());
            if left.is_zero() {
                break Err(Why::TimedOut);
            }
            queue = self.news.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        queue.onlookers -= 1;
        outcome
    }
}

fn first_cause(refused: Refused) -> Why {
    refused.causes.into_iter().next().map_or(Why::TimedOut, |cause| cause.why)
}

/// A device with its writer which is not enabled yet. Dropped, it is ended.
struct Hired {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    admitted: bool,
}

impl Hired {
    fn hire(shared: &Arc<Shared>, enrolment: Enrolment) -> Result<Self, EnableError> {
        let slot = Arc::new(Slot::new(&enrolment, shared));
        shared.watch.start(shared).map_err(EnableError::Thread)?;
        if !slot.discards {
            Writer::start(&slot, enrolment.device, shared).map_err(EnableError::Thread)?;
            shared.watch.attend(&slot);
        }
        Ok(Self { shared: Arc::clone(shared), slot, admitted: false })
    }

    fn admit(mut self) -> Result<(), EnableError> {
        let added = self.shared.roster.add(&self.slot);
        added.map_err(|why| match why {
            NotAdded::PathInUse => EnableError::PathInUse,
            NotAdded::TooMany => EnableError::TooMany,
        })?;
        self.admitted = true;
        self.shared.watch.dismiss(&self.slot);
        Ok(())
    }
}

impl Drop for Hired {
    fn drop(&mut self) {
        if !self.admitted {
            self.slot.close(true);
        }
    }
}
