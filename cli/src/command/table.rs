//! The table of all commands and groups, and the look-up of a command by its words. The rows of each group of commands
//! stand in its file.
//! Never in it: flags, and what a command does.

use super::unsupported::{self, Unsupported};
use super::{
    Command, Group, audit, auth, completion, generic, kv, lease, log, login, operator, path_help, plugin,
    policy, secrets, server, status, token, unwrap,
};

pub(crate) const COMMANDS: &[&[Command]] = &[
    audit::COMMANDS,
    &[audit::drill::COMMAND],
    &[audit::explain::COMMAND],
    &[audit::preview::COMMAND],
    &[audit::reopen::COMMAND],
    &[audit::rotate_key::COMMAND],
    audit::salts::COMMANDS,
    &[audit::status::COMMAND],
    auth::COMMANDS,
    &[auth::help::COMMAND],
    &[completion::COMMAND],
    generic::COMMANDS,
    kv::COMMANDS,
    kv::metadata::COMMANDS,
    kv::versions::COMMANDS,
    lease::COMMANDS,
    &[log::COMMAND],
    log::ANSWERS,
    &[log::find_secret::COMMAND],
    &[log::verify::COMMAND],
    &[log::prove::COMMAND],
    &[log::anchor::COMMAND],
    &[log::key::COMMAND],
    &[log::report::COMMAND],
    &[log::export::COMMAND],
    login::COMMANDS,
    operator::COMMANDS,
    operator::cluster::COMMANDS,
    &[operator::diagnose::COMMAND],
    &[operator::generate_root::COMMAND],
    operator::rekey::COMMANDS,
    &[operator::repair::COMMAND],
    operator::snapshot::COMMANDS,
    &[path_help::COMMAND],
    plugin::COMMANDS,
    policy::COMMANDS,
    secrets::COMMANDS,
    &[server::COMMAND],
    status::COMMANDS,
    token::COMMANDS,
    &[unwrap::COMMAND],
];

/// Every group.
pub const GROUPS: &[Group] = &[
    Group {
        words: "audit",
        synopsis: "Interact with audit devices",
        about: "An audit device records every request and every response. These commands enable, list and disable \
                devices, show their state, and compute the hash that a device writes in place of a secret.",
        examples: &[
            ("Enable a file audit device:", "audit enable file file_path=/var/log/onrecord_audit.log"),
            ("List the enabled audit devices:", "audit list"),
        ],
    },
    Group {
        words: "auth",
        synopsis: "Interact with login methods",
        about: "A login method gives a client a token for a proof of who it is: a password, a secret id, a certificate, a \
                signed JWT. Each is enabled at a path below auth/.",
        examples: &[
            ("Enable logins with a password:", "auth enable userpass"),
            ("List the enabled login methods:", "auth list"),
            ("How to log in with one of them:", "auth help userpass"),
        ],
    },
    Group {
        words: "kv",
        synopsis: "Interact with the key/value secrets engine",
        about: "Store, read and delete secrets of the key/value engine. Version 2 of the engine keeps older versions \
                of each secret.",
        examples: &[
            ("Store a secret:", "kv put secret/app password=s3cr3t"),
            ("Read it:", "kv get secret/app"),
        ],
    },
    Group {
        words: "kv metadata",
        synopsis: "Interact with the metadata of secrets",
        about: "The metadata of a secret holds its versions, its settings and custom keys. It does not contain the \
                secret's data. Version 2 of the engine only.",
        examples: &[("Show the versions of a secret:", "kv metadata get secret/app")],
    },
    Group {
        words: "lease",
        synopsis: "Interact with leases",
        about: "A lease is the time for which something is given out: a secret of an engine, or a token. These commands \
                show, renew and revoke leases by their ids.",
        examples: &[
            ("Renew a lease:", "lease renew pki/issue/web/2f6a614c"),
            ("Revoke all leases below a path:", "lease revoke -prefix pki/issue/web"),
        ],
    },
    Group {
        words: "log",
        synopsis: "Read audit logs",
        about: "Read the files that audit devices wrote, those of Vault and OpenBao too: search them, check and verify them. No \
                server is needed, but to ask it for its keys (`log key`), its salts and its files.",
        examples: &[
            ("Check whether entries are missing:", "log check /var/log/audit.log*"),
            (
                "Verify that no line was changed:",
                "log verify -key=/media/usb/server.keys /var/log/audit.log*",
            ),
            ("Who read a secret:", "log who secret/app /var/log/audit.log*"),
        ],
    },
    Group {
        words: "operator",
        synopsis: "Perform operator tasks",
        about: "Initialize, unseal and seal a server, rotate its key, change its key shares, make a new root token, check \
                its configuration, repair its audit devices, and save and restore its storage.",
        examples: &[("Initialize a new server:", "operator init -key-shares=1 -key-threshold=1")],
    },
    Group {
        words: "operator snapshot",
        synopsis: "Save and restore the storage of a server",
        about: "A snapshot is a file with everything that a server stores, encrypted as it is stored. It is the way back \
                from a storage that is damaged.",
        examples: &[
            ("Save a snapshot of a running server:", "operator snapshot save backup.snapshot"),
            (
                "Restore it, with the server stopped:",
                "operator snapshot restore -config=/etc/onrecord/server.hcl backup.snapshot",
            ),
        ],
    },
    Group {
        words: "plugin",
        synopsis: "Show the engines and login methods that can be enabled",
        about: "The secrets engines and login methods are part of the server. These commands show which ones there are; \
                none can be added or removed.",
        examples: &[("List all engines and login methods:", "plugin list")],
    },
    Group {
        words: "policy",
        synopsis: "Interact with policies",
        about: "A policy lists paths and what a token with the policy may do there.",
        examples: &[("Upload a policy:", "policy write app app.hcl"), ("List all policies:", "policy list")],
    },
    Group {
        words: "print",
        synopsis: "Print settings in use",
        about: "Print the settings that other commands would use.",
        examples: &[("Print the token in use:", "print token")],
    },
    Group {
        words: "secrets",
        synopsis: "Interact with secrets engines",
        about: "A secrets engine stores secrets. Each is mounted at a path.",
        examples: &[(
            "Enable version 2 of the key/value engine at secret/:",
            "secrets enable -path=secret -version=2 kv",
        )],
    },
    Group {
        words: "token",
        synopsis: "Interact with tokens",
        about: "A token identifies the caller of a request. These commands create, show, renew and revoke tokens.",
        examples: &[(
            "Create a token with one policy, valid for an hour:",
            "token create -policy=app -ttl=1h",
        )],
    },
];

/// All commands.
pub fn commands() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().copied().flatten()
}

/// All commands, without the deprecated spellings.
pub(crate) fn listed() -> impl Iterator<Item = &'static Command> {
    commands().filter(|command| !is_alias(command.words))
}

/// The first words of all commands, sorted, without the deprecated spellings.
pub(crate) fn first_words() -> Vec<&'static str> {
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

/// Whether a word is a deprecated spelling: it works, and help does not list it.
pub(crate) fn is_alias(word: &str) -> bool {
    matches!(word, "audit-enable" | "audit-disable" | "audit-list")
}

/// The next words of the commands and groups below some words, sorted: name and synopsis.
pub(crate) fn below(words: &str) -> Vec<(&'static str, &'static str)> {
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

/// Whether a command, by the last of its words, takes away something that may be missed.
pub(crate) fn is_destructive(word: &str) -> bool {
    DESTRUCTIVE.contains(&word)
}

/// The last words of the commands that take something away.
const DESTRUCTIVE: [&str; 9] =
    ["audit-repair", "delete", "destroy", "disable", "drill", "restore", "revoke", "seal", "step-down"];

/// What the first words of a command line name.
#[derive(Debug)]
pub enum Lookup {
    /// A command, and the number of words of its name.
    Command(&'static Command, usize),
    /// A group, without a command of it, or with a word that names none.
    Group(&'static Group, Option<String>),
    /// A command of other servers that this program does not have.
    Unsupported(&'static Unsupported),
    /// The first word names no command and no group.
    Unknown(String),
    /// There are no words.
    Empty,
}

/// Finds the command that the words begin with.
pub fn find(words: &[String]) -> Lookup {
    let Some(first) = words.first() else {
        return Lookup::Empty;
    };
    let matches = |name: &str| {
        let parts: Vec<&str> = name.split(' ').collect();
        (words.len() >= parts.len() && parts.iter().zip(words).all(|(part, word)| part == word))
            .then_some(parts.len())
    };
    let command = commands().filter_map(|row| Some((row, matches(row.words)?))).max_by_key(|found| found.1);
    let group = GROUPS.iter().filter_map(|row| Some((row, matches(row.words)?))).max_by_key(|found| found.1);
    let unsupported = unsupported::NAMES.iter().filter_map(|row| Some((row, matches(row.words)?)));
    let unsupported = unsupported.max_by_key(|found| found.1);
    let known = command.map_or(0, |found| found.1).max(group.map_or(0, |found| found.1));
    if let Some((row, count)) = unsupported
        && count > known
    {
        return Lookup::Unsupported(row);
    }
    match (command, group) {
        (Some((command, count)), group) if group.is_none_or(|(_, within)| count > within) => {
            Lookup::Command(command, count)
        }
        (_, Some((group, within))) => {
            let unknown = words.get(within).filter(|word| !word.starts_with('-'));
            Lookup::Group(group, unknown.cloned())
        }
        (_, None) => Lookup::Unknown(first.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_destructive_word_is_that_of_a_command() {
        for word in DESTRUCTIVE {
            assert!(commands().any(|command| command.words.rsplit(' ').next() == Some(word)), "{word}");
        }
    }

    #[test]
    fn no_command_is_listed_as_unsupported() {
        for row in unsupported::NAMES {
            assert!(commands().all(|command| command.words != row.words), "{}", row.words);
            assert!(GROUPS.iter().all(|group| group.words != row.words), "{}", row.words);
        }
    }
}
