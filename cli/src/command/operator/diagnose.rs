//! `operator diagnose`: checks whether the server would start with a configuration.
//! Never in it: the checks (`onrecord-server`).

use std::path::PathBuf;

use onrecord_server::{CheckStatus, diagnose};
use onrecord_value::{Value, object};

use crate::command::Command;
use crate::failure::{CommandResult, Failure, exactly};
use crate::flag::{Flag, FlagKind, Output};
use crate::invocation::Invocation;
use crate::printer::{Format, Node, table};
use crate::session::Session;

pub(crate) const COMMANDS: &[Command] = &[Command {
    words: "operator diagnose",
    synopsis: "Check a configuration and everything it names",
    arguments: "[options]",
    about: "Checks whether the server would start with a configuration: the syntax of the files, the data directory, the \
            listeners and their certificates, and the audit devices, each of which is opened or connected. No server is \
            started, and no file is changed. The server may be running: a check of something that it has locked is \
            skipped, and listed as skipped.\n\nThe exit code is 1 if a check fails.",
    examples: &[
        ("Check a configuration before the start:", "operator diagnose -config=/etc/onrecord/server.hcl"),
        (
            "Also write a test entry to each audit device:",
            "operator diagnose -config=/etc/onrecord/server.hcl -probe",
        ),
    ],
    http: false,
    output: Output::Format,
    flags: &[
        Flag::new(
            "config",
            FlagKind::Texts,
            "Configuration file, or folder of them. May be given several times; a later value replaces an earlier one.",
        ),
        Flag::new(
            "probe",
            FlagKind::Bool,
            "Write a test entry to each audit device. The entry remains in the log.",
        )
        .default("false"),
    ],
    run,
}];

fn run(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let config: Vec<PathBuf> = invocation.texts("config").into_iter().map(PathBuf::from).collect();
    if config.is_empty() {
        return Err(Failure::usage("-config is missing: give the configuration file or folder to check."));
    }
    let found = diagnose(&config, &session.process.kinds, invocation.is_set("probe"));
    let failed = found.iter().any(|finding| finding.status == CheckStatus::Fail);
    if session.format == Format::Table {
        let row = |finding: onrecord_server::Finding| {
            vec![finding.status.as_str().to_owned(), finding.check, finding.detail]
        };
        let rows: Vec<Vec<String>> = found.into_iter().map(row).collect();
        session.print_line(&table::table(&["Result", "Check", "Detail"], &rows))?;
    } else {
        let checks: Vec<Value> = found
            .into_iter()
            .map(|finding| {
                Value::Object(object! {
                    "check" => finding.check,
                    "detail" => finding.detail,
                    "result" => finding.status.as_str(),
                })
            })
            .collect();
        session.print_node(&Node::from(object! { "checks" => Value::Array(checks), "failed" => failed }))?;
    }
    Ok(u8::from(failed))
}
