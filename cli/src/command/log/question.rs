//! What the commands that answer questions take alike: time, zone, filter, files; and the run of a query with its progress.
//! Never in it: what is printed about the rows.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Instant, SystemTime};

use onrecord_trail::Progress;
use onrecord_trail::query::{Filter, Query, Row, Sink, Summary, TimeContext, Zone, run};
use onrecord_trail::verify::TreeFolder;
use onrecord_value::Time;
use onrecord_value::printable::printable;

use super::{UNREADABLE, device_files, inputs, unreadable};
use crate::command::{CommandResult, Failure, Flag, Invocation, Session};
use crate::interrupt::{self, INTERRUPTED};
use crate::process::Process;
use crate::progress_bar::ProgressBar;

pub(super) const SINCE: Flag = Flag::text(
    "since",
    "Only requests from this time on: 2026-11-30T14:00:00Z, 2026-11-30, \"2026-11-30 14:00\", 14:00, \"yesterday 14:00\", -2h \
     (two hours ago), or as times are shown: \"2026-11-30 14:00:00-05:00\", 14:00:00Z (of today there).",
);
pub(super) const UNTIL: Flag = Flag::text("until", "Only requests before this time, as for -since.");
pub(super) const TZ: Flag = Flag::text(
    "tz",
    "Time zone of the times that are given and shown, such as UTC or Europe/Berlin. By default that of this system.",
);
pub(super) const OWN_QUESTIONS: Flag = Flag::bool(
    "own-questions",
    "Show questions to the log itself, too (sys/audit-hash, sys/audit-query, salts). By default they are only counted.",
);
pub(super) const FILTER: Flag = Flag::text(
    "filter",
    "Only requests that a filter takes, such as 'path=secret/app and not who=root'. `log search -help` has its words.",
);
/// A question, and the logs that it is put to.
pub(super) struct Question {
    pub(super) query: Query,
    pub(super) context: TimeContext,
    /// The logs as they were named.
    pub(super) files: Vec<String>,
}

impl Question {
    /// The exit code of an answer. If no file could be opened, there is none.
    pub(super) fn exit_code(&self, summary: &Summary, ended: Ended) -> CommandResult {
        let unopened: Vec<_> = summary.damaged.iter().filter(|source| !source.opened).collect();
        let logs = self.files.iter().filter(|file| !TreeFolder::is_one(Path::new(file))).count();
        if !unopened.is_empty() && unopened.len() == logs {
            let lines = unopened
                .iter()
                .map(|source| printable(&format!("{} cannot be read: {}", source.name, source.reason)));
            return Err(unreadable(lines.collect::<Vec<_>>().join("\n")));
        }
        Ok(match ended {
            Ended::Interrupted => INTERRUPTED,
            Ended::Whole | Ended::Enough if unopened.is_empty() => 0,
            Ended::Whole | Ended::Enough => UNREADABLE,
        })
    }

    /// Another question to the same logs, about any time.
    pub(super) fn of_any_time(&self, filter: Filter) -> Self {
        let query = Query { filter, since: None, until: None, ..self.query.clone() };
        Self { query, context: self.context.clone(), files: self.files.clone() }
    }

    /// Whether the logs can be read once more: standard input and pipes cannot.
    pub(super) fn can_be_read_again(&self) -> bool {
        let is_stream = |file: &String| {
            file == "-" || std::fs::metadata(file).is_ok_and(|known| !known.is_file() && !known.is_dir())
        };
        !self.files.iter().any(is_stream)
    }

    /// Whether a time or a filter leaves out requests.
    pub(super) fn is_narrow(&self) -> bool {
        self.query.since.is_some() || self.query.until.is_some() || !self.query.filter.is_all()
    }
}

/// How the run of a query ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Everything was read.
    Whole,
    /// The command had enough rows.
    Enough,
    /// Ctrl-C.
    Interrupted,
}

/// What times of a command line depend on.
pub(super) fn context(invocation: &Invocation) -> Result<TimeContext, Failure> {
    let zone = match invocation.text("tz").filter(|name| !name.is_empty()) {
        Some(name) => Zone::named(name).map_err(|error| unreadable(format!("-tz: {error}")))?,
        None => Zone::system(),
    };
    Ok(TimeContext { now: SystemTime::now().into(), zone })
}

/// A filter that a user wrote.
pub(super) fn filter(text: &str, context: &TimeContext) -> Result<Filter, Failure> {
    Filter::parse(text, context).map_err(|error| {
        let mark = format!("{:width$}^", "", width = error.position.saturating_sub(1));
        unreadable(format!("{}\n\n  {}\n  {mark}", printable(&error.to_string()), printable(text)))
    })
}

/// Said of a first argument that is a file where `what` is expected: it was forgotten.
pub(super) fn file_as_first(argument: &str, what: &str) -> Option<String> {
    Path::new(argument).is_file().then(|| format!("The first argument is {what}, and this is a file."))
}

/// A question of a command line.
pub(super) fn question(
    session: &mut Session<'_>,
    invocation: &Invocation,
    filter_of: impl FnOnce(&TimeContext) -> Result<Filter, Failure>,
    files: &[String],
) -> Result<Question, Failure> {
    let context = context(invocation)?;
    let more = filter(invocation.text("filter").unwrap_or_default(), &context)?;
    let wanted = filter_of(&context)?.and(more);
    let time = |flag: &str| -> Result<Option<Time>, Failure> {
        let given = invocation.text(flag).filter(|text| !text.is_empty());
        given
            .map(|text| context.time(text))
            .transpose()
            .map_err(|error| unreadable(printable(&format!("-{flag}: {error}"))))
    };
    let (since, until) = (time("since")?, time("until")?);
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        let show = |time| context.zone.show(time, 0);
        return Err(unreadable(format!("-since ({}) must be before -until ({})", show(since), show(until))));
    }
    let files =
        if files.is_empty() { device_files::device_files(session, invocation)? } else { files.to_vec() };
    let own_questions = invocation.is_set("own-questions");
    let query = Query { since, until, own_questions, ..Query::new(wanted) };
    Ok(Question { query, context, files })
}

/// What a command does with rows.
pub(super) trait Rows {
    /// As [`Sink::takes`].
    fn takes(&mut self, row: &Row) -> bool {
        let _: &Row = row;
        true
    }

    /// Is given a row with standard output, for those that print at once.
    fn row(&mut self, stdout: &mut dyn Write, row: &Row) -> ControlFlow<()>;
}

struct EachRow<'s>(&'s mut dyn FnMut(&mut dyn Write, &Row) -> ControlFlow<()>);

impl Rows for EachRow<'_> {
    fn row(&mut self, stdout: &mut dyn Write, row: &Row) -> ControlFlow<()> {
        (self.0)(stdout, row)
    }
}

/// Runs the query for a command that takes each row.
pub(super) fn ask(
    session: &mut Session<'_>,
    question: &Question,
    each: &mut dyn FnMut(&mut dyn Write, &Row) -> ControlFlow<()>,
) -> Result<(Summary, Ended), Failure> {
    ask_for(session, question, &mut EachRow(each))
}

/// Runs the query.
pub(super) fn ask_for(
    session: &mut Session<'_>,
    question: &Question,
    rows: &mut dyn Rows,
) -> Result<(Summary, Ended), Failure> {
    ask_in_step(session, question, "", rows)
}

/// Runs the query for a further step, which its progress names.
pub(super) fn ask_again(
    session: &mut Session<'_>,
    question: &Question,
    step: &'static str,
    each: &mut dyn FnMut(&Row) -> ControlFlow<()>,
) -> Result<(Summary, Ended), Failure> {
    ask_in_step(session, question, step, &mut EachRow(&mut |_, row| each(row)))
}

fn ask_in_step(
    session: &mut Session<'_>,
    question: &Question,
    step: &'static str,
    rows: &mut dyn Rows,
) -> Result<(Summary, Ended), Failure> {
    interrupt::watch();
    let inputs = inputs(session, &question.files)?;
    let Process { stdout, stderr, stderr_is_terminal, .. } = &mut *session.process;
    let bar = stderr_is_terminal.then(|| ProgressBar::new(Instant::now()).of_step(step));
    let mut sink = Watched { rows, stdout, stderr, bar, interrupted: false };
    let summary = run(inputs, &question.query, &mut sink);
    let interrupted = sink.interrupted;
    if sink.bar.is_some_and(|bar| bar.shown) {
        drop(write!(session.process.stderr, "\r\x1b[K"));
    }
    let ended = match (interrupted, summary.interrupted) {
        (true, _) => Ended::Interrupted,
        (false, true) => Ended::Enough,
        (false, false) => Ended::Whole,
    };
    Ok((summary, ended))
}

/// A sink that shows progress on a terminal and ends at Ctrl-C.
struct Watched<'s> {
    rows: &'s mut dyn Rows,
    stdout: &'s mut Box<dyn Write>,
    stderr: &'s mut Box<dyn Write>,
    bar: Option<ProgressBar>,
    interrupted: bool,
}

impl Watched<'_> {
    fn go_on(&mut self) -> ControlFlow<()> {
        if interrupt::seen() {
            self.interrupted = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl Sink for Watched<'_> {
    fn takes(&mut self, row: &Row) -> bool {
        self.rows.takes(row)
    }

    fn row(&mut self, row: &Row) -> ControlFlow<()> {
        self.go_on()?;
        self.rows.row(self.stdout, row)
    }

    fn progress(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        if let Some(text) = self.bar.as_mut().and_then(|bar| bar.text(progress, Instant::now())) {
            // A closed terminal does not end the work.
            drop(write!(self.stderr, "\r\x1b[K{text}").and_then(|()| self.stderr.flush()));
        }
        self.go_on()
    }
}
