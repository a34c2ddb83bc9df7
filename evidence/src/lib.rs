//! Evidence: what shows that no line of a log was changed, dropped, inserted or moved. The lines are the leaves of one
//! Merkle tree that only grows; its hashes lie in tiles, its root is signed in checkpoints, and proofs made of it can be
//! checked with tools of others.
//!
//! The formats are those of RFC 6962 §2.1 (hashing, proofs) and of the C2SP specifications tlog-tiles, tlog-checkpoint,
//! signed-note, tlog-cosignature and tlog-proof. An entry of the tree is the SHA-256 of a line without prefix and newline:
//! 32 bytes, whatever the line's length, so that the tree holds no text.
//!
//! ```
//! use onrecord_evidence::{Checkpoint, Ed25519Key, MemoryStore, Signer as _, TreeLog, line_digest};
//!
//! let key = Ed25519Key::generate()?;
//! let mut store = MemoryStore::default();
//! let mut log = TreeLog::new();
//! log.append(line_digest(b"the first line"));
//! log.append(line_digest(b"the second line"));
//! let root = log.flush(&mut store)?;
//!
//! let checkpoint = Checkpoint { origin: "example.com/audit".to_owned(), size: log.size(), root };
//! let note = checkpoint.sign(&key)?;
//! let verifier = key.verifier("example.com/audit");
//! assert_eq!(Checkpoint::verify(&note, &[verifier])?, checkpoint);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Never in this crate: files, threads, the text of an entry.

mod checkpoint;
#[cfg(feature = "ed25519")]
mod ed25519;
mod hash;
mod log;
mod note;
mod proof;
mod proof_text;
mod store;
mod tile;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointError};
#[cfg(feature = "ed25519")]
pub use ed25519::{Cosigned, Ed25519Key, KeyError, SEED_LENGTH};
pub use hash::{Digest, Hash, HashError, hash_children, hash_leaf, hash_leaves, line_digest, line_digests};
pub use log::{LoadError, TreeLog, read_bundle, read_tile, remove_outdated};
pub use note::{
    Algorithm, Note, NoteError, NoteSignature, SignError, Signer, VerifierKey, VerifierKeyError,
    valid_key_name,
};
pub use proof::{
    ProofError, consistency_proof, inclusion_proof, tree_root, verify_consistency, verify_inclusion,
};
pub use proof_text::{ProofText, ProofTextError};
pub use store::{MemoryStore, Store, StoreReader};
pub use tile::{Bundle, BundleError, TILE_WIDTH, Tile, TileId, TileKind};
pub use tree::Tree;
