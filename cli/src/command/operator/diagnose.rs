//! `operator diagnose`: whether a server would start with a configuration. What is looked at is the server's business.

use std::path::PathBuf;

use onrecord_server::{CheckStatus, diagnose};
use onrecord_value::{Value, object};

use crate::failure::{Done, Failure, exactly};
use crate::grammar::{Command, Flag, Invocation, Kind, Output};
use crate::printer::{Format, Node, table};
use crate::session::Session;

pub(crate) const COMMANDS: &[Command] = &[Command {
    words: "operator diagnose",
    synopsis: "Check a configuration and all it names",
    arguments: "[options]",
    about: "Looks whether a server would start with a configuration: the files themselves, the data directory, \
            listeners and their certificates, and every audit device of the configuration, which is opened or dialled. \
            No server is started and nothing is left behind; a server may run meanwhile, and what it holds is skipped \
            and named.\n\nExit code 1 if anything fails.",
    examples: &[
        ("Check before a start:", "operator diagnose -config=/etc/onrecord/server.hcl"),
        (
            "Also write a test entry to every audit device:",
            "operator diagnose -config=/etc/onrecord/server.hcl -probe",
        ),
    ],
    http: false,
    output: Output::Format,
    flags: &[
        Flag::new(
            "config",
            Kind::Texts,
            "A configuration file, or a folder of them. May be given several times; later ones win.",
        ),
        Flag::new("probe", Kind::Bool, "Write a test entry to every audit device; it stays there.")
            .default("false"),
    ],
    run,
}];

fn run(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    exactly::<0>(&invocation.arguments)?;
    let config: Vec<PathBuf> = invocation.texts("config").into_iter().map(PathBuf::from).collect();
    if config.is_empty() {
        return Err(Failure::usage("-config is needed: the configuration to check."));
    }
    let found = diagnose(&config, &session.world.device_kinds, invocation.is_set("probe"));
    let failed = found.iter().any(|finding| finding.status == CheckStatus::Fail);
    if session.format == Format::Table {
        let row = |finding: onrecord_server::Finding| {
            vec![finding.status.as_str().to_owned(), finding.check, finding.detail]
        };
        let rows: Vec<Vec<String>> = found.into_iter().map(row).collect();
        session.say(&table::table(&["Result", "Check", "Detail"], &rows))?;
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
        session.say_node(&Node::from(object! { "checks" => Value::Array(checks), "failed" => failed }))?;
    }
    Ok(u8::from(failed))
}
