//! `operator diagnose`: checks whether the server would start with a configuration.
//! Never in it: the checks (`onrecord-server`).

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use onrecord_server::{CheckStatus, Finding, diagnose, diagnose_storage};
use onrecord_trail::Progress;
use onrecord_value::{Value, object};

use crate::command::server::CONFIG;
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session, exactly};
use crate::printer::table;
use crate::progress_bar::ProgressBar;
use crate::session::Verdict;

pub(crate) const COMMAND: Command =
    Command::new("operator diagnose", "", "Check a configuration and everything it names", run)
        .about(
            "Checks whether the server would start with a configuration: the syntax of the files, the data \
             directory, the listeners and their certificates, and the audit devices, each of which is opened \
             or connected. No server is started, and no file is changed. The server may be running: a check \
             of something that it has locked is skipped, and listed as skipped.\n\nWith -storage, everything \
             in the data directory of a stopped server is read and checked, without the unseal key: each page \
             of its file, whether the last acknowledged commit is there, and how many values each table has. \
             Whether the values are those that were stored last is checked at each unsealing, because it takes \
             the key.\n\nThe exit code is 1 if a check fails.",
        )
        .examples(&[
            ("Check a configuration before the start:", "operator diagnose -config=/etc/onrecord/server.hcl"),
            (
                "Also write a test entry to each audit device:",
                "operator diagnose -config=/etc/onrecord/server.hcl -probe",
            ),
            (
                "Also check all data of a stopped server:",
                "operator diagnose -config=/etc/onrecord/server.hcl -storage",
            ),
        ])
        .offline()
        .output(Output::Format)
        .flags(&[
            CONFIG,
            Flag::bool(
                "probe",
                "Write a test entry to each audit device, unless its log has a tree (FILE.tlog). The entry remains in the log.",
            ),
            Flag::bool("storage", "Read and check all data of a stopped server."),
        ]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let config: Vec<PathBuf> = invocation.texts("config").into_iter().map(PathBuf::from).collect();
    if config.is_empty() {
        return Err(Failure::usage("-config is missing: give the configuration file or folder to check."));
    }
    let mut found = diagnose(&config, &session.process.kinds, invocation.is_set("probe"));
    if invocation.is_set("storage") {
        found.extend(check_storage(session, &config));
    }
    let failed = found.iter().any(|finding| finding.status == CheckStatus::Fail);
    let verdicts: Vec<Verdict> = found.iter().map(|finding| verdict(finding.status)).collect();
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    for Finding { check, detail, status } in found {
        let result = status.as_str();
        checks.push(Value::Object(object! { "check" => &check, "detail" => &detail, "result" => result }));
        rows.push(vec![result.to_owned(), check, detail]);
    }
    let table = table::table("Result | Check | Detail", &rows);
    let table = session.paint_rows(&table, verdicts);
    session.show(&table, object! { "checks" => checks, "failed" => failed })?;
    Ok(u8::from(failed))
}

const fn verdict(status: CheckStatus) -> Verdict {
    match status {
        CheckStatus::Ok => Verdict::Good,
        CheckStatus::Warn => Verdict::Doubtful,
        CheckStatus::Fail => Verdict::Bad,
    }
}

fn check_storage(session: &mut Session<'_>, config: &[PathBuf]) -> Vec<Finding> {
    let mut bar = session.process.stderr_is_terminal.then(|| ProgressBar::new(Instant::now()));
    let stderr = &mut session.process.stderr;
    let found = diagnose_storage(config, &session.process.kinds, &mut |read, total| {
        let progress = Progress { source: "storage", read, total: Some(total) };
        if let Some(text) = bar.as_mut().and_then(|bar| bar.text(&progress, Instant::now())) {
            // A closed terminal does not end the check.
            drop(write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush()));
        }
    });
    if bar.is_some_and(|bar| bar.shown) {
        drop(write!(session.process.stderr, "\r\x1b[K"));
    }
    found
}
