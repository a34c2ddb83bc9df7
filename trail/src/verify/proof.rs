//! The proof that one line is in a log, to be checked without the log and its tree (C2SP tlog-proof).
//! Never in it: the form of a proof.

use std::ops::ControlFlow;

use onrecord_evidence::{
    Checkpoint, CheckpointError, NoteError, ProofError, ProofText, ProofTextError, StoreReader, VerifierKey,
    hash_leaf, inclusion_proof, line_digest, verify_inclusion,
};

use super::VerifyError;
use super::leaves::Leaves;
use super::snapshot::Snapshot;
use crate::input::Input;
use crate::lines::Lines;

/// Why there is no proof, or why it does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofFailure {
    /// The log or the tree cannot be read.
    #[error(transparent)]
    Read(#[from] VerifyError),
    /// The file has fewer lines.
    #[error("{name} has {lines} lines, and no line {wanted}")]
    NoLine {
        /// The name of the file.
        name: String,
        /// How many lines it has.
        lines: u64,
        /// Which was asked for.
        wanted: u64,
    },
    /// No leaf is like the line.
    #[error(
        "the line is not in the tree of {0} lines: it was altered or inserted, is older than the tree, or not covered yet"
    )]
    NotInTree(u64),
    /// The tree does not lead from the line to the root of its checkpoint.
    #[error("the tree is damaged: {0}")]
    Tree(#[source] ProofError),
    /// It cannot be read.
    #[error(transparent)]
    Form(#[from] ProofTextError),
    /// The checkpoint is not signed by a given key.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It is the proof of another line, or was altered.
    #[error("the line is not the one that was proven: {0}")]
    Line(#[source] ProofError),
    /// A witness did not sign.
    #[error("{0}")]
    Witness(String),
}

/// The checkpoint of a tree, as the text of its note.
pub fn read_checkpoint(tree: &dyn StoreReader) -> Result<(Checkpoint, String), VerifyError> {
    let snapshot = Snapshot::take(tree)?;
    Ok((snapshot.checkpoint.clone(), snapshot.note.to_string()))
}

/// The text of a line of a file, from 1, without its newline.
pub fn read_line(input: Input, wanted: u64) -> Result<Vec<u8>, ProofFailure> {
    let name = input.name().to_owned();
    let unreadable = |error| VerifyError::Input { name: name.clone(), error };
    let mut lines = Lines::new(input.open().map_err(unreadable)?.reader);
    let mut number = 0;
    while let Some(line) = lines.next().map_err(unreadable)? {
        number += 1;
        if number == wanted {
            return Ok(line.text.to_vec());
        }
    }
    Err(ProofFailure::NoLine { name, lines: number, wanted })
}

/// Proves that a line, given without its newline, is in the tree.
pub fn prove(line: &[u8], tree: &dyn StoreReader) -> Result<ProofText, ProofFailure> {
    let tree = Snapshot::take(tree)?;
    let Checkpoint { size, root, .. } = tree.checkpoint;
    let leaf = hash_leaf(&line_digest(line));
    // What is found is proven below.
    let found = Leaves::unchecked(&tree, size).each(0, &mut |index, hash| {
        if *hash == leaf { ControlFlow::Break(index) } else { ControlFlow::Continue(()) }
    });
    let index = found.ok_or(ProofFailure::NotInTree(size))?;
    let hashes = inclusion_proof(&tree, size, index).map_err(ProofFailure::Tree)?;
    verify_inclusion(leaf, index, size, root, &hashes).map_err(ProofFailure::Tree)?;
    Ok(ProofText { extra: None, index, hashes, checkpoint: tree.note.clone() })
}

/// Checks that a proof is of this line, and that its checkpoint is signed by one of the keys and by all of the witnesses.
pub fn check_proof(
    proof: &str,
    line: &[u8],
    keys: &[VerifierKey],
    witnesses: &[VerifierKey],
) -> Result<(u64, Checkpoint), ProofFailure> {
    let proof = ProofText::parse(proof)?;
    let checkpoint = Checkpoint::verify(&proof.checkpoint, keys)?;
    for witness in witnesses {
        let found = proof.checkpoint.cosignatures(std::slice::from_ref(witness));
        if found.map_err(|error: NoteError| ProofFailure::Witness(error.to_string()))?.is_empty() {
            return Err(ProofFailure::Witness(format!("{} did not sign it", witness.name())));
        }
    }
    proof.verify(&line_digest(line), &checkpoint).map_err(ProofFailure::Line)?;
    Ok((proof.index, checkpoint))
}
