//! What the checker found: exact counts, and the first few examples of each kind.
//! Never in it: text of a log, except ids and names of files; how a report is printed.

use onrecord_entry::{Boot, SaltId, SeqRange, SeqSet};
use onrecord_value::{Object, Value, object};

/// What was found in all sources together.
#[derive(Clone, Debug, Default)]
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
    /// How many of them are entries, with gap and probe entries.
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
    /// Gap entries.
    pub gaps: u64,
    /// How many missed entries they declare.
    pub missed: u64,
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
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BootReport {
    /// The start.
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
#[derive(Clone, Debug, Default)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RangeSample {
    /// How many numbers.
    pub count: u64,
    /// In how many ranges.
    pub ranges: u64,
    /// The first ranges, ascending.
    pub first: Vec<SeqRange>,
}

/// One entry by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryNumber {
    /// The start.
    pub boot: Boot,
    /// The number.
    pub seq: u64,
}

/// The position of a line in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePosition {
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
    pub position: LinePosition,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// Whether a gap entry declares a line of this length and this SHA-256.
    pub declared: bool,
}

/// A request that was answered and lacks an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// * no device has an undeclared hole (of [`Judge::Union`]: all devices together have none);
    /// * the pieces of each split entry have its SHA-256;
    /// * each request that is known to have been answered has both entries;
    /// * where lines have no numbers: every response has its request, and no line is torn.
    pub fn is_complete(&self, judge: Judge) -> bool {
        let whole = |boots: &[BootReport]| boots.iter().all(|boot| boot.undeclared.count == 0);
        let devices = self.devices.iter().all(|device| whole(&device.boots) && device.wrong_parts == 0);
        let unnumbered = self.devices.iter().find(|device| device.salt.is_none());
        (judge == Judge::Union || devices)
            && whole(&self.union.boots)
            && self.union.unanswered.count == 0
            && unnumbered.is_none_or(|device| device.responses_alone.count == 0 && self.torn_undeclared == 0)
    }

    /// The report as a value; docs/TRAIL.md has its keys. Numbers of starts and salts are 16 hex digits, as in a line.
    pub fn to_value(&self, judge: Judge) -> Value {
        object! {
            "nothing_lost" => self.is_complete(judge),
            "judged" => match judge { Judge::EachDevice => "each device", Judge::Union => "union" },
            "sources" => list(&self.sources, source),
            "devices" => list(&self.devices, device),
            "union" => union(&self.union),
            "torn" => sample(&self.torn, torn),
            "torn_undeclared" => self.torn_undeclared,
            "no_entries" => sample(&self.no_entries, |at| position(at).into()),
        }
        .into()
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

fn list<T>(items: &[T], one: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(one).collect())
}

fn sample<T>(sample: &Sample<T>, one: impl Fn(&T) -> Value) -> Value {
    object! { "count" => sample.count, "first" => list(&sample.first, one) }.into()
}

fn source(source: &SourceReport) -> Value {
    object! {
        "name" => source.name.as_str(), "bytes" => source.bytes, "lines" => source.lines, "entries" => source.entries,
    }
    .into()
}

fn device(device: &DeviceReport) -> Value {
    object! {
        "salt" => device.salt.map_or(Value::Null, |salt| salt.to_string().into()),
        "sources" => device.sources.iter().collect::<Value>(),
        "requests" => device.requests,
        "responses" => device.responses,
        "pairs" => device.pairs,
        "requests_alone" => sample(&device.requests_alone, |id| id.as_str().into()),
        "responses_alone" => sample(&device.responses_alone, |id| id.as_str().into()),
        "doubles" => sample(&device.doubles, numbered),
        "gaps" => device.gaps,
        "missed" => device.missed,
        "elided" => device.elided,
        "split" => device.split,
        "incomplete_parts" => device.incomplete_parts,
        "wrong_parts" => device.wrong_parts,
        "boots" => list(&device.boots, boot),
    }
    .into()
}

fn union(union: &UnionReport) -> Value {
    object! {
        "requests" => union.requests,
        "responses" => union.responses,
        "pairs" => union.pairs,
        "requests_alone" => sample(&union.requests_alone, |id| id.as_str().into()),
        "responses_alone" => sample(&union.responses_alone, |id| id.as_str().into()),
        "unanswered" => sample(&union.unanswered, unanswered),
        "boots" => list(&union.boots, boot),
    }
    .into()
}

fn boot(boot: &BootReport) -> Value {
    object! {
        "boot" => format!("{:016x}", boot.boot.number()),
        "entries" => boot.entries,
        "first" => boot.first.map_or(Value::Null, Value::from),
        "last" => boot.last.map_or(Value::Null, Value::from),
        "holes" => spans(&boot.holes),
        "declared" => spans(&boot.declared),
        "undeclared" => spans(&boot.undeclared),
        "surplus" => spans(&boot.surplus),
    }
    .into()
}

fn spans(spans: &RangeSample) -> Value {
    let first = list(&spans.first, |span| object! { "from" => span.from, "to" => span.to }.into());
    object! { "count" => spans.count, "ranges" => spans.ranges, "first" => first }.into()
}

fn numbered(one: &EntryNumber) -> Value {
    object! { "boot" => format!("{:016x}", one.boot.number()), "seq" => one.seq }.into()
}

fn position(at: &LinePosition) -> Object {
    object! { "source" => at.source.as_str(), "line" => at.line, "offset" => at.offset }
}

fn torn(torn: &TornLine) -> Value {
    let mut object = position(&torn.position);
    object.insert("bytes", torn.bytes);
    object.insert("declared", torn.declared);
    object.into()
}

fn unanswered(one: &Unanswered) -> Value {
    object! { "id" => one.id.as_str(), "request" => one.request, "response" => one.response }.into()
}
