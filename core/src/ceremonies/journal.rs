//! Ceremonies that no audit device could record when they happened: before the first device was enabled, and while the server
//! was sealed. They are kept behind the barrier until a device has them as entries (ADR 0029).
//! Never in it: what is secret in a ceremony, or a ceremony that a device has recorded.

use std::sync::{Mutex, MutexGuard, PoisonError};

use onrecord_audit::Broker;
use onrecord_entry::Operation;
use onrecord_storage::{BarrierError, Batch, StoreError, View};
use onrecord_value::{Object, Time, object};

use crate::devices::repair::{Tries, can_record};
use crate::exchange::Peer;
use crate::host::Host;
use crate::offline_act::OfflineAct;
use crate::stored::{Record as _, record};

/// Where they are stored, among the server's own tables.
pub(crate) const KEY: &str = "ceremonies";
/// How many are kept, sealed and unsealed each: the first, which may be the initialisation, and the newest, among which is the
/// unsealing itself, whatever strangers have sent before it. The others are counted.
const KEPT: usize = 256;
/// The path under which those are on record that were not kept.
const NOT_KEPT: &str = "sys/ceremonies";

/// One step of a ceremony.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Act {
    /// A random UUID: both entries have it.
    id: String,
    path: String,
    at: i64,
    address: String,
    port: u32,
    /// The client that a trusted proxy stated, if one did.
    client: Option<String>,
    client_port: Option<u32>,
    /// Numbers and truth values alone.
    facts: Object,
    /// Whether it ended something.
    is_deletion: bool,
}

record! { Act() {
    "address" => address,
    "at" => at,
    "facts" => facts,
    "id" => id,
    "path" => path,
    "port" => port,
    "client" => client,
    "client_port" => client_port,
} optional { "deletion" => is_deletion, } }

impl Act {
    pub(crate) fn new(id: &str, path: &str, at: Time, peer: Option<&Peer>, facts: Object) -> Self {
        Self {
            id: id.to_owned(),
            path: path.to_owned(),
            at: at.unix_seconds(),
            address: peer.map(|peer| peer.address.to_string()).unwrap_or_default(),
            port: peer.map_or(0, |peer| u32::from(peer.port)),
            client: peer
                .map(Peer::stated_client)
                .filter(|stated| !stated.0.is_empty())
                .map(|stated| stated.0.to_owned()),
            client_port: peer
                .map(Peer::stated_client)
                .filter(|stated| stated.1 > 0)
                .map(|stated| u32::from(stated.1)),
            facts,
            is_deletion: false,
        }
    }

    /// The same, as one that ended something.
    pub(crate) fn deletion(self) -> Self {
        Self { is_deletion: true, ..self }
    }

    async fn record(&self, broker: &Broker) -> bool {
        let mut data = object! { "at" => self.at };
        data.extend(self.facts.clone());
        let act = OfflineAct {
            id: &self.id,
            operation: if self.is_deletion { Operation::Delete } else { Operation::Update },
            path: &self.path,
            data: &data,
            peer: (&self.address, u16::try_from(self.port).unwrap_or(0)),
            client: (
                self.client.as_deref().unwrap_or_default(),
                self.client_port.and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
            ),
            status: if self.is_deletion { 204 } else { 200 },
            subject: "a ceremony",
        };
        act.record(broker).await
    }
}

/// What is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Stored {
    acts: Vec<Act>,
    /// How many more there were.
    not_kept: u64,
}

record! { Stored() { "acts" => acts, "not_kept" => not_kept, } }

impl Stored {
    fn add(&mut self, act: Act) {
        if self.acts.len() >= KEPT {
            self.acts.remove(1);
            self.not_kept = self.not_kept.saturating_add(1);
        }
        self.acts.push(act);
    }

    fn is_empty(&self) -> bool {
        self.acts.is_empty() && self.not_kept == 0
    }
}

/// Steps of ceremonies of a sealed server, in memory: they are stored once it is unsealed.
#[derive(Default)]
pub(crate) struct SealedActs(Mutex<Stored>);

impl SealedActs {
    pub(crate) fn add(&self, act: Act) {
        self.lock().add(act);
    }

    /// Forgets the newest one: nothing came of it, and it is counted elsewhere.
    pub(crate) fn withdraw(&self, id: &str) {
        self.lock().acts.retain(|act| act.id != id);
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The journal of an unsealed server.
pub(crate) struct Journal {
    view: View,
    state: tokio::sync::Mutex<(Stored, Tries)>,
}

impl Journal {
    /// Adds the first act to the batch that initialises the server.
    pub(crate) fn begin(view: &View, batch: &mut Batch, act: Act) -> Result<(), StoreError> {
        view.put(batch, KEY, &Stored { acts: vec![act], not_kept: 0 }.encode())
    }

    /// Reads what is stored, and stores what happened while the server was sealed.
    pub(crate) async fn load(view: View, sealed: &SealedActs) -> Result<Self, BarrierError> {
        let mut stored = match view.get(KEY).await? {
            Some(stored) => Stored::decode(stored.expose(), ()).ok_or_else(|| view.unreadable(KEY))?,
            None => Stored::default(),
        };
        let new = sealed.lock().clone();
        if !new.is_empty() {
            let (ids, not_kept): (Vec<String>, u64) =
                (new.acts.iter().map(|act| act.id.clone()).collect(), new.not_kept);
            new.acts.into_iter().for_each(|act| stored.add(act));
            stored.not_kept = stored.not_kept.saturating_add(not_kept);
            store(&view, &stored).await?;
            let mut sealed = sealed.lock();
            sealed.acts.retain(|act| !ids.contains(&act.id));
            sealed.not_kept = sealed.not_kept.saturating_sub(not_kept);
        }
        Ok(Self { view, state: tokio::sync::Mutex::new((stored, Tries::default())) })
    }

    /// Keeps a ceremony that was done while no device was enabled.
    pub(crate) async fn add(&self, act: Act) {
        let (stored, _) = &mut *self.state.lock().await;
        stored.add(act);
        if let Err(error) = store(&self.view, stored).await {
            tracing::warn!(%error, "a ceremony could not be kept for the first audit device");
        }
    }

    /// Puts them on record, as soon as a device works and the rule can be met.
    pub(crate) async fn record(&self, broker: &Broker, host: &Host) {
        let (stored, tries) = &mut *self.state.lock().await;
        if stored.is_empty() || !tries.is_due(host.clock.monotonic()) || !can_record(broker) {
            return;
        }
        let mut recorded = 0;
        for act in &stored.acts {
            if !act.record(broker).await {
                break;
            }
            recorded += 1;
        }
        let is_done = recorded == stored.acts.len() && record_number(stored.not_kept, broker, host).await;
        if is_done {
            *stored = Stored::default();
        } else {
            stored.acts.drain(..recorded);
            tries.refused(host.clock.monotonic());
        }
        if let Err(error) = store(&self.view, stored).await {
            tracing::warn!(%error, "ceremonies will be put on record again");
        }
    }
}

/// Puts on record how many ceremonies were not kept.
async fn record_number(not_kept: u64, broker: &Broker, host: &Host) -> bool {
    if not_kept == 0 {
        return true;
    }
    let Ok(id) = host.entropy.uuid() else { return false };
    let facts = object! { "not_kept" => not_kept };
    Act::new(&id, NOT_KEPT, host.clock.now(), None, facts).record(broker).await
}

/// An empty journal is none.
async fn store(view: &View, stored: &Stored) -> Result<(), BarrierError> {
    let mut batch = Batch::new();
    if stored.is_empty() {
        view.delete(&mut batch, KEY)?;
    } else {
        view.put(&mut batch, KEY, &stored.encode())?;
    }
    Ok(view.commit(batch).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(number: usize) -> Act {
        let peer = std::net::SocketAddr::from(([192, 0, 2, 1], 4321)).into();
        let facts = object! { "progress" => number };
        Act::new(&format!("id-{number}"), "sys/unseal", Time::from_unix(1_700_000_000, 0), Some(&peer), facts)
    }

    #[test]
    fn acts_read_back_and_beyond_the_bound_they_are_counted() {
        let mut stored = Stored::default();
        (0..KEPT + 7).for_each(|number| stored.add(act(number)));
        assert_eq!((stored.acts.len(), stored.not_kept), (KEPT, 7));
        assert_eq!(stored.acts.first(), Some(&act(0)), "the initialisation");
        assert_eq!(stored.acts.last(), Some(&act(KEPT + 6)), "the newest");
        assert_eq!(Stored::decode(&stored.encode(), ()), Some(stored));
        assert_eq!(Stored::decode(b"{}", ()), None);
    }

    #[test]
    fn an_act_of_which_nothing_came_is_forgotten() {
        let sealed = SealedActs::default();
        sealed.add(act(1));
        sealed.add(act(2));
        sealed.withdraw("id-1");
        assert_eq!(sealed.lock().acts, [act(2)]);
    }
}
