//! A report as a value, to be printed as JSON.
//! Never in it: a fact that is not in the report.

use onrecord_value::{Object, Value, object};

use super::{
    BootReport, DeviceReport, EntryNumber, Judge, LinePosition, RangeSample, Report, Sample, SourceReport,
    TornLine, Unanswered, UnionReport,
};

impl Report {
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
