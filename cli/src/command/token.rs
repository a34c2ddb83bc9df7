//! `token create|lookup|renew|revoke|capabilities`.
//! Never in it: the token file (`login`).

use crate::command::{
    Command, CommandResult, Failure, Flag, Invocation, Output, Session, at_most_one, context, exactly,
    not_enough, too_many,
};
use crate::print_response;
use crate::printer::Node;
use onrecord_client::{Method, Request, TokenRef};
use onrecord_value::{GoDuration, Object, duration, object};

const CREATE_FLAGS: &[Flag] = &[
    Flag::text("display-name", "Name of the token, which audit entries show."),
    Flag::text("entity-alias", "Alias of the entity to associate with the token. -role is needed with it."),
    Flag::duration("explicit-max-ttl", "Time after which the token expires, however often it is renewed."),
    Flag::text("id", "Value of the token. By default the server generates it."),
    Flag::pairs("metadata", "KEY=VALUE to keep with the token. May be given several times."),
    Flag::bool("no-default-policy", "Do not add the policy \"default\"."),
    Flag::bool(
        "orphan",
        "Create the token without a parent, so that it is not revoked with the caller's token.",
    ),
    Flag::duration("period", "TTL after each renewal. Such a token can be renewed without limit."),
    Flag::texts("policy", "Policy of the token. May be given several times."),
    Flag::bool("renewable", "Whether the token can be renewed.").default("true"),
    Flag::text("role", "Role to create the token with."),
    Flag::duration("ttl", "TTL of the token."),
    Flag::text("type", "Type of the token: service or batch.").default("service"),
    Flag::integer("use-limit", "Number of requests the token can be used for; 0 is unlimited.").default("0"),
];

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("token create", "", "Create a new token", create)
        .about(
            "Creates a token. It is a child of the caller's token and is revoked with it. It has the \
             caller's policies unless -policy is given.",
        )
        .examples(&[(
            "Create a token with one policy, valid for an hour:",
            "token create -policy=app -ttl=1h",
        )])
        .output(Output::Field)
        .flags(CREATE_FLAGS),
    Command::new("token lookup", "[TOKEN | ACCESSOR]", "Display information about a token", lookup)
        .about("Shows the properties of a token. Without TOKEN, those of the caller's token.")
        .examples(&[
            ("Show the caller's token:", "token lookup"),
            ("Show a token by its accessor:", "token lookup -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da"),
        ])
        .output(Output::Format)
        .flags(&[Flag::bool("accessor", "The argument is an accessor.")]),
    Command::new("token renew", "[TOKEN]", "Renew a token lease", renew)
        .about("Renews a token. Without TOKEN, the caller's token.")
        .examples(&[("Renew the caller's token for an hour:", "token renew -increment=1h")])
        .output(Output::Format)
        .flags(&[
            Flag::bool("accessor", "The argument is an accessor."),
            Flag::duration("increment", "Requested TTL from now. The server may grant less.").alias("i"),
        ]),
    Command::new("token revoke", "[TOKEN | ACCESSOR]", "Revoke a token and its children", revoke)
        .about(
            "Revokes a token and all tokens created with it. When the command returns, they are no longer \
             accepted.",
        )
        .examples(&[
            (
                "Revoke a token by its accessor:",
                "token revoke -accessor 9793c9b3-e04a-46f3-e7b8-748d7da248da",
            ),
            ("Revoke the caller's own token:", "token revoke -self"),
        ])
        .flags(&[
            Flag::bool("accessor", "The argument is an accessor."),
            Flag::text(
                "mode",
                "orphan: revoke the token, but not its children. path: revoke all tokens created at a path.",
            ),
            Flag::bool("self", "Revoke the caller's token."),
        ]),
    Command::new(
        "token capabilities",
        "[TOKEN | ACCESSOR] PATH",
        "Print capabilities of a token on a path",
        capabilities,
    )
    .about("Prints what a token is allowed to do at PATH. Without TOKEN, the caller's token.")
    .examples(&[
        ("What is the caller's token allowed to do?", "token capabilities secret/data/app"),
        ("What is another token allowed to do?", "token capabilities TOKEN secret/data/app"),
    ])
    .output(Output::Format)
    .flags(&[Flag::bool("accessor", "The first argument is an accessor.")]),
];

fn span(invocation: &Invocation, name: &str) -> String {
    duration::format(invocation.duration(name).unwrap_or(GoDuration::ZERO))
}

fn create(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
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
    let made = session.call(
        client.token_create(Some(role.as_str()).filter(|role| !role.is_empty()), orphan, body),
        "Error creating token: ",
    )?;
    print_response::print(session, &made)
}

/// The token that the words name: an accessor with -accessor; without words, the caller's own.
fn named<'a>(invocation: &Invocation, words: &'a [String]) -> Result<TokenRef<'a>, Failure> {
    let accessor = invocation.is_set("accessor");
    match at_most_one(words)? {
        None if accessor => Err(Failure::usage("Not enough arguments with -accessor (expected 1, got 0)")),
        None => Ok(TokenRef::Own),
        Some(word) if accessor => Ok(TokenRef::Accessor(word.trim())),
        Some(word) => Ok(TokenRef::Token(word.trim())),
    }
}

fn lookup(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let client = session.client(invocation)?;
    let token = named(invocation, &invocation.arguments)?;
    let found = session.call(client.token_lookup(token), "Error looking up token: ")?;
    print_response::print(session, &found)
}

fn renew(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let increment = invocation.duration("increment").unwrap_or(GoDuration::ZERO).secs();
    let client = session.client(invocation)?;
    let token = named(invocation, &invocation.arguments)?;
    let renewed = session.call(client.token_renew(token, increment), "Error renewing token: ")?;
    print_response::print(session, &renewed)
}

fn revoke(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let own = invocation.is_set("self");
    let accessor = invocation.is_set("accessor");
    let mode = invocation.text("mode").unwrap_or_default();
    let words = invocation.arguments.as_slice();
    let token = match words {
        [] if own => TokenRef::Own,
        [] if !accessor => return Err(not_enough("1 or -self", 0)),
        words if own => {
            let got = words.len();
            return Err(Failure::usage(format!("Too many arguments with -self (expected 0, got {got})")));
        }
        [_, _, ..] => return Err(too_many("1 or -self", words.len())),
        words => named(invocation, words)?,
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
    let revoked = match (mode, token) {
        ("orphan", TokenRef::Token(word)) => session.block_on(client.token_revoke_orphan(word))?,
        ("path", TokenRef::Token(word)) => {
            let request = Request::new(Method::PUT, format!("sys/leases/revoke-prefix/{word}"));
            session.block_on(client.send(request))?.map(drop)
        }
        ("", token) => session.block_on(client.token_revoke(token))?,
        (other, _) => {
            return Err(Failure::usage(format!("Invalid mode: {other}\nAccepted: orphan or path.")));
        }
    };
    revoked.map_err(context("Error revoking token: "))?;
    session.done("Success! Revoked token (if it existed)")
}

fn capabilities(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let accessor = invocation.is_set("accessor");
    let words = invocation.arguments.as_slice();
    let (path, token) = match words {
        [_] if accessor => {
            return Err(Failure::usage("Not enough arguments with -accessor (expected 2, got 1)"));
        }
        [token @ .., path] if token.len() < 2 => (path.trim(), token),
        _ => {
            let wrong = if words.is_empty() { not_enough } else { too_many };
            return Err(wrong(if accessor { "2" } else { "1-2" }, words.len()));
        }
    };
    let client = session.client(invocation)?;
    let work = client.capabilities(named(invocation, token)?, path);
    let mut list = session.call(work, "Error listing capabilities: ")?;
    list.sort();
    session.show(&list.join(", "), Node::texts(&list))
}
