//! The checker: reads one source after the other line by line, and draws the conclusions from all of them.
//! Never in it: how a line is read, how a report is printed.

use std::collections::{HashMap, HashSet};
use std::io;

use onrecord_entry::gap::Record;
use onrecord_entry::{Boot, SaltId, SeqRange, SeqSet};

use crate::device::{Device, Entries};
use crate::fast_scan::{Detail, Gap, Part, Scanned, ScannedEntry, Scanner, UnusualEntry};
use crate::id::Id;
use crate::input::Input;
use crate::lines::{Line, Lines};
use crate::order::At;
use crate::parts::{Assembly, Parts};
use crate::report::{DeviceReport, EntryNumber, LinePosition, Report, Sample, SourceReport, TornLine};
use crate::torn::{Before, KnownNumbers, TornLines};
use crate::union::Union;

/// Where torn lines are judged, entries of concurrent requests change places by at most this number.
const CHANGED_PLACES_MAX: u64 = 256;
/// How many bytes are read between two reports of progress.
const PROGRESS_STEP: u64 = 16 * 1024 * 1024;

/// How many bytes of pieces may wait for earlier ones.
const EARLY_PARTS_MAX: usize = 256 * 1024 * 1024;

/// How to check.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many examples of each finding are kept. Counts are exact. Default 10.
    pub examples: usize,
    /// Decode every line, also where a fast scan would be enough: this also finds damage inside a line whose beginning
    /// and end are intact. About ten times slower.
    pub thorough: bool,
    /// Ids of requests that are known to have been answered: both entries of each must be in the logs.
    pub answered: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { examples: 10, thorough: false, answered: Vec::new() }
    }
}

/// The progress of a check.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The name of the source that is being read.
    pub source: &'a str,
    /// How many of its bytes were read.
    pub read: u64,
    /// How many it has, if that is known.
    pub total: Option<u64>,
}

/// A source that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{name} cannot be read: {error}")]
pub struct CheckError {
    /// The name of the source.
    pub name: String,
    /// Why it cannot be read.
    #[source]
    pub error: io::Error,
}

/// Reads logs of one server, in any order, and reports what is missing in them.
///
/// The memory is one bit for each entry, and what is unfinished: requests without response, entries with missing pieces.
///
/// # Errors
/// [`CheckError`] for the first source that cannot be read.
pub fn check(
    inputs: Vec<Input>,
    options: &Options,
    progress: &mut dyn FnMut(&Progress<'_>),
) -> Result<Report, CheckError> {
    let mut checker = Checker::new(options);
    for input in inputs {
        let name = input.name().to_owned();
        checker.source(input, progress).map_err(|error| CheckError { name, error })?;
    }
    Ok(checker.report())
}

struct Checker<'o> {
    options: &'o Options,
    scanner: Scanner,
    devices: HashMap<Option<SaltId>, Device>,
    union: Union,
    parts: Parts,
    torn: TornLines,
    no_entries: Sample<LinePosition>,
    sources: Vec<SourceReport>,
    /// The line that is being read.
    at: At,
    /// The start and the number of the last probe in the source that is being read.
    probed: Option<(Boot, u64)>,
    /// The entries so far in the source that is being read.
    before: Option<Before>,
}

impl<'o> Checker<'o> {
    fn new(options: &'o Options) -> Self {
        Self {
            options,
            scanner: Scanner::new(options.thorough),
            devices: HashMap::new(),
            union: Union::new(&options.answered),
            parts: Parts::hashed(EARLY_PARTS_MAX),
            torn: TornLines::default(),
            no_entries: Sample::default(),
            sources: Vec::new(),
            at: At::default(),
            probed: None,
            before: None,
        }
    }

    fn source(&mut self, input: Input, progress: &mut dyn FnMut(&Progress<'_>)) -> io::Result<()> {
        let mut source = SourceReport { name: input.name().to_owned(), ..SourceReport::default() };
        let opened = input.open()?;
        let mut lines = Lines::new(opened.reader);
        let mut reported = 0;
        (self.probed, self.before) = (None, None);
        while let Some(line) = lines.next()? {
            source.lines += 1;
            source.entries += u64::from(self.line(&line, &source));
            if line.offset >= reported + PROGRESS_STEP {
                reported = line.offset;
                progress(&Progress { source: &source.name, read: opened.taken.get(), total: opened.total });
            }
        }
        source.bytes = opened.taken.get();
        progress(&Progress { source: &source.name, read: source.bytes, total: opened.total });
        self.sources.push(source);
        Ok(())
    }

    /// Reads a line; returns whether it is an entry.
    fn line(&mut self, line: &Line<'_>, source: &SourceReport) -> bool {
        self.at = At { source: self.sources.len(), line: source.lines, offset: line.offset };
        let position =
            || LinePosition { source: source.name.clone(), line: source.lines, offset: line.offset };
        let torn = |text: &[u8]| TornLine {
            position: position(),
            bytes: text.len() as u64,
            declared: false,
            missing: false,
        };
        let scanned = if line.too_long { Scanned::NotAnEntry } else { self.scanner.scan(line.text) };
        match scanned {
            Scanned::Entry(seen) => {
                self.note_number(&seen);
                self.entry(&seen);
            }
            Scanned::Unusual(unusual) => {
                let before = line.text.get(..unusual.torn_before).unwrap_or_default();
                if !before.is_empty() {
                    self.torn.add(torn(before), before, self.before);
                }
                self.note_number(&unusual.entry);
                self.unusual(*unusual);
            }
            Scanned::Torn => {
                self.torn.add(torn(line.text), line.text, self.before);
                return false;
            }
            // The last line of a file may be torn before it can be recognised, or is being written at this moment.
            Scanned::NotAnEntry if !line.whole && !line.too_long => {
                self.torn.add(torn(line.text), line.text, self.before);
                return false;
            }
            Scanned::NotAnEntry => {
                self.no_entries.add(self.options.examples, position);
                return false;
            }
            Scanned::Blank => return false,
        }
        true
    }

    fn note_number(&mut self, seen: &ScannedEntry) {
        if let Some(record) = &seen.record {
            self.before = Some(Before::and(self.before, record));
        }
    }

    fn unusual(&mut self, unusual: UnusualEntry) {
        let UnusualEntry { entry: seen, detail, .. } = unusual;
        match (detail, seen.record) {
            (Detail::Probe, Some(record)) => self.probed = Some((record.boot, record.seq)),
            (Detail::Gap(gap), Some(record)) => self.gap(&seen.id, gap, record),
            (Detail::Part(part), Some(record)) => self.part(&seen, part, record),
            (Detail::Elided, Some(_)) => {
                if self.entry(&seen) {
                    self.device(&seen).counted.elided += 1;
                }
            }
            (Detail::Refused(requests), _) => self.refused(&seen, requests),
            // A line of the device itself, without a number of its own.
            (Detail::Checkpoint, Some(record)) => self.note_probe(&record, record.boot),
            // A gap in a log without numbers has nothing that could be checked.
            (Detail::Gap(_) | Detail::Checkpoint, None) => {}
            (Detail::Probe | Detail::Part(_) | Detail::Elided | Detail::None, _) => {
                self.entry(&seen);
            }
        }
    }

    /// Counts an entry of a request. False if it is a double.
    fn entry(&mut self, seen: &ScannedEntry) -> bool {
        let is_new = self.number(seen, Entries::add);
        if is_new {
            self.union.add(seen);
        }
        is_new
    }

    /// Has an entry added to those of its device. False if it is a double.
    fn number(&mut self, seen: &ScannedEntry, add: fn(&mut Entries, &ScannedEntry) -> bool) -> bool {
        let (examples, at) = (self.options.examples, self.at);
        if let Some(record) = &seen.record {
            self.note_probe(record, record.boot);
        }
        let device = self.device(seen);
        let is_new = add(&mut device.entries, seen);
        if let Some(Record { seq, boot, .. }) = seen.record {
            if is_new {
                device.lines.add(EntryNumber { boot, seq }, at);
            } else {
                device.counted.doubles.add(examples, || EntryNumber { boot, seq });
            }
        }
        is_new
    }

    /// Counts an entry that stands for refused requests.
    fn refused(&mut self, seen: &ScannedEntry, requests: u64) {
        if self.number(seen, Entries::add_alone) {
            self.union.add_alone(seen);
            let counted = &mut self.device(seen).counted;
            counted.refused_entries += 1;
            counted.refused_requests = counted.refused_requests.saturating_add(requests);
        }
    }

    /// Notes the probe before this entry in this source: a device without older entries in this start began with it.
    fn note_probe(&mut self, record: &Record, boot: Boot) {
        let Some((_, after)) = self.probed.filter(|(of, _)| *of == boot) else { return };
        let boot_log = self.device_of(Some(record.device_id())).entries.boot_log(boot);
        boot_log.begun_after = Some(boot_log.begun_after.map_or(after, |other| other.min(after)));
    }

    fn gap(&mut self, id: &Id, gap: Gap, record: Record) {
        let boot = gap.boot.unwrap_or(record.boot);
        self.note_probe(&record, boot);
        if let Some(torn) = gap.torn {
            self.torn.declare(torn);
        }
        let device = self.device_of(Some(record.device_id()));
        if device.gaps.insert(id.clone()) {
            device.counted.missed = device.counted.missed.saturating_add(gap.missed);
        }
        let boot_log = device.entries.boot_log(boot);
        gap.ranges.iter().for_each(|range| boot_log.declared.insert_range(range));
        if gap.ended {
            boot_log.ended = Some(record.seq);
        }
    }

    fn part(&mut self, seen: &ScannedEntry, part: Part, record: Record) {
        let examples = self.options.examples;
        let Record { seq, boot, .. } = record;
        let device = self.device(seen);
        if device.entries.boot_log(boot).seqs.contains(seq) {
            device.counted.doubles.add(examples, || EntryNumber { boot, seq });
            return;
        }
        match self.parts.add(record, part) {
            Assembly::Incomplete => {}
            Assembly::Corrupt => self.device(seen).counted.wrong_parts += 1,
            Assembly::Complete(_) => {
                self.entry(seen);
                self.device(seen).counted.split += 1;
            }
        }
    }

    fn device(&mut self, seen: &ScannedEntry) -> &mut Device {
        self.device_of(seen.record.map(|record| record.device_id()))
    }

    fn device_of(&mut self, salt: Option<SaltId>) -> &mut Device {
        let (order, source) = (self.devices.len(), self.sources.len());
        let device = self.devices.entry(salt).or_insert_with(|| Device { order, ..Device::default() });
        device.add_source(source);
        device
    }

    fn report(self) -> Report {
        let Self { options, mut devices, union, parts, torn, no_entries, mut sources, .. } = self;
        let examples = options.examples;
        let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
        let mut declared: HashMap<Boot, SeqSet> = HashMap::new();
        for (boot, boot_log) in devices.values().flat_map(|device| device.entries.boots()) {
            let all = declared.entry(boot).or_default();
            *all = all.union(&boot_log.declared);
        }
        let (union, known) = union.report(declared, examples);
        let mut devices: Vec<(Option<SaltId>, Device)> = devices.drain().collect();
        devices.sort_unstable_by_key(|(_, device)| device.order);
        let torn = torn.report(|of| known_numbers(&devices, &known, of), devices.len() > 1, examples);
        let logs: HashSet<String> = sources
            .iter()
            .filter(|source| source.entries > 0)
            .map(|source| log_name(&source.name).to_owned())
            .collect();
        for source in &mut sources {
            source.is_log = torn.declared_in.contains(&source.name) || logs.contains(log_name(&source.name));
        }
        Report {
            devices: devices
                .into_iter()
                .map(|(salt, device)| DeviceReport {
                    salt,
                    incomplete_parts: salt.map_or(0, |salt| parts.incomplete_of(salt)),
                    ..device.report(&names, &known, examples)
                })
                .collect(),
            sources,
            union,
            torn: torn.lines,
            torn_undeclared: torn.undeclared,
            torn_missing: torn.missing,
            no_entries,
        }
    }
}

/// What is known of the numbers of a start on a device.
fn known_numbers(
    devices: &[(Option<SaltId>, Device)],
    known: &HashMap<Boot, SeqSet>,
    (device, boot): (SaltId, Boot),
) -> KnownNumbers {
    let largest = known.get(&boot).and_then(SeqSet::last).unwrap_or(0);
    let logs = devices.iter().filter(|(salt, _)| *salt == Some(device));
    let log = logs.flat_map(|(_, device)| device.entries.boots()).find(|(of, _)| *of == boot);
    let lacking = log.and_then(|(_, log)| {
        let from = log.seqs.bounds()?.from.max(largest.saturating_sub(CHANGED_PLACES_MAX));
        let all = SeqRange { from, to: largest };
        let lacks = |range: SeqRange| {
            (range.to - range.from).saturating_add(1).saturating_sub(log.seqs.count_in(range))
        };
        Some(SeqSet::from(all).difference(&log.declared).iter().map(lacks).fold(0, u64::saturating_add))
    });
    KnownNumbers { largest, lacking: lacking.unwrap_or(0) }
}

/// The name of a log without what a rotation, its compression, or the keeping of a torn end adds to it: an empty file is
/// usual beside the other files of a log.
pub(crate) fn log_name(name: &str) -> &str {
    let name = name.rsplit_once(".torn-").map_or(name, |(log, _)| log);
    let name = [".gz", ".zst"].iter().find_map(|added| name.strip_suffix(added)).unwrap_or(name);
    let log = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || "-_.:".contains(letter));
    let is_rotated = name.strip_prefix(log).is_some_and(|added| added.starts_with(['-', '.']));
    if is_rotated { log } else { name }
}

#[cfg(test)]
mod tests {
    use super::log_name;

    #[test]
    fn files_of_one_log_have_one_name() {
        for name in [
            "a.log",
            "a.log.1",
            "a.log.12.gz",
            "a.log.12.zst",
            "a.log-20261122",
            "a.log-20261122.gz",
            "a.log.torn-20261122T1Z-1",
        ] {
            assert_eq!(log_name(name), "a.log");
        }
        for name in ["a1.log", "a-1.log", "2026-11-22", "a.log2", "syslog", "/etc/passwd"] {
            assert_eq!(log_name(name), name);
        }
    }
}
