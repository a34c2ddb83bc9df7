//! The boots of the server, kept in storage: a log that ends with another boot was written with a newer storage than this one,
//! which is an older copy then. Never in it: reading logs (the broker's), or what an operator does about it.

use std::sync::{Mutex, PoisonError};

use onrecord_audit::Broker;
use onrecord_entry::Boot;
use onrecord_storage::{BarrierError, Batch, View};
use onrecord_value::{Object, object};

use crate::stored::{Record as _, record};

const KEY: &str = "boots";
/// How many are kept of each list: a device that cannot be opened at this many unsealings is taken for one of another storage.
const KEPT: usize = 256;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Stored {
    /// Those of unsealings that succeeded, and those at which audit logs ended then. Empty: the storage is of a version
    /// that kept none, and no unsealing has succeeded since.
    boots: Vec<u64>,
    /// Those of unsealings that have not succeeded: they may be tried again and again, and must not evict the others.
    unfinished: Vec<u64>,
}

record! { Stored() { "boots" => boots, } optional { "unfinished" => unfinished, } }

/// The boots before this one that the storage knows, and this one.
pub(crate) struct Boots {
    before: Stored,
    boot: u64,
}

/// The audit logs that are ahead of the storage, as far as they could be opened.
#[derive(Debug)]
pub(crate) struct LogsAhead {
    /// The boots that the storage knew before this one.
    known: Stored,
    found: Mutex<Vec<UnknownBoot>>,
}

/// Where an audit log ends that the storage does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnknownBoot {
    boot: Boot,
    last_seq: u64,
}

impl Stored {
    fn contains(&self, boot: u64) -> bool {
        self.boots.contains(&boot) || self.unfinished.contains(&boot)
    }

    /// An unsealing begins.
    fn begin(&mut self, boot: u64) {
        push(&mut self.unfinished, boot);
    }

    /// An unsealing has succeeded, with audit logs that end with these boots. They count as new again: such a log may
    /// get no entry for many unsealings. One that is unknown is added only if none is known.
    fn finish(&mut self, boot: u64, ends: &[u64]) {
        let known = self.clone();
        for end in ends.iter().filter(|end| known.boots.is_empty() || known.contains(**end)) {
            push(&mut self.boots, *end);
        }
        push(&mut self.boots, boot);
        self.unfinished.retain(|unfinished| *unfinished != boot);
    }
}

/// Adds a boot as the newest one.
fn push(boots: &mut Vec<u64>, boot: u64) {
    boots.retain(|known| *known != boot);
    boots.drain(..boots.len().saturating_sub(KEPT - 1));
    boots.push(boot);
}

impl Boots {
    /// Stores the boot of an unsealing, before the first line of it is written.
    pub(crate) async fn begin(view: &View, boot: Boot) -> Result<Self, BarrierError> {
        let before = match view.get(KEY).await? {
            Some(stored) => Stored::decode(stored.expose(), ()).ok_or_else(|| view.unreadable(KEY))?,
            None => Stored::default(),
        };
        let mut begun = before.clone();
        begun.begin(boot.number());
        store(view, &begun).await?;
        Ok(Self { before, boot: boot.number() })
    }

    /// Stores that the unsealing has succeeded, and where the audit logs ended.
    pub(crate) async fn finish(self, view: &View, broker: &Broker) -> Result<(), BarrierError> {
        let ends: Vec<u64> = broker.previous_ends().iter().map(|(boot, _)| boot.number()).collect();
        let mut finished = self.before;
        finished.begin(self.boot);
        finished.finish(self.boot, &ends);
        store(view, &finished).await
    }

    /// The audit logs that were written with a newer storage, as far as the devices are open.
    pub(crate) fn compare(&self, broker: &Broker) -> LogsAhead {
        let ahead = LogsAhead { known: self.before.clone(), found: Mutex::default() };
        ahead.compare(broker);
        ahead
    }
}

impl LogsAhead {
    /// Compares the logs that could be opened since, too; each that is ahead is said in the server's log, once.
    pub(crate) fn compare(&self, broker: &Broker) {
        if self.known.boots.is_empty() {
            return;
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for (boot, last_seq) in broker.previous_ends() {
            if self.known.contains(boot.number()) || found.iter().any(|unknown| unknown.boot == boot) {
                continue;
            }
            found.push(UnknownBoot { boot, last_seq });
            tracing::warn!(
                boot = hex(boot),
                last_seq,
                "THE STORAGE IS OLDER THAN AN AUDIT LOG: the log ends with a boot that the storage does not know. The storage \
                 is an older copy, and what was changed after it was made is not in it: secrets, policies and tokens may \
                 be back that were deleted or revoked. If it was not restored on purpose, restore a newer backup; \
                 else compare the log from that boot on"
            );
        }
    }

    /// Where they end.
    pub(crate) fn ends(&self) -> Vec<UnknownBoot> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn store(view: &View, boots: &Stored) -> Result<(), BarrierError> {
    let mut batch = Batch::new();
    view.put(&mut batch, KEY, &boots.encode())?;
    view.commit(batch).await?;
    Ok(())
}

/// As lines of logs name it.
fn hex(boot: Boot) -> String {
    format!("{:016x}", boot.number())
}

impl UnknownBoot {
    /// As `sys/audit-status` shows it.
    pub(crate) fn show(&self) -> Object {
        object! { "boot" => hex(self.boot), "last_seq" => self.last_seq }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unseal(stored: &mut Stored, boot: u64, ends: &[u64]) {
        stored.begin(boot);
        stored.finish(boot, ends);
    }

    #[test]
    fn boots_read_back_and_those_of_a_version_without_unfinished_ones_too() {
        let stored = Stored { boots: vec![1, 2], unfinished: vec![3] };
        assert_eq!(Stored::decode(&stored.encode(), ()), Some(stored));
        let stored = Stored { boots: vec![1], unfinished: vec![] };
        assert_eq!(Stored::decode(br#"{"boots":[1]}"#, ()), Some(stored));
    }

    #[test]
    fn the_boot_at_which_a_log_ends_is_kept_for_as_long_as_it_ends_there() {
        let mut stored = Stored::default();
        unseal(&mut stored, 1, &[]);
        for boot in 2..1000 {
            unseal(&mut stored, boot, &[1]);
        }
        assert!(stored.contains(1) && !stored.contains(2));
        assert_eq!((stored.boots.len(), stored.unfinished.len()), (KEPT, 0));
    }

    #[test]
    fn unsealings_that_fail_evict_only_their_like() {
        let mut stored = Stored::default();
        unseal(&mut stored, 1, &[]);
        for boot in 2..1000 {
            stored.begin(boot);
        }
        assert!(stored.contains(1) && stored.contains(999) && !stored.contains(2));
        assert_eq!(stored.unfinished.len(), KEPT);
    }

    #[test]
    fn an_unknown_end_becomes_known_only_where_none_was_stored() {
        let mut stored = Stored::default();
        stored.begin(1);
        unseal(&mut stored, 2, &[77]);
        assert!(stored.contains(77), "the first success of this version");
        unseal(&mut stored, 3, &[88]);
        assert!(!stored.contains(88));
    }
}
