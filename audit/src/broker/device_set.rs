//! Which devices are enabled, and the form of each: read by every record call, changed by enabling, disabling and a
//! new salt alone.

use std::sync::{Arc as StdArc, PoisonError};

use super::slot::Slot;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, RwLock};
use onrecord_entry::Formatter;

/// More devices than this cannot be enabled: the duties to wake their writers are kept as one word.
pub const DEVICES_MAX: usize = 64;

/// The enabled devices, in the order of enabling. Never changed, only replaced.
#[derive(Default)]
pub(crate) struct Enabled {
    pub(crate) slots: Vec<Arc<Slot>>,
    /// The form of each of them at this moment: who reads the list formats without asking anybody else.
    pub(crate) forms: Vec<StdArc<Formatter>>,
    /// After which number the log of each of them began, within this start: one that takes another's place continues
    /// its log.
    pub(crate) since: Vec<u64>,
    /// All devices discard, so that discarding counts.
    pub(crate) all_discard: bool,
}

impl Enabled {
    pub(crate) fn new(slots: Vec<Arc<Slot>>, since: Vec<u64>) -> Self {
        let all_discard = slots.iter().all(|slot| slot.discards);
        let forms = slots.iter().map(|slot| slot.form()).collect();
        for slot in &slots {
            slot.listed();
        }
        Self { slots, forms, since, all_discard }
    }
}

impl Drop for Enabled {
    fn drop(&mut self) {
        for slot in &self.slots {
            slot.unlisted();
        }
    }
}

/// The current list.
#[derive(Default)]
pub(crate) struct DeviceSet {
    enabled: RwLock<Arc<Enabled>>,
}

/// Why a device was not added.
pub(crate) enum NotAdded {
    PathInUse,
    TooMany,
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
        if enabled.slots.is_empty() || !wanted(&enabled) {
            return None;
        }
        Some((Arc::clone(&enabled), seq.fetch_add(1, Ordering::Relaxed) + 1))
    }

    pub(crate) fn find(&self, path: &str) -> Option<Arc<Slot>> {
        self.read().slots.iter().find(|slot| *slot.path == *path).cloned()
    }

    /// Adds a device: it has the entries after the last number of `seq`.
    pub(crate) fn add(&self, slot: &Arc<Slot>, seq: &AtomicU64) -> Result<(), NotAdded> {
        let mut enabled = self.enabled.write().unwrap_or_else(PoisonError::into_inner);
        if enabled.slots.iter().any(|other| other.path == slot.path) {
            return Err(NotAdded::PathInUse);
        }
        if enabled.slots.len() >= DEVICES_MAX {
            return Err(NotAdded::TooMany);
        }
        let slots = enabled.slots.iter().chain([slot]).cloned().collect();
        let now = seq.load(Ordering::Relaxed);
        let since = enabled.since.iter().copied().chain([now]).collect();
        *enabled = Arc::new(Enabled::new(slots, since));
        Ok(())
    }

    /// Puts a device in the place of the one of its path, which is returned. That one knows its heir before anybody finds
    /// the heir in the list: who ends the heir waits for those that may still offer it what comes too late.
    pub(crate) fn replace(&self, new: &Arc<Slot>) -> Option<Arc<Slot>> {
        let mut enabled = self.enabled.write().unwrap_or_else(PoisonError::into_inner);
        let mut slots = enabled.slots.clone();
        let place = slots.iter_mut().find(|slot| slot.path == new.path)?;
        let old = std::mem::replace(place, Arc::clone(new));
        old.appoint(new);
        *enabled = Arc::new(Enabled::new(slots, enabled.since.clone()));
        Some(old)
    }

    /// Takes one out. Says after which number of `seq`.
    pub(crate) fn remove(&self, path: &str, seq: &AtomicU64) -> Option<(Arc<Slot>, u64)> {
        let mut enabled = self.enabled.write().unwrap_or_else(PoisonError::into_inner);
        let found = enabled.slots.iter().find(|slot| *slot.path == *path).cloned()?;
        let stays = enabled.slots.iter().zip(&enabled.since).filter(|(slot, _)| *slot.path != *path);
        let (slots, since) = stays.map(|(slot, since)| (Arc::clone(slot), *since)).unzip();
        *enabled = Arc::new(Enabled::new(slots, since));
        Some((found, seq.load(Ordering::Relaxed)))
    }

    /// Gives a device another form. Whoever has read the list before formats with the old one.
    pub(crate) fn reform(&self, path: &str, form: Formatter) -> bool {
        let mut enabled = self.enabled.write().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = enabled.slots.iter().find(|slot| *slot.path == *path) else { return false };
        slot.set_form(form);
        *enabled = Arc::new(Enabled::new(enabled.slots.clone(), enabled.since.clone()));
        true
    }

    /// Takes all out.
    pub(crate) fn clear(&self) -> Vec<Arc<Slot>> {
        let mut enabled = self.enabled.write().unwrap_or_else(PoisonError::into_inner);
        let slots = enabled.slots.clone();
        *enabled = Arc::new(Enabled::default());
        slots
    }
}
