//! A tree at one moment: its checkpoint, and the tiles at its right edge, which a server that runs replaces each second.
//! Never in it: whether any of it is right.

use std::collections::HashMap;
use std::fmt;
use std::io;

use onrecord_evidence::{Checkpoint, Note, StoreReader, TILE_WIDTH, TileId, TileKind};

use super::VerifyError;

/// How often a tree is read that changes while it is read.
const ATTEMPTS: usize = 16;
/// The name of the checkpoint below the log's prefix.
const CHECKPOINT: &str = "checkpoint";

pub(crate) struct Snapshot<'s> {
    store: &'s dyn StoreReader,
    pub(crate) note: Note,
    pub(crate) checkpoint: Checkpoint,
    edge: HashMap<String, Vec<u8>>,
}

impl<'s> Snapshot<'s> {
    /// Reads checkpoint and edge so that they belong to each other, if they do.
    pub(crate) fn take(store: &'s dyn StoreReader) -> Result<Self, VerifyError> {
        let mut text = read_checkpoint(store)?;
        for _ in 0..ATTEMPTS {
            let note = Note::parse(&text).map_err(|error| VerifyError::Checkpoint(error.to_string()))?;
            let checkpoint =
                Checkpoint::parse(&note.text).map_err(|error| VerifyError::Checkpoint(error.to_string()))?;
            let (edge, complete) = edge(store, checkpoint.size);
            let after = read_checkpoint(store)?;
            if complete || after == text {
                return Ok(Self { store, note, checkpoint, edge });
            }
            text = after;
        }
        Err(VerifyError::Unreadable(
            "it changes faster than the tree can be read: copy the folder first".into(),
        ))
    }
}

fn read_checkpoint(store: &dyn StoreReader) -> Result<String, VerifyError> {
    let bytes = store.read(CHECKPOINT).map_err(|error| VerifyError::Unreadable(error.to_string()))?;
    let bytes = bytes.ok_or(VerifyError::NoTree)?;
    String::from_utf8(bytes).map_err(|_| VerifyError::Checkpoint("not a signed note: it is not text".into()))
}

/// The tiles and the bundle at the right edge of a tree of this size, and whether all are there.
fn edge(store: &dyn StoreReader, size: u64) -> (HashMap<String, Vec<u8>>, bool) {
    let (mut edge, mut complete) = (HashMap::new(), true);
    for level in 0_u8..8 {
        let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let Some(id) = hashes.checked_sub(1).and_then(|last| TileId::of_hash(level, last, size)) else {
            break;
        };
        if id.width == TILE_WIDTH {
            continue;
        }
        let kinds: &[TileKind] =
            if level == 0 { &[TileKind::Hashes, TileKind::Entries] } else { &[TileKind::Hashes] };
        for kind in kinds {
            let partial = id.path(*kind);
            match store.read(&partial) {
                Ok(Some(bytes)) => {
                    edge.insert(partial, bytes);
                }
                // Where it has become full since, the full one has all of it.
                _ => complete &= matches!(store.read(&id.full().path(*kind)), Ok(Some(_))),
            }
        }
    }
    (edge, complete)
}

impl StoreReader for Snapshot<'_> {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match self.edge.get(path) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => self.store.read(path),
        }
    }
}

impl fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}
