//! A plain evaluation: every line is decoded, one after the other.
//! Never in it: speed.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use onrecord_entry::{EntryType, decode};
use onrecord_value::Time;

use super::row::{At, Position, Row};
use super::{Gap, Query, Sink, Summary};
use crate::check::{CheckError, Progress};
use crate::input::Input;
use crate::lines::Lines;

pub(super) fn run(inputs: Vec<Input>, query: &Query, sink: &mut dyn Sink) -> Result<Summary, CheckError> {
    let mut run =
        Run { query, sink, summary: Summary::default(), pending: HashMap::new(), order: Vec::new() };
    for input in inputs {
        let name = input.name().to_owned();
        let opened = input.open().map_err(|error| CheckError { name: name.clone(), error })?;
        let source: Arc<str> = name.as_str().into();
        let mut lines = Lines::new(opened.reader);
        let mut number = 0;
        loop {
            let line = match lines.next() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    let damaged = super::DamagedSource { name, reason: error.to_string(), lines: number };
                    run.summary.damaged.push(damaged);
                    break;
                }
            };
            number += 1;
            run.summary.lines += 1;
            let position = Position { source: Arc::clone(&source), line: number };
            let progress = Progress { source: &source, read: opened.taken.get(), total: opened.total };
            let ended = run.line(line.text, position).is_break()
                || number % 1000 == 0 && run.sink.progress(&progress).is_break();
            if ended {
                run.summary.interrupted = true;
                return Ok(run.summary);
            }
        }
        run.summary.bytes += opened.taken.get();
    }
    for id in std::mem::take(&mut run.order) {
        let Some(row) = run.pending.remove(&id) else { continue };
        if run.deliver(&row).is_break() {
            run.summary.interrupted = true;
            break;
        }
    }
    Ok(run.summary)
}

struct Run<'r> {
    query: &'r Query,
    sink: &'r mut dyn Sink,
    summary: Summary,
    pending: HashMap<String, Row>,
    order: Vec<String>,
}

impl Run<'_> {
    fn line(&mut self, line: &[u8], position: Position) -> ControlFlow<()> {
        let Ok(decoded) = decode(line) else {
            self.summary.not_entries += u64::from(!line.iter().all(u8::is_ascii_whitespace));
            return ControlFlow::Continue(());
        };
        let entry = decoded.entry();
        let time = decoded.time();
        self.cover(time);
        if let Some(gap) = &entry.gap {
            let device = decoded.record().map(|record| record.device_id().to_string()).unwrap_or_default();
            self.summary.gaps.push(Gap {
                device,
                missed: gap.missed,
                since: gap.since,
                until: time,
                reason: gap.reason.as_str().to_owned(),
            });
            return ControlFlow::Continue(());
        }
        self.summary.entries += 1;
        let id = entry.request.id.as_str().to_owned();
        let is_answer = entry.entry_type() == EntryType::Response;
        let line = (self.query.keep_lines || !self.query.filter.texts.is_empty()).then(|| line.into());
        let object = decoded.object().clone();
        if !is_answer {
            let at = At { request: Some(position), response: None };
            let row = Row { object, answered: false, time, at, request_line: line, response_line: None };
            self.order.push(id.clone());
            self.pending.insert(id, row);
            return ControlFlow::Continue(());
        }
        let request = self.pending.remove(&id);
        let time = request.as_ref().map_or(time, |request| request.time);
        let (at, request_line) =
            request.map(|request| (request.at, request.request_line)).unwrap_or_default();
        let at = At { response: Some(position), ..at };
        self.deliver(&Row { object, answered: true, time, at, request_line, response_line: line })
    }

    fn cover(&mut self, time: Time) {
        let (first, last) = self.summary.covered.unwrap_or((time, time));
        self.summary.covered = Some((first.min(time), last.max(time)));
    }

    fn deliver(&mut self, row: &Row) -> ControlFlow<()> {
        let texts = &self.query.filter.texts;
        let has = |line: &Option<Box<[u8]>>| {
            let line = line.as_deref().unwrap_or_default();
            texts.iter().any(|text| memchr::memmem::find(line, text).is_some())
        };
        let contains = texts.is_empty() || has(&row.request_line) || has(&row.response_line);
        if !contains || !self.query.covers(row.time) || !self.query.filter.matches(row) {
            return ControlFlow::Continue(());
        }
        self.summary.rows += 1;
        self.summary.unanswered += u64::from(!row.answered);
        self.sink.row(row)
    }
}
