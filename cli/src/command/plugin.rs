//! `plugin list|info`.
//! Never in it: how engines are mounted (`secrets`, `auth`).

use crate::command::{
    Command, CommandResult, Failure, Flag, Invocation, Output, Session, at_most_one, exactly,
};
use crate::printer::table;
use crate::{command::generic, print_response};
use onrecord_value::{Object, Value};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("plugin list", "[TYPE]", "List the engines and login methods", list)
        .about(
            "Lists the secrets engines and login methods that can be enabled. With TYPE, those of one type: auth, database \
             or secret.",
        )
        .examples(&[
            ("List all of them:", "plugin list"),
            ("List the login methods:", "plugin list auth"),
        ])
        .output(Output::Format)
        .flags(&[Flag::bool("detailed", "Also show the deprecation status of each.")]),
    Command::new("plugin info", "TYPE NAME", "Show one engine or login method", info)
        .about("Shows what the server says about the engine or login method NAME of TYPE (auth, database or secret).")
        .examples(&[("Show the transit engine:", "plugin info secret transit")])
        .output(Output::Field)
        .flags(&[Flag::text("version", "Version of the plugin.").refused(
            "engines and login methods have the version of the server",
        )]),
];

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let kind = at_most_one(&invocation.arguments)?.map(str::trim).filter(|kind| !kind.is_empty());
    if let Some(kind) = kind.filter(|kind| !matches!(*kind, "auth" | "database" | "secret")) {
        return Err(Failure::usage(format!("Invalid type {kind:?}. Accepted: auth, database or secret.")));
    }
    let client = session.client(invocation)?;
    let found = session.call(client.plugins(), "Error listing available plugins: ")?;
    let is_wanted = |plugin: &&Object| kind.is_none_or(|kind| plugin.str("type") == Some(kind));
    let plugins: Vec<&Object> = found
        .get("detailed")
        .and_then(Value::as_array)
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_object)
        .filter(is_wanted)
        .collect();
    let keys: &[&str] = if invocation.is_set("detailed") {
        &["name", "type", "version", "deprecation_status"]
    } else {
        &["name", "type", "version"]
    };
    let row =
        |plugin: &&Object| keys.iter().map(|key| plugin.str(key).unwrap_or_default().to_owned()).collect();
    let rows: Vec<Vec<String>> = plugins.iter().map(row).collect();
    let headers = ["Name", "Type", "Version", "Deprecation Status"].get(..keys.len()).unwrap_or_default();
    let shown: Vec<Object> = plugins.into_iter().cloned().collect();
    session.show(&table::table(&headers.join(" | "), &rows), shown)
}

fn info(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [kind, name] = exactly(&invocation.arguments)?;
    let path = format!("sys/plugins/catalog/{}/{}", kind.trim(), name.trim());
    let client = session.client(invocation)?;
    let failed = format!("Error reading plugin named {} of type {}: ", name.trim(), kind.trim());
    match session.call(client.read(&path, &[]), failed)? {
        Some(found) => print_response::print(session, &found),
        None => Err(generic::nothing_at(&path)),
    }
}
