//! A proof as text that can be checked offline (C2SP tlog-proof): the index of an entry, the hashes up to the root, and
//! the checkpoint below them.
//! Never in it: the computation of proofs, keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::{Digest, Hash, hash_leaf};
use crate::note::Note;
use crate::proof::{ProofError, verify_inclusion};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// An inclusion proof of a tree with 2^64 leaves has 64 hashes.
const HASHES_MAX: usize = 64;

/// The proof that an entry is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofText {
    /// What the writer of the proof says beside it. The proof does not cover it.
    pub extra: Option<Vec<u8>>,
    /// Which entry, from 0.
    pub index: u64,
    /// The inclusion proof.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

/// A text that is not such a proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofTextError {
    /// It has another form.
    #[error("not a proof of an entry (c2sp.org/tlog-proof@v1): {0}")]
    Form(&'static str),
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl ProofText {
    /// Reads what [`Display`](fmt::Display) writes. Nothing is checked yet.
    pub fn parse(text: &str) -> Result<Self, ProofTextError> {
        let form = ProofTextError::Form;
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or(form("no empty line before the checkpoint"))?;
        let mut lines = head.lines().peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(form("another first line"));
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            None => None,
            Some(line) => {
                let extra = line.strip_prefix("extra ").and_then(|text| STANDARD.decode(text).ok());
                Some(extra.ok_or(form("the extra data is not Base64"))?)
            }
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let plain = |text: &&str| *text == "0" || !text.starts_with(['0', '+']);
        let index = index.filter(plain).and_then(|text| text.parse().ok()).ok_or(form("no index"))?;
        let hashes: Result<Vec<_>, _> = lines.take(HASHES_MAX + 1).map(Hash::from_base64).collect();
        let hashes = hashes.map_err(|_| form("a line is not the Base64 of a hash"))?;
        if hashes.len() > HASHES_MAX {
            return Err(form("more than 64 hashes"));
        }
        let checkpoint = Note::parse(checkpoint).map_err(CheckpointError::from)?;
        Ok(Self { extra, index, hashes, checkpoint })
    }

    /// Checks that the entry is in the tree of a checkpoint, which is that of this proof and was checked before.
    pub fn verify(&self, entry: &Digest, checkpoint: &Checkpoint) -> Result<(), ProofError> {
        verify_inclusion(hash_leaf(entry), self.index, checkpoint.size, checkpoint.root, &self.hashes)
    }
}

impl fmt::Display for ProofText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(formatter, "{hash}"))?;
        write!(formatter, "\n{}", self.checkpoint)
    }
}
