//! The duty to wake writers. Whoever has it fulfils it, even if the task is dropped half-way.

use super::device_set::Enabled;
use super::lookout::Lookout;
use super::slot::Slot;
use crate::sync::Arc;

/// Writers, by their place among the enabled devices, which this holder alone has to wake.
pub(crate) struct Kick {
    /// Held as long as anything can be owed: a device that was disabled ends once no list has it.
    enabled: Option<Arc<Enabled>>,
    duties: u64,
    /// The devices whose answer is awaited, by their place.
    awaited: u64,
}

impl Kick {
    pub(crate) const fn new(enabled: Arc<Enabled>) -> Self {
        Self { enabled: Some(enabled), duties: 0, awaited: 0 }
    }

    /// Notes a device that took the entry: whether its answer is awaited, and whether its writer must be woken.
    pub(crate) const fn took(&mut self, place: usize, awaited: bool, duty: bool) {
        self.awaited |= (awaited as u64) << place;
        self.duties |= (duty as u64) << place;
    }

    pub(crate) const fn is_owed(&self) -> bool {
        self.duties != 0
    }

    /// Whether nobody else records at the moment, as far as the devices know whose answers are awaited.
    pub(crate) fn is_alone(&self) -> bool {
        self.lookout().is_some()
    }

    /// One of the devices whose answers are awaited, if all of them have had but one entry at a time of late.
    fn lookout(&self) -> Option<&Lookout> {
        let mut awaited = places(self.enabled.as_ref()?, self.awaited);
        awaited.try_fold(None, |_, slot| slot.has_singles().then_some(Some(&slot.answers)))?
    }

    /// Wakes the writers. Who is alone looks out for their answers for a moment.
    pub(crate) fn fire(&mut self, answered: impl Fn() -> bool) {
        self.wake();
        if let Some(lookout) = self.lookout() {
            lookout.until(answered);
        }
        self.enabled = None;
    }

    fn wake(&mut self) {
        let duties = std::mem::take(&mut self.duties);
        if let Some(enabled) = &self.enabled {
            places(enabled, duties).for_each(Slot::kick);
        }
    }
}

impl Drop for Kick {
    fn drop(&mut self) {
        self.wake();
    }
}

/// The devices at these places.
fn places(enabled: &Enabled, places: u64) -> impl Iterator<Item = &Slot> {
    let slots = enabled.slots.iter().enumerate();
    slots.filter(move |(place, _)| places & 1 << place != 0).map(|(_, slot)| &**slot)
}
