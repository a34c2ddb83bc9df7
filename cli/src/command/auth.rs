//! `auth enable|disable|list|tune|move`.
//! Never in it: what a login method does, and logins (`login`).

pub(crate) mod help;

use crate::command::mount::{self, Class};
use crate::command::{Command, CommandResult, Flag, Invocation, Output, Session, exactly};
use onrecord_value::{Object, Value, duration};

const DESCRIPTION: Flag = Flag::text("description", "Text that \"auth list\" shows.");
const TOKEN_TYPE: Flag = Flag::text(
    "token-type",
    "Type of the tokens that logins give: default-service, default-batch, service or batch.",
);
const VERSION: Flag =
    Flag::integer("version", "Version of the login method. The methods here have one each.");
const LOCKOUT_THRESHOLD: Flag =
    Flag::integer("user-lockout-threshold", "Number of failed logins in a row that locks an account.");
const LOCKOUT_DURATION: Flag =
    Flag::duration("user-lockout-duration", "How long an account stays locked after failed logins.");
const LOCKOUT_RESET: Flag = Flag::duration(
    "user-lockout-counter-reset-duration",
    "Time without a failed login after which they are counted from 0 again.",
);
const LOCKOUT_DISABLE: Flag =
    Flag::bool("user-lockout-disable", "Do not lock accounts of this mount after failed logins.");

const CLASS: Class = Class {
    noun: "auth method",
    prefix: "auth/",
    columns: &["Path", "Type", "Accessor", "Description", "Version"],
    sixth: ("Token Type", "token_type"),
};

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("auth enable", "TYPE", "Enable a login method", enable)
        .about(
            "Enables a login method at -path below auth/, or at the path TYPE without it. \"plugin list auth\" lists the \
             types.",
        )
        .examples(&[
            ("Enable logins with a password at auth/userpass/:", "auth enable userpass"),
            ("Enable a second one at auth/people/:", "auth enable -path=people -description=People userpass"),
        ])
        .flags(&[
            mount::ALLOW_HEADERS,
            mount::AUDIT_REQUEST,
            mount::AUDIT_RESPONSE,
            mount::DEFAULT_TTL,
            DESCRIPTION,
            mount::ENTROPY,
            mount::IDENTITY_TOKEN_KEY,
            mount::LISTING,
            mount::LOCAL,
            mount::MAX_TTL,
            mount::OPTIONS,
            mount::PASS_HEADERS,
            mount::PATH,
            mount::PLUGIN_NAME,
            mount::PLUGIN_VERSION,
            mount::SEAL_WRAP,
            TOKEN_TYPE,
            VERSION,
        ]),
    Command::new("auth disable", "PATH", "Disable a login method", disable)
        .about(
            "Disables the login method at PATH (below auth/), deletes its accounts and settings, and revokes all tokens \
             that its logins gave.",
        )
        .examples(&[("Disable the login method at auth/userpass/:", "auth disable userpass/")]),
    Command::new("auth list", "", "List the enabled login methods", list)
        .about("Lists the enabled login methods by their paths below auth/.")
        .examples(&[("List all login methods with their settings:", "auth list -detailed")])
        .output(Output::Format)
        .flags(&[Flag::bool("detailed", "Also show the settings of each login method.")]),
    Command::new("auth tune", "PATH", "Change the settings of a login method", tune)
        .about("Changes the given settings of the login method at PATH (below auth/) and keeps the others.")
        .examples(&[
            ("Let its tokens live for an hour by default:", "auth tune -default-lease-ttl=1h userpass/"),
            ("Lock an account after three failed logins:", "auth tune -user-lockout-threshold=3 userpass/"),
        ])
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
            TOKEN_TYPE,
            LOCKOUT_RESET,
            LOCKOUT_DISABLE,
            LOCKOUT_DURATION,
            LOCKOUT_THRESHOLD,
            VERSION,
        ]),
    Command::new("auth move", "SOURCE DESTINATION", "Move a login method to a new path", move_to)
        .about(
            "Gives the login method at SOURCE the path DESTINATION; both may begin with auth/. Its accounts and settings \
             stay; the tokens that its logins gave are revoked. Policies are not changed: write rules for the new path \
             first.",
        )
        .examples(&[("Move the method at auth/approle/ to auth/apps/:", "auth move auth/approle/ auth/apps/")]),
];

fn enable(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let (kind, shown) = mount::to_enable(invocation)?;
    let body = mount::enable_body(invocation, kind);
    let client = session.client(invocation)?;
    session.call(client.auth_enable(&shown, body), format!("Error enabling {kind} auth: "))?;
    session.done(format!("Success! Enabled {kind} auth method at: {shown}"))
}

fn disable(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let shown = mount::path(invocation)?;
    let client = session.client(invocation)?;
    session.call(client.auth_disable(&shown), format!("Error disabling auth method at {shown}: "))?;
    session.done(format!("Success! Disabled the auth method (if it existed) at: {shown}"))
}

fn tune(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let shown = mount::path(invocation)?;
    let mut body = mount::tune_body(invocation);
    let lockout = lockout(invocation);
    if !lockout.is_empty() {
        body.insert("user_lockout_config", lockout);
    }
    let client = session.client(invocation)?;
    session.call(
        client.auth_tune(shown.trim_end_matches('/'), body),
        format!("Error tuning auth method {shown}: "),
    )?;
    session.done(format!("Success! Tuned the auth method at: {shown}"))
}

/// When failed logins lock an account, as far as it is given.
fn lockout(invocation: &Invocation) -> Object {
    let span = |flag: Flag| invocation.duration(flag.name).map(|span| Value::from(duration::format(span)));
    let fields = [
        (
            "lockout_threshold",
            invocation.integer(LOCKOUT_THRESHOLD.name).map(|count| count.to_string().into()),
        ),
        ("lockout_duration", span(LOCKOUT_DURATION)),
        ("lockout_counter_reset_duration", span(LOCKOUT_RESET)),
        ("lockout_disable", invocation.truth(LOCKOUT_DISABLE.name).map(Value::from)),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let methods = session.call(client.auth_methods(), "Error listing enabled authentications: ")?;
    mount::list(session, invocation, &CLASS, methods)
}

fn move_to(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    mount::move_to(session, invocation, &CLASS)
}
