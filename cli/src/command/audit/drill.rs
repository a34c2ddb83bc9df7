//! `audit drill`: a device fails on purpose for a while, to prove alarms.

use super::{with_slash, without_dots};
use crate::failure::{Done, Failure, during, exactly};
use crate::grammar::{Command, Flag, Invocation, Kind, Output};
use crate::printer::{Format, Node};
use crate::session::Session;
use onrecord_value::{Value, object};

pub(crate) const COMMANDS: &[Command] = &[Command {
    words: "audit drill",
    synopsis: "Make an audit device fail on purpose, for a while",
    arguments: "[options] hang|refuse|slow|stop PATH",
    about: "Makes the device at PATH fail, so that you see your alarms work: hang takes nothing and answers nothing, \
            refuse refuses everything, slow takes every batch later. What it misses it tells in a gap entry afterwards, \
            as after a real failure. The drill ends by itself after -for, and when the device is disabled or reopened \
            and at a seal; stop ends it early.\n\nOn the only device it stops the server's work for that time, stop \
            included: that is what it proves. The server's configuration must allow it: audit { drills = true }.",
    examples: &[
        ("Hang the device at file/ for a minute:", "audit drill hang file/ -for=60s"),
        ("Two seconds more for every batch:", "audit drill slow file/ -for=5m -delay=2s"),
        ("End it early:", "audit drill stop file/"),
    ],
    http: true,
    output: Output::Format,
    flags: &[
        Flag::new("delay", Kind::Duration, "How much later a slow device takes what it is given.")
            .default("1s"),
        Flag::new("for", Kind::Duration, "How long the drill lasts, at most an hour.").default("60s"),
    ],
    run: drill,
}];

fn drill(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let [kind, path] = exactly(&invocation.arguments)?;
    if !matches!(kind, "hang" | "refuse" | "slow" | "stop") {
        return Err(Failure::usage(format!("Invalid drill {kind:?}: it is hang, refuse, slow or stop.")));
    }
    let path = without_dots(path.trim().trim_matches('/'))?;
    let mut body = object! { "kind" => kind };
    for flag in ["for", "delay"] {
        if let Some(time) = invocation.text(flag) {
            body.insert(flag, time);
        }
    }
    let client = session.client(invocation)?;
    let done = session.wait(client.audit_drill(path, body))?.map_err(during("Error holding a drill: "))?;
    if session.format != Format::Table {
        session.say_node(&Node::from(done))?;
        return Ok(0);
    }
    let shown = with_slash(path);
    if kind == "stop" {
        let ended = done.get("stopped").and_then(Value::as_bool) == Some(true);
        let text = if ended { "Success! Ended the drill" } else { "There was no drill" };
        session.say(&format!("{text} on the audit device at: {shown}"))?;
        return Ok(0);
    }
    let seconds = done.get("for").map(crate::printer::plain).unwrap_or_default();
    session.say(&format!(
        "Success! For {seconds} seconds this drill is held on the audit device at {shown}: {kind}"
    ))?;
    Ok(0)
}
