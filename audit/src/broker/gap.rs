//! Entries about the log itself: what a device missed (I9), and what it found out about its file.
//! They belong to one device alone: each repeats the counter after which it stands.

use onrecord_value::Time;
use sha2::{Digest, Sha256};

use super::cause::Why;
use super::misses::Misses;
use super::recording::format as format_line;
use crate::device::Notice;
use crate::entry::{Boot, Clear, Entry, Gap, Ranges, Stamp, Template, Torn};
use crate::form::Form;

/// Where and when such an entry is written.
pub(crate) struct Place<'a> {
    pub(crate) path: &'a str,
    pub(crate) form: &'a Form,
    pub(crate) boot: Boot,
    pub(crate) time: Time,
    /// The counter last given to an entry.
    pub(crate) last_seq: u64,
}

impl Place<'_> {
    /// All lines of that kind, and where each ends. What cannot be formatted is left out.
    pub(crate) fn lines(&self, notices: &[Notice], misses: &Misses) -> (Vec<u8>, Vec<usize>) {
        let (mut all, mut ends, mut line) = (Vec::new(), Vec::new(), Vec::new());
        let mut add = |formatted: Result<(), Why>, line: &[u8]| {
            if formatted.is_ok() {
                all.extend_from_slice(line);
                ends.push(all.len());
            }
        };
        for notice in notices {
            add(self.notice(notice, &mut line), &line);
        }
        if !misses.is_empty() {
            add(self.misses(misses, &mut line), &line);
        }
        (all, ends)
    }

    /// The line that tells what was missed.
    fn misses(&self, misses: &Misses, line: &mut Vec<u8>) -> Result<(), Why> {
        let gap = Gap {
            missed: misses.count,
            ranges: Ranges::from(misses.ranges.as_slice()),
            since: misses.since,
            reason: Template::new(misses.reason).into(),
            torn: None,
            boot: None,
            ended: false,
        };
        self.line(gap, misses.last().unwrap_or(self.last_seq), line)
    }

    /// The line that tells what the device found out.
    fn notice(&self, notice: &Notice, line: &mut Vec<u8>) -> Result<(), Why> {
        if let Notice::Unfinished { boot, ranges } = notice {
            let gap = Gap {
                missed: ranges.iter().fold(0, |sum: u64, range| {
                    sum.saturating_add(range.to.saturating_sub(range.from).saturating_add(1))
                }),
                ranges: Ranges::from(ranges.as_slice()),
                since: None,
                reason: Template::new("the server ended before it had written them").into(),
                torn: None,
                boot: Some(*boot),
                ended: false,
            };
            return self.line(gap, self.last_seq, line);
        }
        if let Notice::Missed(missed) = notice {
            let gap = Gap {
                missed: missed.count,
                ranges: Ranges::from(missed.ranges.as_slice()),
                since: missed.since,
                reason: Template::new("the server ended before the device was back").into(),
                torn: None,
                boot: Some(missed.boot),
                ended: false,
            };
            return self.line(gap, self.last_seq, line);
        }
        let (reason, torn) = match notice {
            Notice::TornTail { bytes, sha256, kept_as } => {
                let torn = Torn { bytes: *bytes, sha256: Clear::new(sha256), kept_as: Clear::new(kept_as) };
                ("an unfinished line was found at the end of the file", Some(torn))
            }
            Notice::Disabled { .. } => ("the device was disabled", None),
            Notice::LineCutShort => ("a line could not be finished and was ended", None),
            Notice::Removed => ("the file was removed while it was open", None),
            Notice::Moved => ("the file was renamed while it was open", None),
            Notice::Replaced => ("the file was replaced while it was open", None),
            Notice::Truncated { .. } | Notice::Unfinished { .. } | Notice::Missed(_) => {
                ("the file was cut shorter while it was open", None)
            }
        };
        let gap = Gap {
            missed: 0,
            ranges: Ranges::default(),
            since: None,
            reason: Template::new(reason).into(),
            torn,
            boot: None,
            ended: matches!(notice, Notice::Disabled { .. }),
        };
        let seq = if let Notice::Disabled { last } = notice { *last } else { self.last_seq };
        self.line(gap, seq, line)
    }

    fn line(&self, gap: Gap<'_>, seq: u64, line: &mut Vec<u8>) -> Result<(), Why> {
        let id = self.id(seq);
        format_line(self.form, &Entry::gap(&id, gap), &Stamp { time: self.time, seq, boot: self.boot }, line)
    }

    /// A UUID (version 8, RFC 9562) out of what makes the entry unique, so that the broker needs no randomness.
    fn id(&self, seq: u64) -> String {
        let hash = Sha256::new()
            .chain_update(self.boot.number().to_be_bytes())
            .chain_update(seq.to_be_bytes())
            .chain_update(self.time.unix_nanos().to_be_bytes())
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
