//! Entries about the log itself: what a device did not get (I9), and what it found out about its file. They belong to one
//! device alone, and each repeats the number of an entry. The reporter writes each fact once; what the device does not
//! take is reported again. Never in it: the lines of entries.

use onrecord_entry::gap::{DeviceCheckpoint, Gap, Ranges, Torn, TreeFacts};
use onrecord_entry::text::Template;
use onrecord_entry::{Clear, Entry, Formatter, Stamp};
use sha2::{Digest, Sha256};

use super::device_handle::DeviceHandle;
use super::dispatch::format as format_line;
use crate::cause::Why;
use crate::device::Notice;
use crate::evidence::SignedCheckpoint;
use crate::loss::{Loss, LossLedger};

/// A reporter holds no more notices. The oldest are kept, because they say when it began.
const NOTICES_MAX: usize = 64;

#[derive(Clone, Debug)]
pub(crate) enum GapReport {
    Notice(Notice),
    Loss(Loss),
    /// The tree of another device.
    Checkpoint(SignedCheckpoint),
}

impl GapReport {
    /// The same in parts with at most `most` ranges each.
    fn parts(self, most: usize) -> Vec<Self> {
        match self {
            Self::Loss(loss) => loss.parts(most).into_iter().map(Self::Loss).collect(),
            Self::Notice(_) | Self::Checkpoint(_) => vec![self],
        }
    }

    fn ranges(&self) -> usize {
        match self {
            Self::Loss(loss) => loss.seqs.ranges().len(),
            Self::Notice(_) | Self::Checkpoint(_) => 0,
        }
    }

    /// Makes its line. `last` has the number last given to an entry; `at` is its place among those of the same moment.
    fn format(
        &self,
        path: &str,
        formatter: &Formatter,
        last: &Stamp,
        at: usize,
        line: &mut Vec<u8>,
    ) -> Result<(), Why> {
        let (gap, seq) = match self {
            Self::Loss(loss) => {
                let is_earlier = loss.boot != last.boot;
                let after = if is_earlier { None } else { loss.seqs.last() };
                (gap_of(loss, is_earlier), after)
            }
            Self::Notice(notice @ Notice::Disabled { last }) => (found_out(notice), Some(*last)),
            Self::Notice(notice) => (found_out(notice), None),
            Self::Checkpoint(signed) => {
                let (id, root) = (id(path, last, at), signed.checkpoint.root.to_base64());
                let entry = Entry::checkpoint(&id, checkpoint_of(signed, &root));
                return format_line(formatter, &entry, last, line);
            }
        };
        let stamp = Stamp { seq: seq.unwrap_or(last.seq), ..*last };
        format_line(formatter, &Entry::gap(&id(path, &stamp, at), gap), &stamp, line)
    }
}

/// What the writer of one device reports: the facts that wait, and those in the first lines of its batch.
pub(crate) struct Reporter {
    notices: Vec<Notice>,
    checkpoints: Vec<SignedCheckpoint>,
    /// What the first lines of the batch report.
    reports: Vec<GapReport>,
    /// What no line with the options of the device can report.
    unformattable: Vec<GapReport>,
    /// How many ranges one line may have, as far as is known.
    max_ranges: usize,
    /// There is no room for a line of its own, even a short one: none is tried before the device is opened again, or another
    /// line comes.
    suspended: bool,
}

impl Reporter {
    pub(crate) const fn new() -> Self {
        Self {
            notices: Vec::new(),
            checkpoints: Vec::new(),
            reports: Vec::new(),
            unformattable: Vec::new(),
            max_ranges: usize::MAX,
            suspended: false,
        }
    }

    pub(crate) fn add_notice(&mut self, notice: Notice) {
        let is_end = matches!(notice, Notice::Disabled { .. });
        if is_end || self.notices.len() < NOTICES_MAX {
            self.notices.push(notice);
        }
    }

    /// Adds checkpoints of other devices' trees, in the place of older ones of the same trees.
    pub(crate) fn add_checkpoints(&mut self, newer: Vec<SignedCheckpoint>) {
        let is_newer = |old: &SignedCheckpoint| {
            newer.iter().any(|newer| newer.checkpoint.origin == old.checkpoint.origin)
        };
        self.checkpoints.retain(|old| !is_newer(old));
        self.checkpoints.extend(newer);
    }

    pub(crate) const fn has_notices(&self) -> bool {
        !self.notices.is_empty() || !self.checkpoints.is_empty()
    }

    pub(crate) const fn is_due(&self, losses: &LossLedger, checkpoints: &[SignedCheckpoint]) -> bool {
        !self.suspended && (self.has_notices() || !losses.is_empty() || !checkpoints.is_empty())
    }

    pub(crate) const fn resume(&mut self) {
        (self.max_ranges, self.suspended) = (usize::MAX, false);
    }

    /// Makes the lines that report the notices and these losses, and where each ends: that the device was disabled comes
    /// last. A report that is too long for a line is parted; one that has no line however short is tried another time.
    pub(crate) fn lines(
        &mut self,
        losses: Vec<Loss>,
        handle: &DeviceHandle,
        last: &Stamp,
    ) -> (Vec<u8>, Vec<usize>) {
        let formatter = handle.formatter();
        let is_end = |notice: &Notice| matches!(notice, Notice::Disabled { .. });
        let (ends, notices): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.notices).into_iter().partition(is_end);
        let reports =
            notices.into_iter().map(GapReport::Notice).chain(losses.into_iter().map(GapReport::Loss));
        let checkpoints = std::mem::take(&mut self.checkpoints).into_iter().map(GapReport::Checkpoint);
        let reports = reports.chain(checkpoints).chain(ends.into_iter().map(GapReport::Notice));
        // The first is the last of the vector.
        let mut left: Vec<_> = reports.flat_map(|report| report.parts(self.max_ranges)).collect();
        left.reverse();
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        while let Some(report) = left.pop() {
            let ranges = report.ranges();
            let mut line = Vec::new();
            if report.format(&handle.path, &formatter, last, ends.len(), &mut line).is_ok() {
                bytes.extend_from_slice(&line);
                ends.push(bytes.len());
                self.reports.push(report);
            } else if ranges > 1 {
                left.extend(report.parts(ranges.div_ceil(2)).into_iter().rev());
            } else if !matches!(report, GapReport::Checkpoint(_)) {
                self.unformattable.push(report);
            }
        }
        (bytes, ends)
    }

    /// The device has the first `lines` lines of the batch, but for those that it rejected. What it does not have of its own
    /// is reported again, in shorter lines if they were too long; losses only if they are still this device's to report.
    pub(crate) fn settle(
        &mut self,
        losses: &mut LossLedger,
        lines: usize,
        is_rejected: impl Fn(usize) -> bool,
    ) {
        let ours = losses.end_reporting();
        let mut longest = None;
        let mut again = Vec::new();
        for (at, report) in std::mem::take(&mut self.reports).into_iter().enumerate() {
            let fits = !is_rejected(at);
            if !fits && !matches!(report, GapReport::Checkpoint(_)) {
                longest = longest.max(Some(report.ranges()));
            }
            match report {
                GapReport::Loss(loss) if fits && at < lines => losses.note_reported(loss),
                GapReport::Notice(_) if fits && at < lines => {}
                // There is no room for one, ever, or the device has it.
                GapReport::Checkpoint(_) if !fits || at < lines => {}
                report => again.push(report),
            }
        }
        self.suspended = longest.map_or(!self.unformattable.is_empty(), |ranges| ranges <= 1);
        if let Some(ranges) = longest {
            self.max_ranges = (ranges / 2).max(1);
        }
        for report in again.into_iter().chain(std::mem::take(&mut self.unformattable)) {
            match report {
                GapReport::Loss(loss) if ours => losses.put_back(loss),
                GapReport::Loss(_) => {}
                GapReport::Notice(notice) => self.notices.push(notice),
                GapReport::Checkpoint(old) => {
                    let same = |newer: &SignedCheckpoint| newer.checkpoint.origin == old.checkpoint.origin;
                    if !self.checkpoints.iter().any(same) {
                        self.checkpoints.push(old);
                    }
                }
            }
        }
    }
}

/// A UUID (version 8, RFC 9562) out of what makes the entry unique, so that the broker needs no randomness. `at` is
/// its place among those of the same moment.
fn id(path: &str, stamp: &Stamp, at: usize) -> String {
    let hash = Sha256::new()
        .chain_update(stamp.boot.number().to_be_bytes())
        .chain_update(stamp.seq.to_be_bytes())
        .chain_update(stamp.time.unix_nanos().to_be_bytes())
        .chain_update((at as u64).to_be_bytes())
        .chain_update(path.as_bytes())
        .finalize();
    let mut number = u128::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 16]));
    number = number & !(0xf << 76) | 8 << 76;
    number = number & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

fn gap_of(loss: &Loss, is_earlier: bool) -> Gap<'_> {
    Gap {
        missed: loss.count,
        ranges: Ranges::from(&loss.seqs),
        since: loss.since,
        boot: is_earlier.then_some(loss.boot),
        ..because(loss.reason)
    }
}

fn checkpoint_of<'a>(signed: &'a SignedCheckpoint, root: &'a str) -> DeviceCheckpoint<'a> {
    DeviceCheckpoint {
        origin: Clear::new(&signed.checkpoint.origin),
        size: signed.checkpoint.size,
        root: Clear::new(root),
        note: Clear::new(&signed.note),
    }
}

fn because<'a>(reason: &'static str) -> Gap<'a> {
    Gap { reason: Template::new(reason), ..Gap::default() }
}

fn found_out(notice: &Notice) -> Gap<'_> {
    match notice {
        // The writer has made a loss of it.
        Notice::Unfinished { .. } => because("the server ended before it had written them"),
        Notice::TornTail { bytes, sha256, kept_as } => Gap {
            torn: Some(Torn { bytes: *bytes, sha256: Clear::new(sha256), kept_as: Clear::new(kept_as) }),
            ..because("an unfinished line was found at the end of the file")
        },
        Notice::Tree(tree) => Gap {
            tree: Some(TreeFacts {
                size: tree.size,
                root: Clear::new(tree.root.as_deref().unwrap_or_default()),
                lines: tree.lines,
                kept_as: Clear::new(tree.kept_as.as_deref().unwrap_or_default()),
            }),
            ..because(tree.event.reason())
        },
        Notice::Disabled { .. } => Gap { ended: true, ..because("the device was disabled") },
        Notice::LineCutShort => because("a line could not be finished and was ended"),
        Notice::Removed => because("the file was removed while it was open"),
        Notice::Moved => because("the file was renamed while it was open"),
        Notice::Replaced => because("the file was replaced while it was open"),
        Notice::Truncated { .. } => because("the file was cut shorter while it was open"),
    }
}
