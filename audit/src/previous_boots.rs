//! Where earlier boots of the server ended: each device whose log can be read back shows its own end, and the largest
//! number that any of them shows is that of all. Entries between them are on other devices alone, or lost (I9).
//! Never in it: holes before a device's own end; the device finds those itself.

use std::collections::HashMap;

use crate::sync::{Mutex, lock};
use onrecord_entry::{Boot, SeqRange};

/// The largest known number of each earlier boot.
#[derive(Default)]
pub(crate) struct PreviousBoots {
    last: Mutex<HashMap<Boot, u64>>,
}

impl PreviousBoots {
    /// Notes where a boot ended on a device.
    pub(crate) fn note(&self, boot: Boot, seq: u64) {
        let mut all = lock(&self.last);
        let last = all.entry(boot).or_insert(seq);
        *last = seq.max(*last);
    }

    /// What a device lacks of a boot after the number `after`, as far as other devices show it.
    pub(crate) fn after(&self, boot: Boot, after: u64) -> Option<SeqRange> {
        let last = *lock(&self.last).get(&boot).filter(|last| **last > after)?;
        Some(SeqRange { from: after + 1, to: last })
    }
}
