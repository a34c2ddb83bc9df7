//! `log report`: one page about the activity in logs.
//! Never in it: what is on the page (`onrecord-trail`).

use std::ops::ControlFlow;
use std::path::Path;

use onrecord_trail::activity::{ActivityBuilder, ActivityReport, ReportContext, Verification, page};
use onrecord_trail::query::{Filter, TimeContext, Warning};
use onrecord_trail::verify::{FindingKind, TreeFolder, Verdict, Verification as Verified, VerifyOptions};
use onrecord_value::printable::printable;
use onrecord_value::suggest;

use super::answer::count;
use super::new_file::{FORCE, NewFile};
use super::question::{FILTER, Question, SINCE, TZ, UNTIL, ask, question};
use super::tree::{self, KEY, ORIGIN, TLOG};
use super::verify_hint::{not_verified, verify_command, with_command};
use super::{NO_FILE, inputs, unreadable, verify, verify_verdict, with_progress};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session};
use crate::flag::{CA_CERT, CA_PATH, CLIENT_CERT, CLIENT_KEY, TLS_SERVER_NAME, TLS_SKIP_VERIFY};

const ABOUT: &str = "Writes one page about the activity in audit logs: requests and refusals over time, the most frequent paths, \
    identities, addresses, operations and errors, logins, changes of policies, mounts and audit devices, the slowest requests, and \
    first of all what the logs lack: gaps, requests without answer, time that they do not cover.\n\nThe page is one HTML file that \
    needs no network and no script, and can be printed. The logs may be those of this server, of Vault or of OpenBao, plain or \
    compressed, in any order. A report is not a verification: with -key the tree beside the log is checked first, and the page \
    says what came of it.\n\nWith -format=json the same report is JSON, which a later report can be compared with: -compare=FILE.\n\n\
    A log of any size is read in bounded memory. Beyond 10,000 different values of a field, rare ones are dropped; the page says so.\
    \n\nThe exit code is 0 if the report was written, 1 if the log was verified and is not intact, and 2 if a \
    file cannot be read or written or the command line is invalid. That no checkpoint covers the last lines yet is said, and is 0: a \
    server that runs covers them within a second or two.";

pub(crate) const COMMAND: Command =
    Command::new("log report", "FILE...", "Write a page about the activity in audit logs", run_report)
        .about(ABOUT)
        .examples(&[
            (
                "The page of yesterday:",
                "log report -since=yesterday -until=today -out=report.html /var/log/audit.log*",
            ),
            (
                "With the log verified first:",
                "log report -key=server.keys -out=report.html /var/log/audit.log",
            ),
            ("Keep the numbers of a week:", "log report -format=json -out=week-48.json /var/log/audit.log*"),
            (
                "A page that says what differs from them:",
                "log report -compare=week-48.json -out=week-49.html -since=-7d /var/log/audit.log*",
            ),
        ])
        .offline()
        .output(Output::Own)
        .flags(&[
            CA_CERT,
            CA_PATH,
            CLIENT_CERT,
            CLIENT_KEY,
            Flag::text(
                "compare",
                "File with another report (-format=json): the page says what is new, rose, or is gone.",
            ),
            FILTER,
            FORCE,
            Flag::text("format", "html or json.").default("html"),
            KEY,
            ORIGIN,
            Flag::text("out", "File to write the report to. JSON is printed if it is not given."),
            SINCE,
            TLOG,
            TLS_SERVER_NAME,
            TLS_SKIP_VERIFY,
            TZ,
            UNTIL,
        ]);

fn run_report(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    if invocation.arguments.is_empty() {
        return Err(unreadable(NO_FILE));
    }
    let json = is_json(invocation)?;
    let out = invocation.text("out").filter(|out| !out.is_empty());
    if out.is_none() && !json {
        return Err(unreadable("Give the file for the page: -out=FILE.html"));
    }
    let file = out.map(|out| NewFile::check(out, invocation)).transpose()?;
    let question = question(session, invocation, |_| Ok(Filter::default()), &invocation.arguments)?;
    let other = invocation.text("compare").filter(|name| !name.is_empty()).map(compared).transpose()?;
    let verification = verification(session, invocation)?;
    let differs = verification.state == DIFFERS;
    let (mut report, code) = report(session, &question, verification)?;
    if let Some(other) = &other {
        report.compare(other);
    }
    let text = if json { report.to_json() } else { page(&report, &question.context.zone) };
    match (file, out) {
        (Some(file), Some(out)) => {
            file.write(text.as_bytes())?;
            session.done(format!(
                "Success! Wrote the report of {} to: {}",
                requests(&report),
                printable(out)
            ))?;
        }
        _ => session.print(&text)?,
    }
    warn(session, &report.warnings)?;
    say_verification(session, &report.verification)?;
    if differs && code == 0 {
        session.warn("Exit code 1: the report was written, and its logs are not intact.")?;
    }
    Ok(if code == 0 { u8::from(differs) } else { code })
}

/// Says on standard error what came of the verification, if anything is left to do.
fn say_verification(session: &mut Session<'_>, verification: &Verification) -> Result<(), Failure> {
    let Verification { state, text, command } = verification;
    if state == INTACT {
        return Ok(());
    }
    session.warn(&format!("! {}", printable(&with_command(text, command.as_deref()))))
}

/// Says on standard error what an answer lacks.
pub(super) fn warn(session: &mut Session<'_>, warnings: &[Warning]) -> Result<(), Failure> {
    for warning in warnings {
        session.warn(&format!("! {}", printable(&warning.text)))?;
    }
    Ok(())
}

fn is_json(invocation: &Invocation) -> Result<bool, Failure> {
    match invocation.text("format").unwrap_or("html") {
        "html" => Ok(false),
        "json" => Ok(true),
        other => {
            let near = suggest::nearest(other, ["html", "json"]);
            let hint = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            Err(unreadable(format!(
                "Invalid output format: {}{hint}\nAccepted: html or json.",
                printable(other)
            )))
        }
    }
}

fn requests(report: &ActivityReport) -> String {
    count(report.totals.requests, "request", "requests")
}

fn compared(name: &str) -> Result<ActivityReport, Failure> {
    let text = tree::read(name, "compare")?;
    ActivityReport::parse(&text)
        .map_err(|error| unreadable(format!("{}: {}", printable(name), printable(&error.to_string()))))
}

fn report(
    session: &mut Session<'_>,
    question: &Question,
    verification: Verification,
) -> Result<(ActivityReport, u8), Failure> {
    let Question { query, context: TimeContext { now, zone }, files } = question;
    let mut builder = ActivityBuilder::new(zone, query.since.unwrap_or(*now));
    let (summary, ended) = ask(session, question, &mut |_, row| {
        builder.add(row);
        ControlFlow::Continue(())
    })?;
    let code = question.exit_code(&summary, ended)?;
    let context = ReportContext {
        made: *now,
        program: concat!("onrecord ", env!("CARGO_PKG_VERSION")).to_owned(),
        zone: zone.clone(),
        since: query.since,
        until: query.until,
        sources: files.iter().filter(|name| !TreeFolder::is_one(Path::new(name))).cloned().collect(),
        verification,
    };
    Ok((builder.finish(&summary, context), code))
}

/// What says which tree it is, and how a server that has it is reached.
const VERIFY_FLAGS: [&str; 7] =
    ["tlog", "origin", "ca-cert", "ca-path", "client-cert", "client-key", "tls-server-name"];

const DIFFERS: &str = "differs";
const INTACT: &str = "intact";
const NOT_COVERED_YET: &str = "not_covered_yet";
const NOT_VERIFIED: &str = "not_verified";

/// The result of a verification, if there are keys for one; otherwise that there was none, and how it is done.
fn verification(session: &mut Session<'_>, invocation: &Invocation) -> Result<Verification, Failure> {
    let files = &invocation.arguments;
    let keys = tree::keys(invocation, "key")?;
    if keys.is_empty() {
        let (text, command) = not_verified(files);
        return Ok(Verification { state: NOT_VERIFIED.to_owned(), text, command });
    }
    let tree = tree::find(session.process, invocation, files)?;
    let origin = verify::origin(invocation);
    // Of a server that runs the last lines are hardly ever covered: that is said and is not an alarm.
    let allowed = vec![FindingKind::UncoveredTail];
    let options =
        VerifyOptions { origin, keys: keys.live, retired: keys.retired, allowed, ..VerifyOptions::default() };
    if files.iter().any(|file| file == "-") {
        return Err(unreadable("With -key the logs are read twice: give files, not standard input"));
    }
    let inputs = inputs(session, files)?;
    let found =
        with_progress(session, |progress| onrecord_trail::verify::verify(inputs, &tree, options, progress));
    let found = found.map_err(|error| verify::not_verified(&error, &tree))?;
    tree.check_read()?;
    let (state, text) = judged(&found);
    let command = (state != INTACT).then(|| {
        let keys = invocation.texts("key").into_iter().map(|key| format!("-key={key}"));
        let of_tree = VERIFY_FLAGS.iter().filter_map(|flag| {
            invocation.text(flag).filter(|value| !value.is_empty()).map(|value| format!("-{flag}={value}"))
        });
        let flags = keys.chain(of_tree);
        verify_command(&flags.collect::<Vec<_>>(), files)
    });
    Ok(Verification { state: state.to_owned(), text, command })
}

fn judged(found: &Verified) -> (&'static str, String) {
    match found.verdict() {
        Verdict::Intact if verify_verdict::uncovered_tail(found) > 0 => {
            let (_, sentence) = verify_verdict::verdict(found);
            let rest = "A server that runs makes one within a second or two: verify again then. If the same lines are still not \
                        covered, they were inserted, or the tree was cut.";
            (NOT_COVERED_YET, format!("{sentence} {rest}"))
        }
        Verdict::Intact => (INTACT, verify_verdict::verdict(found).1),
        Verdict::Differs => {
            let kinds = verify_verdict::kinds(found).join(", ");
            let what = verify_verdict::meaning(found);
            (DIFFERS, format!("NOT INTACT: {kinds}. {what}"))
        }
        Verdict::NotJudged => (NOT_VERIFIED, format!("Not verified: {}", found.not_judged().join(" "))),
    }
}
