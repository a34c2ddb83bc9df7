//! Takes rows and makes the report of them. Its memory is bounded: see `sketch`.
//! Never in it: reading, the page.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use onrecord_value::Time;

use super::changes;
use super::latency::Durations;
use super::model::{
    ActivityReport, Asked, Change, DeclaredGap, Login, Slow, Stamp, Totals, Verification, WhatWasRead,
};
use super::series::Timeline;
use super::sketch::{Counted, Sketch, cut};
use super::warnings;
use crate::query::{Field, Row, Sink, Summary, Zone};

/// How many slow requests are kept.
const SLOWEST: usize = 20;
/// How many changes, logins and gaps are kept.
const LISTED: usize = 1_000;
/// The version of the model.
pub(super) const MODEL: u32 = 1;
/// Between the method and the name of a login.
const BETWEEN: char = '\u{1f}';

/// What a report says beside what the rows say.
#[derive(Clone, Debug)]
pub struct ReportContext {
    /// When it is made.
    pub made: Time,
    /// The program and its version.
    pub program: String,
    /// The zone of its times.
    pub zone: Zone,
    /// The time that was asked for: from,
    pub since: Option<Time>,
    /// and until.
    pub until: Option<Time>,
    /// The names of the sources.
    pub sources: Vec<String>,
    /// Whether they were verified.
    pub verification: Verification,
}

/// Gathers a report from rows.
#[derive(Debug)]
pub struct ActivityBuilder {
    totals: Totals,
    timeline: Timeline,
    paths: Sketch,
    identities: Sketch,
    addresses: Sketch,
    operations: Sketch,
    mounts: Sketch,
    errors: Sketch,
    denied_paths: Sketch,
    logins: Sketch,
    durations: Durations,
    slowest: BinaryHeap<Reverse<Slow>>,
    changes: Vec<Change>,
}

impl Sink for ActivityBuilder {
    fn row(&mut self, row: &Row) -> ControlFlow<()> {
        self.add(row);
        ControlFlow::Continue(())
    }
}

impl ActivityBuilder {
    /// Without a row. Days and hours on its time line begin as they did in this zone at `near`.
    pub fn new(zone: &Zone, near: Time) -> Self {
        Self {
            totals: Totals::default(),
            timeline: Timeline::new(zone.offset_seconds(near)),
            paths: Sketch::default(),
            identities: Sketch::default(),
            addresses: Sketch::default(),
            operations: Sketch::default(),
            mounts: Sketch::default(),
            errors: Sketch::default(),
            denied_paths: Sketch::default(),
            logins: Sketch::default(),
            durations: Durations::default(),
            slowest: BinaryHeap::new(),
            changes: Vec::new(),
        }
    }

    /// Takes a row.
    pub fn add(&mut self, row: &Row) {
        let (at, denied) = (row.time(), row.denied());
        let text = |field| row.text(field).unwrap_or(Cow::Borrowed(""));
        let (operation, mount, error) = (text(Field::Operation), text(Field::Mount), text(Field::Error));
        let path = text(Field::Path);
        let typed = row.typed_path().unwrap_or(Cow::Borrowed(""));
        let failed = !error.is_empty() || row.number(Field::Status).is_some_and(|status| status >= 400);
        self.totals.requests += 1;
        self.totals.unanswered += u64::from(!row.is_answered());
        self.totals.denied += u64::from(denied);
        self.totals.errors += u64::from(failed);
        self.timeline.add(at, denied, failed);
        for (sketch, value) in [
            (&mut self.paths, &typed),
            (&mut self.identities, &text(Field::Who)),
            (&mut self.addresses, &text(Field::Address)),
            (&mut self.operations, &operation),
            (&mut self.mounts, &mount),
        ] {
            if !value.is_empty() {
                sketch.add(value, at, denied);
            }
        }
        if denied && !typed.is_empty() {
            self.denied_paths.add(&typed, at, true);
        }
        if failed {
            let known =
                if error.is_empty() { "(an error without a text)".to_owned() } else { one_line(&error) };
            self.errors.add(&known, at, denied);
        }
        self.time_taken(row, &typed, &operation);
        self.login(row, &operation, &path, &mount, failed);
        self.change(row, &operation, &path, &mount, failed);
    }

    fn time_taken(&mut self, row: &Row, path: &str, operation: &str) {
        let Some(nanos) = row.number(Field::Duration) else { return };
        self.durations.add(nanos);
        let is_slow = self.slowest.peek().is_none_or(|Reverse(least)| nanos > least.duration_ns);
        if !is_slow && self.slowest.len() >= SLOWEST {
            return;
        }
        self.slowest.push(Reverse(Slow {
            duration_ns: nanos,
            at: Stamp(row.time()),
            operation: operation.to_owned(),
            path: cut(path).into_owned(),
            who: short(row, Field::Who),
            id: short(row, Field::Id),
        }));
        if self.slowest.len() > SLOWEST {
            self.slowest.pop();
        }
    }

    fn login(&mut self, row: &Row, operation: &str, path: &str, mount: &str, failed: bool) {
        let Some(named) = changes::login(operation, path, mount) else { return };
        let issued = row.text(Field::Issued).is_some();
        let failed = failed || row.denied();
        if !issued && !failed {
            return;
        }
        self.totals.logins += u64::from(issued && !failed);
        self.totals.failed_logins += u64::from(failed);
        let name = if failed { named } else { short(row, Field::Who) };
        let mount = if mount.is_empty() { path } else { mount };
        self.logins.add(&format!("{}{BETWEEN}{name}", cut(mount)), row.time(), failed);
    }

    fn change(&mut self, row: &Row, operation: &str, path: &str, mount: &str, failed: bool) {
        let Some(kind) = changes::kind(operation, path, mount) else { return };
        self.totals.changes += 1;
        if self.changes.len() >= LISTED {
            return;
        }
        let outcome = match () {
            () if row.denied() => "denied",
            () if failed => "failed",
            () if row.is_answered() => "done",
            () => "unanswered",
        };
        self.changes.push(Change {
            at: Stamp(row.time()),
            kind,
            operation: operation.to_owned(),
            path: cut(path).into_owned(),
            who: short(row, Field::Who),
            address: short(row, Field::Address),
            id: short(row, Field::Id),
            outcome: outcome.to_owned(),
        });
    }

    /// The report.
    pub fn finish(self, summary: &Summary, context: ReportContext) -> ActivityReport {
        let stamps = |(first, last): (Time, Time)| (Stamp(first), Stamp(last));
        let mut changes = self.changes;
        changes.sort_by_key(|change| change.at);
        let more_changes = self.totals.changes.saturating_sub(changes.len() as u64);
        let mut slowest: Vec<Slow> = self.slowest.into_iter().map(|Reverse(slow)| slow).collect();
        slowest.sort_unstable_by(|one, other| other.cmp(one));
        let logins_are_partial = self.logins.is_partial();
        let logins = logins(self.logins);
        let totals = Totals {
            counted_refusals: summary.refused_requests,
            own_questions: summary.own_questions_left_out,
            ..self.totals
        };
        let gaps: Vec<DeclaredGap> = summary.gaps.iter().take(LISTED).map(gap).collect();
        let more_gaps = summary.more_gaps + (summary.gaps.len() - gaps.len()) as u64;
        let mut report = ActivityReport {
            model: MODEL,
            made: Stamp(context.made),
            program: context.program,
            zone: context.zone.name().unwrap_or("local time").to_owned(),
            asked: Asked { since: context.since.map(Stamp), until: context.until.map(Stamp) },
            covered: summary.covered.map(stamps),
            read: WhatWasRead {
                sources: context.sources,
                devices: summary.devices.clone(),
                bytes: summary.bytes,
                lines: summary.lines,
                entries: summary.entries,
                doubles: summary.doubles,
                not_entries: summary.not_entries,
            },
            warnings: Vec::new(),
            verification: context.verification,
            totals,
            series: self.timeline.into_series(),
            paths: self.paths.into_ranking(),
            identities: self.identities.into_ranking(),
            addresses: self.addresses.into_ranking(),
            operations: self.operations.into_ranking(),
            mounts: self.mounts.into_ranking(),
            errors: self.errors.into_ranking(),
            denied_paths: self.denied_paths.into_ranking(),
            latency: self.durations.summary(),
            slowest,
            logins,
            logins_are_partial,
            changes,
            more_changes,
            gaps,
            more_gaps,
            comparison: None,
        };
        let interrupted = summary.interrupted.then(warnings::interrupted);
        let of_logs = summary.warnings(context.since, context.until, &context.zone);
        let own = warnings::of_report(&report);
        report.warnings = interrupted.into_iter().chain(of_logs).chain(own).collect();
        report
    }
}

fn logins(sketch: Sketch) -> Vec<Login> {
    let login = |(text, counted): (Box<str>, Counted)| {
        let (method, name) = text.split_once(BETWEEN).unwrap_or((&text, ""));
        Login {
            method: method.to_owned(),
            name: name.to_owned(),
            succeeded: counted.count.saturating_sub(counted.over).saturating_sub(counted.marked),
            failed: counted.marked,
            first: Stamp(counted.first),
            last: Stamp(counted.last),
        }
    };
    sketch.into_sorted().into_iter().take(LISTED).map(login).collect()
}

fn gap(gap: &crate::query::Gap) -> DeclaredGap {
    DeclaredGap {
        device: gap.device.clone(),
        missed: gap.missed,
        missing: gap.missing,
        since: gap.since.map(Stamp),
        until: Stamp(gap.until),
        reason: cut(&gap.reason).into_owned(),
    }
}

/// An error on one line: some have tabs and line breaks for a terminal.
fn one_line(error: &str) -> String {
    cut(error).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text of a field, cut.
fn short(row: &Row, field: Field) -> String {
    row.text(field).map(|text| cut(&text).into_owned()).unwrap_or_default()
}
