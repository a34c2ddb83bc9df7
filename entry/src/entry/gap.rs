//! A gap, the declaration of what a device missed, and the marks by which a reader finds gaps: counter, start, salt.
//! Beside it the declaration of requests that were refused without entries of their own, and the checkpoint of another
//! device's tree.
//! Never in it: how a device notices that it missed something, or why a request is refused.

use std::io;

use onrecord_value::{Time, Value};

use super::list::{Item, List};
use super::text::{Clear, Template, TemplateText};
use crate::salt::{SaltId, parse_digits};
use crate::seq_set::{SeqRange, SeqSet};

/// The path of a gap entry.
pub const GAP_PATH: &str = "sys/audit/gap";
/// The path of an entry that counts refused requests.
pub const REFUSED_PATH: &str = "sys/audit/refused";
/// The path of an entry with the checkpoint of another device's tree.
pub const CHECKPOINT_PATH: &str = "sys/audit/checkpoint";
/// The path of a probe entry.
pub const PROBE_PATH: &str = "sys/audit/test";

/// What a device missed; written to it when it has recovered (I9).
#[derive(Clone, Copy, Debug, Default)]
pub struct Gap<'a> {
    /// How many entries were missed.
    pub missed: u64,
    /// Which entries, as far as they are known, ascending.
    pub ranges: Ranges<'a>,
    /// When the first was missed.
    pub since: Option<Time>,
    /// Why they were missed.
    pub reason: TemplateText<'a>,
    /// The unfinished line that was found at the end of the file.
    pub torn: Option<Torn<'a>>,
    /// The start which the ranges belong to, if it is not that of the line.
    pub boot: Option<Boot>,
    /// The device was disabled: entries after the counter of this line do not concern it.
    pub ended: bool,
    /// The tree over the lines of the device, where the entry reports an event of the tree.
    pub tree: Option<TreeFacts<'a>>,
}

/// The tree over the lines of a device, as a gap entry reports an event of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct TreeFacts<'a> {
    /// How many entries the tree has, or had: the one that the event concerns.
    pub size: u64,
    /// Its root then, in Base64.
    pub root: Clear<'a>,
    /// How many lines of the log the event concerns.
    pub lines: u64,
    /// The name under which the tree was kept, if another was begun.
    pub kept_as: Clear<'a>,
}

/// The reasons of those events that readers tell apart.
impl TreeFacts<'_> {
    /// `lines` lines, which are in the log before the one of entry `size`, are not in the tree.
    pub const LOST: Template = Template::new("the tree could not take lines");
    /// A start added `lines` lines, as the entries from `size` on, which a start before it had not added.
    pub const REPAIRED: Template =
        Template::new("lines that an earlier start had not added to the tree were added");
    /// A start added `lines` lines, as the entries from `size` on, which were written while no tree was kept.
    pub const ADDED: Template =
        Template::new("lines that were written while no tree was kept were added to the tree");
}

/// The signed checkpoint of another device's tree: two devices vouch for each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeviceCheckpoint<'a> {
    /// The name of the log.
    pub origin: Clear<'a>,
    /// How many entries its tree has.
    pub size: u64,
    /// The root, in Base64.
    pub root: Clear<'a>,
    /// The signed note, as it is in the file `checkpoint` of that log.
    pub note: Clear<'a>,
}

/// Requests of one address that were refused without entries of their own: an attacker decides how many there are.
#[derive(Clone, Copy, Debug, Default)]
pub struct RefusedRequests<'a> {
    /// How many.
    pub count: u64,
    /// When the first was refused.
    pub since: Option<Time>,
    /// When the last was refused.
    pub until: Option<Time>,
    /// Why they were refused.
    pub reason: TemplateText<'a>,
}

/// An unfinished line which was cut off a file and kept beside it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Torn<'a> {
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, lower-case hex.
    pub sha256: Clear<'a>,
    /// The file name under which it was kept.
    pub kept_as: Clear<'a>,
}

/// Ranges of counters.
pub type Ranges<'a> = List<'a, SeqRange>;

impl<'a> Item<'a> for SeqRange {
    fn decoded(value: &'a Value) -> Option<Self> {
        let number = |key| value.as_object()?.get(key)?.as_number()?.as_u64();
        Some(Self { from: number("from")?, to: number("to")? })
    }
}

impl<'a> From<&'a SeqSet> for Ranges<'a> {
    fn from(set: &'a SeqSet) -> Self {
        Self::from(set.ranges())
    }
}

/// One start of the server. Written as 16 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Boot(u64);

impl Boot {
    /// A number from the system's random source; an error if the system has none.
    pub fn random() -> io::Result<Self> {
        Ok(Self(getrandom::u64()?))
    }

    /// A start, by a number that no other start of this server has.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number back.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Reads what `Display` writes: 16 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        parse_digits(text).map(Self)
    }
}

/// What identifies one record of an entry: when, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The moment of formatting; it differs between devices.
    pub time: Time,
    /// The counter of the server.
    pub seq: u64,
    /// The start which the counter belongs to.
    pub boot: Boot,
}

/// The `record` object at the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The counter of the server.
    pub seq: u64,
    /// The start which the counter belongs to.
    pub boot: Boot,
    /// The id of the salt that hashed the line.
    pub salt: SaltId,
    /// The id of the device's first salt, if the salt was replaced since.
    pub device: Option<SaltId>,
}

impl Record {
    /// The id of the device: that of its first salt, which all its lines name even if the salt was replaced.
    pub fn device_id(&self) -> SaltId {
        self.device.unwrap_or(self.salt)
    }
}
