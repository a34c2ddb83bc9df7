//! What a service remembers of a tree, where those who can write to the log cannot reach it: a start compares the tree with
//! it. So a tree cannot be replaced, cut or removed together with its log between two runs.
//! Never in it: where it is kept.

use std::path::{Path, PathBuf};

use onrecord_evidence::{Hash, VerifierKey};

/// The newest state of a tree that is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// The folder of the tree.
    pub folder: PathBuf,
    /// How many entries the tree has; 0 for one without a checkpoint.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The newest key that signed its checkpoint; none without a checkpoint, or if an earlier key did.
    pub key: Option<VerifierKey>,
    /// The inode of the file with its last line, and where that line ends.
    pub inode: u64,
    /// See `inode`; in bytes.
    pub offset: u64,
    /// The device ended in order: it wrote nothing afterwards.
    pub ended: bool,
}

/// What is remembered when a device opens its tree.
#[derive(Clone, Debug, Default)]
pub(super) enum Memory {
    /// No heads are kept: what the folder and the file say is believed as far as they agree.
    #[default]
    NotKept,
    /// All heads that are known of this log.
    Kept(Vec<TreeHead>),
}

impl Memory {
    pub(super) const fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }

    /// What is remembered of the tree in a folder.
    pub(super) fn of(&self, folder: &Path) -> Option<&TreeHead> {
        match self {
            Self::NotKept => None,
            Self::Kept(heads) => heads.iter().find(|head| head.folder == folder),
        }
    }
}
