//! A gap, the declaration of what a device missed, and the marks by which a reader finds gaps: counter, start, salt.
//! Never in it: how a device notices that it missed something.

use std::{fmt, io};

use onrecord_value::{Object, Time, Value};

use super::text::{Clear, TemplateText};
use crate::salt::SaltId;
use crate::seq_set::{SeqRange, SeqSet};

/// The path of a gap entry.
pub const GAP_PATH: &str = "sys/audit/gap";
/// The path of a probe entry.
pub const PROBE_PATH: &str = "sys/audit/test";

/// What a device missed; written to it when it has recovered (I9).
#[derive(Clone, Copy, Debug)]
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
}

/// An unfinished line which was cut off a file and kept beside it.
#[derive(Clone, Copy, Debug)]
pub struct Torn<'a> {
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, lower-case hex.
    pub sha256: Clear<'a>,
    /// The file name under which it was kept.
    pub kept_as: Clear<'a>,
}

/// Ranges of counters.
#[derive(Clone, Copy)]
pub struct Ranges<'a>(RangesIn<'a>);

#[derive(Clone, Copy)]
enum RangesIn<'a> {
    Given(&'a [SeqRange]),
    Values(&'a [Value]),
}

impl<'a> Ranges<'a> {
    pub(crate) const fn decoded(values: &'a [Value]) -> Self {
        Self(RangesIn::Values(values))
    }

    /// How many there are.
    pub const fn len(self) -> usize {
        match self.0 {
            RangesIn::Given(list) => list.len(),
            RangesIn::Values(list) => list.len(),
        }
    }

    /// Whether there are none; the key is then left out of the line.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The ranges in order.
    pub fn iter(self) -> impl Iterator<Item = SeqRange> {
        (0..self.len()).filter_map(move |at| match self.0 {
            RangesIn::Given(list) => list.get(at).copied(),
            RangesIn::Values(list) => match list.get(at)? {
                Value::Object(range) => {
                    Some(SeqRange { from: number(range, "from")?, to: number(range, "to")? })
                }
                _ => None,
            },
        })
    }
}

fn number(object: &Object, key: &str) -> Option<u64> {
    match object.get(key)? {
        Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

impl Default for Ranges<'_> {
    fn default() -> Self {
        Self(RangesIn::Given(&[]))
    }
}

impl<'a> From<&'a [SeqRange]> for Ranges<'a> {
    fn from(list: &'a [SeqRange]) -> Self {
        Self(RangesIn::Given(list))
    }
}

impl<'a> From<&'a SeqSet> for Ranges<'a> {
    fn from(set: &'a SeqSet) -> Self {
        Self::from(set.ranges())
    }
}

impl fmt::Debug for Ranges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// One start of the server. Written as 16 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Boot(u64);

impl Boot {
    /// A number from the system's random source.
    ///
    /// # Errors
    /// The system has no random numbers.
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
        let plain = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if plain { u64::from_str_radix(text, 16).ok().map(Self) } else { None }
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
