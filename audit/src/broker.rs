//! The broker: puts an entry on every enabled device and says when the audit rule is met.
//! Formatting is done by the caller, writing by one thread a device, waiting by nobody but the caller's task.
//! Never in it: what an entry says, what a device does with a line, any async runtime.

mod candidate;
mod cause;
mod device_set;
mod distribution;
mod drill;
mod earlier;
mod ending;
mod gap;
mod health_tracker;
mod kick;
mod life;
mod lookout;
mod measures;
mod missed;
mod misses;
mod offer;
mod preview;
mod queue;
mod recording;
#[cfg(test)]
mod rest;
mod rules;
mod slot;
mod status;
mod ticket;
mod verdict;
mod watch;
mod writer;

use std::sync::Arc as StdArc;

use crate::clock::Clock;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use onrecord_entry::{Boot, Entry};

pub use candidate::{Candidate, EnableError, Probe};
pub use cause::{Cause, Refused, Why};
pub use device_set::DEVICES_MAX;
pub use distribution::Distribution;
pub use drill::{DrillError, DrillNews};
pub use health_tracker::Health;
pub use life::DeviceConfig;
pub use missed::Missed;
pub use preview::Preview;
pub use recording::{Recorded, Recording, Settled, Unaudited, wait};
pub use rules::Rules;
pub use status::{BLOCKED_AFTER, DeviceStatus, LastError, Observer, Outlook, Told};

use device_set::DeviceSet;
use earlier::Earlier;
use rules::InForce;
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
    /// A broker without devices. `boot` is a number that no other start of this server has.
    pub fn new(rules: Rules, boot: Boot, clock: StdArc<dyn Clock>) -> Self {
        Self::with_observer(rules, boot, clock, None)
    }

    /// A broker that tells somebody when the health of a device changes.
    #[expect(clippy::needless_pass_by_value, reason = "a caller has no use for the rules any more")]
    pub fn with_observer(
        rules: Rules,
        boot: Boot,
        clock: StdArc<dyn Clock>,
        observer: Option<StdArc<dyn Observer>>,
    ) -> Self {
        let (seq, singles) = (AtomicU64::new(0), AtomicBool::new(false));
        let (watch, devices) = (Watch::default(), DeviceSet::default());
        let rules = InForce::new(&rules);
        let earlier = Earlier::default();
        Self {
            shared: Arc::new(Shared { rules, boot, clock, observer, seq, singles, watch, devices, earlier }),
        }
    }

    /// Puts an entry on record on every device. The work of this thread, hashing and formatting, is done when
    /// the call returns; what it returns is a future that says whether the rule was met. It runs on any runtime;
    /// [`Recording::wait`] waits without one.
    ///
    /// Dropping the future takes nothing back.
    pub fn record(&self, entry: &Entry<'_>) -> Recording {
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

    /// As [`record`](Self::record), where fewer devices may be enabled than [`Rules::minimum`] asks for: then those
    /// that are enabled must have it, all of them. For the entries of a request that enables one more.
    pub fn record_with_those_enabled(&self, entry: &Entry<'_>) -> Recording {
        recording::record(&self.shared, entry, self.shared.rules.minimum().min(self.devices()))
    }

    /// Tells the devices which took an entry that was refused what came of it: nothing. They are those that the
    /// refusal does not name. The line is written if it can be; nobody waits for it, and it is no proof of anything.
    pub fn tell(&self, entry: &Entry<'_>, refused: &Refused) {
        recording::tell(&self.shared, entry, refused);
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
