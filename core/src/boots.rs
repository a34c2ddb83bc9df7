//! The boots of the server, kept in storage: a log that ends with another boot was written with a newer storage than this one,
//! which is an older copy then. Never in it: reading logs (the broker's), or what an operator does about it.

use onrecord_audit::Broker;
use onrecord_entry::Boot;
use onrecord_storage::{BarrierError, Batch, View};
use onrecord_value::{Object, object};

use crate::stored::{Record as _, record};

const KEY: &str = "boots";
/// How many are kept: a device that writes nothing for so many unsealings is taken for one of another storage.
const KEPT: usize = 256;

struct Stored {
    boots: Vec<u64>,
}

record! { Stored() { "boots" => boots, } }

/// The boots before this one that the storage knows. `None`: it is of a version that kept none.
pub(crate) struct Boots(Option<Vec<u64>>);

/// Where an audit log ends that the storage does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnknownBoot {
    boot: Boot,
    last_seq: u64,
}

impl Boots {
    /// Adds a boot to those that are stored, before the first line of it is written.
    pub(crate) async fn begin(view: &View, boot: Boot) -> Result<Self, BarrierError> {
        let before = match view.get(KEY).await? {
            Some(stored) => {
                let stored = Stored::decode(stored.expose(), ()).ok_or_else(|| view.unreadable(KEY))?;
                Some(stored.boots)
            }
            None => None,
        };
        let mut boots = before.clone().unwrap_or_default();
        boots.drain(..boots.len().saturating_sub(KEPT - 1));
        boots.push(boot.number());
        let mut batch = Batch::new();
        view.put(&mut batch, KEY, &Stored { boots }.encode())?;
        view.commit(batch).await?;
        Ok(Self(before))
    }

    /// The ends of audit logs that were written with a newer storage; each is said in the log.
    pub(crate) fn compare(&self, broker: &Broker) -> Vec<UnknownBoot> {
        let Some(known) = &self.0 else { return Vec::new() };
        let ends = broker.previous_ends().into_iter();
        let unknown: Vec<UnknownBoot> = ends
            .filter(|(boot, _)| !known.contains(&boot.number()))
            .map(|(boot, last_seq)| UnknownBoot { boot, last_seq })
            .collect();
        for UnknownBoot { boot, last_seq } in &unknown {
            tracing::warn!(
                boot = hex(*boot),
                last_seq,
                "THE STORAGE IS OLDER THAN AN AUDIT LOG: the log ends with a boot that the storage does not know. The storage \
                 is an older copy, and what was changed after it was made is not in it: secrets, policies and tokens may \
                 be back that were deleted or revoked. If it was not restored on purpose, restore a newer backup; \
                 else compare the log from that boot on"
            );
        }
        unknown
    }
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
