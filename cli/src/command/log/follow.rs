//! `log follow`: requests as they are recorded, each with its answer, until Ctrl-C.
//! Never in it: how a file that grows is read (`tail`), and how its lines are joined (`joiner`).

mod joiner;
mod parts;

use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use onrecord_trail::Input;
use onrecord_trail::query::{Field, Filter, Row, run as run_query};
use onrecord_trail::verify::TreeFolder;
use onrecord_value::printable::printable;

use super::answer::count;
use super::question::{FILTER, OWN_QUESTIONS, Question, SINCE, TZ, question};
use super::row_cells::{Shown, cells, columns, sheet};
use super::tail::{Tail, TailEvent};
use super::{limit, unreadable};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session};
use crate::interrupt::{self, INTERRUPTED};
use crate::printer::Format;
use crate::printer::sheet::{Cell, Sheet};
use crate::session::Verdict;
use joiner::Joiner;

/// How often the files are looked at.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) const COMMAND: Command =
    Command::new("log follow", "[FILE...]", "Show requests as audit logs record them", run)
        .about(
            "Shows requests as they are recorded, each with its answer in one line, until Ctrl-C. A file is followed over rotation, \
             replacement and truncation, and is only read: its writer never waits. A request without an answer is shown after 10 \
             seconds. With -since it begins with requests of before; rotated files beside FILE that are not compressed are read, too, and \
             what was left out is said. Entries that a device sent in parts are put together.\n\nFILE is an audit log of this server, of Vault or of OpenBao, \
             in JSON or JSONx. Without a FILE the server is asked for its file devices. -format=jsonl prints a line of JSON for \
             each request, for other programs.",
        )
        .examples(&[
            ("What is happening now:", "log follow /var/log/audit.log"),
            ("What is refused, from ten minutes ago on:", "log follow -since=-10m -filter=denied /var/log/audit.log"),
            ("One person's requests, as JSON lines:", "log follow -format=jsonl -filter=who=userpass-ann audit.log"),
        ])
        .output(Output::Rows)
        .flags(&[
            Flag::text("fields", "Fields to show, separated by commas, as for `log search`."),
            FILTER,
            Flag::integer("limit", "End after so many requests; 0 for never.").default("0"),
            OWN_QUESTIONS,
            SINCE,
            TZ,
        ]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    if matches!(session.format, Format::Json | Format::Yaml) {
        return Err(unreadable(
            "An answer without an end is not one document: use -format=jsonl, csv or table",
        ));
    }
    let mut question = question(session, invocation, |_| Ok(Filter::all()), &invocation.arguments)?;
    let columns = columns(invocation.text("fields"), session.format == Format::Table)?;
    let most = limit(invocation)?.filter(|limit| *limit > 0);
    let since = question.query.since;
    // A pattern such as audit.log* also names the tree of a log.
    question.files.retain(|file| !TreeFolder::is_one(Path::new(file)));
    let tails = question.files.iter().map(|file| {
        let opened = Tail::open(Path::new(file), since);
        opened.map_err(|error| unreadable(printable(&format!("{file} cannot be followed: {error}"))))
    });
    let mut tails: Vec<Tail> = tails.collect::<Result<_, _>>()?;
    interrupt::watch();
    let sheet = sheet(&columns);
    let mut page = Page { columns, sheet, most, shown: 0 };
    if session.format == Format::Csv {
        session.print(&page.sheet.csv_head())?;
    }
    for unread in tails.iter().flat_map(|tail| &tail.unread) {
        session.warn(&printable(&format!(
            "! Left out of the time from -since on: {unread}. `log search` reads it."
        )))?;
    }
    if session.process.stderr_is_terminal {
        session.note("Following; Ctrl-C ends it.")?;
    }
    session.flush()?;
    let (mut joiner, mut caught_up) = (Joiner::new(since), false);
    loop {
        let more = read(session, &question, &mut tails, &mut joiner)?;
        if !more && !std::mem::replace(&mut caught_up, true) {
            say_coverage(session, &question, &joiner)?;
        }
        joiner.give_up(Instant::now());
        let done = page.print(session, &question, joiner.take_ready())?;
        if done.is_break() {
            return Ok(0);
        }
        if interrupt::seen() {
            return end(session, &page, &joiner, &tails);
        }
        if !more {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Reads what is new, and says what happened to the files.
fn read(
    session: &mut Session<'_>,
    question: &Question,
    tails: &mut [Tail],
    joiner: &mut Joiner,
) -> Result<bool, Failure> {
    let (mut more, now) = (false, Instant::now());
    for (tail, name) in tails.iter_mut().zip(&question.files) {
        let (mut lines, mut events) = (Vec::new(), Vec::new());
        more |= tail
            .poll(&mut lines, &mut events)
            .map_err(|error| unreadable(printable(&format!("{name} cannot be followed: {error}"))))?;
        for line in lines {
            joiner.take(line, now);
        }
        for event in events {
            let name = printable(name);
            match event {
                TailEvent::Rotated => session.note(&format!("{name}: another file has the name now."))?,
                TailEvent::Truncated => {
                    session.warn(&format!(
                        "! {name} was truncated: entries may be lost. It is read from its beginning."
                    ))?;
                }
            }
        }
    }
    for warning in joiner.warnings.drain(..) {
        session.warn(&format!("! {warning}"))?;
    }
    Ok(more)
}

/// Says whether the logs begin later than what was asked for.
fn say_coverage(session: &mut Session<'_>, question: &Question, joiner: &Joiner) -> Result<(), Failure> {
    let Some((since, first)) = question.query.since.zip(joiner.first).filter(|(since, first)| since < first)
    else {
        return Ok(());
    };
    let show = |time| question.context.zone.show(time, 0);
    session.warn(&format!(
        "! Not covered: what was read begins at {}; of the time from {} on nothing is known.",
        show(first),
        show(since)
    ))
}

fn end(session: &mut Session<'_>, page: &Page, joiner: &Joiner, tails: &[Tail]) -> CommandResult {
    let mut text = count(page.shown, "request was shown", "requests were shown");
    let too_long: u64 = tails.iter().map(|tail| tail.too_long).sum();
    if joiner.not_entries + too_long > 0 {
        let others = count(joiner.not_entries + too_long, "line is", "lines are");
        let more = format!("; {others} not an audit entry, or too long");
        text.push_str(&more);
    }
    session.note(&format!("{text}."))?;
    Ok(INTERRUPTED)
}

struct Page {
    columns: Vec<Shown>,
    sheet: Sheet,
    most: Option<u64>,
    shown: u64,
}

impl Page {
    /// Prints the rows of joined lines that the question takes.
    fn print(
        &mut self,
        session: &mut Session<'_>,
        question: &Question,
        lines: Vec<u8>,
    ) -> Result<ControlFlow<()>, Failure> {
        if lines.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let mut rows = Vec::new();
        let input = Input::stream("-", Cursor::new(lines));
        let summary = run_query(vec![input], &question.query, &mut |row: &Row| {
            rows.push((verdict(row), row.time(), cells(&self.columns, row, &question.context.zone)));
            ControlFlow::Continue(())
        });
        if summary.incomplete_parts > 0 {
            let entries = count(
                summary.incomplete_parts,
                "entry that was sent in parts is",
                "entries that were sent in parts are",
            );
            session.warn(&format!("! {entries} incomplete, and left out."))?;
        }
        rows.sort_by_key(|(_, time, _)| *time);
        for (verdict, _, cells) in rows {
            let line = self.line(session, verdict, &cells);
            session.print(&line)?;
            self.shown += 1;
            if self.most.is_some_and(|most| self.shown >= most) {
                session.flush()?;
                return Ok(ControlFlow::Break(()));
            }
        }
        session.flush()?;
        Ok(ControlFlow::Continue(()))
    }

    fn line(&self, session: &Session<'_>, verdict: Option<Verdict>, cells: &[Cell]) -> String {
        match session.format {
            Format::Csv => Sheet::csv_line(cells),
            Format::Jsonl => self.sheet.json_line(cells),
            _ => {
                let line = plain_line(&self.columns, cells, session.process.columns());
                let line = match verdict {
                    Some(verdict) => session.paint(verdict, &line),
                    None => line,
                };
                format!("{line}\n")
            }
        }
    }
}

/// The colour of a row on a terminal.
fn verdict(row: &Row) -> Option<Verdict> {
    let failed = row.number(Field::Status).is_some_and(|status| status >= 400);
    if row.denied() {
        Some(Verdict::Bad)
    } else if !row.is_answered() || failed || row.text(Field::Error).is_some() {
        Some(Verdict::Doubtful)
    } else {
        None
    }
}

/// The cells one after the other, each at least as wide as is usual for its field.
fn plain_line(columns: &[Shown], cells: &[Cell], width: Option<usize>) -> String {
    let cell = |(column, cell): (&Shown, &Cell)| {
        let usual = match column {
            Shown::Field(Field::Path) => 28,
            Shown::Field(Field::Who | Field::Address) => 15,
            Shown::Field(Field::Operation | Field::Status) => 6,
            Shown::Field(Field::Token) => 12,
            _ => 0,
        };
        let shown = if cell.shown.is_empty() { "-" } else { &cell.shown };
        format!("{shown:usual$}")
    };
    let line = columns.iter().zip(cells).map(cell).collect::<Vec<_>>().join("  ");
    let line = line.trim_end();
    match width {
        Some(width) if line.chars().count() > width => {
            line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
        }
        _ => line.to_owned(),
    }
}
