//! `secrets enable|disable|list|tune|move`.
//! Never in it: what an engine does.

use crate::command::mount::{self, Class};
use crate::command::{Command, CommandResult, Flag, Invocation, Output, Session, exactly};

const DESCRIPTION: Flag = Flag::text("description", "Text that \"secrets list\" shows.");
const VERSION: Flag = Flag::integer("version", "Version of the key/value engine: 1 or 2.");

const CLASS: Class = Class {
    noun: "secrets engine",
    prefix: "",
    columns: &["Path", "Type", "Accessor", "Description"],
    sixth: ("Force No Cache", "force_no_cache"),
};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("secrets enable", "TYPE", "Enable a secrets engine", enable)
        .about("Mounts a secrets engine at -path, or at the path TYPE without it.")
        .examples(&[
            ("Version 2 of the key/value engine at secret/:", "secrets enable -path=secret -version=2 kv"),
            (
                "Do not hash one key of request data in audit logs:",
                "secrets enable -audit-non-hmac-request-keys=username kv",
            ),
        ])
        .flags(&[
            mount::ALLOW_HEADERS,
            mount::AUDIT_REQUEST,
            mount::AUDIT_RESPONSE,
            mount::DEFAULT_TTL,
            DESCRIPTION,
            mount::ENTROPY,
            Flag::bool("force-no-cache", "Do not cache; read from storage each time."),
            mount::LISTING,
            mount::IDENTITY_TOKEN_KEY,
            mount::LOCAL,
            mount::MAX_TTL,
            mount::OPTIONS,
            mount::PASS_HEADERS,
            mount::PATH,
            mount::PLUGIN_NAME,
            mount::PLUGIN_VERSION,
            mount::SEAL_WRAP,
            VERSION,
        ]),
    Command::new("secrets disable", "PATH", "Disable a secrets engine", disable)
        .about("Unmounts the secrets engine at PATH and deletes all its data.")
        .examples(&[("Unmount the engine at kv1/ and delete its data:", "secrets disable kv1/")]),
    Command::new("secrets list", "", "List the enabled secrets engines", list)
        .about("Lists the mounted secrets engines.")
        .examples(&[("List all engines with their settings:", "secrets list -detailed")])
        .output(Output::Format)
        .flags(&[Flag::bool("detailed", "Also show the settings of each engine.")]),
    Command::new("secrets tune", "PATH", "Tune a secrets engine configuration", tune)
        .about("Changes the given settings of a mount and keeps the others.")
        .examples(&[("Set the default lease TTL to an hour:", "secrets tune -default-lease-ttl=1h secret/")])
        .flags(&[
            mount::ALLOW_HEADERS,
            mount::AUDIT_REQUEST,
            mount::AUDIT_RESPONSE,
            mount::DEFAULT_TTL,
            DESCRIPTION,
            mount::IDENTITY_TOKEN_KEY,
            mount::LISTING,
            mount::MAX_TTL,
            mount::OPTIONS,
            mount::PASS_HEADERS,
            mount::PLUGIN_VERSION,
            VERSION,
        ]),
    Command::new("secrets move", "SOURCE DESTINATION", "Move a secrets engine to a new path", move_to)
        .about(
            "Gives the secrets engine at SOURCE the path DESTINATION. Its data and settings stay; leases of the old \
             path are revoked. Policies are not changed: write rules for the new path first.",
        )
        .examples(&[("Move the engine at secret/ to generic/:", "secrets move secret/ generic/")]),
];

fn enable(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let (kind, shown) = mount::to_enable(invocation)?;
    let body = mount::enable_body(invocation, kind);
    let client = session.client(invocation)?;
    session.call(client.mount(&shown, body), "Error enabling: ")?;
    session.done(format!("Success! Enabled the {kind} secrets engine at: {shown}"))
}

fn disable(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let shown = mount::path(invocation)?;
    let client = session.client(invocation)?;
    session.call(client.unmount(&shown), format!("Error disabling secrets engine at {shown}: "))?;
    session.done(format!("Success! Disabled the secrets engine (if it existed) at: {shown}"))
}

fn tune(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let shown = mount::path(invocation)?;
    let body = mount::tune_body(invocation);
    let client = session.client(invocation)?;
    session.call(
        client.mount_tune(shown.trim_end_matches('/'), body),
        format!("Error tuning secrets engine {shown}: "),
    )?;
    session.done(format!("Success! Tuned the secrets engine at: {shown}"))
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let mounts = session.call(client.mounts(), "Error listing secrets engines: ")?;
    mount::list(session, invocation, &CLASS, mounts)
}

fn move_to(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    mount::move_to(session, invocation, &CLASS)
}
