//! `log follow`: requests as they are recorded, each with its answer, until Ctrl-C.
//! Never in it: how a file that grows is read (`tail`), and how its lines are joined (`joiner`).

mod incompleteness;
mod joiner;
mod line;
mod parts;
mod recent;
mod requests;
mod waiting;

use std::borrow::Cow;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use onrecord_trail::Input;
use onrecord_trail::query::{Field, Filter, Query, Row, Sink, run as run_query};
use onrecord_trail::verify::TreeFolder;
use onrecord_value::Time;
use onrecord_value::printable::printable;

use super::answer::count;
use super::question::{FILTER, OWN_QUESTIONS, Question, SINCE, TZ, question};
use super::row_cells::{Shown, cells, columns, sheet};
use super::tail::{Tail, TailEvent};
use super::{NO_LOG, limit, unreadable};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session};
use crate::interrupt::{self, INTERRUPTED};
use crate::printer::Format;
use crate::printer::sheet::{Cell, Sheet};
use crate::session::Verdict;
use incompleteness::Incompleteness;
use joiner::Joiner;
use line::Layout;
use requests::Requests;

/// How often the files are looked at.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) const COMMAND: Command =
    Command::new("log follow", "[FILE...]", "Show requests as audit logs record them", run)
        .about(
            "Shows requests as they are recorded, each with its answer in one line, until Ctrl-C. A file is followed over rotation, \
             replacement and truncation, and is only read: its writer never waits. A request without an answer is shown after 10 \
             seconds, a refused one has the status \"denied\". In a narrow terminal the id and the token are left out, then the time and the \
             path are shortened. With -since it begins with requests of before; rotated files beside FILE that are not compressed are read, too, and \
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
            Flag::integer("limit", "End after this number of requests; 0 for never.").default("0"),
            OWN_QUESTIONS,
            SINCE,
            TZ,
        ]);

/// Opens the files. Of those that the server names, one that cannot be opened is said and left out, as long as there is another.
fn open(
    session: &mut Session<'_>,
    files: &mut Vec<String>,
    are_given: bool,
    since: Option<Time>,
) -> Result<Vec<Tail>, Failure> {
    let (mut tails, mut failed) = (Vec::new(), Vec::new());
    files.retain(|file| match Tail::open(Path::new(file), since) {
        Ok(tail) => {
            tails.push(tail);
            true
        }
        Err(error) => {
            failed.push(printable(&format!("{file} cannot be followed: {error}")));
            false
        }
    });
    if !failed.is_empty() && (are_given || tails.is_empty()) {
        return Err(unreadable(failed.join("\n")));
    }
    for text in failed {
        session.warn(&format!("! {text}."))?;
    }
    Ok(tails)
}

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
    if question.files.is_empty() {
        return Err(unreadable(NO_LOG));
    }
    let are_given = !invocation.arguments.is_empty();
    let mut tails = open(session, &mut question.files, are_given, since)?;
    interrupt::watch();
    let sheet = sheet(&columns);
    let mut page = Page {
        columns,
        sheet,
        most,
        shown: 0,
        all: Query { filter: Filter::all(), ..question.query.clone() },
        requests: Requests::new(),
        incompleteness: Incompleteness::default(),
    };
    if session.format == Format::Csv {
        session.print(&page.sheet.csv_head())?;
    }
    for unread in tails.iter().flat_map(|tail| &tail.unread) {
        session.warn(&printable(&format!("! Left out of the time from -since on: {unread}.")))?;
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
        let too_long = tails.iter_mut().map(|tail| std::mem::take(&mut tail.too_long)).sum();
        page.incompleteness.add_too_long(too_long);
        joiner.give_up(Instant::now());
        let done = page.print(session, &question, joiner.take_ready())?;
        let interrupted = interrupt::seen();
        let ends = done.is_break() || interrupted;
        page.incompleteness.say(session, &question, ends)?;
        if done.is_break() {
            return Ok(0);
        }
        if interrupted {
            session.note(&format!("{}.", count(page.shown, "request was shown", "requests were shown")))?;
            return Ok(INTERRUPTED);
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
    for (file, (tail, name)) in tails.iter_mut().zip(&question.files).enumerate() {
        let (mut lines, mut events) = (Vec::new(), Vec::new());
        more |= tail
            .poll(&mut lines, &mut events)
            .map_err(|error| unreadable(printable(&format!("{name} cannot be followed: {error}"))))?;
        for line in lines {
            joiner.take(line, file, now);
        }
        for event in events {
            let name = printable(name);
            match event {
                TailEvent::Rotated => {
                    session.note(&format!("{name} was rotated; following the new file."))?;
                }
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

struct Page {
    columns: Vec<Shown>,
    sheet: Sheet,
    most: Option<u64>,
    shown: u64,
    /// The question without its filter, which judges the rows itself: what a request lacks is then known by its id.
    all: Query,
    requests: Requests,
    incompleteness: Incompleteness,
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
        let input = Input::stream("-", Cursor::new(lines));
        let mut batch = Batch {
            question,
            columns: &self.columns,
            requests: &mut self.requests,
            incompleteness: &mut self.incompleteness,
            rows: Vec::new(),
        };
        let summary = run_query(vec![input], &self.all, &mut batch);
        let mut rows = batch.rows;
        self.incompleteness.add_lines(&summary);
        rows.sort_by_key(|(_, time, _)| *time);
        let now = question.context.zone.show(SystemTime::now().into(), 3);
        let layout = Layout::new(&self.columns, session.process.columns(), &now);
        for (verdict, _, cells) in rows {
            let line = self.line(session, &layout, verdict, &cells);
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

    fn line(
        &self,
        session: &Session<'_>,
        layout: &Layout<'_>,
        verdict: Option<Verdict>,
        cells: &[Cell],
    ) -> String {
        match session.format {
            Format::Csv => Sheet::csv_line(cells),
            Format::Jsonl => self.sheet.json_line(cells),
            _ => {
                let line = layout.line(cells);
                let line = match verdict {
                    Some(verdict) => session.paint(verdict, &line),
                    None => line,
                };
                format!("{line}\n")
            }
        }
    }
}

/// Takes the rows of joined lines.
struct Batch<'p> {
    question: &'p Question,
    columns: &'p [Shown],
    requests: &'p mut Requests,
    incompleteness: &'p mut Incompleteness,
    /// Those that are to be shown.
    rows: Vec<(Option<Verdict>, Time, Vec<Cell>)>,
}

impl Sink for Batch<'_> {
    fn takes(&mut self, row: &Row) -> bool {
        let filter = &self.question.query.filter;
        if filter.is_undecided(row) && self.requests.is_first_undecided(&id(row)) {
            self.incompleteness.add_undecided();
        }
        filter.matches(row)
    }

    fn row(&mut self, row: &Row) -> ControlFlow<()> {
        let id = id(row);
        if row.flag(Field::Elided) == Some(true) && self.requests.is_first_elided(&id) {
            self.incompleteness.add_elided();
        }
        if self.requests.is_to_be_shown(&id, row.is_answered()) {
            let mut cells = cells(self.columns, row, &self.question.context.zone);
            if row.denied() {
                say_denied(self.columns, &mut cells);
            }
            self.rows.push((verdict(row), row.time(), cells));
        }
        ControlFlow::Continue(())
    }
}

fn id(row: &Row) -> Cow<'_, str> {
    row.text(Field::Id).unwrap_or_default()
}

/// A refusal is said in a word, which needs no colour. Programs have the status.
fn say_denied(columns: &[Shown], cells: &mut [Cell]) {
    let status = columns.iter().position(|column| *column == Shown::Field(Field::Status));
    if let Some(cell) = status.and_then(|at| cells.get_mut(at)) {
        "denied".clone_into(&mut cell.shown);
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
