//! Enabling a device: its writer is started, it is tried with a probe entry, and then enabled or put in another's place.
//! Never in it: which device is wanted where, or anything about one that is enabled already.

use std::sync::Arc as StdArc;

use super::device_handle::{DeviceConfig, DeviceHandle};
use super::device_set::Enabled;
use super::dispatch::{format, stamp};
use super::life::DrainReason;
use super::recording::offer_line;
use super::wake_guard::WakeGuard;
use super::writer::Writer;
use super::{Broker, Shared};
use crate::cause::{EnableError, Refused, Why};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use onrecord_entry::{Entry, Salt};

/// The entry that tries a device when it is enabled.
pub struct Probe {
    /// A random UUID.
    pub id: String,
    /// A salt to be thrown away.
    pub salt: StdArc<Salt>,
}

/// A device with its writer that is not enabled yet: it took its probe, and gets no entries. Dropping it ends the device.
pub struct Candidate {
    shared: Arc<Shared>,
    handle: Arc<DeviceHandle>,
    admitted: bool,
}

impl Broker {
    /// Lets a device take a probe entry, which is formatted with the device's own options and a salt that is thrown
    /// away. Without a probe (`skip_test`) it is taken as it is. A device that hangs is given up after `audit_timeout`,
    /// and one that fails is dropped.
    pub async fn try_out(
        &self,
        config: DeviceConfig,
        probe: Option<Probe>,
    ) -> Result<Candidate, EnableError> {
        let candidate = Candidate::start(&self.shared, config)?;
        if let Some(probe) = probe.filter(|_| !candidate.handle.discards) {
            let recording = {
                let (handle, shared) = (&candidate.handle, &self.shared);
                let stamp = stamp(shared, shared.seq.load(Ordering::Relaxed));
                let formatter = handle.formatter().with_salt(probe.salt);
                let mut line = Vec::new();
                format(&formatter, &Entry::probe(&probe.id), &stamp, &mut line)
                    .map_err(EnableError::Probe)?;
                let guard = WakeGuard::new(Arc::new(Enabled::new(vec![(Arc::clone(handle), stamp.seq)])));
                offer_line(shared, guard, handle, &line, stamp.seq)
            };
            recording.await.map_err(|refused| EnableError::Probe(first_cause(refused)))?;
        }
        Ok(candidate)
    }

    /// Enables a device that was tried out, unless its path is in use or there are too many.
    pub fn admit(&self, mut candidate: Candidate) -> Result<(), EnableError> {
        self.shared.devices.add(&candidate.handle, &self.shared.seq)?;
        candidate.note_enabled();
        Ok(())
    }

    /// Puts a device that was tried out in the place of the enabled one of the same path. An entry goes to one of
    /// them or the other, never to neither: the old one still writes what waits for it, in the background. A gap entry of
    /// the new one reports what the old one lost and could not report, and what it does not write after all.
    pub fn replace(&self, mut candidate: Candidate) -> Result<(), EnableError> {
        let old = self.shared.devices.replace(&candidate.handle)?;
        candidate.note_enabled();
        self.shared.watch.add(&old);
        old.drain_replaced(&self.shared);
        Ok(())
    }

    /// Enables a device after it took a probe entry: [`try_out`](Self::try_out) and [`admit`](Self::admit).
    pub async fn enable(&self, config: DeviceConfig, probe: Option<Probe>) -> Result<(), EnableError> {
        self.check_path(&config)?;
        self.admit(self.try_out(config, probe).await?)
    }

    /// Enables a device without a probe: one of the stored table, at an unseal. It may be
    /// [`failing`](DeviceConfig::failing).
    pub fn restore(&self, config: DeviceConfig) -> Result<(), EnableError> {
        self.check_path(&config)?;
        self.admit(Candidate::start(&self.shared, DeviceConfig { restored: true, ..config })?)
    }

    fn check_path(&self, config: &DeviceConfig) -> Result<(), EnableError> {
        self.shared.devices.find(&config.path).map_or(Ok(()), |_| Err(EnableError::PathInUse))
    }
}

impl Candidate {
    fn start(shared: &Arc<Shared>, config: DeviceConfig) -> Result<Self, EnableError> {
        let handle = Arc::new(DeviceHandle::new(&config, shared));
        shared.watch.start(shared).map_err(EnableError::Thread)?;
        if !handle.discards {
            Writer::start(&handle, config, shared).map_err(EnableError::Thread)?;
            shared.watch.add(&handle);
        }
        Ok(Self { shared: Arc::clone(shared), handle, admitted: false })
    }

    /// The list of devices has it, so that the watch finds it there.
    fn note_enabled(&mut self) {
        self.admitted = true;
        self.handle.begin_observing();
        self.shared.watch.remove(&self.handle);
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        if !self.admitted {
            self.handle.drain(DrainReason::NotEnabled, &self.shared);
        }
    }
}

fn first_cause(refused: Refused) -> Why {
    refused.causes.into_iter().next().map_or(Why::TimedOut, |cause| cause.why)
}
