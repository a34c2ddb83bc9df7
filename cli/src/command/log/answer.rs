//! What is said around an answer: above it all that makes it less than the whole truth, below it what it rests on. An answer
//! never looks more complete than its log.
//! Never in it: the rows.

use std::path::Path;

use onrecord_trail::query::{Gap, Summary, Zone};
use onrecord_trail::verify::TreeFolder;
use onrecord_value::printable::{printable, printable_json};
use onrecord_value::{Object, Value};

use super::question::{Ended, Question};
use crate::command::{CommandResult, Failure, Session};
use crate::interrupt::INTERRUPTED;
use crate::printer::sheet::{Sheet, safe_value};
use crate::printer::{Format, Node, json, wrap, yaml};
use crate::session::Verdict;

/// At most this many gaps are named one by one.
const GAPS_NAMED: usize = 5;

/// An answer before it is printed.
pub(super) struct Answer {
    /// For people, in the order of the page: a title, which may be empty, and a sheet. `jsonl` and `csv` print the first.
    pub(super) sheets: Vec<(&'static str, String, Sheet)>,
    /// Values beside the sheets, for programs.
    pub(super) values: Vec<(&'static str, Value)>,
    /// Said above the answer.
    pub(super) warnings: Vec<String>,
    /// Said below the answer: what to do next.
    pub(super) hints: Vec<String>,
    /// The last line.
    pub(super) last: String,
    pub(super) ended: Ended,
}

impl Answer {
    /// An answer with what a summary has to say; `counted` is what was found, such as `3 requests`.
    pub(super) fn new(question: &Question, summary: &Summary, ended: Ended, counted: &str) -> Self {
        let values = vec![
            ("covered", covered(summary)),
            ("own_questions_left_out", summary.own_questions_left_out.into()),
            ("interrupted", (ended == Ended::Interrupted).into()),
        ];
        Self {
            sheets: Vec::new(),
            values,
            warnings: warnings(question, summary, ended),
            hints: Vec::new(),
            last: last(question, summary, counted),
            ended,
        }
    }

    pub(super) fn sheet(&mut self, name: &'static str, title: impl Into<String>, sheet: Sheet) {
        self.sheets.push((name, title.into(), sheet));
    }

    /// Prints it, and ends the command.
    pub(super) fn show(self, session: &mut Session<'_>) -> CommandResult {
        match session.format {
            Format::Jsonl | Format::Csv => self.rows_alone(session)?,
            Format::Json | Format::Yaml => {
                let text = match session.format {
                    // YAML has no escape for these characters that stays within a plain text.
                    Format::Yaml => yaml::text(&self.node(safe_value)),
                    _ => printable_json(&json::text(&self.node(Value::clone))),
                };
                session.print(&format!("{}\n", text.trim_end_matches('\n')))?;
            }
            Format::Table | Format::Raw => self.page(session)?,
        }
        Ok(if self.ended == Ended::Interrupted { INTERRUPTED } else { 0 })
    }

    fn page(&self, session: &mut Session<'_>) -> Result<(), Failure> {
        let width = session.process.columns();
        let fitted = |text: &str| match width {
            Some(width) => wrap(text, width).join("\n"),
            None => text.to_owned(),
        };
        let mut parts = Vec::new();
        if !self.warnings.is_empty() {
            let lines: Vec<String> = self.warnings.iter().map(|line| fitted(&format!("! {line}"))).collect();
            parts.push(session.paint(Verdict::Doubtful, &lines.join("\n")));
        }
        for (_, title, sheet) in self.sheets.iter().filter(|(_, _, sheet)| !sheet.rows.is_empty()) {
            let table = sheet.table(width);
            parts.push(if title.is_empty() { table } else { format!("{}\n\n{table}", fitted(title)) });
        }
        if !self.hints.is_empty() {
            // Not broken: they have commands to be copied.
            parts.push(self.hints.join("\n"));
        }
        parts.push(fitted(&self.last));
        session.print_line(&parts.join("\n\n"))
    }

    fn rows_alone(&self, session: &mut Session<'_>) -> Result<(), Failure> {
        let Some((_, _, sheet)) = self.sheets.first() else { return Ok(()) };
        let csv = session.format == Format::Csv;
        let mut text = if csv { sheet.csv_head() } else { String::new() };
        for row in &sheet.rows {
            text.push_str(&if csv { Sheet::csv_line(row) } else { sheet.json_line(row) });
        }
        session.print(&text)?;
        self.say_aside(session)
    }

    /// What is to be said, on standard error.
    pub(super) fn say_aside(&self, session: &mut Session<'_>) -> Result<(), Failure> {
        for warning in &self.warnings {
            session.warn(&format!("! {warning}"))?;
        }
        session.note(&self.last)
    }

    fn node(&self, safe: fn(&Value) -> Value) -> Node {
        let texts = |list: &[String]| list.iter().map(String::as_str).collect::<Value>();
        let mut node = Node::record([("warnings", texts(&self.warnings).into())]);
        for (name, value) in &self.values {
            node.push(name, safe(value));
        }
        for (name, _, sheet) in &self.sheets {
            node.push(name, safe(&sheet.value()));
        }
        if !self.hints.is_empty() {
            node.push("hints", texts(&self.hints));
        }
        node
    }
}

fn covered(summary: &Summary) -> Value {
    summary.covered.map_or(Value::Null, |(from, to)| {
        let mut object = Object::new();
        object.insert("from", from.to_string());
        object.insert("to", to.to_string());
        object.into()
    })
}

/// `1 request`, `2 requests`.
pub(super) fn count(number: u64, one: &str, more: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {more}") }
}

fn last(question: &Question, summary: &Summary, counted: &str) -> String {
    let mut text = format!("{counted}.");
    let own = summary.own_questions_left_out;
    if own > 0 {
        let questions = count(own, "question to the log itself is", "questions to the log itself are");
        let more = format!(" {questions} left out (-own-questions shows them).");
        text.push_str(&more);
    }
    if let Some((from, to)) = summary.covered {
        let show = |time| question.context.zone.show(time, 0);
        let more = format!(
            " The logs are from {} to {}, {}.",
            show(from),
            show(to),
            count(summary.entries, "entry", "entries")
        );
        text.push_str(&more);
    }
    text
}

fn warnings(question: &Question, summary: &Summary, ended: Ended) -> Vec<String> {
    let mut list = Vec::new();
    if ended == Ended::Interrupted {
        list.push(
            "Interrupted: only a part of the logs was read. This is what was found until then.".to_owned(),
        );
    }
    list.extend(not_covered(question, summary, ended));
    list.extend(gaps(summary, &question.context.zone));
    list.extend(holes(summary));
    list.extend(damage(summary));
    list.extend(unverified(&question.files));
    list
}

fn not_covered(question: &Question, summary: &Summary, ended: Ended) -> Vec<String> {
    let show = |time| question.context.zone.show(time, 0);
    let Some((from, to)) = summary.covered else {
        return vec!["The logs have no entry.".to_owned()];
    };
    let mut list = Vec::new();
    if let Some(since) = question.query.since.filter(|since| *since < from) {
        list.push(format!(
            "Not covered: the logs begin at {}; of the time from {} on nothing is known.",
            show(from),
            show(since)
        ));
    }
    if let Some(since) = question.query.since.filter(|since| *since > to) {
        list.push(format!("Not covered: the logs end at {}, before {}.", show(to), show(since)));
    }
    if let Some(until) = question.query.until.filter(|until| *until > to && ended == Ended::Whole) {
        list.push(format!(
            "Not covered: the logs end at {}; of the time until {} nothing is known.",
            show(to),
            show(until)
        ));
    }
    list
}

fn gaps(summary: &Summary, zone: &Zone) -> Vec<String> {
    let (gaps, more) = (&summary.gaps, summary.more_gaps);
    let others = match summary.devices.len() {
        0 | 1 => "Another device's log may have them.",
        _ => "The other logs that are given may have them.",
    };
    let line = |gap: &Gap| {
        let from = gap.since.map_or_else(|| "an unknown time".to_owned(), |since| zone.show(since, 0));
        let reason =
            if gap.reason.is_empty() { String::new() } else { format!(" ({})", printable(&gap.reason)) };
        format!(
            "Gap: device {} missed {} from {from} to {}{reason}. {others}",
            printable(&gap.device),
            count(gap.missed, "entry", "entries"),
            zone.show(gap.until, 0)
        )
    };
    let missed: Vec<&Gap> = gaps.iter().filter(|gap| gap.missed > 0).collect();
    let mut list: Vec<String> = missed.iter().take(GAPS_NAMED).map(|gap| line(gap)).collect();
    let rest = more + missed.len().saturating_sub(GAPS_NAMED) as u64;
    if rest > 0 {
        list.push(format!(
            "{} of devices lie in this time, too.",
            count(rest, "further gap", "further gaps")
        ));
    }
    list
}

fn holes(summary: &Summary) -> Vec<String> {
    let mut list = Vec::new();
    let mut say = |number: u64, one: &str, more: &str, rest: &str| {
        if number > 0 {
            list.push(format!("{} {rest}", count(number, one, more)));
        }
    };
    say(
        summary.unanswered,
        "request has",
        "requests have",
        "no answer in these logs: the effect is unknown.",
    );
    say(
        summary.answers_alone,
        "answer has",
        "answers have",
        "no request entry in these logs; the time is that of the answer.",
    );
    say(
        summary.missing,
        "entry is",
        "entries are",
        "missing in these logs and declared by no gap entry: `log check` names them.",
    );
    say(
        summary.refused_requests,
        "refused request is",
        "refused requests are",
        "only counted, without entries of their own (sys/audit/refused).",
    );
    list
}

fn damage(summary: &Summary) -> Vec<String> {
    let mut list: Vec<String> = summary
        .damaged
        .iter()
        .map(|source| {
            let (name, reason) = (printable(&source.name), printable(&source.reason));
            format!("{name} could be read only up to line {}: {reason}.", source.lines)
        })
        .collect();
    let mut say = |number: u64, one: &str, more: &str| {
        if number > 0 {
            list.push(format!("{}.", count(number, one, more)));
        }
    };
    say(summary.not_entries, "line is not an audit entry", "lines are not audit entries");
    say(summary.too_long, "line is too long to be read", "lines are too long to be read");
    say(summary.torn, "entry is torn: its end is missing", "entries are torn: their ends are missing");
    say(
        summary.incomplete_parts,
        "entry that was sent in parts is incomplete",
        "entries that were sent in parts are incomplete",
    );
    say(
        summary.elided,
        "entry was shortened by its device: it may lack fields",
        "entries were shortened by their device: they may lack fields",
    );
    if summary.join_is_partial {
        list.push(
            "Too many requests were in flight at once: some are shown without their answer.".to_owned(),
        );
    }
    list
}

/// That nothing here was verified, and the command that does it.
fn unverified(files: &[String]) -> Vec<String> {
    let trees: Vec<&String> =
        files.iter().filter(|file| TreeFolder::beside(Path::new(file.as_str())).is_some()).collect();
    match trees.first() {
        None => vec![
            "Not verified: no tree (FILE.tlog) lies beside these logs, so that a changed line would not be noticed."
                .to_owned(),
        ],
        Some(file) => vec![format!(
            "Not verified. To see whether a line was changed: onrecord log verify -key=server.keys {}",
            printable(&super::shell::word(file))
        )],
    }
}
