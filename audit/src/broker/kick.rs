//! The duty to wake writers. Whoever has it fulfils it, even if the task is dropped half-way.

use super::roster::Enabled;
use crate::sync::Arc;

/// Writers, by their place among the enabled devices, which this holder alone has to wake.
pub(crate) struct Kick {
    /// Held as long as anything can be owed: a device that was disabled ends once no list has it.
    enabled: Option<Arc<Enabled>>,
    duties: u64,
}

impl Kick {
    pub(crate) const fn new(enabled: Arc<Enabled>) -> Self {
        Self { enabled: Some(enabled), duties: 0 }
    }

    pub(crate) const fn owe(&mut self, place: usize) {
        self.duties |= 1 << place;
    }

    pub(crate) const fn is_owed(&self) -> bool {
        self.duties != 0
    }

    /// Wakes the writers.
    pub(crate) fn fire(&mut self) {
        let Some(enabled) = self.enabled.take() else { return };
        let duties = std::mem::take(&mut self.duties);
        for (place, slot) in enabled.slots.iter().enumerate() {
            if duties & 1 << place != 0 {
                slot.kick();
            }
        }
    }
}

impl Drop for Kick {
    fn drop(&mut self) {
        self.fire();
    }
}
