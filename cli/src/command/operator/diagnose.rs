//! `operator diagnose`: checks whether the server would start with a configuration.
//! Never in it: the checks (`onrecord-server`).

use std::path::PathBuf;

use onrecord_server::{CheckStatus, Finding, diagnose};
use onrecord_value::{Value, object};

use crate::command::server::CONFIG;
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session, exactly};
use crate::printer::table;

pub(crate) const COMMAND: Command =
    Command::new("operator diagnose", "", "Check a configuration and everything it names", run)
        .about(
            "Checks whether the server would start with a configuration: the syntax of the files, the data \
             directory, the listeners and their certificates, and the audit devices, each of which is opened \
             or connected. No server is started, and no file is changed. The server may be running: a check \
             of something that it has locked is skipped, and listed as skipped.\n\nThe exit code is 1 if a \
             check fails.",
        )
        .examples(&[
            ("Check a configuration before the start:", "operator diagnose -config=/etc/onrecord/server.hcl"),
            (
                "Also write a test entry to each audit device:",
                "operator diagnose -config=/etc/onrecord/server.hcl -probe",
            ),
        ])
        .offline()
        .output(Output::Format)
        .flags(&[
            CONFIG,
            Flag::bool("probe", "Write a test entry to each audit device. The entry remains in the log."),
        ]);

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let config: Vec<PathBuf> = invocation.texts("config").into_iter().map(PathBuf::from).collect();
    if config.is_empty() {
        return Err(Failure::usage("-config is missing: give the configuration file or folder to check."));
    }
    let found = diagnose(&config, &session.process.kinds, invocation.is_set("probe"));
    let failed = found.iter().any(|finding| finding.status == CheckStatus::Fail);
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    for Finding { check, detail, status } in found {
        let result = status.as_str();
        checks.push(Value::Object(object! { "check" => &check, "detail" => &detail, "result" => result }));
        rows.push(vec![result.to_owned(), check, detail]);
    }
    let table = table::table("Result | Check | Detail", &rows);
    session.show(&table, object! { "checks" => checks, "failed" => failed })?;
    Ok(u8::from(failed))
}
