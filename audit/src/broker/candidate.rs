//! A device on its way in: hired, tried with a probe entry, and then enabled or put in another's place.
//! Never in it: which device is wanted where, or anything about one that is enabled already.

use std::sync::Arc as StdArc;

use super::cause::{Refused, Why};
use super::device_set::{Enabled, NotAdded};
use super::kick::Kick;
use super::life::DeviceConfig;
use super::offer::format;
use super::recording::offer_line;
use super::slot::Slot;
use super::writer::Writer;
use super::{Broker, Shared};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use onrecord_entry::Salt;
use onrecord_entry::{Entry, Stamp};

/// The entry that tries a device when it is enabled.
pub struct Probe {
    /// A random UUID.
    pub id: String,
    /// A salt to be thrown away.
    pub salt: StdArc<Salt>,
}

/// Why a device was not enabled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnableError {
    /// A device of this path is enabled.
    #[error("path already in use")]
    PathInUse,
    /// No device of this path is enabled that could be replaced.
    #[error("no audit device is enabled at this path")]
    NotEnabled,
    /// [`DEVICES_MAX`](super::DEVICES_MAX) devices are enabled.
    #[error("too many audit devices")]
    TooMany,
    /// The system gave no thread for it.
    #[error("no thread for the audit device: {0}")]
    Thread(#[source] std::io::Error),
    /// The device did not take the probe entry.
    #[error("audit backend failed test message: {0:#}")]
    Probe(#[source] Why),
}

/// A device with its writer which is not enabled yet: it took its probe, and gets no entries. Dropped, it is ended.
pub struct Candidate {
    shared: Arc<Shared>,
    slot: Arc<Slot>,
    admitted: bool,
}

impl Broker {
    /// Lets a device take a probe entry, which is formatted with the device's own options and a salt that is thrown
    /// away. Without a probe (`skip_test`) it is taken as it is. A device that hangs is given up after
    /// `audit_timeout`.
    ///
    /// # Errors
    /// [`EnableError`]; the device is dropped then.
    pub async fn try_out(
        &self,
        config: DeviceConfig,
        probe: Option<Probe>,
    ) -> Result<Candidate, EnableError> {
        let candidate = Candidate::hire(&self.shared, config)?;
        if let Some(probe) = probe.filter(|_| !candidate.slot.discards) {
            let recording = {
                let (slot, shared) = (&candidate.slot, &self.shared);
                let stamp = Stamp {
                    time: shared.clock.now(),
                    seq: shared.seq.load(Ordering::Relaxed),
                    boot: shared.boot,
                };
                let form = slot.form().with_salt(probe.salt);
                let mut line = Vec::new();
                format(&form, &Entry::probe(&probe.id), &stamp, &mut line).map_err(EnableError::Probe)?;
                let kick = Kick::new(Arc::new(Enabled::new(vec![Arc::clone(slot)], vec![stamp.seq])));
                offer_line(shared, kick, slot, &line, stamp.seq)
            };
            recording.await.map_err(|refused| EnableError::Probe(first_cause(refused)))?;
        }
        Ok(candidate)
    }

    /// Enables a device that was tried out.
    ///
    /// # Errors
    /// [`EnableError::PathInUse`], [`EnableError::TooMany`].
    pub fn admit(&self, candidate: Candidate) -> Result<(), EnableError> {
        candidate.admit()
    }

    /// Puts a device that was tried out in the place of the enabled one of the same path. An entry goes to one of
    /// them or the other, never to neither: what waits for the old one it still writes, in the background; what it
    /// missed and could not tell, and what it does not write after all, the new one tells in a gap entry.
    ///
    /// # Errors
    /// [`EnableError::NotEnabled`]: there is none to be replaced.
    pub fn replace(&self, candidate: Candidate) -> Result<(), EnableError> {
        candidate.replace()
    }

    /// Enables a device after it took a probe entry: [`try_out`](Self::try_out) and [`admit`](Self::admit).
    ///
    /// # Errors
    /// [`EnableError`]; the device is dropped then.
    pub async fn enable(&self, config: DeviceConfig, probe: Option<Probe>) -> Result<(), EnableError> {
        if self.shared.devices.find(&config.path).is_some() {
            return Err(EnableError::PathInUse);
        }
        self.try_out(config, probe).await?.admit()
    }

    /// Enables a device without a probe: one of the stored table, at a start. It may be
    /// [`failing`](DeviceConfig::failing).
    pub fn restore(&self, config: DeviceConfig) -> Result<(), EnableError> {
        if self.shared.devices.find(&config.path).is_some() {
            return Err(EnableError::PathInUse);
        }
        Candidate::hire(&self.shared, DeviceConfig { restored: true, ..config })?.admit()
    }
}

impl Candidate {
    fn hire(shared: &Arc<Shared>, config: DeviceConfig) -> Result<Self, EnableError> {
        let slot = Arc::new(Slot::new(&config, shared));
        shared.watch.start(shared).map_err(EnableError::Thread)?;
        if !slot.discards {
            Writer::start(&slot, config, shared).map_err(EnableError::Thread)?;
            shared.watch.attend(&slot);
        }
        Ok(Self { shared: Arc::clone(shared), slot, admitted: false })
    }

    fn admit(mut self) -> Result<(), EnableError> {
        let added = self.shared.devices.add(&self.slot, &self.shared.seq);
        added.map_err(|why| match why {
            NotAdded::PathInUse => EnableError::PathInUse,
            NotAdded::TooMany => EnableError::TooMany,
        })?;
        self.admitted = true;
        self.shared.watch.dismiss(&self.slot);
        Ok(())
    }

    fn replace(mut self) -> Result<(), EnableError> {
        let old = self.shared.devices.replace(&self.slot).ok_or(EnableError::NotEnabled)?;
        self.admitted = true;
        self.shared.watch.dismiss(&self.slot);
        self.shared.watch.attend(&old);
        old.hand_over(&self.shared);
        Ok(())
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        if !self.admitted {
            self.slot.dismiss(&self.shared);
        }
    }
}

fn first_cause(refused: Refused) -> Why {
    refused.causes.into_iter().next().map_or(Why::TimedOut, |cause| cause.why)
}
