//! The interface of a device: what its writer asks of it, and what it finds out about its own log. Blocking code that knows
//! nothing of threads, queues or entries.
//! Never in it: waiting for other devices, hashing, formatting.

use std::sync::Arc;
use std::time::Duration;

use onrecord_entry::{Boot, SeqSet};

use super::batch::{Appended, Batch};
use super::claim::Claim;
use super::error::DeviceError;
use crate::evidence::{DeviceEvidence, TreeNotice};

/// Takes lines. One thread calls it, one call at a time; a call may block.
pub trait Device: Send {
    /// Appends whole lines, in order, and says how many the device *has* now: for a file, `write(2)` returned.
    /// Lines after those counted are taken to be missing, and no part of one may stay behind unmarked.
    fn append(&mut self, batch: &Batch<'_>) -> Appended;

    /// Opens again what is behind the device, after it was moved away on purpose (SIGHUP).
    fn reopen(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }

    /// Makes what was appended as durable as it can be; asked at shutdown.
    fn sync(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }

    /// Removes what opening the device has made: it is not enabled after all, and has no line.
    fn withdraw(&mut self) {}

    /// Checks whether what is behind the device is still there, and repairs it. Cheap; called about every
    /// [`check_every`](Self::check_every), idle or not.
    fn check(&mut self) -> Result<(), DeviceError> {
        Ok(())
    }

    /// How often [`check`](Self::check) is wanted; `None` for never. Asked once.
    fn check_every(&self) -> Option<Duration> {
        None
    }

    /// What the device found out and must be on record itself. Each is handed out once.
    fn notices(&mut self) -> Vec<Notice> {
        Vec::new()
    }

    /// The last entry that was behind the device when it was opened, as far as that can be read back: its start and its
    /// number, or a larger one up to which the log reports what is missing.
    fn ends_with(&self) -> Option<(Boot, u64)> {
        None
    }

    /// The same of the boots before that one, the oldest first, as far back as the device was enabled without a break and that
    /// can be read back.
    fn earlier_ends(&self) -> Vec<(Boot, u64)> {
        Vec::new()
    }

    /// What gap entries in the log report as missing of earlier boots. Each number was given to an entry, which may be in no log
    /// at all.
    fn declared(&self) -> Vec<(Boot, SeqSet)> {
        Vec::new()
    }

    /// The device was enabled in the boot before, and is from the first entry of this one on. Called before anything is
    /// appended.
    fn restored(&mut self, _boot: Boot) {}

    /// Keeps a tree over all lines that it appends, beside its log. Called before anything is appended, where evidence is
    /// wanted. A device without a log of its own keeps none.
    fn keep_evidence(&mut self, _evidence: &Arc<DeviceEvidence>) {}

    /// The hold on what is behind the device. The broker releases it when the device is disabled, although a hung call may
    /// still own the device itself.
    fn claim(&self) -> Option<Claim> {
        None
    }

    /// Whether the device throws everything away. It then never sees a line, and counts for the rule only
    /// where all devices do the same.
    fn discards(&self) -> bool {
        false
    }
}

/// A fact about the log itself, which is put on record in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// An unfinished line was found at the end of the file, kept beside it and cut off.
    TornTail {
        /// Its length.
        bytes: u64,
        /// Its SHA-256, lower-case hex.
        sha256: String,
        /// The name of the file in the same directory where it is kept.
        kept_as: String,
    },
    /// A line could not be finished, nor taken back; it was ended.
    LineCutShort,
    /// The file was removed while it was open; a new one was made.
    Removed,
    /// The file was given another name while it was open; a new one was made.
    Moved,
    /// Another file was found in the place of the open one; it is used from now on.
    Replaced,
    /// The file became shorter while it was open.
    Truncated {
        /// How long it was.
        from: u64,
        /// How long it was found.
        to: u64,
    },
    /// The file ends with entries of a start of the server that ended before it had written these.
    Unfinished {
        /// Which start.
        boot: Boot,
        /// Which entries.
        seqs: SeqSet,
    },
    /// Something happened to the tree beside the log.
    Tree(TreeNotice),
    /// The device was disabled: later entries do not concern it.
    Disabled {
        /// The number last given to an entry before.
        last: u64,
    },
}
