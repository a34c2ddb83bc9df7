//! What a verification was given to compare a tree with: keys, witnesses, checkpoints that were kept; and what they say of it.
//! Never in it: lines of the log.

use std::collections::BTreeSet;

use onrecord_evidence::{Checkpoint, Hash, Note, VerifierKey};

use super::kept::{self, AnchorLog, KeptNote, KeptRoots};
use super::report::{Signature, TreeReport, WitnessReport};
use super::snapshot::Snapshot;
use super::{VerifyError, VerifyOptions};
use crate::input::Input;
use crate::report::Sample;

/// All that was given, as far as it is of the tree's origin.
pub(super) struct Known {
    /// The origin that was meant, if the tree is of another one.
    other_than: Option<String>,
    live: Vec<VerifierKey>,
    retired: Vec<VerifierKey>,
    /// How many keys there were, of all origins.
    keys_given: usize,
    witnesses: Vec<VerifierKey>,
    notes: Vec<KeptNote>,
    /// The logs of other devices, to be read once more.
    anchors: Vec<Input>,
    /// What is compared with the tree while it is read.
    pub(super) kept: KeptRoots,
}

impl Known {
    /// Takes keys and checkpoints out of the options.
    pub(super) fn of(options: &mut VerifyOptions, origin: &str) -> Result<Self, VerifyError> {
        check_origins(options, origin)?;
        let other_than = options.origin.take().filter(|wanted| wanted != origin);
        let anchors: Vec<Input> = options.anchors.iter().filter_map(Input::again).collect();
        let logs: Vec<AnchorLog> = std::mem::take(&mut options.anchors)
            .into_iter()
            .map(AnchorLog::read)
            .collect::<Result<_, _>>()?;
        let keys_given = options.keys.len() + options.retired.len();
        let (mut live, mut retired) =
            (std::mem::take(&mut options.keys), std::mem::take(&mut options.retired));
        live.retain(|key| key.name() == origin);
        retired.retain(|key| key.name() == origin);
        let witnesses = std::mem::take(&mut options.witnesses);
        let is_cosigned = |kept: &KeptNote| {
            Checkpoint::parse(&kept.note.text).is_ok_and(|checkpoint| checkpoint.origin == *origin)
                && !kept.note.cosignatures(&witnesses).is_ok_and(|found| found.is_empty())
        };
        let cosigned = std::mem::take(&mut options.cosigned).into_iter().filter(is_cosigned);
        let notes: Vec<KeptNote> = cosigned.chain(std::mem::take(&mut options.kept)).collect();
        let mut kept = KeptRoots::default();
        // What was kept of the log that was meant says nothing of another one.
        if other_than.is_none() {
            kept.add_notes(&notes, origin, &[live.as_slice(), &retired].concat())?;
            kept.add_logs(&logs, origin)?;
        }
        kept.sort();
        Ok(Self { other_than, live, retired, keys_given, witnesses, notes, anchors, kept })
    }

    /// What is to be said of a tree, which was read.
    pub(super) fn report(
        self,
        tree: &Snapshot<'_>,
        root: Option<Hash>,
        contradictions: Sample<String>,
        examples: usize,
    ) -> TreeReport {
        let (kept, kept_up_to, mut kept_wrong) = self.kept.report(examples);
        let keys = [self.live.as_slice(), &self.retired].concat();
        kept::check_signatures(&mut kept_wrong.first, self.anchors, &keys);
        let checkpoint = &tree.checkpoint;
        TreeReport {
            origin: checkpoint.origin.clone(),
            size: checkpoint.size,
            root: checkpoint.root.to_base64(),
            root_holds: root == Some(checkpoint.root),
            signature: signature(&tree.note, &self.live, &self.retired, self.keys_given),
            witnesses: witnesses(tree, &self.witnesses, &self.notes, &self.kept),
            other_than: self.other_than,
            contradictions,
            kept,
            kept_up_to,
            kept_wrong,
        }
    }
}

/// Keys of several logs fit several trees: a log that was exchanged together with its tree would be taken for intact.
fn check_origins(options: &VerifyOptions, tree: &str) -> Result<(), VerifyError> {
    let origins: BTreeSet<&str> =
        options.keys.iter().chain(&options.retired).map(VerifierKey::name).collect();
    if options.origin.is_some() || origins.len() < 2 {
        return Ok(());
    }
    let origins = origins.into_iter().map(str::to_owned).collect();
    Err(VerifyError::Origins { origins, tree: tree.to_owned() })
}

/// Whether one of the keys signed a checkpoint. `given`: how many keys there were, of all origins.
fn signature(note: &Note, keys: &[VerifierKey], retired: &[VerifierKey], given: usize) -> Signature {
    let signers: Vec<String> =
        note.signatures.iter().map(|one| format!("{} ({:08x})", one.name, one.key_id)).collect();
    let signers = signers.join(", ");
    if given == 0 {
        return Signature::NotChecked { signers };
    }
    let Err(error) = Checkpoint::verify(note, keys) else { return Signature::Holds };
    let signed = retired.iter().find(|key| Checkpoint::verify(note, std::slice::from_ref(*key)).is_ok());
    match signed {
        Some(key) => Signature::Retired { key: format!("{} ({:08x})", key.name(), key.id()) },
        None if keys.is_empty() && retired.is_empty() => {
            Signature::Wrong { why: format!("no given key is of this origin: it is signed by {signers}") }
        }
        None => Signature::Wrong { why: error.to_string() },
    }
}

/// What each witness cosigned: the checkpoint of the tree, or a kept one that the tree agrees with.
fn witnesses(
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
