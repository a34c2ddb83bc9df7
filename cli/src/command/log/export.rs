//! `log export`: the requests of logs in the formats of other programs.
//! Never in it: the formats (`onrecord-trail`).

use std::fs;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

use onrecord_trail::export::{ExportFormat, ParquetFolder};
use onrecord_trail::query::{Filter, Query, Row, Summary};
use onrecord_value::printable::printable;
use onrecord_value::suggest;

use super::answer::count;
use super::new_file::{self, FORCE, NewFile};
use super::question::{Ended, FILTER, OWN_QUESTIONS, Question, SINCE, TZ, UNTIL, ask, question};
use super::verify_hint::not_verified_line;
use super::{NO_FILE, report, unreadable};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session};

const ABOUT: &str = "Writes the requests of audit logs, each with its answer, in a format of other programs. The logs may be those of \
    this server, of Vault or of OpenBao, plain or compressed, in any order.\n\n\
    csv: a table for spreadsheets. A text that would be a formula begins with an apostrophe.\n\
    parquet: a folder with a file for each day (UTC), day=2026-11-30/part-0.parquet, for DuckDB, Spark, ClickHouse, Athena: \
    SELECT who, count(*) FROM 'audit/*/*.parquet' GROUP BY who.\n\
    ecs: JSON lines in the Elastic Common Schema.\n\
    ocsf: JSON lines in the Open Cybersecurity Schema Framework, class API Activity (6003).\n\
    cef: lines in the Common Event Format.\n\
    cloudevents: JSON lines of CloudEvents 1.0.\n\n\
    What the logs lack (gaps, requests without answer, time that they do not cover), and that they were not verified, is said on standard error: an export has no place \
    for it. Questions to the log itself (sys/audit-hash and the like) are exported only with -own-questions.\n\nThe exit code is 0 if \
    everything was written, and 2 if a file cannot be opened (the others are exported) or written or the command line is invalid.";

pub(crate) const COMMAND: Command =
    Command::new("log export", "FILE...", "Write audit logs in a format of other programs", run_export)
        .about(ABOUT)
        .examples(&[
            ("Tables by day:", "log export -format=parquet -out=audit /var/log/audit.log*"),
            (
                "Yesterday's refused requests as a table:",
                "log export -format=csv -since=yesterday -until=today -filter=denied -out=denied.csv /var/log/audit.log*",
            ),
            ("Events for Elasticsearch on standard output:", "log export -format=ecs /var/log/audit.log"),
        ])
        .offline()
        .output(Output::Own)
        .flags(&[
            FILTER,
            FORCE,
            Flag::text("format", "csv, parquet, ecs, ocsf, cef or cloudevents."),
            Flag::text("out", "File to write to, for parquet a folder. Lines are printed if it is not given."),
            OWN_QUESTIONS,
            SINCE,
            TZ,
            UNTIL,
        ]);

fn run_export(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    if invocation.arguments.is_empty() {
        return Err(unreadable(NO_FILE));
    }
    let format = format(invocation)?;
    let out = invocation.text("out").filter(|out| !out.is_empty());
    let question = question(session, invocation, |_| Ok(Filter::default()), &invocation.arguments)?;
    let (summary, ended) = match (format, out) {
        (ExportFormat::Parquet, None) => {
            return Err(unreadable("Give the folder for the files: -out=DIR"));
        }
        (ExportFormat::Parquet, Some(out)) => folder(session, &question, out)?,
        (_, Some(out)) => {
            NewFile::check(out, invocation)?.write_with(|file| lines(session, &question, format, file))?
        }
        (_, None) => {
            let mut stdout = std::mem::replace(&mut session.process.stdout, Box::new(io::sink()));
            let done = lines(session, &question, format, &mut stdout);
            session.process.stdout = stdout;
            done?
        }
    };
    if let Some(out) = out {
        let requests = count(summary.rows, "request", "requests");
        session.done(format!("Success! Wrote {requests} to: {}", printable(out)))?;
    }
    if ended == Ended::Interrupted {
        session.warn("! Interrupted: only a part of the logs was read.")?;
    }
    let Query { since, until, .. } = question.query;
    report::warn(session, &summary.warnings(since, until, &question.context.zone))?;
    session.warn(&format!("! {}", not_verified_line(&question.files)))?;
    question.exit_code(&summary, ended)
}

fn format(invocation: &Invocation) -> Result<ExportFormat, Failure> {
    let names = ExportFormat::ALL.map(|(name, _)| name);
    let accepted = "Accepted: csv, parquet, ecs, ocsf, cef or cloudevents.";
    let given = invocation.text("format").unwrap_or_default();
    if given.is_empty() {
        return Err(unreadable(format!("Give the format: -format=FORMAT\n{accepted}")));
    }
    ExportFormat::named(given).ok_or_else(|| {
        let near = suggest::nearest(given, names);
        let hint = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
        unreadable(format!("Invalid output format: {}{hint}\n{accepted}", printable(given)))
    })
}

/// Reads the logs and has each row written, until the first error.
fn each<E: ToString>(
    session: &mut Session<'_>,
    question: &Question,
    write: &mut dyn FnMut(&Row) -> Result<(), E>,
) -> Result<(Summary, Ended), Failure> {
    let mut failed = None;
    let answered = ask(session, question, &mut |_, row| match write(row) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    });
    match failed {
        Some(error) => Err(unreadable(format!("Cannot write: {}", error.to_string()))),
        None => answered,
    }
}

fn lines(
    session: &mut Session<'_>,
    question: &Question,
    format: ExportFormat,
    out: &mut dyn Write,
) -> Result<(Summary, Ended), Failure> {
    let closed = |_| Failure::OutputClosed;
    out.write_all(format.head().as_bytes()).map_err(closed)?;
    let mut line = Vec::new();
    let answered = each(session, question, &mut |row| {
        line.clear();
        format.append(row, &mut line);
        out.write_all(&line)
    })?;
    out.flush().map_err(closed)?;
    Ok(answered)
}

/// Writes a folder beside its place, and moves it there.
fn folder(session: &mut Session<'_>, question: &Question, out: &str) -> Result<(Summary, Ended), Failure> {
    let place = Path::new(out.trim_end_matches('/'));
    if fs::symlink_metadata(place).is_ok() {
        return Err(unreadable(format!(
            "{} exists already: give another -out. A folder is not replaced, not even with -force.",
            printable(out)
        )));
    }
    let beside = new_file::beside(place);
    let failed =
        |error: &dyn ToString| unreadable(format!("Cannot write {}: {}", printable(out), error.to_string()));
    fs::create_dir(&beside).map_err(|error| failed(&error))?;
    let done = parquet(session, question, &beside)
        .and_then(|answered| fs::rename(&beside, place).map(|()| answered).map_err(|error| failed(&error)));
    if done.is_err() {
        // What was written so far is of no use.
        drop(fs::remove_dir_all(&beside));
    }
    done
}

fn parquet(
    session: &mut Session<'_>,
    question: &Question,
    folder: &Path,
) -> Result<(Summary, Ended), Failure> {
    let failed = |error: &dyn ToString| unreadable(format!("Cannot write Parquet: {}", error.to_string()));
    let mut files = ParquetFolder::new(|day, part| {
        let day = folder.join(day);
        fs::create_dir_all(&day)?;
        let file = new_file::create(&day.join(format!("part-{part}.parquet")))?;
        Ok(Box::new(BufWriter::new(file)))
    })
    .map_err(|error| failed(&error))?;
    let mut number = 0;
    let answered = each(session, question, &mut |row| {
        number += 1;
        files.add(row, number)
    })?;
    files.finish().map_err(|error| failed(&error))?;
    Ok(answered)
}
