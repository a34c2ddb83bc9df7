//! `log search`: the requests that a filter takes.
//! Never in it: the meaning of the filter.

use std::ops::ControlFlow;

use onrecord_trail::query::Row;
use onrecord_value::Value;

use super::answer::{Answer, count};
use super::question::{
    Ended, OWN_QUESTIONS, Question, SINCE, TZ, UNTIL, ask, file_as_first, filter, question,
};
use super::row_cells::{Shown, cells, columns, sheet};
use super::token_salts::TokenSalts;
use super::{limit, unreadable};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session};
use crate::printer::Format;
use crate::printer::sheet::{Cell, Sheet};

/// More rows than these are not held in memory, which tables, JSON and YAML need.
const HELD_MAX: u64 = 50_000;
const HELD: u64 = 1000;

const ABOUT: &str = "Shows the requests that a filter takes, each with its answer in one row. No server is needed.\n\nA filter is \
    made of terms such as path=secret/app, op=read, who!=root, status>=400, joined by and, or, not and parentheses; terms side \
    by side must all hold. path=secret/app also means secret/data/app and the other paths of a version 2 KV mount. Operators: \
    = (equal), != (not equal), ~ (like: * and ? in it), !~ (not like), < <= > >=. Fields: time, id, op, path, status, denied, \
    error, who, token (its accessor or, without one, itself, as the log has it, or the first 12 digits), entity, ip, mount, mount_type, policy, \
    duration, version, issued, device and others, which an unknown name lists; or a path of the entry, such as \
    request.data.name. denied alone means denied=true. An empty filter ('') takes all.\n\nFILE is an audit log of this server, of \
    Vault or of OpenBao: plain, gzip or zstd, in JSON or JSONx, with prefixes or syslog headers, rotated or current, of one \
    device or several. Without a FILE the server is asked for its file devices.\n\nAbove the rows is said what they lack: gaps, \
    requests without answer, a time that the logs do not cover. The exit code is 0, 2 for an error, and 130 if Ctrl-C ended the \
    search; what was found until then is shown.";

pub(crate) const COMMAND: Command =
    Command::new("log search", "FILTER [FILE...]", "Search requests in audit logs", run)
        .about(ABOUT)
        .examples(&[
            ("Who read a secret since yesterday 14:00:", "log search -since=-1d 'path=secret/app op=read' audit.log"),
            ("What failed for one person, with the reasons:", "log search -fields=time,path,status,error 'who=userpass-ann status>=400' audit.log*"),
            ("All requests from a network, as JSON lines:", "log search -format=jsonl ip=203.0.113.0/24 audit.log"),
            ("How many requests a token made:", "log search -count token=e42c0cd7808f audit.log"),
        ])
        .output(Output::Rows)
        .flags(&[
            Flag::bool("count", "Print only how many requests there are."),
            Flag::text(
                "fields",
                "Fields to show, separated by commas: those of filters, and paths of the entry, such as request.data.name.",
            ),
            Flag::integer(
                "limit",
                "Number of rows to show, in the order of the logs; 0 for all. By default 1000, and all with -format=jsonl and csv. \
                 Tables, JSON and YAML have at most 50000.",
            ),
            OWN_QUESTIONS,
            SINCE,
            TZ,
            UNTIL,
        ]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let Some((text, files)) = invocation.arguments.split_first() else {
        return Err(unreadable(
            "Not enough arguments (expected FILTER, got 0). A filter that takes all is ''",
        ));
    };
    let question = question(session, invocation, |context| filter_or_file(text, context), files)?;
    let for_people = session.format == Format::Table;
    if invocation.is_set("count") {
        return only_count(session, &question);
    }
    let columns = columns(invocation.text("fields"), for_people)?;
    let streams = matches!(session.format, Format::Jsonl | Format::Csv);
    let limit = match limit(invocation)? {
        Some(0) | None if streams => None,
        Some(0) => Some(HELD_MAX),
        Some(limit) if !streams && limit > HELD_MAX => {
            return Err(unreadable(format!(
                "-limit is at most {HELD_MAX} here: use -format=jsonl or csv, which hold no rows"
            )));
        }
        None => Some(HELD),
        limit => limit,
    };
    if streams {
        stream(session, &question, &columns, limit)
    } else {
        held(session, &question, &columns, limit)
    }
}

/// The filter; a file in its place is named.
fn filter_or_file(
    text: &str,
    context: &onrecord_trail::query::TimeContext,
) -> Result<onrecord_trail::query::Filter, Failure> {
    filter(text, context).map_err(|failure| match (failure, file_as_first(text, "the filter")) {
        (Failure::Message(code, message), Some(said)) => {
            Failure::Message(code, format!("{message}\n\n{said} A filter that takes all is ''."))
        }
        (failure, _) => failure,
    })
}

fn only_count(session: &mut Session<'_>, question: &Question) -> CommandResult {
    let (summary, ended) = ask(session, question, &mut |_, _| ControlFlow::Continue(()))?;
    let mut answer = Answer::new(question, &summary, ended, &count(summary.rows, "request", "requests"));
    answer.values.push(("count", summary.rows.into()));
    if matches!(session.format, Format::Jsonl | Format::Csv) {
        session.print(&format!("{}\n", summary.rows))?;
        answer.say_aside(session)?;
    }
    answer.show(session)
}

/// Prints rows as they are found.
fn stream(
    session: &mut Session<'_>,
    question: &Question,
    columns: &[Shown],
    limit: Option<u64>,
) -> CommandResult {
    let sheet = sheet(columns);
    let csv = session.format == Format::Csv;
    if csv {
        session.print(&sheet.csv_head())?;
    }
    let (mut rows, mut failed, mut salts) = (0, false, TokenSalts::default());
    let zone = question.context.zone.clone();
    let (summary, ended) = ask(session, question, &mut |out, row| {
        if limit.is_some_and(|limit| rows >= limit) {
            return ControlFlow::Break(());
        }
        rows += 1;
        let cells = cells(columns, row, &zone);
        salts.note(row, texts(&cells));
        let line = if csv { Sheet::csv_line(&cells) } else { sheet.json_line(&cells) };
        failed = out.write_all(line.as_bytes()).is_err();
        if failed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if failed {
        return Err(Failure::OutputClosed);
    }
    let mut answer = Answer::new(question, &summary, ended, &count(rows, "request", "requests"));
    answer.warnings.extend(salts.warning());
    more(&mut answer, rows);
    answer.say_aside(session)?;
    question.exit_code(&summary, ended)
}

/// Prints rows when all are known, in the order of their times.
fn held(
    session: &mut Session<'_>,
    question: &Question,
    columns: &[Shown],
    limit: Option<u64>,
) -> CommandResult {
    let mut sheet = sheet(columns);
    let zone = question.context.zone.clone();
    let (mut found, mut salts) = (Vec::new(), TokenSalts::default());
    let (summary, ended) = ask(session, question, &mut |_, row: &Row| {
        if limit.is_some_and(|limit| found.len() as u64 >= limit) {
            return ControlFlow::Break(());
        }
        let cells = cells(columns, row, &zone);
        salts.note(row, texts(&cells));
        found.push((row.time(), cells));
        ControlFlow::Continue(())
    })?;
    found.sort_by_key(|(time, _)| *time);
    sheet.rows = found.into_iter().map(|(_, cells)| cells).collect();
    let rows = sheet.rows.len() as u64;
    let mut answer = Answer::new(question, &summary, ended, &count(rows, "request", "requests"));
    answer.warnings.extend(salts.warning());
    more(&mut answer, rows);
    answer.values.push(("more", Value::from(ended == Ended::Enough)));
    if summary.other_spellings > 0 && session.format == Format::Table {
        answer.hints.push(
            "On a version 2 KV mount, a path also means its data/, metadata/, delete/, undelete/ and destroy/."
                .to_owned(),
        );
    }
    answer.sheet("requests", "", sheet);
    answer.show(session)
}

/// The texts that a row shows.
fn texts(cells: &[Cell]) -> impl Iterator<Item = &str> {
    cells.iter().filter_map(|cell| cell.value.as_str())
}

/// Says that there are more rows than were asked for.
fn more(answer: &mut Answer, rows: u64) {
    if answer.ended == Ended::Enough {
        answer.warnings.insert(
            0,
            format!(
                "There are more: these are the first {rows} in the order of the logs, and the rest was not read. -limit=N shows \
                 more, -count counts them, -format=jsonl shows all."
            ),
        );
    }
}
