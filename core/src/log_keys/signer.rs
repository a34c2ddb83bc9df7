//! The signer that a device gets: it signs with the key in use, and after a rotation once more with the key before.
//! Never in it: where keys are kept.

use std::sync::{Arc, Mutex, PoisonError};

use onrecord_audit::EvidenceConfig;
use onrecord_evidence::{Algorithm, Ed25519Key, NoteSignature, SignError, Signer, VerifierKey};

use super::{LogKeys, Private, State};

/// Signs the checkpoints of one device.
struct DeviceSigner {
    keys: Arc<LogKeys>,
    /// The key that signed its last checkpoint.
    last: Mutex<[u8; 32]>,
}

impl LogKeys {
    /// What the device at a path needs to keep evidence: the name of its log, who signs, and what is remembered of its trees.
    pub(crate) fn evidence(self: &Arc<Self>, path: &str) -> EvidenceConfig {
        let origin = self.origin(path);
        let remembered = self.heads.of(&origin);
        EvidenceConfig::new(origin, self.signer()).remembered(remembered)
    }

    /// A signer for the log of one device.
    fn signer(self: &Arc<Self>) -> Arc<dyn Signer> {
        let last = Mutex::new(self.state.get().public_key());
        Arc::new(DeviceSigner { keys: Arc::clone(self), last })
    }
}

impl State {
    fn public_key(&self) -> [u8; 32] {
        self.keys.last().map_or([0; 32], |key| key.public)
    }

    fn private(&self) -> Result<&Private, SignError> {
        self.private.as_ref().ok_or_else(|| SignError("the server is sealed".to_owned()))
    }
}

impl Signer for DeviceSigner {
    fn public_key(&self) -> [u8; 32] {
        self.keys.state.get().public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.keys.state.get().private()?.current.sign(message)
    }

    fn verifiers(&self, name: &str) -> Vec<VerifierKey> {
        let state = self.keys.state.get();
        state.keys.iter().rev().map(|key| VerifierKey::new(name, Algorithm::Ed25519, key.public)).collect()
    }

    fn sign_note(&self, name: &str, text: &str) -> Result<Vec<NoteSignature>, SignError> {
        let state = self.keys.state.get();
        let Private { current, previous } = state.private()?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let sign = |key: &Ed25519Key| key.sign_note(name, text);
        let mut signatures = sign(current)?;
        if let Some(previous) = previous.as_ref().filter(|key| key.public_key() == *last) {
            signatures.extend(sign(previous)?);
        }
        *last = current.public_key();
        Ok(signatures)
    }
}

#[cfg(test)]
mod tests {
    use onrecord_evidence::{Checkpoint, Hash, Note};
    use onrecord_seal::OsEntropy;
    use onrecord_storage::Storage;
    use onrecord_storage::memory::Memory;
    use onrecord_value::Time;

    use super::*;
    use crate::kit::unsealed_barrier;

    const ORIGIN: &str = "server/file";

    async fn keys() -> Arc<LogKeys> {
        let barrier = unsealed_barrier(Storage::start(Memory::new()).unwrap()).await;
        let view = barrier.view("audit/").unwrap();
        let loaded = LogKeys::load(view, Arc::new(OsEntropy::new()), "server".into(), Time::UNIX_EPOCH).await;
        Arc::new(loaded.unwrap())
    }

    fn checkpoint(signer: &dyn Signer) -> Result<Note, SignError> {
        Checkpoint { origin: ORIGIN.into(), size: 0, root: Hash::empty() }.sign(signer)
    }

    #[tokio::test]
    async fn after_a_rotation_the_next_checkpoint_of_each_device_is_signed_by_both_keys() {
        let keys = keys().await;
        let (one, two) = (keys.signer(), keys.signer());
        let old = one.verifier(ORIGIN);
        assert_eq!(checkpoint(&*one).unwrap().signatures.len(), 1);
        keys.rotate(Time::UNIX_EPOCH).await.unwrap();
        let new = one.verifier(ORIGIN);
        for device in [&one, &two] {
            let note = checkpoint(&**device).unwrap();
            assert_eq!(note.signatures.len(), 2);
            for key in [&old, &new] {
                Checkpoint::verify(&note, std::slice::from_ref(key)).unwrap();
            }
            let note = checkpoint(&**device).unwrap();
            assert_eq!(note.signatures.len(), 1);
            Checkpoint::verify(&note, std::slice::from_ref(&new)).unwrap();
        }
        assert_eq!(one.verifiers(ORIGIN), [new, old]);
        // A device that is enabled afterwards has nothing that the old key has signed.
        assert_eq!(checkpoint(&*keys.signer()).unwrap().signatures.len(), 1);
    }

    #[tokio::test]
    async fn a_signer_that_outlives_the_seal_signs_nothing() {
        let keys = keys().await;
        let signer = keys.signer();
        let key = signer.public_key();
        keys.forget();
        assert_eq!(checkpoint(&*signer), Err(SignError("the server is sealed".to_owned())));
        assert_eq!(signer.public_key(), key, "what others know stays");
        assert!(keys.rotate(Time::UNIX_EPOCH).await.is_err());
    }
}
