//! Which devices are enabled, and the formatter of each: read by every record call, changed only by enabling, replacing,
//! disabling and a new salt. Never in it: the state of a device.

use std::sync::{Arc as StdArc, PoisonError};

use super::device_handle::DeviceHandle;
use crate::cause::EnableError;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, RwLock};
use onrecord_entry::Formatter;

/// More devices than this cannot be enabled: those whose writers must be woken are kept as one word.
pub const DEVICES_MAX: usize = 64;

/// The enabled devices, in the order of enabling. Never changed, only replaced.
#[derive(Default)]
pub(crate) struct Enabled {
    pub(crate) handles: Vec<Arc<DeviceHandle>>,
    /// The formatter of each of them at this moment, so that a record call needs nothing but the list.
    pub(crate) formatters: Vec<StdArc<Formatter>>,
    /// After which number the log of each of them began, within this boot: a device that replaces another continues
    /// its log.
    pub(crate) since: Vec<u64>,
    pub(crate) all_discard: bool,
}

impl Enabled {
    pub(crate) fn new(devices: Vec<(Arc<DeviceHandle>, u64)>) -> Self {
        let (handles, since): (Vec<_>, Vec<_>) = devices.into_iter().unzip();
        let all_discard = handles.iter().all(|handle| handle.discards);
        let formatters = handles.iter().map(|handle| handle.formatter()).collect();
        for handle in &handles {
            handle.listed();
        }
        Self { handles, formatters, since, all_discard }
    }
}

impl Drop for Enabled {
    fn drop(&mut self) {
        for handle in &self.handles {
            handle.unlisted();
        }
    }
}

#[derive(Default)]
pub(crate) struct DeviceSet {
    enabled: RwLock<Arc<Enabled>>,
}

impl DeviceSet {
    pub(crate) fn read(&self) -> Arc<Enabled> {
        Arc::clone(&self.enabled.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The list, and the next number of `seq`, as of one moment: a device that is on the list before it has every entry
    /// from then on, and one that is not has none. `None` if no device is enabled; then no number is used.
    pub(crate) fn number(&self, seq: &AtomicU64) -> Option<(Arc<Enabled>, u64)> {
        self.number_if(seq, |_| true)
    }

    /// The same, if the list is wanted.
    pub(crate) fn number_if(
        &self,
        seq: &AtomicU64,
        wanted: impl FnOnce(&Enabled) -> bool,
    ) -> Option<(Arc<Enabled>, u64)> {
        let enabled = self.enabled.read().unwrap_or_else(PoisonError::into_inner);
        if enabled.handles.is_empty() || !wanted(&enabled) {
            return None;
        }
        Some((Arc::clone(&enabled), seq.fetch_add(1, Ordering::Relaxed) + 1))
    }

    pub(crate) fn find(&self, path: &str) -> Option<Arc<DeviceHandle>> {
        self.read().handles.iter().find(|handle| *handle.path == *path).cloned()
    }

    fn change<T, E>(
        &self,
        change: impl FnOnce(&mut Vec<(Arc<DeviceHandle>, u64)>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut enabled = self.enabled.write().unwrap_or_else(PoisonError::into_inner);
        let mut devices = enabled.handles.iter().cloned().zip(enabled.since.iter().copied()).collect();
        let changed = change(&mut devices)?;
        *enabled = Arc::new(Enabled::new(devices));
        Ok(changed)
    }

    /// Adds a device: it has the entries after the last number of `seq`.
    pub(crate) fn add(&self, handle: &Arc<DeviceHandle>, seq: &AtomicU64) -> Result<(), EnableError> {
        self.change(|devices| {
            if devices.iter().any(|(other, _)| other.path == handle.path) {
                return Err(EnableError::PathInUse);
            }
            if devices.len() >= DEVICES_MAX {
                return Err(EnableError::TooMany);
            }
            devices.push((Arc::clone(handle), seq.load(Ordering::Relaxed)));
            Ok(())
        })
    }

    /// Puts a device in the place of the one of its path, which is returned. The successor is set before the list with it
    /// is published: the writer of a successor that is disabled at once then waits for callers that may still offer it
    /// late entries.
    pub(crate) fn replace(&self, new: &Arc<DeviceHandle>) -> Result<Arc<DeviceHandle>, EnableError> {
        self.change(|devices| {
            let found = devices.iter_mut().find(|(handle, _)| handle.path == new.path);
            let (place, _) = found.ok_or(EnableError::NotEnabled)?;
            let old = std::mem::replace(place, Arc::clone(new));
            old.set_successor(new);
            Ok(old)
        })
    }

    /// Takes one out. Returns the number of `seq` after which it is out.
    pub(crate) fn remove(&self, path: &str, seq: &AtomicU64) -> Option<(Arc<DeviceHandle>, u64)> {
        let removed = self.change(|devices| {
            let at = devices.iter().position(|(handle, _)| *handle.path == *path).ok_or(())?;
            Ok::<_, ()>((devices.remove(at).0, seq.load(Ordering::Relaxed)))
        });
        removed.ok()
    }

    /// Gives a device another formatter. A caller that has read the list before formats with the old one.
    pub(crate) fn set_formatter(&self, path: &str, formatter: Formatter) -> bool {
        let set = self.change(|devices| {
            let (handle, _) = devices.iter().find(|(handle, _)| *handle.path == *path).ok_or(())?;
            handle.set_formatter(formatter);
            Ok::<_, ()>(())
        });
        set.is_ok()
    }

    pub(crate) fn clear(&self) -> Vec<Arc<DeviceHandle>> {
        let mut enabled = self.enabled.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *enabled).handles.clone()
    }
}
