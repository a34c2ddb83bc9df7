//! The broker: puts an entry on every enabled device and says when the audit rule is met.
//! The caller formats, one thread a device writes, and only the caller's task waits.
//! Never in it: what an entry says, what a device does with a line, any async runtime.

mod candidate;
mod control;
pub(crate) mod device_handle;
mod device_set;
mod dispatch;
mod draining;
mod gap;
mod life;
mod previous_ends;
mod proof;
mod queue;
mod recording;
mod ticket;
mod wake_guard;
mod wakeup;
mod watch;
mod writer;

use std::io;
use std::sync::Arc as StdArc;

use crate::clock::{Clock, SystemClock};
use crate::rules::RulesInForce;
use crate::status::{DeviceStatus, Observer, Outlook};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use onrecord_entry::{Boot, Entry, Formatter};

pub use crate::cause::{Cause, EnableError, Refused, Why};
pub use crate::device::{DrillError, DrillNews};
pub use crate::loss::Loss;
pub use crate::rules::Rules;
pub use candidate::{Candidate, Probe};
pub use device_handle::DeviceConfig;
pub use device_set::DEVICES_MAX;
pub use proof::{NotOnRecord, Proof, Recorded, RequestOnRecord, ResponseOnRecord, Unaudited};
pub use recording::{OrUnaudited, Recording};

use device_handle::DeviceHandle;
use device_set::DeviceSet;
use life::DrainReason;
use previous_ends::PreviousEnds;
use watch::Watch;

/// All enabled devices of a server, and the rule.
///
/// Cheap to share behind an `Arc`. Dropping it lets each device write what waits for it, in the background;
/// call [`drain`](Self::drain) before to know that it has.
pub struct Broker {
    pub(crate) shared: Arc<Shared>,
}

/// What the broker, its writers and its watch have in common.
pub(crate) struct Shared {
    pub(crate) rules: RulesInForce,
    pub(crate) boot: Boot,
    pub(crate) clock: StdArc<dyn Clock>,
    pub(crate) observer: Option<StdArc<dyn Observer>>,
    /// The counter last given to an entry.
    pub(crate) seq: AtomicU64,
    /// Whether the device that wrote last has a single client.
    pub(crate) single_client: AtomicBool,
    pub(crate) watch: Watch,
    pub(crate) devices: DeviceSet,
    pub(crate) previous_ends: PreviousEnds,
}

/// What one device would write for an entry.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preview {
    /// The path of the device.
    pub path: StdArc<str>,
    /// Whether it throws the line away.
    pub discards: bool,
    /// The line as the device's formatter makes it, with its newline; or why there is none.
    pub line: Result<Vec<u8>, Why>,
}

/// Makes a [`Broker`]; had from [`Broker::builder`].
#[must_use = "a broker is made by `build`"]
#[derive(Default)]
pub struct Builder {
    rules: Rules,
    clock: Option<StdArc<dyn Clock>>,
    observer: Option<StdArc<dyn Observer>>,
}

impl Broker {
    /// A builder with the default [`Rules`], the [`SystemClock`] and no observer.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Puts a request entry on record on every device, before the request is carried out. Hashing and formatting are done
    /// when the call returns; the future says whether the rule was met, and dropping it takes nothing back.
    pub fn record_request(&self, entry: &Entry<'_>) -> Recording<RequestOnRecord> {
        recording::record(&self.shared, entry, self.shared.rules.minimum())
    }

    /// Puts a response entry on record as [`record_request`](Self::record_request) does, before the answer leaves.
    pub fn record_response(&self, entry: &Entry<'_>) -> Recording<ResponseOnRecord> {
        recording::record(&self.shared, entry, self.shared.rules.minimum())
    }

    /// Wakes the sleeping thread of a device, because an entry follows in a moment: only where there is a single device
    /// with a single client, as the threads of several would want more cores than there may be.
    pub fn prewake(&self) {
        if !self.shared.single_client.load(Ordering::Relaxed) {
            return;
        }
        if let [handle] = self.shared.devices.read().handles.as_slice() {
            handle.prewake();
        }
    }

    /// Records an entry of either kind where fewer devices may be enabled than [`Rules::minimum`] asks for: then those
    /// that are enabled must have it, all of them. For the entries of a request that enables one more.
    pub fn record_with_those_enabled<P: Proof>(&self, entry: &Entry<'_>) -> Recording<P> {
        recording::record(&self.shared, entry, self.shared.rules.minimum().min(self.devices()))
    }

    /// Writes a response entry for a request whose own entry was refused to the devices that may have that entry: those
    /// which the refusal does not name. No task waits for it, and it gives no proof.
    pub fn record_aborted(&self, entry: &Entry<'_>, refused: &Refused) {
        recording::record_aborted(&self.shared, entry, refused);
    }

    /// The boot which this broker's counter belongs to.
    pub fn boot(&self) -> Boot {
        self.shared.boot
    }

    /// Where earlier boots ended, as the logs of the devices show that were enabled then: each boot with its largest number.
    pub fn previous_ends(&self) -> Vec<(Boot, u64)> {
        self.shared.previous_ends.newest()
    }

    /// The counter last given to an entry.
    pub fn last_seq(&self) -> u64 {
        self.shared.seq.load(Ordering::Relaxed)
    }

    /// The rule.
    pub fn rules(&self) -> Rules {
        self.shared.rules.get()
    }

    /// Changes the rule for all entries that are recorded from now on. How much may wait for a device is fixed when
    /// it is enabled: a new [`Rules::queue_bytes`] counts for those enabled later.
    pub fn set_rules(&self, rules: &Rules) {
        self.shared.rules.set(rules);
    }

    /// How many devices are enabled.
    pub fn devices(&self) -> usize {
        self.shared.devices.read().handles.len()
    }

    /// Whether a device is enabled that does not discard its entries. Otherwise requests leave no record anywhere.
    pub fn is_audited(&self) -> bool {
        self.shared.devices.read().handles.iter().any(|handle| !handle.discards)
    }

    /// The hash of a text on an enabled device; `None` if there is no device of that path.
    pub fn hash(&self, path: &str, text: &str) -> Option<String> {
        Some(self.shared.devices.find(path)?.formatter().hash(text))
    }

    /// The line that each device would get for an entry, in the order of enabling: with its own options and salt, the
    /// time of now, and the counter that the next entry gets. Nothing is counted, queued or written.
    pub fn preview(&self, entry: &Entry<'_>) -> Vec<Preview> {
        let enabled = self.shared.devices.read();
        let seq = self.last_seq().saturating_add(1);
        let preview = |(handle, formatter): (&Arc<DeviceHandle>, &StdArc<Formatter>)| {
            let stamp = dispatch::stamp(&self.shared, seq);
            let mut line = Vec::new();
            let line = dispatch::format(formatter, entry, &stamp, &mut line).map(|()| line);
            Preview { path: StdArc::clone(&handle.path), discards: handle.discards, line }
        };
        enabled.handles.iter().zip(&enabled.formatters).map(preview).collect()
    }

    /// The state of each device, in the order of enabling.
    pub fn status(&self) -> Vec<DeviceStatus> {
        self.shared.devices.read().handles.iter().map(|handle| handle.status(&self.shared)).collect()
    }

    /// What no gap entry of each device has reported yet, of this boot and of those before it: to be kept for the next
    /// boot ([`DeviceConfig::losses`]). A device that is not healthy may never get to write what waits for it: that
    /// counts as lost here until it is written.
    pub fn losses(&self) -> Vec<(StdArc<str>, Vec<Loss>)> {
        let handles = &self.shared.devices.read().handles;
        handles.iter().map(|handle| (StdArc::clone(&handle.path), handle.losses())).collect()
    }

    /// Whether the rule can be met at the moment.
    pub fn outlook(&self) -> Outlook {
        Outlook::of(self.shared.rules.minimum(), &self.status())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        for handle in self.shared.devices.clear() {
            self.shared.watch.add(&handle);
            handle.drain(DrainReason::Released, &self.shared);
        }
        self.shared.watch.stop();
    }
}

impl Builder {
    /// The rule by which entries are on record, in place of the default one.
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The clock, in place of the machine's.
    pub fn clock(self, clock: StdArc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Is called when the health of a device changes, when a device does not get entries, and for drills.
    pub fn observer(self, observer: StdArc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// A broker without devices, with a random [boot number](Boot); an error if the system has no random numbers.
    pub fn build(self) -> io::Result<Broker> {
        Ok(self.build_with_boot(Boot::random()?))
    }

    /// A broker without devices. No other start of this service may ever have had the boot number: see [`Boot`].
    pub fn build_with_boot(self, boot: Boot) -> Broker {
        let Self { rules, clock, observer } = self;
        let clock = clock.unwrap_or_else(|| StdArc::new(SystemClock::new()));
        let shared = Shared {
            rules: RulesInForce::new(&rules),
            boot,
            clock,
            observer,
            seq: AtomicU64::new(0),
            single_client: AtomicBool::new(false),
            watch: Watch::default(),
            devices: DeviceSet::default(),
            previous_ends: PreviousEnds::default(),
        };
        Broker { shared: Arc::new(shared) }
    }
}
