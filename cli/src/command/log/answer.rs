//! What is said around an answer: above it all that makes it less than the whole truth, below it what it rests on. An answer
//! never looks more complete than its log.
//! Never in it: the rows.

pub(super) use onrecord_trail::query::count;
use onrecord_trail::query::{Query, Summary};
use onrecord_value::printable::{printable, printable_json};
use onrecord_value::{Object, Value};

use super::question::{Ended, Question};
use super::verify_hint::not_verified_line;
use crate::command::{CommandResult, Failure, Session};
use crate::printer::sheet::{Sheet, safe_value};
use crate::printer::{Format, Node, json, wrap, yaml};
use crate::session::Verdict;

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
    /// The exit code, if some file could be read.
    code: CommandResult,
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
            code: question.exit_code(summary, ended),
        }
    }

    pub(super) fn sheet(&mut self, name: &'static str, title: impl Into<String>, sheet: Sheet) {
        self.sheets.push((name, title.into(), sheet));
    }

    /// Prints it, and ends the command.
    pub(super) fn show(mut self, session: &mut Session<'_>) -> CommandResult {
        let code = std::mem::replace(&mut self.code, Ok(0))?;
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
        Ok(code)
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
    let interrupted = (ended == Ended::Interrupted).then(|| {
        "Interrupted: only a part of the logs was read. This is what was found until then.".to_owned()
    });
    let Query { since, until, .. } = question.query;
    let of_logs = summary.warnings(since, until, &question.context.zone);
    let texts = of_logs.into_iter().map(|warning| printable(&warning.text));
    interrupted.into_iter().chain(texts).chain([not_verified_line(&question.files)]).collect()
}
