//! `audit drill`: makes a device fail on purpose for a limited time, to test alarms.
//! Never in it: how a device is made to fail.

use super::{sanitize, with_slash};
use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session, exactly};
use onrecord_value::{Value, object};

pub(crate) const COMMAND: Command = Command::new(
    "audit drill",
    "hang|refuse|slow|stop PATH",
    "Make an audit device fail on purpose for a limited time",
    drill,
)
.about(
    "Makes the device at PATH fail, to test that your alarms work:\n\nhang: writes do not \
     complete.\n\nrefuse: every write fails.\n\nslow: every write is delayed by -delay.\n\nstop: ends a \
     running drill.\n\nA drill ends after -for, when the device is disabled or reopened, and when the server \
     is sealed. Entries that the device did not write are declared in a gap entry afterwards, as after a \
     real failure.\n\nIf no other device meets the audit rule, the server refuses all requests during the \
     drill, \"audit drill stop\" included.\n\nSet audit { drills = true } in the server's configuration to \
     allow drills.",
)
.examples(&[
    ("Hang the device at file/ for a minute:", "audit drill hang file/ -for=60s"),
    ("Delay every write by two seconds:", "audit drill slow file/ -for=5m -delay=2s"),
    ("End the drill early:", "audit drill stop file/"),
])
.output(Output::Format)
.flags(&[
    Flag::duration("delay", "Delay of each write of a slow drill.").default("1s"),
    Flag::duration("for", "Length of the drill, at most 1h.").default("60s"),
]);

fn drill(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [kind, path] = exactly(&invocation.arguments)?;
    if !matches!(kind, "hang" | "refuse" | "slow" | "stop") {
        return Err(Failure::usage(format!("Invalid drill {kind:?}: use hang, refuse, slow or stop.")));
    }
    let path = sanitize(path)?;
    let mut body = object! { "kind" => kind };
    for flag in ["for", "delay"] {
        if let Some(time) = invocation.text(flag) {
            body.insert(flag, time);
        }
    }
    let client = session.client(invocation)?;
    let done = session.call(client.audit_drill(&path, body), "Error running a drill: ")?;
    let shown = with_slash(&path);
    let seconds = done.get("for").map(crate::printer::plain).unwrap_or_default();
    let will = |effect| format!("Success! Device {shown} will {effect} for {seconds} s (drill).");
    let text = match kind {
        "hang" => will("hang"),
        "refuse" => will("refuse every write"),
        "slow" => will("be slow"),
        _ if done.get("stopped").and_then(Value::as_bool) == Some(true) => {
            format!("Success! Ended the drill of the device at {shown}.")
        }
        _ => format!("No drill was running on the device at {shown}."),
    };
    session.show(&text, done)
}
