//! Checkpoints (C2SP tlog-checkpoint): origin, size and root of a tree, signed as a note; and the cosignatures of witnesses
//! below them (tlog-cosignature).
//! Never in it: trees, where a checkpoint comes from.

use std::fmt;

use crate::hash::Hash;
use crate::note::{Note, NoteError, SignError, Signer};

/// What a log says of its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// How many leaves the tree has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// A text that is not a checkpoint, or not one of a known key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is not a signed note, or its signatures do not hold.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note has another text.
    #[error("not a checkpoint: {0}")]
    Form(&'static str),
}

impl Checkpoint {
    /// Signs it under its origin.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Note, SignError> {
        Note::sign(self.to_string(), &self.origin, signer)
    }

    /// Reads the text of a note. Lines after the root are ignored.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.lines();
        let mut next = || lines.next().filter(|line| !line.is_empty());
        let origin = next().ok_or(CheckpointError::Form("the first line, its origin, is empty"))?;
        let size = next().unwrap_or_default();
        let plain = size == "0" || !size.starts_with('0') && size.bytes().all(|digit| digit.is_ascii_digit());
        let size = size.parse().ok().filter(|_| plain);
        let size = size.ok_or(CheckpointError::Form("the second line is not the size of a tree"))?;
        let root = Hash::from_base64(next().unwrap_or_default())
            .map_err(|_| CheckpointError::Form("the third line is not the Base64 of a root"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

#[cfg(feature = "ed25519")]
mod verify {
    use super::{Checkpoint, CheckpointError};
    use crate::note::{Note, VerifierKey};

    impl Checkpoint {
        /// Checks a note against the keys of its log, and reads the checkpoint: at least one of them has signed it, under the
        /// origin.
        pub fn verify(note: &Note, keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
            note.verify(keys)?;
            let checkpoint = Self::parse(&note.text)?;
            if keys
                .iter()
                .any(|key| key.name() == checkpoint.origin && note.signatures.iter().any(|one| key.made(one)))
            {
                Ok(checkpoint)
            } else {
                Err(CheckpointError::Form("the key that signed it is not of its origin"))
            }
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}
