//! Entries about the log itself: what a device missed (I9), and what it found out about its file.
//! They belong to one device alone: each repeats the counter after which it stands.

use onrecord_value::Time;
use sha2::{Digest, Sha256};

use super::cause::Why;
use super::missed::Missed;
use super::misses::Misses;
use super::offer::format as format_line;
use crate::device::Notice;
use onrecord_entry::Formatter;
use onrecord_entry::{Boot, Clear, Entry, Gap, Ranges, SeqRange, Stamp, Template, Torn};

/// What one line tells.
#[derive(Clone, Debug)]
pub(crate) enum Tells {
    /// What the device found out.
    Notice(Notice),
    /// What it missed.
    Misses(Misses),
}

impl Tells {
    /// In the order of their lines, with at most so many ranges in each: that the device was disabled is said last.
    pub(crate) fn all(notices: Vec<Notice>, misses: Misses, most: usize) -> Vec<Self> {
        let is_end = |notice: &Notice| matches!(notice, Notice::Disabled { .. });
        let (ends, notices): (Vec<_>, Vec<_>) = notices.into_iter().partition(is_end);
        let all = notices.into_iter().map(Self::Notice).chain([Self::Misses(misses)]);
        all.chain(ends.into_iter().map(Self::Notice)).flat_map(|tells| tells.parts(most)).collect()
    }

    /// The same in parts with at most so many ranges each.
    pub(crate) fn parts(self, most: usize) -> Vec<Self> {
        match self {
            Self::Notice(notice) => parts_of(notice, most).into_iter().map(Self::Notice).collect(),
            Self::Misses(misses) => misses.parts(most).into_iter().map(Self::Misses).collect(),
        }
    }

    /// How many ranges it names.
    pub(crate) fn ranges(&self) -> usize {
        match self {
            Self::Misses(misses) => misses.ranges.len(),
            Self::Notice(Notice::Unfinished { ranges, .. }) => ranges.len(),
            Self::Notice(Notice::Missed(missed)) => missed.ranges.len(),
            Self::Notice(_) => 0,
        }
    }
}

/// Several notices with at most so many ranges each that say the same.
fn parts_of(notice: Notice, most: usize) -> Vec<Notice> {
    match notice {
        Notice::Unfinished { boot, ranges } if ranges.len() > most => {
            ranges.chunks(most).map(|ranges| Notice::Unfinished { boot, ranges: ranges.to_vec() }).collect()
        }
        Notice::Missed(Missed { boot, count, ranges, since }) if ranges.len() > most => {
            let misses = Misses { count, ranges, since, reason: "" };
            let missed = |Misses { count, ranges, since, .. }| Missed { boot, count, ranges, since };
            misses.parts(most).into_iter().map(missed).map(Notice::Missed).collect()
        }
        notice => vec![notice],
    }
}

/// Where and when such an entry is written.
pub(crate) struct Place<'a> {
    pub(crate) path: &'a str,
    pub(crate) form: &'a Formatter,
    pub(crate) boot: Boot,
    pub(crate) time: Time,
    /// The counter last given to an entry.
    pub(crate) last_seq: u64,
}

impl Place<'_> {
    /// Appends the line that tells this. Nothing is appended if it cannot be formatted.
    pub(crate) fn tell(&self, tells: &Tells, lines: &mut Vec<u8>, ends: &mut Vec<usize>) -> Result<(), Why> {
        let (gap, seq) = match tells {
            Tells::Misses(misses) => {
                let gap = Gap {
                    missed: misses.count,
                    ranges: Ranges::from(misses.ranges.as_slice()),
                    since: misses.since,
                    ..because(misses.reason)
                };
                (gap, misses.last().unwrap_or(self.last_seq))
            }
            Tells::Notice(notice) => {
                let seq = if let Notice::Disabled { last } = notice { *last } else { self.last_seq };
                (found_out(notice), seq)
            }
        };
        let mut line = Vec::new();
        self.line(gap, seq, ends.len(), &mut line)?;
        lines.extend_from_slice(&line);
        ends.push(lines.len());
        Ok(())
    }

    fn line(&self, gap: Gap<'_>, seq: u64, at: usize, line: &mut Vec<u8>) -> Result<(), Why> {
        let id = self.id(seq, at);
        format_line(self.form, &Entry::gap(&id, gap), &Stamp { time: self.time, seq, boot: self.boot }, line)
    }

    /// A UUID (version 8, RFC 9562) out of what makes the entry unique, so that the broker needs no randomness. `at` is
    /// its place among those of the same moment.
    fn id(&self, seq: u64, at: usize) -> String {
        let hash = Sha256::new()
            .chain_update(self.boot.number().to_be_bytes())
            .chain_update(seq.to_be_bytes())
            .chain_update(self.time.unix_nanos().to_be_bytes())
            .chain_update((at as u64).to_be_bytes())
            .chain_update(self.path.as_bytes())
            .finalize();
        let mut bytes = [0_u8; 16];
        bytes.iter_mut().zip(hash.iter()).for_each(|(to, from)| *to = *from);
        let mut number = u128::from_be_bytes(bytes);
        number = number & !(0xf << 76) | 8 << 76;
        number = number & !(0b11 << 62) | 0b10 << 62;
        let hex = format!("{number:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }
}

/// A gap entry in which nothing is missing.
fn because<'a>(reason: &'static str) -> Gap<'a> {
    Gap {
        missed: 0,
        ranges: Ranges::default(),
        since: None,
        reason: Template::new(reason).into(),
        torn: None,
        boot: None,
        ended: false,
    }
}

/// What a device found out, as a gap entry says it.
fn found_out(notice: &Notice) -> Gap<'_> {
    match notice {
        Notice::Unfinished { boot, ranges } => Gap {
            missed: SeqRange::count(ranges),
            ranges: Ranges::from(ranges.as_slice()),
            boot: Some(*boot),
            ..because("the server ended before it had written them")
        },
        Notice::Missed(missed) => Gap {
            missed: missed.count,
            ranges: Ranges::from(missed.ranges.as_slice()),
            since: missed.since,
            boot: Some(missed.boot),
            ..because("the server ended before the device was back")
        },
        Notice::TornTail { bytes, sha256, kept_as } => Gap {
            torn: Some(Torn { bytes: *bytes, sha256: Clear::new(sha256), kept_as: Clear::new(kept_as) }),
            ..because("an unfinished line was found at the end of the file")
        },
        Notice::Disabled { .. } => Gap { ended: true, ..because("the device was disabled") },
        Notice::LineCutShort => because("a line could not be finished and was ended"),
        Notice::Removed => because("the file was removed while it was open"),
        Notice::Moved => because("the file was renamed while it was open"),
        Notice::Replaced => because("the file was replaced while it was open"),
        Notice::Truncated { .. } => because("the file was cut shorter while it was open"),
    }
}
