//! What the checker found: exact counts, and the first few examples of each kind.
//! Never in it: text of a log beyond ids and names of files; how a report is printed.

mod value;

use onrecord_entry::{Boot, SaltId, SeqRange};

use crate::runs::Runs;

/// What was found in all sources together.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The sources in the order in which they were read.
    pub sources: Vec<SourceReport>,
    /// The devices in the order in which they were met. Lines without a number, as other servers write them, are one
    /// device without a salt.
    pub devices: Vec<DeviceReport>,
    /// All devices as one.
    pub union: UnionReport,
    /// Lines that begin as an entry and do not end as one.
    pub torn: Sample<TornLine>,
    /// How many of them no gap entry tells of.
    pub torn_undeclared: u64,
    /// Lines that are no entries at all.
    pub no_entries: Sample<Place>,
}

/// Whose losses count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judge {
    /// Each device must have every entry, or say that it has not.
    #[default]
    EachDevice,
    /// One of the devices must have it.
    Union,
}

/// Some of many: how many there are, and the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample<T> {
    /// How many there are.
    pub count: u64,
    /// The first, as many as [`Options::examples`](crate::Options::examples) allows.
    pub first: Vec<T>,
}

/// One source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// How many bytes were read, before decompression.
    pub bytes: u64,
    /// How many lines it has.
    pub lines: u64,
    /// How many of them are entries, those of the log's own counted.
    pub entries: u64,
}

/// One device: all lines of one salt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeviceReport {
    /// The id of the salt; none for lines without a number.
    pub salt: Option<SaltId>,
    /// The names of the sources in which there are lines of it.
    pub sources: Vec<String>,
    /// Request entries, without those of the log's own.
    pub requests: u64,
    /// Response entries.
    pub responses: u64,
    /// Requests of which both entries are there.
    pub pairs: u64,
    /// The ids of requests without response.
    pub requests_alone: Sample<String>,
    /// The ids of responses without request.
    pub responses_alone: Sample<String>,
    /// Entries that are there more than once. No loss: a device that reconnects may send one again.
    pub doubles: Sample<Numbered>,
    /// Gap entries.
    pub gaps: u64,
    /// How many entries they say were missed.
    pub missed: u64,
    /// Entries that were too long for the device, and are there as what they are about.
    pub elided: u64,
    /// Entries that came in pieces and are whole.
    pub split: u64,
    /// Entries of which pieces are missing: they count as missing.
    pub incomplete_parts: u64,
    /// Entries whose pieces are not what they were: they count as missing.
    pub wrong_parts: u64,
    /// Start by start.
    pub boots: Vec<BootReport>,
}

/// One start of the server on one device, or on all.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BootReport {
    /// The start.
    pub boot: Boot,
    /// How many entries of it are there.
    pub entries: u64,
    /// The smallest number.
    pub first: Option<u64>,
    /// The largest number.
    pub last: Option<u64>,
    /// The numbers that are missing, between the smallest and the largest known of this start from all sources.
    pub holes: Spans,
    /// The numbers that gap entries name.
    pub declared: Spans,
    /// The holes that no gap entry names.
    pub undeclared: Spans,
    /// The numbers that gap entries name although they are there.
    pub surplus: Spans,
}

/// All devices as one.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct UnionReport {
    /// Request entries.
    pub requests: u64,
    /// Response entries.
    pub responses: u64,
    /// Requests of which both entries are there.
    pub pairs: u64,
    /// The ids of requests without response.
    pub requests_alone: Sample<String>,
    /// The ids of responses without request.
    pub responses_alone: Sample<String>,
    /// Start by start; what any device declares is declared.
    pub boots: Vec<BootReport>,
    /// The requests of [`Options::answered`](crate::Options::answered) of which an entry is missing.
    pub unanswered: Sample<Unanswered>,
}

/// Ranges of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spans {
    /// How many numbers.
    pub count: u64,
    /// In how many ranges.
    pub ranges: u64,
    /// The first ranges, ascending.
    pub first: Vec<Span>,
}

/// From one number to another, both included.
pub type Span = SeqRange;

/// One entry by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The start.
    pub boot: Boot,
    /// The number.
    pub seq: u64,
}

/// A place in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of the source.
    pub source: String,
    /// The number of the line, from 1.
    pub line: u64,
    /// Where it begins, in bytes, after decompression.
    pub offset: u64,
}

/// A line that begins as an entry and does not end as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornLine {
    /// Where it is.
    pub place: Place,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// A gap entry tells of a line of this length and this SHA-256.
    pub declared: bool,
}

/// A request that was answered, and what the logs have of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Its id.
    pub id: String,
    /// Whether its request entry is there.
    pub request: bool,
    /// Whether its response entry is there.
    pub response: bool,
}

impl Report {
    /// Whether everything that is missing is itself on record:
    ///
    /// * no device has an undeclared hole, or only the union is judged and has none;
    /// * the pieces of each split entry are what they were;
    /// * of each request that is known to have been answered both entries are there;
    /// * where lines have no numbers: every response has its request, and no line is torn.
    pub fn nothing_lost(&self, judge: Judge) -> bool {
        let whole = |boots: &[BootReport]| boots.iter().all(|boot| boot.undeclared.count == 0);
        let devices = self.devices.iter().all(|device| whole(&device.boots) && device.wrong_parts == 0);
        let unnumbered = self.devices.iter().find(|device| device.salt.is_none());
        (judge == Judge::Union || devices)
            && whole(&self.union.boots)
            && self.union.unanswered.count == 0
            && unnumbered.is_none_or(|device| device.responses_alone.count == 0 && self.torn_undeclared == 0)
    }
}

impl Spans {
    pub(crate) fn of(runs: &Runs, examples: usize) -> Self {
        let ranges = runs.iter();
        Self { count: runs.count(), ranges: ranges.len() as u64, first: ranges.take(examples).collect() }
    }
}

impl<T> Sample<T> {
    /// Counts one more, and keeps it if there is room.
    pub(crate) fn add(&mut self, examples: usize, one: impl FnOnce() -> T) {
        self.count += 1;
        if self.first.len() < examples {
            self.first.push(one());
        }
    }
}

impl<T> Default for Sample<T> {
    fn default() -> Self {
        Self { count: 0, first: Vec::new() }
    }
}
