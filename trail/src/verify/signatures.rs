//! Who signed and cosigned the checkpoint of a tree, by the keys that were given, and which log these keys are of.
//! Never in it: roots, lines.

use std::collections::BTreeSet;

use onrecord_evidence::{Checkpoint, Note, VerifierKey};

use super::kept::{KeptNote, KeptRoots};
use super::report::{Signature, WitnessReport};
use super::snapshot::Snapshot;
use super::{VerifyError, VerifyOptions};

/// Keys of several logs fit several trees: a log that was exchanged together with its tree would be taken for intact.
pub(super) fn check_origins(options: &VerifyOptions, tree: &str) -> Result<(), VerifyError> {
    let origins: BTreeSet<&str> =
        options.keys.iter().chain(&options.retired).map(VerifierKey::name).collect();
    if options.origin.is_some() || origins.len() < 2 {
        return Ok(());
    }
    let origins = origins.into_iter().map(str::to_owned).collect();
    Err(VerifyError::Origins { origins, tree: tree.to_owned() })
}

/// The given keys of the tree's origin.
pub(super) struct Keys {
    live: Vec<VerifierKey>,
    retired: Vec<VerifierKey>,
    /// How many keys there were, of all origins.
    given: usize,
}

impl Keys {
    pub(super) fn new(live: Vec<VerifierKey>, retired: Vec<VerifierKey>, origin: &str) -> Self {
        let given = live.len() + retired.len();
        let of_origin =
            |keys: Vec<VerifierKey>| keys.into_iter().filter(|key| key.name() == origin).collect();
        Self { live: of_origin(live), retired: of_origin(retired), given }
    }

    pub(super) fn all(&self) -> Vec<VerifierKey> {
        [self.live.as_slice(), &self.retired].concat()
    }

    /// Whether one of the keys in use signed a checkpoint.
    pub(super) fn signature(&self, note: &Note) -> Signature {
        let signers: Vec<String> =
            note.signatures.iter().map(|one| format!("{} ({:08x})", one.name, one.key_id)).collect();
        let signers = signers.join(", ");
        if self.given == 0 {
            return Signature::NotChecked { signers };
        }
        let Err(error) = Checkpoint::verify(note, &self.live) else { return Signature::Holds };
        let signed = |key: &&VerifierKey| Checkpoint::verify(note, std::slice::from_ref(*key)).is_ok();
        match self.retired.iter().find(signed) {
            Some(key) => Signature::Retired { key: format!("{} ({:08x})", key.name(), key.id()) },
            None if self.live.is_empty() && self.retired.is_empty() => {
                Signature::Wrong { why: format!("no given key is of this origin: it is signed by {signers}") }
            }
            None => Signature::Wrong { why: error.to_string() },
        }
    }
}

/// The checkpoints that were kept, and those beside the tree that a given witness cosigned.
pub(super) fn kept_notes(
    cosigned: Vec<KeptNote>,
    kept: Vec<KeptNote>,
    witnesses: &[VerifierKey],
    origin: &str,
) -> Vec<KeptNote> {
    let is_cosigned = |kept: &KeptNote| {
        Checkpoint::parse(&kept.note.text).is_ok_and(|checkpoint| checkpoint.origin == origin)
            && !kept.note.cosignatures(witnesses).is_ok_and(|found| found.is_empty())
    };
    cosigned.into_iter().filter(is_cosigned).chain(kept).collect()
}

/// What each witness cosigned: the checkpoint of the tree, or a kept one that the tree agrees with.
pub(super) fn witnesses(
    tree: &Snapshot<'_>,
    witnesses: &[VerifierKey],
    notes: &[KeptNote],
    kept: &KeptRoots,
) -> Vec<WitnessReport> {
    let agreed = notes.iter().map(|kept| &kept.note).filter(|note| kept.agrees(note));
    let notes: Vec<&Note> = std::iter::once(&tree.note).chain(agreed).collect();
    let report = |key: &VerifierKey| {
        let mut report = WitnessReport { name: key.name().to_owned(), cosigned: None, wrong: None };
        for note in &notes {
            let size = Checkpoint::parse(&note.text).map_or(0, |checkpoint| checkpoint.size);
            match note.cosignatures(std::slice::from_ref(key)) {
                Ok(found) => {
                    let newest = found.iter().map(|cosigned| (size, cosigned.time)).max();
                    report.cosigned = report.cosigned.max(newest);
                }
                Err(error) => report.wrong = Some(error.to_string()),
            }
        }
        report
    };
    witnesses.iter().map(report).collect()
}
