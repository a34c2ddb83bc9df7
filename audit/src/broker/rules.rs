//! The audit rule, and what waiting and memory are bounded by; changeable while entries are recorded.
//! Never in it: applying the rule (`verdict`), or waiting.

use std::time::Duration;

use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The audit rule, and what waiting and memory are bounded by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How many devices must have an entry. Devices that discard count only where all do. 0 is taken as 1.
    pub minimum: usize,
    /// How long a healthy device is waited for after the rule is met. A device that takes longer is `lagging`
    /// and not waited for until it has caught up. Default 5 ms.
    pub settle_grace: Duration,
    /// How long devices that block are waited for while the rule is not met. Default 30 s.
    pub audit_timeout: Duration,
    /// How many bytes may wait for one device; entries beyond are missed by it. Default 16 MiB.
    pub queue_bytes: usize,
    /// Whether drills may be held ([`Broker::drill`](super::Broker::drill)). Default false.
    pub drills: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            minimum: 1,
            settle_grace: Duration::from_millis(5),
            audit_timeout: Duration::from_secs(30),
            queue_bytes: 16 * 1024 * 1024,
            drills: false,
        }
    }
}

/// The rules in force. Each is read alone: none depends on another's value of the same moment.
pub(crate) struct InForce {
    minimum: AtomicUsize,
    /// In nanoseconds.
    settle_grace: AtomicU64,
    /// In nanoseconds.
    audit_timeout: AtomicU64,
    queue_bytes: AtomicUsize,
    drills: AtomicBool,
}

impl InForce {
    pub(crate) fn new(rules: &Rules) -> Self {
        let Rules { minimum, settle_grace, audit_timeout, queue_bytes, drills } = *rules;
        Self {
            minimum: AtomicUsize::new(minimum),
            settle_grace: AtomicU64::new(nanos(settle_grace)),
            audit_timeout: AtomicU64::new(nanos(audit_timeout)),
            queue_bytes: AtomicUsize::new(queue_bytes),
            drills: AtomicBool::new(drills),
        }
    }

    pub(crate) fn set(&self, rules: &Rules) {
        self.minimum.store(rules.minimum, Ordering::Relaxed);
        self.settle_grace.store(nanos(rules.settle_grace), Ordering::Relaxed);
        self.audit_timeout.store(nanos(rules.audit_timeout), Ordering::Relaxed);
        self.queue_bytes.store(rules.queue_bytes, Ordering::Relaxed);
        self.drills.store(rules.drills, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Rules {
        Rules {
            minimum: self.minimum(),
            settle_grace: self.settle_grace(),
            audit_timeout: self.audit_timeout(),
            queue_bytes: self.queue_bytes(),
            drills: self.drills(),
        }
    }

    pub(crate) fn minimum(&self) -> usize {
        self.minimum.load(Ordering::Relaxed)
    }

    pub(crate) fn settle_grace(&self) -> Duration {
        Duration::from_nanos(self.settle_grace.load(Ordering::Relaxed))
    }

    pub(crate) fn audit_timeout(&self) -> Duration {
        Duration::from_nanos(self.audit_timeout.load(Ordering::Relaxed))
    }

    /// For devices enabled from now on.
    pub(crate) fn queue_bytes(&self) -> usize {
        self.queue_bytes.load(Ordering::Relaxed)
    }

    /// A drill that runs goes on where they are forbidden.
    pub(crate) fn drills(&self) -> bool {
        self.drills.load(Ordering::Relaxed)
    }
}

/// Five hundred years are as good as for ever.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
