//! The table: all commands, groups and shared flags. Each command's row stands in its file below `command`.

use super::{Command, Flag, Group, Kind};
use crate::command;

/// Every command, by the file it stands in.
pub const COMMANDS: &[&[Command]] = &[
    command::audit::COMMANDS,
    command::audit::drill::COMMANDS,
    command::audit::explain::COMMANDS,
    command::audit::preview::COMMANDS,
    command::audit::reopen::COMMANDS,
    command::audit::salts::COMMANDS,
    command::audit::status::COMMANDS,
    command::generic::COMMANDS,
    command::kv::COMMANDS,
    command::kv::metadata::COMMANDS,
    command::kv::versions::COMMANDS,
    command::log::COMMANDS,
    command::login::COMMANDS,
    command::operator::COMMANDS,
    command::operator::diagnose::COMMANDS,
    command::operator::repair::COMMANDS,
    command::policy::COMMANDS,
    command::secrets::COMMANDS,
    command::server::COMMANDS,
    command::status::COMMANDS,
    command::token::COMMANDS,
];

/// Every group.
pub const GROUPS: &[Group] = &[
    Group {
        words: "audit",
        synopsis: "Interact with audit devices",
        about: "Audit devices keep a record of every request and every response. These commands enable, list and disable \
                them, and compute the hash that a device writes in the place of a secret.",
        examples: &[
            ("Enable a file audit device:", "audit enable file file_path=/var/log/onrecord_audit.log"),
            ("List the enabled audit devices:", "audit list"),
        ],
    },
    Group {
        words: "kv",
        synopsis: "Interact with the key/value secrets engine",
        about: "Stores secrets and reads them back. Version 2 of the engine keeps older versions of a secret.",
        examples: &[
            ("Store a secret:", "kv put secret/app password=s3cr3t"),
            ("Read it back:", "kv get secret/app"),
        ],
    },
    Group {
        words: "kv metadata",
        synopsis: "Interact with the metadata of secrets",
        about: "What is known about a secret beside its data: its versions and the settings it follows.",
        examples: &[("Show the versions of a secret:", "kv metadata get secret/app")],
    },
    Group {
        words: "log",
        synopsis: "Read audit logs",
        about: "What audit devices wrote, read without a server.",
        examples: &[("Say whether anything is missing:", "log check /var/log/audit.log*")],
    },
    Group {
        words: "operator",
        synopsis: "Perform the ceremonies of an operator",
        about: "Initialising, unsealing and sealing a server.",
        examples: &[("Initialise a new server:", "operator init -key-shares=1 -key-threshold=1")],
    },
    Group {
        words: "policy",
        synopsis: "Interact with policies",
        about: "Policies say which paths a token may use, and how.",
        examples: &[("Upload a policy:", "policy write app app.hcl"), ("List all policies:", "policy list")],
    },
    Group {
        words: "print",
        synopsis: "Print settings in use",
        about: "Shows what other commands would use.",
        examples: &[("Print the token in use:", "print token")],
    },
    Group {
        words: "secrets",
        synopsis: "Interact with secrets engines",
        about: "Secrets engines store, make or encrypt data. Each is mounted at a path.",
        examples: &[(
            "Enable version 2 of the key/value engine at secret/:",
            "secrets enable -path=secret -version=2 kv",
        )],
    },
    Group {
        words: "token",
        synopsis: "Interact with tokens",
        about: "Tokens say who is calling. These commands make, show, renew and revoke them.",
        examples: &[("Make a token with a policy, for an hour:", "token create -policy=app -ttl=1h")],
    },
];

/// Flags of every command that calls a server.
pub const HTTP_FLAGS: &[Flag] = &[
    Flag::new("address", Kind::Text, "Address of the server.")
        .default("https://127.0.0.1:8200")
        .variable("ADDR"),
    Flag::new("agent-address", Kind::Text, "Address of an agent, used instead of the server's.")
        .variable("AGENT_ADDR"),
    Flag::new(
        "ca-cert",
        Kind::Text,
        "PEM file with the authorities that may have signed the server's certificate. It wins over -ca-path.",
    )
    .variable("CACERT"),
    Flag::new("ca-path", Kind::Text, "Folder of PEM files with such authorities.").variable("CAPATH"),
    Flag::new(
        "client-cert",
        Kind::Text,
        "PEM file with the certificate shown to the server. It needs -client-key.",
    )
    .variable("CLIENT_CERT"),
    Flag::new("client-key", Kind::Text, "PEM file with the key of -client-cert.").variable("CLIENT_KEY"),
    Flag::new(
        "disable-redirects",
        Kind::Bool,
        "Follow no redirect of the server; by default one is followed.",
    )
    .default("false")
    .variable("DISABLE_REDIRECTS"),
    Flag::new(
        "header",
        Kind::Pairs,
        "A header to send, as NAME=VALUE. May be given several times. Names beginning with X-Vault- are reserved.",
    ),
    Flag::new("mfa", Kind::Texts, "A code of a second factor to send. May be given several times.")
        .variable("MFA"),
    Flag::new("namespace", Kind::Text, "Namespace to work in.").alias("ns").variable("NAMESPACE"),
    Flag::new("non-interactive", Kind::Bool, "Ask nothing and read nothing from the terminal.")
        .default("false"),
    Flag::new("output-curl-string", Kind::Bool, "Print the request as a curl command instead of sending it.")
        .default("false"),
    Flag::new(
        "output-policy",
        Kind::Bool,
        "Print a policy that would allow the request instead of sending it.",
    )
    .default("false"),
    Flag::new("policy-override", Kind::Bool, "Ask the server to override a soft-mandatory policy.")
        .default("false"),
    Flag::new("tls-server-name", Kind::Text, "Name to expect in the server's certificate.")
        .variable("TLS_SERVER_NAME"),
    Flag::new(
        "tls-skip-verify",
        Kind::Bool,
        "Trust any certificate of the server. Whoever sits between can read and change everything.",
    )
    .default("false")
    .variable("SKIP_VERIFY"),
    Flag::new("wrap-ttl", Kind::Duration, "Have the answer wrapped in a token that lives this long.")
        .variable("WRAP_TTL"),
];

const FORMAT: Flag = Flag::new("format", Kind::Text, "How to print the answer: table, json or yaml.")
    .default("table")
    .variable("FORMAT");

/// `-format`.
pub const FORMAT_FLAGS: &[Flag] = &[FORMAT];

/// `-format` and `-field`.
pub const FIELD_FLAGS: &[Flag] = &[
    Flag::new("field", Kind::Text, "Print only this field, without a newline unless on a terminal."),
    FORMAT,
];

/// All commands.
pub fn commands() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().copied().flatten()
}

/// The first words that there are, sorted, without the deprecated ones.
pub fn first_words() -> Vec<&'static str> {
    let mut words: Vec<&'static str> = commands()
        .map(|command| command.words)
        .chain(GROUPS.iter().map(|group| group.words))
        .filter_map(|words| words.split(' ').next())
        .filter(|word| !is_alias(word))
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Whether a word is an old spelling that works and is not listed.
pub fn is_alias(word: &str) -> bool {
    matches!(word, "audit-enable" | "audit-disable" | "audit-list")
}

/// The next words of the commands and groups below some words, sorted: name and synopsis.
pub fn below(words: &str) -> Vec<(&'static str, &'static str)> {
    let mut list: Vec<(&'static str, &'static str)> = commands()
        .map(|command| (command.words, command.synopsis))
        .chain(GROUPS.iter().map(|group| (group.words, group.synopsis)))
        .filter_map(|(name, synopsis)| {
            let rest = if words.is_empty() { name } else { name.strip_prefix(words)?.strip_prefix(' ')? };
            (!rest.contains(' ') && !is_alias(rest)).then_some((rest, synopsis))
        })
        .collect();
    list.sort_unstable();
    list
}
