//! `audit status`: whether the audit rule can be met, and the state of each device; once, or repeatedly.
//! Never in it: the decision what a state is.

use std::time::Duration;

use super::evidence;
use crate::command::status::not_audited;
use crate::command::{
    Command, CommandResult, Failure, Flag, Invocation, Output, SERVER, Session, context, exactly,
};
use crate::printer::{Format, Node, plain, table, wrap};
use crate::session::Verdict;
use onrecord_client::Client;
use onrecord_value::{Object, Value, object};

const CLEAR: &str = "\x1b[2J\x1b[H";

pub(crate) const COMMAND: Command =
    Command::new("audit status", "", "Show the state of the audit devices", status)
        .about(
            "Shows whether the audit rule can be met, and for each device:\n\nState: healthy, lagging, \
             failing or broken.\n\nQueue: bytes that wait to be written, and the limit.\n\nLag: how long the \
             oldest entry has been waiting.\n\nEntries, Failures: entries written, and writes that \
             failed.\n\nMissed: entries that are lost to the device. Untold: those of them that no gap entry \
             has declared yet.\n\nLast Error: the last error and its time.\n\nA second table shows the trees of file devices: the lines and \
             the time of the last checkpoint, lines that are not covered by it, lines that the tree lost, and what \
             is wrong.\n\nWhile the audit rule is not \
             met, the server refuses this request too. The command then shows the states that sys/health \
             reports; for the causes read the server's log.\n\nA server is not audited if no device is \
             enabled, or if every device discards its entries: no request leaves a record then.\n\nThe exit code is 0 if the rule can be met, and 2 if it cannot, if the server is not \
             audited, or if it cannot be reached.",
        )
        .examples(&[
            ("Show the state of all devices:", "audit status"),
            ("Refresh every second until interrupted:", "audit status -watch"),
            ("Print JSON for a program:", "audit status -format=json"),
        ])
        .output(Output::Format)
        .flags(&[
            Flag::duration("interval", "Time between two requests of -watch, at least 100ms.").default("1s"),
            Flag::bool("watch", "Repeat until interrupted or until the server cannot be reached."),
        ]);

fn status(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    if !invocation.is_set("watch") {
        return show(session, &client);
    }
    let interval = invocation.duration("interval").and_then(onrecord_value::GoDuration::to_std);
    let interval = interval.unwrap_or(Duration::from_secs(1)).max(Duration::from_millis(100));
    loop {
        if session.process.stdout_is_terminal {
            session.print(CLEAR)?;
        }
        show(session, &client)?;
        session.flush()?;
        session.block_on(async { tokio::time::sleep(interval).await })?;
    }
}

/// Requests the status once and prints it; if the rule is not met, prints the states that health reports.
fn show(session: &mut Session<'_>, client: &Client) -> CommandResult {
    match session.block_on(client.audit_status())? {
        Ok(status) => {
            print(session, &status)?;
            Ok(if is_met(&status) && is_audited(&status) { 0 } else { SERVER })
        }
        Err(error) => {
            let health = match error.status() {
                Some(500) => session.block_on(client.plain().health())?.ok(),
                _ => None,
            };
            let is_lost = |health: &Object| health.get("audit_ready").and_then(Value::as_bool) == Some(false);
            let Some(health) = health.filter(is_lost) else {
                return Err(context("Error reading the audit status: ")(error));
            };
            session.warn(
                "The audit rule is not met, so the server refuses this request. Shown below are the states that \
                 sys/health reports. For the causes read the server's log.",
            )?;
            print(session, &of_health(&health))?;
            Ok(SERVER)
        }
    }
}

fn of_health(health: &Object) -> Object {
    let states = health.object("audit_device_states");
    let device =
        |(path, state): (&str, &Value)| (path.to_owned(), Value::from(object! { "state" => state.clone() }));
    let devices: Object = states.into_iter().flat_map(Object::iter).map(device).collect();
    let met = health.get("audit_rule_met").cloned().unwrap_or(Value::Null);
    let audited = health.get("audited").cloned().unwrap_or(Value::Null);
    object! { "audited" => audited, "devices" => devices, "rule" => object! { "met" => met } }
}

fn is_met(status: &Object) -> bool {
    status.object("rule").and_then(|rule| rule.get("met")).and_then(Value::as_bool) == Some(true)
}

/// A server that does not say so is audited if it has a device.
fn is_audited(status: &Object) -> bool {
    let has_devices = || status.object("devices").is_some_and(|devices| !devices.is_empty());
    status.get("audited").and_then(Value::as_bool).unwrap_or_else(has_devices)
}

fn print(session: &mut Session<'_>, status: &Object) -> Result<(), Failure> {
    if session.format != Format::Table {
        return session.print_node(&Node::from(status.clone()));
    }
    let devices = status.object("devices").cloned().unwrap_or_default();
    let rule = if is_met(status) && is_audited(status) { Verdict::Good } else { Verdict::Bad };
    // The rule is the first row.
    let mut text = session.paint_rows(&table::key_value(&rule_rows(status, devices.len())), [rule]);
    if devices.is_empty() {
        text.push_str("\n\nNo audit devices are enabled.");
    } else {
        let devices: Vec<(&str, &Object)> =
            devices.iter().filter_map(|(path, device)| Some((path, device.as_object()?))).collect();
        let rows: Vec<Vec<String>> = devices.iter().map(|(path, device)| device_row(path, device)).collect();
        let table = table::table(
            "Path | Type | State | Since | Queue | Lag | Entries | Failures | Missed | Untold | Last Error",
            &rows,
        );
        text.push_str("\n\n");
        text.push_str(&session.paint_rows(&table, devices.iter().map(|(_, device)| verdict(device))));
    }
    if let Some(evidence) = evidence::text(&devices) {
        text.push_str("\n\n");
        text.push_str(&evidence);
    }
    if is_met(status) && !is_audited(status) {
        text.push_str("\n\n");
        text.push_str(&session.paint(Verdict::Bad, &not_audited(!devices.is_empty())));
    }
    if let Some(ahead) = status.get("storage_is_older_than").and_then(Value::as_array) {
        text.push_str("\n\n");
        text.push_str(&session.paint(Verdict::Bad, &older_than(ahead)));
    }
    session.print_line(&text)
}

fn verdict(device: &Object) -> Verdict {
    match device.str("state") {
        Some("healthy") => Verdict::Good,
        Some("lagging") => Verdict::Doubtful,
        _ => Verdict::Bad,
    }
}

/// What it means that audit logs are ahead of the storage.
fn older_than(ahead: &[Value]) -> String {
    let end = |end: &Value| {
        let end = end.as_object()?;
        let (boot, seq) = (end.str("boot")?, end.get("last_seq").map(plain)?);
        Some(format!("boot {boot} up to entry {seq}"))
    };
    let ends: Vec<String> = ahead.iter().filter_map(end).collect();
    let text = format!(
        "THE STORAGE IS OLDER THAN AN AUDIT LOG: the log has {}, which the storage does not know. The storage is an \
         older copy: secrets, policies and tokens may be back that were deleted or revoked. If it was not restored on \
         purpose, restore a newer backup.",
        ends.join(" and ")
    );
    wrap(&text, 78).join("\n")
}

fn rule_rows(status: &Object, devices: usize) -> Vec<(String, String)> {
    let rule = status.object("rule").cloned().unwrap_or_default();
    let met = match (is_met(status), is_audited(status)) {
        (true, true) => "met",
        (true, false) => "NOT AUDITED",
        (false, _) => "NOT MET",
    };
    let mut rows = vec![("Rule".to_owned(), met.to_owned())];
    let mut add = |name: &str, key: &str| {
        if let Some(value) = rule.get(key) {
            rows.push((name.to_owned(), plain(value)));
        }
    };
    add("Minimum", "minimum");
    add("Required", "required");
    add("Required But Lost", "lost");
    if let Some(able) = rule.get("able") {
        rows.push(("Devices Able".to_owned(), format!("{} of {devices}", plain(able))));
    }
    rows
}

fn device_row(path: &str, device: &Object) -> Vec<String> {
    let text = |key: &str| device.get(key).map(plain).unwrap_or_default();
    let number = |object: Option<&Object>, key: &str| object?.get(key)?.as_i64();
    let queue = device.object("queue");
    let queue = match (number(queue, "bytes"), number(queue, "capacity_bytes")) {
        (Some(bytes), Some(capacity)) => format!("{}/{}", size(bytes), size(capacity)),
        _ => String::new(),
    };
    let lag = device.get("lag_ms").and_then(Value::as_i64).map(|lag| format!("{lag}ms"));
    let last = device.object("last_error").map(|last| {
        format!(
            "{} ({})",
            last.str("text").unwrap_or_default(),
            last.get("time").map(plain).unwrap_or_default()
        )
    });
    vec![
        path.to_owned(),
        text("type"),
        text("state"),
        text("since"),
        queue,
        lag.unwrap_or_default(),
        text("entries"),
        text("failures"),
        text("missed"),
        number(device.object("gaps"), "untold_entries").map(|count| count.to_string()).unwrap_or_default(),
        last.unwrap_or_default(),
    ]
}

fn size(bytes: i64) -> String {
    match bytes {
        ..1024 => format!("{bytes}B"),
        1024..1_048_576 => format!("{}KiB", bytes / 1024),
        _ => format!("{}MiB", bytes / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_whole_units() {
        let shown = [0, 1023, 1024, 1_048_575, 16_777_216].map(size);
        assert_eq!(shown, ["0B", "1023B", "1KiB", "1023KiB", "16MiB"]);
    }
}
