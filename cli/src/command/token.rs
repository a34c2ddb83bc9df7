//! `token create|lookup|renew|revoke|capabilities`.
//! Never in it: the token file (`login`).

use crate::command::Command;
use crate::failure::{CommandResult, Failure, SERVER, context, not_enough, too_many};
use crate::flag::{Flag, FlagKind, Output};
use crate::invocation::Invocation;
use crate::printer::{Format, Node};
use crate::secret;
use crate::session::Session;
use onrecord_client::{Method, Request};
use onrecord_value::{GoDuration, Object, duration, object};

const CREATE_FLAGS: &[Flag] = &[
    Flag::new("display-name", FlagKind::Text, "Name of the token, which audit entries show."),
    Flag::new(
        "entity-alias",
        FlagKind::Text,
        "Alias of the entity to associate with the token. -role is needed with it.",
    ),
    Flag::new(
        "explicit-max-ttl",
        FlagKind::Duration,
        "Time after which the token expires, however often it is renewed.",
    ),
    Flag::new("id", FlagKind::Text, "Value of the token. By default the server generates it."),
    Flag::new("metadata", FlagKind::Pairs, "KEY=VALUE to keep with the token. May be given several times."),
    Flag::new("no-default-policy", FlagKind::Bool, "Do not add the policy \"default\".").default("false"),
    Flag::new(
        "orphan",
        FlagKind::Bool,
        "Create the token without a parent, so that it is not revoked with the caller's token.",
    )
    .default("false"),
    Flag::new(
        "period",
        FlagKind::Duration,
        "TTL after each renewal. Such a token can be renewed without limit.",
    ),
    Flag::new("policy", FlagKind::Texts, "Policy of the token. May be given several times."),
    Flag::new("renewable", FlagKind::Bool, "Whether the token can be renewed.").default("true"),
    Flag::new("role", FlagKind::Text, "Role to create the token with."),
    Flag::new("ttl", FlagKind::Duration, "TTL of the token."),
    Flag::new("type", FlagKind::Text, "Type of the token: service or batch.").default("service"),
    Flag::new(
        "use-limit",
        FlagKind::Integer,
        "Number of requests the token can be used for; 0 is unlimited.",
    )
    .default("0"),
];

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "token create",
        synopsis: "Create a new token",
        arguments: "[options]",
        about: "Creates a token. It is a child of the caller's token and is revoked with it. It has the caller's policies \
                unless -policy is given.",
        examples: &[(
            "Create a token with one policy, valid for an hour:",
            "token create -policy=app -ttl=1h",
        )],
        http: true,
        output: Output::Field,
        flags: CREATE_FLAGS,
        run: create,
    },
    Command {
        words: "token lookup",
        synopsis: "Display information about a token",
        arguments: "[options] [TOKEN | ACCESSOR]",
        about: "Shows the properties of a token. Without TOKEN, those of the caller's token.",
        examples: &[
            ("Show the caller's token:", "token lookup"),
            ("Show a token by its accessor:", "token lookup -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da"),
        ],
        http: true,
        output: Output::Format,
        flags: &[Flag::new("accessor", FlagKind::Bool, "The argument is an accessor.").default("false")],
        run: lookup,
    },
    Command {
        words: "token renew",
        synopsis: "Renew a token lease",
        arguments: "[options] [TOKEN]",
        about: "Renews a token. Without TOKEN, the caller's token.",
        examples: &[("Renew the caller's token for an hour:", "token renew -increment=1h")],
        http: true,
        output: Output::Format,
        flags: &[
            Flag::new("accessor", FlagKind::Bool, "The argument is an accessor.").default("false"),
            Flag::new("increment", FlagKind::Duration, "Requested TTL from now. The server may grant less.")
                .alias("i"),
        ],
        run: renew,
    },
    Command {
        words: "token revoke",
        synopsis: "Revoke a token and its children",
        arguments: "[options] [TOKEN | ACCESSOR]",
        about: "Revokes a token and all tokens created with it. When the command returns, they are no longer accepted.",
        examples: &[
            (
                "Revoke a token by its accessor:",
                "token revoke -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da",
            ),
            ("Revoke the caller's own token:", "token revoke -self"),
        ],
        http: true,
        output: Output::Text,
        flags: &[
            Flag::new("accessor", FlagKind::Bool, "The argument is an accessor.").default("false"),
            Flag::new(
                "mode",
                FlagKind::Text,
                "orphan: revoke the token, but not its children. path: revoke all tokens created at a path.",
            ),
            Flag::new("self", FlagKind::Bool, "Revoke the caller's token.").default("false"),
        ],
        run: revoke,
    },
    Command {
        words: "token capabilities",
        synopsis: "Print capabilities of a token on a path",
        arguments: "[options] [TOKEN | ACCESSOR] PATH",
        about: "Prints what a token is allowed to do at PATH. Without TOKEN, the caller's token.",
        examples: &[
            ("What is the caller's token allowed to do?", "token capabilities secret/data/app"),
            ("What is another token allowed to do?", "token capabilities TOKEN secret/data/app"),
        ],
        http: true,
        output: Output::Format,
        flags: &[Flag::new("accessor", FlagKind::Bool, "The first argument is an accessor.").default("false")],
        run: capabilities,
    },
];

fn span(invocation: &Invocation, name: &str) -> String {
    duration::format(invocation.duration(name).unwrap_or(GoDuration::ZERO))
}

fn create(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    if !invocation.arguments.is_empty() {
        return Err(too_many("0", invocation.arguments.len()));
    }
    let text = |name: &str| invocation.text(name).unwrap_or_default().trim().to_owned();
    let mut body = object! {
        "display_name" => text("display-name"),
        "entity_alias" => text("entity-alias"),
        "explicit_max_ttl" => span(invocation, "explicit-max-ttl"),
        "num_uses" => invocation.integer("use-limit").unwrap_or(0),
        "period" => span(invocation, "period"),
        "renewable" => invocation.truth("renewable").unwrap_or(true),
        "ttl" => span(invocation, "ttl"),
        "type" => invocation.text("type").unwrap_or("service"),
    };
    let policies = invocation.texts("policy");
    if !policies.is_empty() {
        body.insert("policies", policies);
    }
    let metadata: Object = invocation.pairs("metadata").into_iter().collect();
    if !metadata.is_empty() {
        body.insert("meta", metadata);
    }
    let id = text("id");
    if !id.is_empty() {
        body.insert("id", id);
    }
    let orphan = invocation.is_set("orphan");
    if orphan {
        body.insert("no_parent", true);
    }
    if invocation.is_set("no-default-policy") {
        body.insert("no_default_policy", true);
    }
    let role = text("role");
    let client = session.client(invocation)?;
    let made = session
        .block_on(client.token_create(Some(role.as_str()).filter(|role| !role.is_empty()), orphan, body))?
        .map_err(context("Error creating token: "))?;
    secret::print(session, &made)
}

fn lookup(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let accessor = invocation.is_set("accessor");
    let client = session.client(invocation)?;
    let found = match invocation.arguments.as_slice() {
        [] if accessor => return Err(no_accessor()),
        [] => session.block_on(client.token_lookup_self())?,
        [word] if accessor => session.block_on(client.token_lookup_accessor(word.trim()))?,
        [word] => session.block_on(client.token_lookup(word.trim()))?,
        more => return Err(too_many("0-1", more.len())),
    };
    secret::print(session, &found.map_err(context("Error looking up token: "))?)
}

fn no_accessor() -> Failure {
    Failure::usage("Not enough arguments with -accessor (expected 1, got 0)")
}

fn renew(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let accessor = invocation.is_set("accessor");
    let increment = invocation.duration("increment").unwrap_or(GoDuration::ZERO).secs();
    let client = session.client(invocation)?;
    let renewed = match invocation.arguments.as_slice() {
        [] if accessor => return Err(no_accessor()),
        [] => session.block_on(client.token_renew_self(increment))?,
        [word] if accessor => session.block_on(client.token_renew_accessor(word.trim(), increment))?,
        [word] => session.block_on(client.token_renew(word.trim(), increment))?,
        more => return Err(too_many("0-1", more.len())),
    };
    secret::print(session, &renewed.map_err(context("Error renewing token: "))?)
}

fn revoke(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let own = invocation.is_set("self");
    let accessor = invocation.is_set("accessor");
    let mode = invocation.text("mode").unwrap_or_default();
    let words = &invocation.arguments;
    let word = match words.as_slice() {
        [] if own => "",
        [] if accessor => return Err(no_accessor()),
        [] => return Err(not_enough("1 or -self", 0)),
        words if own => {
            return Err(Failure::usage(format!(
                "Too many arguments with -self (expected 0, got {})",
                words.len()
            )));
        }
        [word] => word.trim(),
        words => return Err(too_many("1 or -self", words.len())),
    };
    if own && accessor {
        return Err(Failure::usage("Cannot use -self with -accessor: give one of them"));
    }
    if own && !mode.is_empty() {
        return Err(Failure::usage(
            "Cannot use -self with -mode: with -self, the caller's token is always revoked with its children",
        ));
    }
    if accessor && !mode.is_empty() {
        return Err(Failure::usage(format!("Cannot use -accessor with -mode={mode}: give one of them")));
    }
    let client = session.client(invocation)?;
    let revoked = match mode {
        _ if own => session.block_on(client.token_revoke_self())?,
        _ if accessor => session.block_on(client.token_revoke_accessor(word))?,
        "" => session.block_on(client.token_revoke(word))?,
        "orphan" => session.block_on(client.token_revoke_orphan(word))?,
        "path" => {
            let request = Request::new(Method::Put, format!("sys/leases/revoke-prefix/{word}"));
            session.block_on(client.send(request))?.map(drop)
        }
        other => return Err(Failure::usage(format!("Invalid mode: {other}\nAccepted: orphan or path."))),
    };
    revoked.map_err(context("Error revoking token: "))?;
    session.print_line("Success! Revoked token (if it existed)")?;
    Ok(0)
}

fn capabilities(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let accessor = invocation.is_set("accessor");
    let words = &invocation.arguments;
    if words.is_empty() || words.len() > 2 {
        let expected = if accessor { "2" } else { "1-2" };
        let wrong = if words.is_empty() { not_enough } else { too_many };
        return Err(wrong(expected, words.len()));
    }
    let client = session.client(invocation)?;
    let found = match words.as_slice() {
        [token, path] if accessor => {
            session.block_on(client.capabilities_accessor(token.trim(), path.trim()))?
        }
        [token, path] => session.block_on(client.capabilities(token.trim(), path.trim()))?,
        [_] if accessor => {
            return Err(Failure::usage("Not enough arguments with -accessor (expected 2, got 1)"));
        }
        [path] => session.block_on(client.capabilities_self(path.trim()))?,
        _ => return Err(Failure::Message(SERVER, String::new())),
    };
    let mut list = found.map_err(context("Error listing capabilities: "))?;
    list.sort();
    if session.format == Format::Table {
        session.print_line(&list.join(", "))?;
    } else {
        session.print_node(&Node::texts(&list))?;
    }
    Ok(0)
}
