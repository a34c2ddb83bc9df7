//! The checker: line by line from one source after the other, and what all of them are together.
//! Never in it: how a line is read, how a report is printed.

use std::collections::HashMap;
use std::io;

use onrecord_entry::{Boot, Record, SaltId, SeqRange};

use crate::device::Device;
use crate::glance::{Gap, Glance, Part, Reader, Seen, Unusual, What};
use crate::id::Id;
use crate::input::Input;
use crate::lines::{Line, Lines};
use crate::parts::{Parts, Progress as Pieces};
use crate::report::{DeviceReport, Numbered, Place, Report, Sample, SourceReport, TornLine};
use crate::torn::TornLines;
use crate::union::Union;

/// How much is read between two reports of progress.
const STEP: u64 = 16 * 1024 * 1024;

/// How to check.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many examples of each finding are kept. Counts are exact. Default 10.
    pub examples: usize,
    /// Every line is decoded as a whole, also where a glance is enough: damage inside a line whose beginning and end
    /// are whole is found too. Some ten times slower.
    pub thorough: bool,
    /// Ids of requests that are known to have been answered: both entries of each must be there.
    pub answered: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { examples: 10, thorough: false, answered: Vec::new() }
    }
}

/// How far a check is.
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
#[derive(Debug)]
pub struct CheckError {
    /// Its name.
    pub source: String,
    /// Why.
    pub error: io::Error,
}

impl std::fmt::Display for CheckError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} cannot be read: {}", self.source, self.error)
    }
}

impl std::error::Error for CheckError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Reads logs of one server, in any order, and says what is missing in them.
///
/// Memory does not grow with the logs but by a bit for each entry, and by what is open: requests that still have no
/// response, entries of which pieces are missing.
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
        checker.source(input, progress).map_err(|error| CheckError { source: name, error })?;
    }
    Ok(checker.report())
}

struct Checker<'o> {
    options: &'o Options,
    reader: Reader,
    devices: HashMap<Option<SaltId>, Device>,
    union: Union,
    parts: Parts,
    torn: TornLines,
    no_entries: Sample<Place>,
    sources: Vec<SourceReport>,
    /// The start and the number of the last probe in the source that is being read.
    probed: Option<(Boot, u64)>,
}

impl<'o> Checker<'o> {
    fn new(options: &'o Options) -> Self {
        Self {
            options,
            reader: Reader::new(options.thorough),
            devices: HashMap::new(),
            union: Union::new(&options.answered),
            parts: Parts::default(),
            torn: TornLines::default(),
            no_entries: Sample::default(),
            sources: Vec::new(),
            probed: None,
        }
    }

    fn source(&mut self, input: Input, progress: &mut dyn FnMut(&Progress<'_>)) -> io::Result<()> {
        let mut source = SourceReport { name: input.name().to_owned(), ..SourceReport::default() };
        let opened = input.open()?;
        let mut lines = Lines::new(opened.reader);
        let mut told = 0;
        self.probed = None;
        while let Some(line) = lines.next()? {
            source.lines += 1;
            source.entries += u64::from(self.line(&line, &source));
            if line.offset >= told + STEP {
                told = line.offset;
                progress(&Progress { source: &source.name, read: opened.taken.get(), total: opened.total });
            }
        }
        source.bytes = opened.taken.get();
        progress(&Progress { source: &source.name, read: source.bytes, total: opened.total });
        self.sources.push(source);
        Ok(())
    }

    /// Takes a line; says whether it is an entry.
    fn line(&mut self, line: &Line<'_>, source: &SourceReport) -> bool {
        let place = || Place { source: source.name.clone(), line: source.lines, offset: line.offset };
        let torn = |text: &[u8]| TornLine { place: place(), bytes: text.len() as u64, declared: false };
        let glance = if line.too_long { Glance::NoEntry } else { self.reader.look(line.text) };
        match glance {
            Glance::Entry(seen) => {
                self.entry(&seen);
            }
            Glance::Unusual(unusual) => {
                let before = line.text.get(..unusual.torn_before).unwrap_or_default();
                if !before.is_empty() {
                    self.torn.add(torn(before), before);
                }
                self.unusual(*unusual);
            }
            Glance::Torn => {
                self.torn.add(torn(line.text), line.text);
                return false;
            }
            // The end of a file that was torn off, or is being written at this moment, says little of itself.
            Glance::NoEntry if !line.whole && !line.too_long => {
                self.torn.add(torn(line.text), line.text);
                return false;
            }
            Glance::NoEntry => {
                self.no_entries.add(self.options.examples, place);
                return false;
            }
            Glance::Blank => return false,
        }
        true
    }

    fn unusual(&mut self, unusual: Unusual) {
        let Unusual { seen, what, .. } = unusual;
        match (what, seen.record) {
            (What::Probe, Some(record)) => self.probed = Some((record.boot, record.seq)),
            (What::Gap(gap), Some(record)) => self.gap(&seen.id, gap, record),
            (What::Part(part), Some(record)) => self.part(&seen, part, record),
            (What::Elided, Some(_)) => {
                if self.entry(&seen) {
                    self.device(&seen).elided += 1;
                }
            }
            // A gap of a log without numbers says nothing that could be checked.
            (What::Gap(_), None) => {}
            (What::Probe | What::Part(_) | What::Elided | What::Nothing, _) => {
                self.entry(&seen);
            }
        }
    }

    /// Counts an entry of a request. False if it was there already.
    fn entry(&mut self, seen: &Seen) -> bool {
        let examples = self.options.examples;
        if let Some(record) = &seen.record {
            self.begin(record, record.boot);
        }
        let device = self.device(seen);
        if let Some(Record { seq, boot, .. }) = seen.record {
            let strand = device.strand(boot);
            if !strand.seqs.insert(seq) {
                device.doubles.add(examples, || Numbered { boot, seq });
                return false;
            }
            strand.entries += 1;
        }
        device.count(seen.kind, &seen.id);
        self.union.add(seen);
        true
    }

    /// A device of which nothing older is known in this start may have begun with the probe before it in this source.
    fn begin(&mut self, record: &Record, boot: Boot) {
        let Some((_, after)) = self.probed.filter(|(of, _)| *of == boot) else { return };
        let strand = self.of_salt(Some(record.strand())).strand(boot);
        strand.begun_after = Some(strand.begun_after.map_or(after, |other| other.min(after)));
    }

    fn gap(&mut self, id: &Id, gap: Gap, record: Record) {
        let boot = gap.boot.unwrap_or(record.boot);
        self.begin(&record, boot);
        if let Some(torn) = gap.torn {
            self.torn.declare(torn);
        }
        let device = self.of_salt(Some(record.strand()));
        if device.gaps.insert(id.clone()) {
            device.missed = device.missed.saturating_add(gap.missed);
        }
        let strand = device.strand(boot);
        strand.declared.extend(gap.ranges);
        if gap.ended {
            strand.ended = Some(record.seq);
        }
    }

    fn part(&mut self, seen: &Seen, part: Part, record: Record) {
        let examples = self.options.examples;
        let Record { seq, boot, .. } = record;
        let device = self.device(seen);
        if device.strand(boot).seqs.contains(seq) {
            device.doubles.add(examples, || Numbered { boot, seq });
            return;
        }
        match self.parts.add(record, part) {
            Pieces::Waiting => {}
            Pieces::Wrong => self.device(seen).wrong_parts += 1,
            Pieces::Whole => {
                self.entry(seen);
                self.device(seen).split += 1;
            }
        }
    }

    fn device(&mut self, seen: &Seen) -> &mut Device {
        self.of_salt(seen.record.map(|record| record.strand()))
    }

    fn of_salt(&mut self, salt: Option<SaltId>) -> &mut Device {
        let (place, source) = (self.devices.len(), self.sources.len());
        let device = self.devices.entry(salt).or_insert_with(|| Device::new(place));
        device.is_in(source);
        device
    }

    fn report(self) -> Report {
        let Self { options, mut devices, union, parts, torn, no_entries, sources, .. } = self;
        let examples = options.examples;
        let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
        let mut declared: HashMap<Boot, Vec<SeqRange>> = HashMap::new();
        for (boot, strand) in devices.values().flat_map(Device::strands) {
            declared.entry(boot).or_default().extend(&strand.declared);
        }
        let (union, known) = union.report(declared, examples);
        let mut devices: Vec<(Option<SaltId>, Device)> = devices.drain().collect();
        devices.sort_unstable_by_key(|(_, device)| device.place);
        let (torn_undeclared, torn) = torn.report(examples);
        Report {
            devices: devices
                .into_iter()
                .map(|(salt, device)| {
                    let incomplete = salt.map_or(0, |salt| parts.incomplete(salt));
                    DeviceReport {
                        salt,
                        incomplete_parts: incomplete,
                        ..device.report(&names, &known, examples)
                    }
                })
                .collect(),
            sources,
            union,
            torn,
            torn_undeclared,
            no_entries,
        }
    }
}
