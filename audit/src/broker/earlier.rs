//! Where earlier starts of the server ended: each device whose log can be read back shows its own end, and the largest
//! number that any of them shows is that of all. What is between is on other devices alone, or nowhere (I9).
//! Never in it: holes before a device's own end; the device finds those itself.

use std::collections::HashMap;
use std::sync::PoisonError;

use crate::sync::Mutex;
use onrecord_entry::{Boot, SeqRange};

/// The largest known number of each earlier start.
#[derive(Default)]
pub(crate) struct Earlier {
    last: Mutex<HashMap<Boot, u64>>,
}

/// Where a start ended on one device, and up to where the device has told what it lacks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    boot: Boot,
    told: u64,
}

impl Earlier {
    /// Notes where a start ended on a device.
    pub(crate) fn note(&self, boot: Boot, seq: u64) -> End {
        let mut all = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let last = all.entry(boot).or_insert(seq);
        *last = seq.max(*last);
        End { boot, told: seq }
    }

    /// What the device lacks beyond its own end, as far as other devices show it and it has not told it.
    pub(crate) fn beyond(&self, end: &mut End) -> Option<(Boot, SeqRange)> {
        let all = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let last = *all.get(&end.boot).filter(|last| **last > end.told)?;
        let range = SeqRange { from: end.told + 1, to: last };
        end.told = last;
        Some((end.boot, range))
    }
}
