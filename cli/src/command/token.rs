//! `token create|lookup|renew|revoke|capabilities`.

use crate::failure::{Done, Failure, SERVER, during, not_enough, too_many};
use crate::grammar::{Command, Flag, Invocation, Kind, Output};
use crate::printer::{Format, Node, secret};
use crate::session::Session;
use onrecord_client::{Method, Request};
use onrecord_value::{GoDuration, Object, duration, object};

const CREATE_FLAGS: &[Flag] = &[
    Flag::new("display-name", Kind::Text, "A name for the token, shown in the audit log."),
    Flag::new("entity-alias", Kind::Text, "Alias of the entity the token belongs to. It needs -role."),
    Flag::new("explicit-max-ttl", Kind::Duration, "The token ends after this long, whatever renews it."),
    Flag::new("id", Kind::Text, "The token itself. By default the server makes one."),
    Flag::new("metadata", Kind::Pairs, "KEY=VALUE kept with the token. May be given several times."),
    Flag::new("no-default-policy", Kind::Bool, "Leave the policy default out.").default("false"),
    Flag::new("orphan", Kind::Bool, "Give it no parent, so that it outlives the caller's token.")
        .default("false"),
    Flag::new("period", Kind::Duration, "Renewals give this long each, without an end."),
    Flag::new("policy", Kind::Texts, "A policy. May be given several times."),
    Flag::new("renewable", Kind::Bool, "Whether it can be renewed.").default("true"),
    Flag::new("role", Kind::Text, "Make it by a role."),
    Flag::new("ttl", Kind::Duration, "How long it lives."),
    Flag::new("type", Kind::Text, "service or batch.").default("service"),
    Flag::new("use-limit", Kind::Integer, "How often it can be used; 0 is without limit.").default("0"),
];

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "token create",
        synopsis: "Create a new token",
        arguments: "[options]",
        about: "Makes a token. It is a child of the caller's token, ends with it, and has the caller's policies unless \
                -policy names others.",
        examples: &[("A token with one policy, for an hour:", "token create -policy=app -ttl=1h")],
        http: true,
        output: Output::Field,
        flags: CREATE_FLAGS,
        run: create,
    },
    Command {
        words: "token lookup",
        synopsis: "Display information about a token",
        arguments: "[options] [TOKEN | ACCESSOR]",
        about: "Shows what is known about a token; without TOKEN, about the caller's.",
        examples: &[
            ("Look at the caller's token:", "token lookup"),
            (
                "Look at a token by its accessor:",
                "token lookup -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da",
            ),
        ],
        http: true,
        output: Output::Format,
        flags: &[Flag::new("accessor", Kind::Bool, "The argument is an accessor.").default("false")],
        run: lookup,
    },
    Command {
        words: "token renew",
        synopsis: "Renew a token lease",
        arguments: "[options] [TOKEN]",
        about: "Renews a token; without TOKEN, the caller's.",
        examples: &[("Renew the caller's token for an hour:", "token renew -increment=1h")],
        http: true,
        output: Output::Format,
        flags: &[
            Flag::new("accessor", Kind::Bool, "The argument is an accessor.").default("false"),
            Flag::new(
                "increment",
                Kind::Duration,
                "How long it should live from now on. The server may give less.",
            )
            .alias("i"),
        ],
        run: renew,
    },
    Command {
        words: "token revoke",
        synopsis: "Revoke a token and its children",
        arguments: "[options] [TOKEN | ACCESSOR]",
        about: "Revokes a token and all tokens made with it. It is dead before the answer comes.",
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
            Flag::new("accessor", Kind::Bool, "The argument is an accessor.").default("false"),
            Flag::new(
                "mode",
                Kind::Text,
                "orphan leaves its children alive; path revokes all tokens made at a path.",
            ),
            Flag::new("self", Kind::Bool, "Revoke the caller's token.").default("false"),
        ],
        run: revoke,
    },
    Command {
        words: "token capabilities",
        synopsis: "Print capabilities of a token on a path",
        arguments: "[options] [TOKEN | ACCESSOR] PATH",
        about: "Prints what a token may do at a path; without TOKEN, what the caller's may do.",
        examples: &[
            ("What may I do there?", "token capabilities secret/data/app"),
            ("What may another token do there?", "token capabilities TOKEN secret/data/app"),
        ],
        http: true,
        output: Output::Format,
        flags: &[Flag::new("accessor", Kind::Bool, "The first argument is an accessor.").default("false")],
        run: capabilities,
    },
];

fn span(invocation: &Invocation, name: &str) -> String {
    duration::format(invocation.duration(name).unwrap_or(GoDuration::ZERO))
}

fn create(session: &mut Session<'_>, invocation: &Invocation) -> Done {
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
        .wait(client.token_create(Some(role.as_str()).filter(|role| !role.is_empty()), orphan, body))?
        .map_err(during("Error creating token: "))?;
    secret::print(session, &made)
}

fn lookup(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let accessor = invocation.is_set("accessor");
    let client = session.client(invocation)?;
    let found = match invocation.arguments.as_slice() {
        [] if accessor => return Err(no_accessor()),
        [] => session.wait(client.token_lookup_self())?,
        [word] if accessor => session.wait(client.token_lookup_accessor(word.trim()))?,
        [word] => session.wait(client.token_lookup(word.trim()))?,
        more => return Err(too_many("0-1", more.len())),
    };
    secret::print(session, &found.map_err(during("Error looking up token: "))?)
}

fn no_accessor() -> Failure {
    Failure::usage("Not enough arguments with -accessor (expected 1, got 0)")
}

fn renew(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let accessor = invocation.is_set("accessor");
    let increment = invocation.duration("increment").unwrap_or(GoDuration::ZERO).secs();
    let client = session.client(invocation)?;
    let renewed = match invocation.arguments.as_slice() {
        [] if accessor => return Err(no_accessor()),
        [] => session.wait(client.token_renew_self(increment))?,
        [word] if accessor => session.wait(client.token_renew_accessor(word.trim(), increment))?,
        [word] => session.wait(client.token_renew(word.trim(), increment))?,
        more => return Err(too_many("0-1", more.len())),
    };
    secret::print(session, &renewed.map_err(during("Error renewing token: "))?)
}

fn revoke(session: &mut Session<'_>, invocation: &Invocation) -> Done {
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
        return Err(Failure::usage("Cannot use -self with -accessor: give the one or the other"));
    }
    if own && !mode.is_empty() {
        return Err(Failure::usage(
            "Cannot use -self with -mode: the caller's token is revoked with its children",
        ));
    }
    if accessor && !mode.is_empty() {
        return Err(Failure::usage(format!("Cannot use -accessor with -mode={mode}")));
    }
    let client = session.client(invocation)?;
    let revoked = match mode {
        _ if own => session.wait(client.token_revoke_self())?,
        _ if accessor => session.wait(client.token_revoke_accessor(word))?,
        "" => session.wait(client.token_revoke(word))?,
        "orphan" => session.wait(client.token_revoke_orphan(word))?,
        "path" => {
            let request = Request::new(Method::Put, format!("sys/leases/revoke-prefix/{word}"));
            session.wait(client.send(request))?.map(drop)
        }
        other => return Err(Failure::usage(format!("Invalid mode: {other}"))),
    };
    revoked.map_err(during("Error revoking token: "))?;
    session.say("Success! Revoked token (if it existed)")?;
    Ok(0)
}

fn capabilities(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let accessor = invocation.is_set("accessor");
    let words = &invocation.arguments;
    if words.is_empty() || words.len() > 2 {
        let expected = if accessor { "2" } else { "1-2" };
        let wrong = if words.is_empty() { not_enough } else { too_many };
        return Err(wrong(expected, words.len()));
    }
    let client = session.client(invocation)?;
    let found = match words.as_slice() {
        [who, path] if accessor => session.wait(client.capabilities_accessor(who.trim(), path.trim()))?,
        [who, path] => session.wait(client.capabilities(who.trim(), path.trim()))?,
        [_] if accessor => {
            return Err(Failure::usage("Not enough arguments with -accessor (expected 2, got 1)"));
        }
        [path] => session.wait(client.capabilities_self(path.trim()))?,
        _ => return Err(Failure::Told(SERVER, String::new())),
    };
    let mut list = found.map_err(during("Error listing capabilities: "))?;
    list.sort();
    if session.format == Format::Table {
        session.say(&list.join(", "))?;
    } else {
        session.say_node(&Node::texts(&list))?;
    }
    Ok(0)
}
