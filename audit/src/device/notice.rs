//! What a device finds out about its own log and reports in it.
//! Never in it: the entry that is made of it (`broker::gap`).

use onrecord_entry::{Boot, SeqRange};

use crate::broker::Missed;

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
        ranges: Vec<SeqRange>,
    },
    /// The device was disabled: what comes after is not its business.
    Disabled {
        /// The number last given to an entry before.
        last: u64,
    },
    /// What the device missed in an earlier start of the server, which kept it ([`DeviceConfig::missed`]).
    ///
    /// [`DeviceConfig::missed`]: crate::DeviceConfig::missed
    Missed(Missed),
}
