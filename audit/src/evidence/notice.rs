//! What happened to a tree and must be on record in the log of its device.
//! Never in it: how it is found out.

use onrecord_entry::gap::TreeFacts;

/// An event of the tree beside a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeNotice {
    /// What happened.
    pub event: TreeEvent,
    /// How many entries the tree had then.
    pub size: u64,
    /// Its root then, in Base64, if it is known.
    pub root: Option<String>,
    /// How many lines it concerns.
    pub lines: u64,
    /// The name of the folder beside the log in which the tree was kept, if another was begun.
    pub kept_as: Option<String>,
}

/// What can happen to a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TreeEvent {
    /// It begins in a file that had lines before.
    Begun,
    /// Lines that an earlier start had not added yet were added.
    Repaired,
    /// Lines that came after the last orderly end, and not from a device with a tree, were added.
    Added,
    /// Lines that were written after the device had ended in order were left out.
    Stopped,
    /// It could not take lines.
    Lost,
    /// The file that it covered last was not found, or cannot be read.
    Unchecked,
    /// It is the tree of another log.
    OtherOrigin,
    /// The log is shorter than the part of it that the tree covers.
    Shorter,
    /// The log has other lines than the tree.
    OtherLines,
    /// The tree is gone.
    Missing,
    /// The checkpoint is gone or is not one.
    NoCheckpoint,
    /// The checkpoint is older than the last one that was made.
    OlderCheckpoint,
    /// Tiles are gone, or do not lead to the root of the checkpoint.
    Tiles,
    /// The checkpoint is signed with another key.
    OtherKey,
    /// It does not continue the tree that is remembered.
    Rewritten,
    /// The folder was removed or renamed while it was in use.
    Removed,
}

impl TreeEvent {
    /// What happened, in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Begun => "the tree begins here: earlier lines of the file are not in it",
            Self::Repaired => TreeFacts::REPAIRED.as_str(),
            Self::Added => TreeFacts::ADDED.as_str(),
            Self::Stopped => "lines that were written while the server was stopped are not in the tree",
            Self::Lost => TreeFacts::LOST.as_str(),
            Self::Unchecked => "the file that the tree covered last could not be compared with it",
            Self::OtherOrigin => "the tree was that of another log, and a new one was begun",
            Self::Shorter => "the file is shorter than its tree says, and a new tree was begun",
            Self::OtherLines => "the file has other lines than its tree, and a new tree was begun",
            Self::Missing => "the tree was missing, and a new one was begun",
            Self::NoCheckpoint => {
                "the checkpoint of the tree was missing or cannot be read, and a new tree was begun"
            }
            Self::OlderCheckpoint => {
                "the checkpoint of the tree was replaced by an older one, and a new tree was begun"
            }
            Self::Tiles => "tiles of the tree were missing or were changed, and a new tree was begun",
            Self::OtherKey => {
                "the checkpoint of the tree is not signed with the key of this log, and a new tree was begun"
            }
            Self::Rewritten => {
                "the tree does not continue the one that is remembered, and a new tree was begun"
            }
            Self::Removed => "the tree was removed while it was in use, and a new one was begun",
        }
    }

    /// Whether the tree and its log contradict each other: somebody changed one of them, or the machine lost power.
    pub const fn is_contradiction(self) -> bool {
        !matches!(
            self,
            Self::Begun
                | Self::Repaired
                | Self::Added
                | Self::Stopped
                | Self::Lost
                | Self::Unchecked
                | Self::OtherOrigin
        )
    }
}

impl TreeNotice {
    pub(super) const fn new(event: TreeEvent, size: u64, lines: u64) -> Self {
        Self { event, size, root: None, lines, kept_as: None }
    }
}
