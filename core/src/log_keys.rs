//! The key with which the checkpoints of audit logs are signed, and the keys before it. The private key is kept behind the
//! barrier (`log-key/seed`, beside the public facts of all keys at `log-key/keys`), and is in memory while the server is
//! unsealed. Beside the keys, what is remembered of the trees (`heads`).
//! Never in it: trees and checkpoints (`onrecord-audit`, `onrecord-evidence`), endpoints (`engine::sys`).

mod heads;
mod origin;
mod signer;
mod stored;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use onrecord_audit::Broker;
use onrecord_audit::evidence::DeviceEvidence;
use onrecord_evidence::{Ed25519Key, KeyError, Note, SEED_LENGTH, SignError, Signer, VerifierKey};
use onrecord_seal::{Entropy, EntropyError};
use onrecord_storage::{BarrierError, Batch, StoreError, View};
use onrecord_value::Time;
use zeroize::Zeroizing;

use crate::current::Current;

use heads::Heads;
pub(crate) use heads::Moment;
pub use origin::check_origin;
pub(crate) use stored::LogKey;

/// The first line of the text that one key signs for the next, below the name of the server.
const ROTATION: &str = "rotation of the key of audit logs";

/// The keys of the server's audit logs.
pub(crate) struct LogKeys {
    view: View,
    entropy: Arc<dyn Entropy>,
    /// What the origins of all devices begin with.
    server: String,
    state: Current<State>,
    /// What is remembered of the trees.
    heads: Heads,
    forgotten: AtomicBool,
    /// Held while a key takes the place of another.
    gate: tokio::sync::Mutex<()>,
}

struct State {
    /// `None` once the server is sealed.
    private: Option<Private>,
    /// The public facts of all keys, the oldest first. There is at least one.
    keys: Vec<LogKey>,
}

struct Private {
    current: Arc<Ed25519Key>,
    /// The key that it took the place of in this run. It signs once more, beside the new one, for each device.
    previous: Option<Arc<Ed25519Key>>,
}

impl Private {
    fn new(current: Ed25519Key, previous: Option<Arc<Ed25519Key>>) -> Self {
        Self { current: Arc::new(current), previous }
    }
}

/// What a rotation has done.
pub(crate) struct Rotated {
    pub(crate) old: VerifierKey,
    pub(crate) new: VerifierKey,
    /// Both keys' texts, signed by the old one.
    pub(crate) note: String,
}

/// Why there is no key, or no new one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogKeysError {
    #[error(transparent)]
    Storage(#[from] BarrierError),
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl From<StoreError> for LogKeysError {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.into())
    }
}

impl LogKeys {
    /// Reads the keys; at the first unsealing of a storage, makes the first one. `server`: what the origins of all devices
    /// begin with.
    pub(crate) async fn load(
        view: View,
        entropy: Arc<dyn Entropy>,
        server: String,
        now: Time,
    ) -> Result<Self, LogKeysError> {
        let (seed, keys) = match stored::load(&view).await? {
            Some(stored) => stored,
            None => {
                let seed = new_seed(&*entropy)?;
                let public = Ed25519Key::from_seed(&*seed)?.public_key();
                let keys = vec![LogKey { public, created: now, retired: None, note: None }];
                let mut batch = Batch::new();
                stored::put(&view, &mut batch, &seed, &keys)?;
                view.commit(batch).await.map_err(BarrierError::from)?;
                (seed, keys)
            }
        };
        let private = Some(Private::new(Ed25519Key::from_seed(&*seed)?, None));
        let state = Current::new(State { private, keys });
        let heads = Heads::load(&view).await?;
        let (forgotten, gate) = (AtomicBool::new(false), tokio::sync::Mutex::default());
        Ok(Self { view, entropy, server, state, heads, forgotten, gate })
    }

    /// What the origins of all devices begin with. Keys sign under this name what concerns the server.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// The origin of the log of the device at a path: the name of its checkpoints, and of the keys that verify them.
    pub(crate) fn origin(&self, path: &str) -> String {
        onrecord_audit::evidence::origin(&self.server, path)
    }

    /// The public facts of all keys, that in use first.
    pub(crate) fn all(&self) -> Vec<LogKey> {
        self.state.get().keys.iter().rev().cloned().collect()
    }

    /// Puts a new key in the place of the one in use, which vouches for it.
    pub(crate) async fn rotate(&self, now: Time) -> Result<Rotated, LogKeysError> {
        let _gate = self.gate.lock().await;
        let state = self.state.get();
        let sealed = || StoreError::Sealed;
        let old = Arc::clone(&state.private.as_ref().ok_or_else(sealed)?.current);
        let seed = new_seed(&*self.entropy)?;
        let new = Ed25519Key::from_seed(&*seed)?;
        let (old_verifier, new_verifier) = (old.verifier(&self.server), new.verifier(&self.server));
        let text =
            format!("{}\n{ROTATION}\nold {old_verifier}\nnew {new_verifier}\ntime {now}\n", self.server);
        let note = Note::sign(text, &self.server, &*old)?.to_string();
        let mut keys = state.keys.clone();
        if let Some(last) = keys.last_mut() {
            last.retired = Some(now);
        }
        keys.push(LogKey { public: new.public_key(), created: now, retired: None, note: Some(note.clone()) });
        let mut batch = Batch::new();
        stored::put(&self.view, &mut batch, &seed, &keys)?;
        self.view.commit(batch).await.map_err(BarrierError::from)?;
        self.set(State { private: Some(Private::new(new, Some(old))), keys });
        tracing::info!(
            old = %old_verifier,
            new = %new_verifier,
            "the checkpoints of audit logs are signed with a new key"
        );
        Ok(Rotated { old: old_verifier, new: new_verifier, note })
    }

    /// Keeps what is to be remembered of the trees of the devices. To be called about every half second, before a device
    /// is disabled, and at a seal. `now` is of the clock that only goes forward.
    pub(crate) async fn keep_heads(
        &self,
        broker: &Broker,
        now: Duration,
        moment: Moment,
    ) -> Result<(), BarrierError> {
        if self.heads.keep(&self.view, broker, now, moment).await? {
            self.drop_previous(broker).await;
        }
        Ok(())
    }

    /// Drops the key before the one in use once every device has a checkpoint of the new one.
    async fn drop_previous(&self, broker: &Broker) {
        let _gate = self.gate.lock().await;
        let state = self.state.get();
        let Some(private) = state.private.as_ref().filter(|private| private.previous.is_some()) else {
            return;
        };
        let in_use = private.current.public_key();
        let signed = |(_, evidence): &(_, Arc<DeviceEvidence>)| {
            evidence.head(false).is_none_or(|head| head.key.is_none_or(|key| *key.key() == in_use))
        };
        if broker.evidence().iter().all(signed) {
            let private = Some(Private { current: Arc::clone(&private.current), previous: None });
            self.set(State { private, keys: state.keys.clone() });
        }
    }

    /// Reads what another process has changed: the keys, or what is remembered of trees. `key` is below the devices' own
    /// prefix. False: it is none of these.
    pub(crate) async fn invalidate(&self, key: &str) -> Result<bool, LogKeysError> {
        if key.starts_with(heads::FOLDER) {
            self.heads.invalidate(&self.view).await?;
            return Ok(true);
        }
        if !key.starts_with(stored::FOLDER) {
            return Ok(false);
        }
        let _gate = self.gate.lock().await;
        let Some((seed, keys)) = stored::load(&self.view).await? else { return Ok(true) };
        let private = Some(Private::new(Ed25519Key::from_seed(&*seed)?, None));
        self.set(State { private, keys });
        Ok(true)
    }

    fn set(&self, state: State) {
        self.state.set(state);
        if self.forgotten.load(Ordering::SeqCst) {
            self.forget();
        }
    }

    /// Drops the private keys: the server is sealed. Signers that a device still holds sign nothing any more.
    pub(crate) fn forget(&self) {
        self.forgotten.store(true, Ordering::SeqCst);
        self.state.set(State { private: None, keys: self.state.get().keys.clone() });
    }
}

fn new_seed(entropy: &dyn Entropy) -> Result<Zeroizing<[u8; SEED_LENGTH]>, EntropyError> {
    let mut seed = Zeroizing::new([0; SEED_LENGTH]);
    entropy.fill(&mut *seed)?;
    Ok(seed)
}
