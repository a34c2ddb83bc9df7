//! The broker: puts an entry on every enabled device and says when the audit rule is met.
//! Formatting is done by the caller, writing by one thread a device, waiting by nobody but the caller's task.
//! Never in it: what an entry says, what a device does with a line, any async runtime.

mod builder;
mod candidate;
mod cause;
mod device_set;
pub(crate) mod distribution;
mod drill;
mod earlier;
mod ending;
mod gap;
pub(crate) mod health_tracker;
mod kick;
mod life;
mod lookout;
mod measures;
mod missed;
mod misses;
mod offer;
mod preview;
mod proof;
mod queue;
mod recording;
#[cfg(test)]
mod rest;
mod rules;
mod slot;
pub(crate) mod status;
mod ticket;
mod verdict;
mod watch;
mod writer;

use std::sync::Arc as StdArc;

use crate::clock::Clock;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use onrecord_entry::{Boot, Entry};

pub use builder::Builder;
pub use candidate::{Candidate, EnableError, Probe};
pub use cause::{Cause, Refused, Why};
pub use device_set::DEVICES_MAX;
pub use drill::{DrillError, DrillNews};
pub use life::DeviceConfig;
pub use missed::Missed;
pub use preview::Preview;
pub use proof::{NotOnRecord, Proof, Recorded, RequestOnRecord, ResponseOnRecord, Unaudited};
pub use recording::{OrUnaudited, Recording};
pub use rules::Rules;

use device_set::DeviceSet;
use earlier::Earlier;
use rules::InForce;
pub(crate) use status::{DeviceStatus, Observer, Outlook};
use watch::Watch;

/// All enabled devices of a server, and the rule.
///
/// Cheap to share behind an `Arc`. Dropping it lets each device write what waits for it, in the background;
/// call [`drain`](Self::drain) before to know that it has.
pub struct Broker {
    shared: Arc<Shared>,
}

/// What the broker, its writers and its watch have in common.
pub(crate) struct Shared {
    pub(crate) rules: InForce,
    pub(crate) boot: Boot,
    pub(crate) clock: StdArc<dyn Clock>,
    pub(crate) observer: Option<StdArc<dyn Observer>>,
    /// The counter last given to an entry.
    pub(crate) seq: AtomicU64,
    /// Whether the device that wrote last has had but one entry at a time of late.
    pub(crate) singles: AtomicBool,
    pub(crate) watch: Watch,
    pub(crate) devices: DeviceSet,
    pub(crate) earlier: Earlier,
}

impl Broker {
    /// Puts a request entry on record on every device, before the request is carried out. The work of this thread,
    /// hashing and formatting, is done when the call returns; what it returns is a future that says whether the rule was
    /// met. It runs on any runtime; [`Recording::wait`] waits without one.
    ///
    /// Dropping the future takes nothing back.
    pub fn record_request(&self, entry: &Entry<'_>) -> Recording<RequestOnRecord> {
        recording::record(&self.shared, entry, self.shared.rules.minimum())
    }

    /// Puts a response entry on record, as [`record_request`](Self::record_request) does a request entry, before the
    /// answer leaves.
    pub fn record_response(&self, entry: &Entry<'_>) -> Recording<ResponseOnRecord> {
        recording::record(&self.shared, entry, self.shared.rules.minimum())
    }

    /// Says that an entry follows in a moment: the thread of a device that sleeps is woken by now. Only where there is
    /// one device, and one entry at a time: the threads of several would want more cores than there may be.
    pub fn announce(&self) {
        if !self.shared.singles.load(Ordering::Relaxed) {
            return;
        }
        if let [slot] = self.shared.devices.read().slots.as_slice() {
            slot.announce();
        }
    }

    /// Records an entry of either kind where fewer devices may be enabled than [`Rules::minimum`] asks for: then those
    /// that are enabled must have it, all of them. For the entries of a request that enables one more.
    pub fn record_with_those_enabled<P: Proof>(&self, entry: &Entry<'_>) -> Recording<P> {
        recording::record(&self.shared, entry, self.shared.rules.minimum().min(self.devices()))
    }

    /// Writes a response entry for a request that was not carried out, because its own entry was refused, to the devices
    /// that may have that entry: those which the refusal does not name. Nobody waits for it, and it gives no proof.
    pub fn record_aborted(&self, entry: &Entry<'_>, refused: &Refused) {
        recording::record_aborted(&self.shared, entry, refused);
    }

    /// The start which this broker's counter belongs to.
    pub fn boot(&self) -> Boot {
        self.shared.boot
    }

    /// The counter last given to an entry.
    pub fn last_seq(&self) -> u64 {
        self.shared.seq.load(Ordering::Relaxed)
    }

    /// The rule.
    pub fn rules(&self) -> Rules {
        self.shared.rules.get()
    }

    /// Changes the rule for all entries that are recorded from now on. How much may wait for a device is settled when
    /// it is enabled: a new [`Rules::queue_bytes`] counts for those enabled later.
    pub fn set_rules(&self, rules: &Rules) {
        self.shared.rules.set(rules);
    }

    /// How many devices are enabled.
    pub fn devices(&self) -> usize {
        self.shared.devices.read().slots.len()
    }

    /// The hash of a text on an enabled device; `None` if there is no device of that path.
    pub fn hash(&self, path: &str, text: &str) -> Option<String> {
        Some(self.shared.devices.find(path)?.form().hash(text))
    }

    /// How each device is, in the order of enabling.
    pub fn status(&self) -> Vec<DeviceStatus> {
        self.shared.devices.read().slots.iter().map(|slot| slot.status(&self.shared)).collect()
    }

    /// Whether the rule can be met at the moment.
    pub fn outlook(&self) -> Outlook {
        Outlook::of(self.shared.rules.minimum(), &self.status())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        for slot in self.shared.devices.clear() {
            self.shared.watch.attend(&slot);
            slot.close(&self.shared);
        }
        self.shared.watch.stop();
    }
}
