//! `log stats`: an overview of logs: how many requests of which kind, by whom, how fast, hour by hour.
//! Never in it: single requests.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::ops::ControlFlow;

use onrecord_trail::query::{Field, Filter, Row, Summary};
use onrecord_value::{Time, Value};

use super::answer::{Answer, count};
use super::groups::by_value;
use super::question::{FILTER, OWN_QUESTIONS, Question, SINCE, TZ, UNTIL, ask, question};
use super::row_cells::{duration, short};
use super::tally::Tally;
use super::token_salts::TokenSalts;
use crate::command::{Command, CommandResult, Invocation, Output, Session};
use crate::printer::sheet::{Cell, Sheet};

/// Up to this many different values are counted exactly: 8 bytes each.
const DIFFERENT_MAX: usize = 500_000;
/// At most this many hours have a line of their own.
const HOURS_MAX: usize = 1000;
const HOUR: i128 = 3_600_000_000_000;
/// How many values of each field are shown.
const TOP: usize = 5;
const BARS: usize = 30;
const COUNTED: [Field; 4] = [Field::Who, Field::Path, Field::Address, Field::Token];
const KINDS: [Field; 3] = [Field::Operation, Field::MountType, Field::Status];

pub(crate) const COMMAND: Command = Command::new("log stats", "[FILE...]", "Show an overview of audit logs", run)
    .about(
        "Shows how many requests there are, how many were refused or failed, how many different people, paths, addresses and \
         tokens, how long requests took, and how many came in each hour.\n\nFILE is an audit log of this server, of Vault or of \
         OpenBao, plain or compressed. Without a FILE the server is asked for its file devices.",
    )
    .examples(&[
        ("An overview of a day:", "log stats -since=2026-11-20 -until=2026-11-21 audit.log*"),
        ("What one person did:", "log stats -filter=who=userpass-ann audit.log"),
    ])
    .output(Output::Rows)
    .flags(&[FILTER, OWN_QUESTIONS, SINCE, TZ, UNTIL]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let question = question(session, invocation, |_| Ok(Filter::all()), &invocation.arguments)?;
    let mut stats = Stats::new();
    let (summary, ended) = ask(session, &question, &mut |_, row| {
        stats.add(row);
        ControlFlow::Continue(())
    })?;
    let mut answer = Answer::new(&question, &summary, ended, &count(summary.rows, "request", "requests"));
    stats.show(&mut answer, &question, &summary);
    answer.show(session)
}

struct Stats {
    refused: u64,
    failed: u64,
    logins: u64,
    issued: u64,
    different: Vec<Different>,
    kinds: Vec<Tally>,
    tops: Vec<Tally>,
    salts: TokenSalts,
    durations: Durations,
    hours: BTreeMap<i128, (u64, u64)>,
    hours_left_out: u64,
}

impl Stats {
    fn new() -> Self {
        Self {
            refused: 0,
            failed: 0,
            logins: 0,
            issued: 0,
            different: COUNTED.iter().map(|_| Different::new(DIFFERENT_MAX)).collect(),
            kinds: KINDS.iter().map(|_| Tally::new()).collect(),
            tops: COUNTED.iter().map(|_| Tally::new()).collect(),
            salts: TokenSalts::default(),
            durations: Durations::default(),
            hours: BTreeMap::new(),
            hours_left_out: 0,
        }
    }

    fn add(&mut self, row: &Row) {
        let denied = row.denied();
        let failed =
            row.number(Field::Status).is_some_and(|status| status >= 400) || row.text(Field::Error).is_some();
        self.refused += u64::from(denied);
        self.failed += u64::from(failed && !denied);
        let issued = row.text(Field::Issued).is_some();
        let is_token = row.text(Field::MountType).as_deref() == Some("token");
        self.issued += u64::from(issued && is_token);
        self.logins += u64::from(issued && !is_token);
        for ((field, different), top) in COUNTED.iter().zip(&mut self.different).zip(&mut self.tops) {
            // A token that is not valid is not one more.
            let text = if *field == Field::Token { row.accessor() } else { row.text(*field) };
            if let Some(text) = text {
                self.salts.note(row, [text.as_ref()]);
                different.add(&text);
                top.add(vec![text.into_owned()], row);
            }
        }
        for (field, kind) in KINDS.iter().zip(&mut self.kinds) {
            if let Some(text) = row.text(*field) {
                kind.add(vec![text.into_owned()], row);
            }
        }
        if let Some(nanos) = row.number(Field::Duration) {
            self.durations.add(nanos.unsigned_abs());
        }
        let hour = row.time().unix_nanos().div_euclid(HOUR);
        if self.hours.len() < HOURS_MAX || self.hours.contains_key(&hour) {
            let (requests, refused) = self.hours.entry(hour).or_default();
            *requests += 1;
            *refused += u64::from(denied);
        } else {
            self.hours_left_out += 1;
        }
    }

    fn show(self, answer: &mut Answer, question: &Question, summary: &Summary) {
        answer.warnings.extend(self.salts.warning());
        let mut sheet = Sheet::new([("what", "What"), ("count", "Count")]);
        let mut line = |what: &str, shown: &str, value: Value| {
            sheet.rows.push(vec![Cell::text(what), Cell::new(shown, value)]);
        };
        let counts = [
            ("requests", summary.rows),
            ("refused by policies or without a valid token", self.refused),
            ("failed otherwise", self.failed),
            ("without answer", summary.unanswered),
            ("logins", self.logins),
            ("tokens issued otherwise", self.issued),
        ];
        for (what, number) in counts {
            line(what, &number.to_string(), number.into());
        }
        for (what, different) in
            ["people and services", "paths", "addresses", "tokens"].iter().zip(&self.different)
        {
            line(&format!("different {what}"), &different.shown(), (different.seen.len() as u64).into());
            answer.warnings.extend(different.warning(what));
        }
        for (what, nanos) in self.durations.quantiles() {
            line(what, &duration(nanos), nanos.into());
        }
        if !summary.devices.is_empty() {
            line(
                "salts of devices",
                &summary.devices.len().to_string(),
                (summary.devices.len() as u64).into(),
            );
        }
        answer.sheet("stats", "", sheet);
        let zone = &question.context.zone;
        for (field, kind) in KINDS.iter().zip(self.kinds) {
            answer.sheet(
                field.name(),
                format!("By {}", field.name().replace('_', " ")),
                by_value(*field, kind, TOP * 4, zone, short),
            );
        }
        for (field, top) in COUNTED.iter().zip(self.tops).take(3) {
            answer.warnings.extend(top.warning(field.name()));
            answer.sheet(
                field.name(),
                format!("Most requests by {}", field.name()),
                by_value(*field, top, TOP, zone, short),
            );
        }
        if self.hours_left_out > 0 {
            answer.warnings.push(format!(
                "{} of further hours are not in the table of hours, which has {HOURS_MAX}.",
                count(self.hours_left_out, "request", "requests")
            ));
        }
        answer.sheet("hours", "By hour", hours(&self.hours, zone));
    }
}

fn hours(hours: &BTreeMap<i128, (u64, u64)>, zone: &onrecord_trail::query::Zone) -> Sheet {
    let mut sheet =
        Sheet::new([("hour", "Hour"), ("requests", "Requests"), ("refused", "Refused"), ("", "")]);
    if let Some(bars) = sheet.columns.last_mut() {
        " ".clone_into(&mut bars.title);
    }
    let most = hours.values().map(|(requests, _)| *requests).max().unwrap_or(1).max(1);
    for (hour, (requests, refused)) in hours {
        let time = Time::from_unix_nanos(hour * HOUR);
        let width = usize::try_from(requests * BARS as u64 / most).unwrap_or(BARS).max(1);
        sheet.rows.push(vec![
            Cell::new(&zone.show(time, 0), time.to_string()),
            Cell::count(*requests),
            Cell::count(*refused),
            Cell::new(&"█".repeat(width), Value::Null),
        ]);
    }
    sheet
}

/// Different texts, by hashes of them.
struct Different {
    seen: HashSet<u64>,
    hasher: RandomState,
    most: usize,
    more: bool,
}

impl Different {
    fn new(most: usize) -> Self {
        Self { seen: HashSet::new(), hasher: RandomState::new(), most, more: false }
    }

    fn add(&mut self, text: &str) {
        let hash = self.hasher.hash_one(text);
        if self.seen.len() < self.most {
            self.seen.insert(hash);
        } else {
            self.more |= !self.seen.contains(&hash);
        }
    }

    fn shown(&self) -> String {
        format!("{}{}", if self.more { "more than " } else { "" }, self.seen.len())
    }

    /// Said above the counts: a number alone, as programs get it, does not show that it is a bound.
    fn warning(&self, what: &str) -> Option<String> {
        self.more.then(|| {
            format!("There are more than {} different {what}: they are not counted further.", self.most)
        })
    }
}

/// Durations in steps of an eighth of their size.
struct Durations {
    steps: Vec<u64>,
    count: u64,
    longest: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self { steps: vec![0; 8 * 64], count: 0, longest: 0 }
    }
}

impl Durations {
    fn add(&mut self, nanos: u64) {
        let at = usize::try_from(step(nanos)).unwrap_or_default();
        if let Some(step) = self.steps.get_mut(at) {
            *step += 1;
        }
        self.count += 1;
        self.longest = self.longest.max(nanos);
    }

    /// The median, the 99th percentile and the longest; an upper bound of the step for the first two.
    fn quantiles(&self) -> Vec<(&'static str, i64)> {
        if self.count == 0 {
            return Vec::new();
        }
        let at = |part: u64| {
            let wanted = self.count * part / 100;
            let mut before = 0;
            let found = self.steps.iter().position(|count| {
                before += count;
                before > wanted
            });
            found.map_or(self.longest, |found| end_of(found as u64).min(self.longest))
        };
        let signed = |nanos: u64| i64::try_from(nanos).unwrap_or(i64::MAX);
        vec![
            ("half of the requests took at most", signed(at(50))),
            ("99 of 100 took at most", signed(at(99))),
            ("the longest took", signed(self.longest)),
        ]
    }
}

fn step(nanos: u64) -> u64 {
    let size = u64::from(nanos.max(8).ilog2());
    size * 8 + ((nanos.max(8) >> (size - 3)) & 7)
}

fn end_of(step: u64) -> u64 {
    let (size, eighth) = (step / 8, step % 8);
    // The step below the smallest is not used.
    let unit = size.saturating_sub(3);
    (8 + eighth + 1).checked_shl(u32::try_from(unit).unwrap_or(0)).unwrap_or(u64::MAX).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_different_texts_than_are_counted_are_said_in_words() {
        let mut different = Different::new(2);
        for text in ["a", "b", "a"] {
            different.add(text);
        }
        assert_eq!((different.shown().as_str(), different.warning("paths")), ("2", None));
        different.add("c");
        assert_eq!(different.shown(), "more than 2");
        assert_eq!(
            different.warning("paths").unwrap(),
            "There are more than 2 different paths: they are not counted further."
        );
    }

    #[test]
    fn a_duration_is_within_its_step() {
        for nanos in [8, 9, 15, 16, 17, 1000, 1_234_567, u64::from(u32::MAX)] {
            let end = end_of(step(nanos));
            assert!(end >= nanos && end <= nanos + nanos / 8 + 1, "{nanos} {end}");
        }
    }
}
