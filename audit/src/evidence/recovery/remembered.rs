//! Compares a tree with what is remembered of it: its size and root, the key of its checkpoint, and whether the device ended
//! in order.
//! Never in it: where that is kept, the lines of the log.

use onrecord_evidence::{Hash, LoadError, ProofError, VerifierKey, consistency_proof, verify_consistency};

use super::{Aside, Fault, Opening, Part};
use crate::evidence::head::TreeHead;
use crate::evidence::lines;
use crate::evidence::notice::{TreeEvent, TreeNotice};
use crate::evidence::state::State;

impl Opening<'_> {
    /// The keys that the checkpoint may be signed with. One that is not in use any more may have signed the last checkpoint
    /// before a kill: then it is the key of the checkpoint that is remembered.
    pub(super) fn keys(&self) -> Vec<VerifierKey> {
        let mut keys = self.keeper.signer().verifiers(&self.config.origin);
        if let Some(head) = self.head() {
            let in_use = self.keeper.signer().public_key();
            keys.retain(|key| *key.key() == in_use || head.key.as_ref() == Some(key));
        }
        keys.extend(self.config.earlier_keys.iter().cloned());
        keys
    }

    /// What is remembered of the tree.
    pub(super) fn head(&self) -> Option<&TreeHead> {
        self.config.memory.of(self.keeper.path())
    }

    /// The tree must continue the one that is remembered.
    pub(super) fn compare_head(&self, size: u64, root: Hash) -> Result<(), Fault> {
        let Some(head) = self.head() else { return Ok(()) };
        let aside = |event| Fault::Aside(Aside(event, size, Some(root.to_base64())));
        if size < head.size {
            return Err(aside(TreeEvent::OlderCheckpoint));
        }
        let continues = consistency_proof(self.store, head.size, size)
            .and_then(|proof| verify_consistency(head.size, head.root, size, root, &proof));
        match continues {
            Ok(()) => Ok(()),
            Err(ProofError::Load(LoadError::Io { error, .. })) => Err(Fault::Io(error)),
            Err(ProofError::Load(_)) => Err(aside(TreeEvent::Tiles)),
            Err(_) => Err(aside(TreeEvent::Rewritten)),
        }
    }

    /// Whether the device ended in order with a tree of this size, and nothing was to be written since.
    pub(super) fn has_ended(&self, size: u64, state: Option<State>) -> bool {
        if self.config.memory.is_kept() {
            self.head().is_some_and(|head| head.ended && head.size == size)
        } else {
            state.is_some_and(|state| state.ended)
        }
    }
}

/// Leaves out what was written to the files since the device ended in order, and says how much.
pub(super) fn leave_out(size: u64, parts: &mut [Part]) -> Option<TreeNotice> {
    let mut left_out = 0;
    for part in parts.iter_mut().filter(|part| part.from < part.to) {
        // What cannot be read is at least one line.
        left_out += lines::count(&part.file, part.from, part.to).unwrap_or(1).max(1);
        (part.from, part.since) = (part.to, None);
    }
    (left_out > 0).then(|| TreeNotice::new(TreeEvent::Stopped, size, left_out))
}
