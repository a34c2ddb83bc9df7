//! One submission of a checkpoint (C2SP tlog-witness, add-checkpoint): its body, and what an answer means.
//! Never in it: HTTP.

use std::fmt::Write as _;

use onrecord_evidence::{
    Checkpoint, Hash, Note, NoteSignature, ProofError, StoreReader, VerifierKey, consistency_proof,
};
use onrecord_value::printable::printable;

use super::Failure;

/// How much of an answer's text is shown, in characters.
const SHOWN: usize = 200;

/// A checkpoint, with the proof that it continues an older one.
pub(super) struct Submission {
    checkpoint: Checkpoint,
    note: Note,
    old: u64,
    proof: Vec<Hash>,
}

/// What a witness has answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The checkpoint with its cosignature.
    Cosigned(Note),
    /// It has another checkpoint than the older one of the submission: one of this size.
    Has(u64),
}

fn unavailable(text: impl Into<String>) -> Failure {
    Failure::Unavailable(text.into())
}

impl Submission {
    /// Reads the newest checkpoint of a log. `None`: there is none yet, or the witness has cosigned it. `last`: what it has
    /// cosigned last; without it, the file `cosigned` says so. `old`: the size that the witness says it has.
    pub(super) fn prepare(
        reader: &dyn StoreReader,
        cosigned: &str,
        last: Option<Note>,
        origin: &str,
        old: Option<u64>,
    ) -> Result<Option<Self>, Failure> {
        let Some((note, checkpoint)) = read(reader, "checkpoint")? else { return Ok(None) };
        // A device that has just been given another origin has not begun its new tree yet.
        if checkpoint.origin != origin {
            return Ok(None);
        }
        let last = match last {
            Some(last) => Checkpoint::parse(&last.text).ok().map(|checkpoint| (last, checkpoint)),
            None => read(reader, cosigned).ok().flatten(),
        };
        let last = last.filter(|(_, last)| last.origin == origin);
        let old = match (old, last) {
            (None, Some((last, _))) if last.text == note.text => return Ok(None),
            (None, Some((_, last))) => last.size,
            (old, _) => old.unwrap_or(0),
        };
        if old > checkpoint.size {
            return Err(rolled_back(old, checkpoint.size));
        }
        let proof = match consistency_proof(reader, old, checkpoint.size) {
            Ok(proof) => proof,
            // The device has gone on meanwhile, and removed a tile that was not full.
            Err(ProofError::Load(error)) => return Err(unavailable(format!("the tree: {error}"))),
            Err(error) => return Err(unavailable(error.to_string())),
        };
        Ok(Some(Self { checkpoint, note, old, proof }))
    }

    /// The size of the checkpoint.
    pub(super) const fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// What is posted.
    pub(super) fn body(&self) -> String {
        let mut body = format!("old {}\n", self.old);
        for hash in &self.proof {
            // Writing to a string cannot fail.
            writeln!(body, "{hash}").ok();
        }
        write!(body, "\n{}", self.note).ok();
        body
    }

    /// What an answer means. A cosignature that does not hold is none.
    pub(super) fn judge(&self, status: u16, body: &[u8], key: &VerifierKey) -> Result<Answer, Failure> {
        let text = String::from_utf8_lossy(body);
        let shown = || printable(&text.trim().chars().take(SHOWN).collect::<String>());
        match status {
            200 => {
                let lines = text.lines().filter_map(NoteSignature::parse);
                let given: Vec<NoteSignature> = lines.filter(|signature| key.made(signature)).collect();
                let mut note = Note { text: self.note.text.clone(), signatures: given };
                let held = note.cosignatures(std::slice::from_ref(key));
                match held {
                    Ok(held) if !held.is_empty() => {}
                    Ok(_) => {
                        return Err(unavailable(format!("its answer has no cosignature of {}", key.name())));
                    }
                    Err(error) => return Err(unavailable(format!("its cosignature: {error}"))),
                }
                note.signatures.splice(0..0, self.note.signatures.iter().cloned());
                Ok(Answer::Cosigned(note))
            }
            409 => match text.trim().parse::<u64>() {
                Ok(size) if size > self.size() => Err(rolled_back(size, self.size())),
                Ok(size) if size != self.old => Ok(Answer::Has(size)),
                // The same size, with another root.
                _ if self.old == self.size() => Err(Failure::Contradiction(format!(
                    "it has cosigned another tree of {} entries",
                    self.size()
                ))),
                _ => Err(unavailable(format!("it answered 409: {}", shown()))),
            },
            422 => Err(Failure::Contradiction(format!(
                "the tree of {} entries does not continue the tree of {} entries that it has cosigned",
                self.size(),
                self.old
            ))),
            403 => Err(unavailable(
                "it does not know the key of this log: give it the verifier key (\"onrecord log key\")",
            )),
            404 => Err(unavailable(format!(
                "it does not know this log: have its operator add the origin {}",
                self.checkpoint.origin
            ))),
            other => Err(unavailable(format!("it answered {other}: {}", shown()))),
        }
    }
}

fn rolled_back(cosigned: u64, size: u64) -> Failure {
    Failure::Contradiction(format!(
        "it has cosigned a tree of {cosigned} entries, and this one has {size}: the log was set back, or another took its place"
    ))
}

/// A checkpoint of the folder; `None` if there is none.
fn read(reader: &dyn StoreReader, name: &str) -> Result<Option<(Note, Checkpoint)>, Failure> {
    let bytes = reader.read(name).map_err(|error| unavailable(format!("{name}: {error}")))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let wrong = |error: &dyn std::fmt::Display| unavailable(format!("{name}: {error}"));
    let note = Note::parse(&String::from_utf8_lossy(&bytes)).map_err(|error| wrong(&error))?;
    let checkpoint = Checkpoint::parse(&note.text).map_err(|error| wrong(&error))?;
    Ok(Some((note, checkpoint)))
}

#[cfg(test)]
pub(super) mod tests;
