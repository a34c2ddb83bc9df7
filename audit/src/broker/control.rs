//! What operators ask of enabled devices: disable, open again, drain, drills. None of it ever waits for a device without
//! a bound. Never in it: the journey of an entry; how a device fails in a drill (`device::drill`).

use std::sync::Arc as StdArc;
use std::sync::PoisonError;
use std::time::Duration;

use onrecord_entry::Formatter;

use super::device_handle::DeviceHandle;
use super::life::DrainReason;
use super::queue::{ControlRequest, Queue};
use super::{Broker, Shared};
use crate::cause::Why;
use crate::device::{Claim, DRILL_MAX, Drill, DrillError, DrillNews};
use crate::evidence::{CheckpointFailed, DeviceEvidence, SignedCheckpoint};
use crate::sync::Arc;

/// So long a drain waits for the last checkpoint of a device.
const CHECKPOINT_WAIT: Duration = Duration::from_secs(2);

impl Broker {
    /// The claim of the enabled device of a path, for one that is to take its place
    /// ([`Placement::succeeding`](crate::Placement::succeeding)).
    pub fn claim(&self, path: &str) -> Option<Claim> {
        self.shared.devices.find(path)?.claim.clone()
    }

    /// Disables a device at once; its log ends with an entry that says so. What waits for it is still written, in the
    /// background; a device that fails, or hangs for a second, is given up, and the memory of its queue is freed. False
    /// if no device of this path is enabled.
    pub fn disable(&self, path: &str) -> bool {
        self.end(path, |last| DrainReason::Disabled { last })
    }

    /// Ends a device as [`disable`](Self::disable) does, but its log does not say so: this boot of the server ends, and the
    /// next one restores the device.
    pub fn release(&self, path: &str) -> bool {
        self.end(path, |_| DrainReason::Released)
    }

    fn end(&self, path: &str, reason: impl FnOnce(u64) -> DrainReason<DeviceHandle>) -> bool {
        let Some((handle, last)) = self.shared.devices.remove(path, &self.shared.seq) else { return false };
        self.shared.watch.add(&handle);
        handle.drain(reason(last), &self.shared);
        true
    }

    /// Gives an enabled device another formatter, from the next entry on: usually one with another salt. Entries that are
    /// being formatted at this moment still have the old one; none is lost, and no caller waits. False if no device of
    /// this path is enabled.
    pub fn set_formatter(&self, path: &str, formatter: Formatter) -> bool {
        self.shared.devices.set_formatter(path, formatter)
    }

    /// Opens the devices again, as after a rotation (SIGHUP), all of them or the one of a path; drills end. Blocks until
    /// each has done so or `timeout` is over; returns the result of each. Those that failed or hang are tried by
    /// themselves later.
    pub fn reopen(&self, path: Option<&str>, timeout: Duration) -> Vec<(StdArc<str>, Result<(), Why>)> {
        self.end_drills(path);
        self.request(path, timeout, |queue| &mut queue.reopen)
    }

    /// Waits until everything accepted is written and synced, and covered by a checkpoint where the device keeps evidence,
    /// at most for `timeout`; drills end. Blocks. Returns the devices that did not get so far.
    pub fn drain(&self, timeout: Duration) -> Vec<(StdArc<str>, Why)> {
        self.end_drills(None);
        let deadline = self.shared.clock.monotonic().saturating_add(timeout);
        let left = || deadline.saturating_sub(self.shared.clock.monotonic());
        let drained = self.request(None, timeout, |queue| &mut queue.sync);
        // A tree that cannot be written says so in its status, and holds up nothing.
        let is_covered = |evidence: &DeviceEvidence| evidence.checkpoint(left().min(CHECKPOINT_WAIT)).is_ok();
        let mut trees = self.evidence();
        for (path, evidence) in &trees {
            evidence.note_drained(drained.iter().any(|(of, done)| of == path && done.is_ok()));
        }
        trees.retain(|(_, evidence)| is_covered(evidence));
        if trees.len() > 1 {
            // Each device has now got the last checkpoints of the others, as lines that are to be covered, too.
            for (path, done) in self.request(None, left(), |queue| &mut queue.sync) {
                let is_late = |(of, _): &&(StdArc<str>, StdArc<DeviceEvidence>)| done.is_err() && *of == path;
                trees.iter().filter(is_late).for_each(|(_, evidence)| evidence.note_drained(false));
            }
            trees.retain(|(_, evidence)| is_covered(evidence));
        }
        drained.into_iter().filter_map(|(path, done)| Some((path, done.err()?))).collect()
    }

    /// Has everything that the enabled device of a path wrote covered by a signed checkpoint now. Blocks until then, at
    /// most for `timeout`.
    pub fn checkpoint(&self, path: &str, timeout: Duration) -> Result<SignedCheckpoint, CheckpointFailed> {
        let handle = self.shared.devices.find(path).ok_or(CheckpointFailed::NoDevice)?;
        handle.evidence.as_ref().ok_or(CheckpointFailed::Off)?.checkpoint(timeout)
    }

    /// The evidence of the enabled devices that keep a tree, with their paths, in the order of enabling.
    pub fn evidence(&self) -> Vec<(StdArc<str>, StdArc<DeviceEvidence>)> {
        let enabled = self.shared.devices.read();
        let kept = |handle: &Arc<DeviceHandle>| {
            let evidence = handle.evidence.clone().filter(|evidence| evidence.is_kept())?;
            Some((StdArc::clone(&handle.path), evidence))
        };
        enabled.handles.iter().filter_map(kept).collect()
    }

    fn request(
        &self,
        path: Option<&str>,
        timeout: Duration,
        request: fn(&mut Queue<DeviceHandle>) -> &mut ControlRequest,
    ) -> Vec<(StdArc<str>, Result<(), Why>)> {
        let deadline = self.shared.clock.monotonic().saturating_add(timeout);
        // The list itself is not held while devices are waited for: one that is disabled meanwhile could not end.
        let handles = self.shared.devices.read().handles.clone();
        let wanted = |handle: &&Arc<DeviceHandle>| path.is_none_or(|path| *handle.path == *path);
        // All are asked before any is waited for.
        let asked: Vec<_> = handles
            .iter()
            .filter(wanted)
            .map(|handle| (handle, (!handle.discards).then(|| handle.ask(request))))
            .collect();
        asked
            .into_iter()
            .map(|(handle, number)| {
                let wait = |number| handle.wait_for(request, number, deadline, &self.shared);
                (StdArc::clone(&handle.path), number.map_or(Ok(()), wait))
            })
            .collect()
    }

    /// Begins a drill on a device, in the place of one that runs. It ends by itself after `time`, and when the device is
    /// disabled or opened again, and at [`drain`](Self::drain).
    pub fn drill(&self, path: &str, drill: Drill, time: Duration) -> Result<(), DrillError> {
        let handle = self.drillable(path)?;
        if time.is_zero() || time > DRILL_MAX {
            return Err(DrillError::Time);
        }
        handle.drill.begin(drill, time);
        handle.report_drill(DrillNews::Begun(drill, time), &self.shared);
        // The writer sleeps no longer than the drill, so that its end is reported though nothing is written.
        handle.wake_if_parked();
        Ok(())
    }

    /// Whether a drill could be held on a device.
    pub fn may_drill(&self, path: &str) -> Result<(), DrillError> {
        self.drillable(path).map(drop)
    }

    /// Ends the drill on a device. False if there is none.
    pub fn end_drill(&self, path: &str) -> Result<bool, DrillError> {
        let handle = self.drillable(path)?;
        let ended = handle.drill.end();
        handle.wake_if_parked();
        Ok(ended)
    }

    /// Ends the drills of all devices, or of the one of a path: reopening or ending in order must not wait for a device
    /// that only pretends to hang.
    pub fn end_drills(&self, path: Option<&str>) {
        for handle in &self.shared.devices.read().handles {
            if path.is_none_or(|path| *handle.path == *path) && handle.drill.end() {
                handle.wake_if_parked();
            }
        }
    }

    fn drillable(&self, path: &str) -> Result<Arc<DeviceHandle>, DrillError> {
        if !self.shared.rules.get().drills {
            return Err(DrillError::Off);
        }
        let handle = self.shared.devices.find(path).ok_or(DrillError::NoDevice)?;
        if handle.discards { Err(DrillError::Discards) } else { Ok(handle) }
    }
}

impl DeviceHandle {
    fn ask(&self, request: fn(&mut Queue<DeviceHandle>) -> &mut ControlRequest) -> u64 {
        let mut queue = self.queue();
        request(&mut queue).asked += 1;
        let number = request(&mut queue).asked;
        let must_wake = queue.must_wake();
        drop(queue);
        if must_wake {
            self.wakeup.wake();
        }
        number
    }

    fn wait_for(
        &self,
        request: fn(&mut Queue<DeviceHandle>) -> &mut ControlRequest,
        number: u64,
        deadline: Duration,
        shared: &Shared,
    ) -> Result<(), Why> {
        let mut queue = self.queue();
        queue.waiters += 1;
        let outcome = loop {
            if request(&mut queue).done >= number {
                break request(&mut queue).error.clone().map_or(Ok(()), |error| Err(Why::Device(error)));
            }
            if queue.life.has_ended() {
                break Err(Why::Disabled);
            }
            let left = deadline.saturating_sub(shared.clock.monotonic());
            if left.is_zero() {
                break Err(Why::TimedOut);
            }
            queue = self.progress.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        queue.waiters -= 1;
        outcome
    }
}
