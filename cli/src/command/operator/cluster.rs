//! `operator members|step-down`, and `version-history`: the nodes of the cluster, which has one, and their versions.
//! Never in it: the state of the seal (`status`).

use crate::command::{Command, CommandResult, Invocation, Output, Session, exactly};
use crate::printer::{plain, table};
use onrecord_client::environment;
use onrecord_value::{Object, Value, object};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("operator members", "", "List the nodes of the cluster", members)
        .about("Lists the nodes of the cluster: an OnRecord server is a cluster of one node.")
        .examples(&[("List the nodes:", "operator members")])
        .output(Output::Format),
    Command::new("operator step-down", "", "Give up being the active node", step_down)
        .about(
            "Asks the active node to let another one be active. An OnRecord server is the only node of its cluster, so it \
             stays active. The request is recorded.",
        )
        .examples(&[("Ask the server to step down:", "operator step-down")]),
    Command::new("version-history", "", "List the versions that have run with this storage", version_history)
        .about("Lists the versions of the server that have run with this storage, and when each ran first.")
        .examples(&[("List the versions:", "version-history")])
        .output(Output::Format),
];

fn text(object: &Object, key: &str) -> String {
    object.get(key).filter(|value| !value.is_null()).map(plain).unwrap_or_default()
}

fn members(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let nodes = session.call(client.ha_status(), "Error listing members: ")?;
    let keys = ["hostname", "api_address", "cluster_address", "active_node", "version", "last_echo"];
    let rows: Vec<Vec<String>> = nodes.iter().map(|node| keys.map(|key| text(node, key)).to_vec()).collect();
    let headers = "Host Name | API Address | Cluster Address | Active Node | Version | Last Echo";
    session.show(&table::table(headers, &rows), object! { "Nodes" => nodes })
}

fn step_down(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    session.call(client.step_down(), "Error stepping down: ")?;
    let given = invocation.text("address").filter(|address| !address.is_empty()).map(str::to_owned);
    let address = given.unwrap_or_else(|| environment::address(session.process));
    session.note("An OnRecord server is the only node of its cluster: it stays active.")?;
    session.done(format!("Success! Stepped down: {address}"))
}

fn version_history(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let found = session.call(client.version_history(), "Error listing version history: ")?;
    let keys = found.get("keys").and_then(Value::as_array).unwrap_or_default();
    let empty = Object::new();
    let info = found.object("key_info").unwrap_or(&empty);
    let row = |version: &Value| {
        let version = plain(version);
        let facts = info.object(&version).unwrap_or(&empty);
        vec![version.clone(), text(facts, "timestamp_installed"), text(facts, "build_date")]
    };
    let rows: Vec<Vec<String>> = keys.iter().map(row).collect();
    session.show(&table::table("Version | Installation Time | Build Date", &rows), found)
}
