//! What the checker found: exact counts, and the first few examples of each kind.
//! Never in it: text of a log, except ids and names of files; how a report is printed.

use std::collections::BTreeMap;

use onrecord_entry::{Boot, SaltId, SeqRange, SeqSet};
use onrecord_value::{Object, Value};
use serde::{Serialize, Serializer};

/// What was found in all sources together.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The sources in the order in which they were read.
    pub sources: Vec<SourceReport>,
    /// The devices in the order of their first lines. Lines without a number, as other servers write them, are one
    /// device without a salt.
    pub devices: Vec<DeviceReport>,
    /// All devices as one.
    pub union: UnionReport,
    /// Lines that begin as an entry and do not end as one.
    pub torn: Sample<TornLine>,
    /// How many of them no gap entry declares.
    pub torn_undeclared: u64,
    /// How many of these are missing: no log has their entries whole.
    pub torn_missing: u64,
    /// Lines that are not entries.
    pub no_entries: Sample<LinePosition>,
}

/// Which losses count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judge {
    /// Those of each device: it must have every entry, or declare that it missed it.
    #[default]
    EachDevice,
    /// Those of all devices together: at least one must have every entry.
    Union,
}

/// Some of many: how many there are, and the first of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sample<T> {
    /// How many there are.
    pub count: u64,
    /// The first, as many as [`Options::examples`](crate::Options::examples) allows.
    pub first: Vec<T>,
}

/// One source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// How many bytes were read, before decompression.
    pub bytes: u64,
    /// How many lines it has.
    pub lines: u64,
    /// How many of them are entries, with gap and probe entries.
    pub entries: u64,
    /// Whether it is a log: it has an entry, or a torn line that a gap entry declares, or another source with entries has
    /// the same name except for what a rotation adds. Otherwise nothing can be said about it.
    pub is_log: bool,
}

/// One device: all lines of one salt.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct DeviceReport {
    /// The id of the salt; none for lines without a number.
    #[serde(serialize_with = "salt")]
    pub salt: Option<SaltId>,
    /// The names of the sources in which there are lines of it.
    pub sources: Vec<String>,
    /// Request entries, without gap and probe entries.
    pub requests: u64,
    /// Response entries.
    pub responses: u64,
    /// Requests with both entries.
    pub pairs: u64,
    /// The ids of requests without response.
    pub requests_alone: Sample<String>,
    /// The ids of responses without request.
    pub responses_alone: Sample<String>,
    /// Entries that occur more than once. This is not a loss: a device that reconnects may send an entry again.
    pub doubles: Sample<EntryNumber>,
    /// Lines after a line of the same source that has a larger number. This is not a loss: concurrent requests change
    /// places by a few numbers. Where the distance is larger, lines were moved.
    pub out_of_order: OutOfOrder,
    /// Gap entries.
    pub gaps: u64,
    /// How many missed entries they declare.
    pub missed: u64,
    /// Entries that count refused requests.
    pub refused_entries: u64,
    /// How many requests they count: these have no entries of their own.
    pub refused_requests: u64,
    /// Entries that were too long for the device and were shortened.
    pub elided: u64,
    /// Entries in pieces that are complete.
    pub split: u64,
    /// Entries of which pieces are missing: they count as missing.
    pub incomplete_parts: u64,
    /// Entries whose pieces do not have the SHA-256 of the whole: they count as missing.
    pub wrong_parts: u64,
    /// Start by start.
    pub boots: Vec<BootReport>,
}

/// One start of the server on one device, or on all.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct BootReport {
    /// The start.
    #[serde(serialize_with = "boot")]
    pub boot: Boot,
    /// How many entries of it the log has.
    pub entries: u64,
    /// The smallest number.
    pub first: Option<u64>,
    /// The largest number.
    pub last: Option<u64>,
    /// The missing numbers between the smallest and the largest number of this start in all sources.
    pub holes: RangeSample,
    /// The numbers that gap entries name.
    pub declared: RangeSample,
    /// The holes that no gap entry names.
    pub undeclared: RangeSample,
    /// The numbers that gap entries name although the log has them.
    pub surplus: RangeSample,
}

/// All devices as one.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct UnionReport {
    /// Request entries.
    pub requests: u64,
    /// Response entries.
    pub responses: u64,
    /// Requests with both entries.
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

/// Ranges of numbers: how many, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RangeSample {
    /// How many numbers.
    pub count: u64,
    /// In how many ranges.
    pub ranges: u64,
    /// The first ranges, ascending.
    #[serde(serialize_with = "ranges")]
    pub first: Vec<SeqRange>,
}

/// One entry by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EntryNumber {
    /// The start.
    #[serde(serialize_with = "boot")]
    pub boot: Boot,
    /// The number.
    pub seq: u64,
}

/// Lines that are not in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OutOfOrder {
    /// How many.
    pub count: u64,
    /// The one with the largest distance.
    pub farthest: Option<Misplaced>,
}

/// A line that comes after a line with a larger number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Misplaced {
    /// Where it is.
    #[serde(flatten)]
    pub position: LinePosition,
    /// Its number.
    pub entry: EntryNumber,
    /// The largest number before it; or one of another start, if lines of a later start are before it.
    pub after: EntryNumber,
}

/// The position of a line in a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinePosition {
    /// The name of the source.
    pub source: String,
    /// The number of the line, from 1.
    pub line: u64,
    /// Where it begins, in bytes, after decompression.
    pub offset: u64,
}

/// A line that begins as an entry and does not end as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TornLine {
    /// Where it is.
    #[serde(flatten)]
    pub position: LinePosition,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// Whether a gap entry declares a line of this length and this SHA-256.
    pub declared: bool,
    /// Whether it is not declared, and no log has a number after that of the line before it: the entry in it would have this
    /// number, and no hole shows that it is missing.
    pub missing: bool,
}

/// A request that was answered and lacks an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unanswered {
    /// Its id.
    pub id: String,
    /// Whether the logs have its request entry.
    pub request: bool,
    /// Whether the logs have its response entry.
    pub response: bool,
}

impl Report {
    /// Whether every entry is present, or its absence is declared by a gap entry:
    ///
    /// * there is a source, and each is a log;
    /// * no device has an undeclared hole (of [`Judge::Union`]: all devices together have none);
    /// * the pieces of each split entry have its SHA-256;
    /// * no log ends within an entry that is not declared and whole in no log;
    /// * each request that is known to have been answered has both entries;
    /// * where lines have no numbers: every response has its request, and no line is torn.
    pub fn is_complete(&self, judge: Judge) -> bool {
        let whole = |boots: &[BootReport]| boots.iter().all(|boot| boot.undeclared.count == 0);
        let devices = self.devices.iter().all(|device| whole(&device.boots) && device.wrong_parts == 0);
        let unnumbered = self.devices.iter().find(|device| device.salt.is_none());
        let logs = !self.sources.is_empty() && self.not_logs().next().is_none();
        logs && (judge == Judge::Union || devices)
            && whole(&self.union.boots)
            && self.torn_missing == 0
            && self.union.unanswered.count == 0
            && unnumbered.is_none_or(|device| device.responses_alone.count == 0 && self.torn_undeclared == 0)
    }

    /// The sources that are not logs: what they have is not known, and the check says nothing about them.
    pub fn not_logs(&self) -> impl Iterator<Item = &SourceReport> {
        self.sources.iter().filter(|source| !source.is_log)
    }

    /// The report as a value; docs/TRAIL.md has its keys. Numbers of starts and salts are 16 hex digits, as in a line.
    pub fn to_value(&self, judge: Judge) -> Value {
        // Every field has a form in JSON, so this cannot fail.
        let fields = serde_json::to_value(self).unwrap_or_default().as_object().cloned();
        let mut report = Object::from(fields.unwrap_or_default());
        report.insert("nothing_lost", self.is_complete(judge));
        report.insert("judged", if judge == Judge::Union { "union" } else { "each device" });
        report.into()
    }
}

impl RangeSample {
    pub(crate) fn of(set: &SeqSet, examples: usize) -> Self {
        let ranges = set.iter();
        Self { count: set.count(), ranges: ranges.len() as u64, first: ranges.take(examples).collect() }
    }
}

impl<T> Sample<T> {
    /// Counts one more, and keeps it while there are fewer than `examples`.
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

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn salt<S: Serializer>(salt: &Option<SaltId>, serializer: S) -> Result<S::Ok, S::Error> {
    salt.map(|salt| salt.to_string()).serialize(serializer)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn boot<S: Serializer>(boot: &Boot, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:016x}", boot.number()))
}

fn ranges<S: Serializer>(ranges: &[SeqRange], serializer: S) -> Result<S::Ok, S::Error> {
    serializer
        .collect_seq(ranges.iter().map(|range| BTreeMap::from([("from", range.from), ("to", range.to)])))
}
