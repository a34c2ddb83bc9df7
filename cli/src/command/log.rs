//! `log check`: checks whether entries are missing in audit logs. The other commands of `log` are below.
//! Never in it: a call of a server, and the check itself (`onrecord-trail`).

pub(crate) mod anchor;
mod answer;
pub(crate) mod denied;
mod device_files;
pub(crate) mod export;
pub(crate) mod find_secret;
mod findings;
pub(crate) mod follow;
mod groups;
pub(crate) mod key;
mod new_file;
pub(crate) mod prove;
mod question;
mod raw_devices;
pub(crate) mod report;
mod revoke;
mod row_cells;
pub(crate) mod search;
mod shell;
pub(crate) mod show;
pub(crate) mod stats;
mod tail;
mod tally;
mod time_stamp_request;
pub(crate) mod token;
mod token_names;
mod token_salts;
pub(crate) mod top;
mod tree;
pub(crate) mod verify;
mod verify_findings;
mod verify_hint;
mod verify_verdict;
mod web_tree;
pub(crate) mod who;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use onrecord_trail::verify::TreeFolder;
use onrecord_trail::{Input, Judge, Options, Progress, check};

use onrecord_value::printable::printable;

use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, SERVER, Session};
use crate::progress_bar::ProgressBar;

/// Exit code if an entry is missing and not declared.
const LOST: u8 = 1;
/// Exit code if a log cannot be read, a file is not a log, or the command line is invalid.
const UNREADABLE: u8 = SERVER;

/// Only trees of logs are given.
const NO_LOG: &str = "No log is given, only trees of logs: give the log files, too";
const NO_FILE: &str = "Not enough arguments (expected at least 1, got 0)";

const ABOUT: &str = "Checks whether entries are missing in the audit logs of one server. Give all logs of \
    all devices, in any order: current and rotated files, plain or compressed by gzip or zstd, in JSON or JSONx, \
    files that a syslog daemon wrote, and the files NAME.torn-TIME. If FILE is \"-\", standard input is \
    read.\n\nEvery entry has a number (record.seq) that counts within one boot of the server, and the id of \
    its device's salt (record.salt). A number that is missing on a device must be declared by a gap entry of \
    that device. The two entries of a request have the same id. The first and the last number of a boot are \
    taken from the given logs. A log that ends within an entry lacks this entry, unless a gap entry declares the torn \
    line, or a log has a later number.\n\nThe exit code is 0 if every missing entry is declared, 1 if an entry is \
    missing and not declared, and 2 if a log cannot be read, if a file is not an audit log (it is empty, or none \
    of its lines is an entry), or if the command line is invalid. A file without entries is accepted beside the \
    other files of its log, NAME.1 or NAME-DATE. The tree of a log, NAME.tlog, is skipped.\n\nThis finds loss. \
    `log verify` finds forgery.";

pub(crate) const COMMAND: Command = Command::new(
    "log check",
    "FILE...",
    "Check whether entries are missing in audit logs",
    run_check,
)
.about(ABOUT)
.examples(&[
    ("Check a log and its rotated files:", "log check /var/log/audit.log*"),
    (
        "Check two devices; each entry must be in one of their logs:",
        "log check -union audit.log /var/log/syslog",
    ),
    ("Print the report of a log from standard input as JSON:", "log check -format=json - < audit.log"),
    (
        "Check that the requests in a list of ids, one a line, are in the logs:",
        "log check -answered=ids.txt audit.log",
    ),
])
.offline()
.output(Output::Format)
.flags(&[
    Flag::text(
        "answered",
        "File with the ids of answered requests, one a line. Both entries of each must be in the logs.",
    ),
    Flag::integer("examples", "Number of examples to show for each finding. Counts are always exact.")
        .default("10"),
    Flag::bool(
        "thorough",
        "Decode every line completely. This also finds damage inside lines, and takes about ten times \
                 as long.",
    ),
    Flag::bool("union", "Treat all devices as one: an entry that is in any log is not missing."),
]);

/// The commands that answer questions.
pub(crate) const ANSWERS: &[Command] = &[
    denied::COMMAND,
    follow::COMMAND,
    search::COMMAND,
    show::COMMAND,
    stats::COMMAND,
    token::COMMAND,
    top::COMMAND,
    who::COMMAND,
];

fn run_check(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    if invocation.arguments.is_empty() {
        return Err(unreadable(NO_FILE));
    }
    let options = Options {
        examples: examples(invocation)?,
        thorough: invocation.is_set("thorough"),
        answered: invocation.text("answered").map(answered).transpose()?.unwrap_or_default(),
    };
    let judge = if invocation.is_set("union") { Judge::Union } else { Judge::EachDevice };
    let inputs = inputs(session, &invocation.arguments)?;
    let report = with_progress(session, |progress| check(inputs, &options, progress));
    let report = report.map_err(|error| unreadable(printable(&error.to_string())))?;
    let (verdict, sentence) = findings::verdict(&report, judge);
    let verdict = session.paint(verdict, sentence);
    let text = format!("{}\n\n{verdict}\n{}", findings::text(&report), findings::BOUNDS);
    session.show(&text, report.to_value(judge))?;
    let not_logs = findings::not_logs(&report);
    if !not_logs.is_empty() {
        return Err(unreadable(not_logs));
    }
    Ok(if report.is_complete(judge) { 0 } else { LOST })
}

/// The logs that arguments name. The trees of logs, which a pattern such as `audit.log*` names, too, are left out.
fn inputs(session: &mut Session<'_>, arguments: &[String]) -> Result<Vec<Input>, Failure> {
    let mut stdin = Some(std::mem::replace(&mut session.process.stdin, Box::new(std::io::empty())));
    let inputs: Vec<Input> = arguments
        .iter()
        .filter(|name| !TreeFolder::is_one(Path::new(name)))
        .map(|name| match name.as_str() {
            "-" => stdin
                .take()
                .map(|stdin| Input::stream("-", stdin))
                .ok_or_else(|| unreadable("Standard input can be read only once: give \"-\" once")),
            name => Ok(Input::file(name)),
        })
        .collect::<Result<_, _>>()?;
    if inputs.is_empty() {
        return Err(unreadable(NO_LOG));
    }
    Ok(inputs)
}

/// Does long work, and shows its progress on a terminal.
fn with_progress<T>(session: &mut Session<'_>, work: impl FnOnce(&mut dyn FnMut(&Progress<'_>)) -> T) -> T {
    let mut bar = session.process.stderr_is_terminal.then(|| ProgressBar::new(Instant::now()));
    let stderr = &mut session.process.stderr;
    let done = work(&mut |progress| {
        if let Some(text) = bar.as_mut().and_then(|bar| bar.text(progress, Instant::now())) {
            // A closed terminal does not end the work.
            drop(write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush()));
        }
    });
    if bar.is_some_and(|bar| bar.shown) {
        drop(write!(session.process.stderr, "\r\x1b[K"));
    }
    done
}

fn unreadable(text: impl Into<String>) -> Failure {
    Failure::Message(UNREADABLE, text.into())
}

/// Of the commands that group requests.
const LIMIT: Flag = Flag::integer("limit", "Number of rows to show; 0 for all.");

fn limit(invocation: &Invocation) -> Result<Option<u64>, Failure> {
    let limit = invocation.integer("limit").map(u64::try_from).transpose();
    limit.map_err(|_| unreadable("-limit must not be negative: give 0 for all, or more"))
}

fn examples(invocation: &Invocation) -> Result<usize, Failure> {
    usize::try_from(invocation.integer("examples").unwrap_or(10))
        .map_err(|_| unreadable("-examples must not be negative: give 0 or more"))
}

/// Writes a file that must not exist yet.
fn write_new(path: &str, bytes: &[u8]) -> Result<(), String> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| format!("Cannot write {}: {error}", printable(path)))
}

/// A usage error with the exit code of these commands.
fn with_code(failure: Failure) -> Failure {
    match failure {
        Failure::Message(_, text) => Failure::Message(UNREADABLE, text),
        other => other,
    }
}

fn answered(path: &str) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Message(
            UNREADABLE,
            format!("Cannot read the file of -answered, {}: {error}", printable(path)),
        )
    })?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
