//! Restorations of the store from a snapshot, made while no server ran (`operator snapshot restore`): put on record as soon
//! as a device works. Never in it: restoring.

use onrecord_audit::{Broker, Clock};
use onrecord_entry::Operation;
use onrecord_storage::snapshot::Restoration;
use onrecord_storage::{Barrier, StoreError};
use onrecord_value::{Time, object};
use tokio::sync::Mutex;

use crate::blocking_task::BlockingTask;
use crate::devices::repair::{Tries, can_record};
use crate::offline_act::OfflineAct;

/// The path under which a restoration is on record.
const PATH: &str = "sys/storage/restored";

#[derive(Default)]
pub(crate) struct Restorations(Mutex<State>);

#[derive(Default)]
struct State {
    pending: Vec<Pending>,
    tries: Tries,
}

struct Pending {
    restoration: Restoration,
    /// Whether the snapshot was, byte for byte, one that this server made.
    authentic: bool,
}

impl Restorations {
    pub(crate) fn load(barrier: &Barrier) -> Result<Self, StoreError> {
        let mut pending = Vec::new();
        for restoration in barrier.restorations()? {
            let authentic = restoration.is_authentic(barrier)?;
            let (at, uid) = (show(restoration.at), restoration.uid);
            let (snapshot, sha256) = (show(restoration.created), &restoration.sha256);
            if authentic {
                tracing::warn!(at, uid, snapshot, sha256, "the storage was restored from a snapshot");
            } else {
                tracing::error!(
                    at,
                    uid,
                    snapshot,
                    sha256,
                    "the storage was restored from a snapshot that this server did not make, or that was changed since"
                );
            }
            pending.push(Pending { restoration, authentic });
        }
        Ok(Self(Mutex::new(State { pending, tries: Tries::default() })))
    }

    /// When the newest one was that is not on record yet.
    pub(crate) async fn newest(&self) -> Option<Time> {
        let state = self.0.lock().await;
        state.pending.iter().map(|pending| Time::from_unix(pending.restoration.at, 0)).max()
    }

    /// Makes [`record`](Self::record) wait, as a device that hangs does, until the guard is dropped.
    #[cfg(test)]
    pub(crate) async fn hold(&self) -> impl Sized {
        self.0.lock().await
    }

    /// Puts them on record, as soon as a device works and the rule can be met.
    pub(crate) async fn record(&self, broker: &Broker, barrier: &Barrier, clock: &dyn Clock) {
        let mut state = self.0.lock().await;
        if state.pending.is_empty() || !state.tries.is_due(clock.monotonic()) || !can_record(broker) {
            return;
        }
        while let Some(pending) = state.pending.first() {
            if !pending.record(broker).await {
                state.tries.refused(clock.monotonic());
                return;
            }
            let Pending { restoration, .. } = state.pending.remove(0);
            state.tries = Tries::default();
            forget(barrier, restoration).await;
        }
    }
}

/// A time for people.
fn show(seconds: i64) -> String {
    let mut text = Vec::new();
    Time::from_unix(seconds, 0).rfc3339_seconds(&mut text);
    String::from_utf8(text).unwrap_or_default()
}

async fn forget(barrier: &Barrier, restoration: Restoration) {
    let barrier = barrier.clone();
    let forget = move || barrier.forget_restoration(&restoration);
    let forgotten = match BlockingTask::begin("onrecord-restored", forget) {
        Ok(forgetting) => forgetting.done().await,
        Err(_) => None,
    };
    if !matches!(forgotten, Some(Ok(()))) {
        tracing::warn!("the restoration of the storage will be put on record again");
    }
}

impl Pending {
    async fn record(&self, broker: &Broker) -> bool {
        let Restoration { id, at, uid, created, records, sha256, .. } = &self.restoration;
        let snapshot = object! {
            "authentic" => self.authentic,
            "created" => *created,
            "records" => *records,
            "sha256" => sha256.as_str(),
        };
        let act = OfflineAct {
            id,
            operation: Operation::Update,
            path: PATH,
            data: &object! { "at" => *at, "snapshot" => snapshot, "uid" => *uid },
            peer: ("", 0),
            client: ("", 0),
            status: 204,
            subject: "a restored storage",
        };
        act.record(broker).await
    }
}
