//! `server`: passes the flags to the server.
//! Never in it: the server (`onrecord-server`).

use std::path::PathBuf;

use onrecord_client::environment::Variables;
use onrecord_server::{Dev, Options};

use crate::command::Command;
use crate::failure::{CommandResult, Failure, too_many};
use crate::flag::{Flag, FlagKind, Output};
use crate::invocation::Invocation;
use crate::session::Session;

pub(crate) const COMMANDS: &[Command] = &[Command {
    words: "server",
    synopsis: "Start a server",
    arguments: "[options]",
    about: "Starts a server with the configuration of -config, in HCL or JSON.\n\nWith -dev, starts a development server \
            instead: in memory, initialized and unsealed, with version 2 of the key/value engine at secret/, and with a \
            file audit device that is enabled before the first request. Do not keep real secrets in it.",
    examples: &[
        ("Start with a configuration file:", "server -config=/etc/onrecord/server.hcl"),
        ("Start a development server with a known root token:", "server -dev -dev-root-token-id=root"),
    ],
    http: false,
    output: Output::Text,
    flags: &[
        Flag::new(
            "config",
            FlagKind::Texts,
            "Configuration file, or folder of them. May be given several times; a later value replaces an earlier one.",
        ),
        Flag::new("dev", FlagKind::Bool, "Start a development server.").default("false"),
        Flag::new(
            "dev-audit",
            FlagKind::Text,
            "With -dev: file of the audit device, or stdout, or off for none.",
        ),
        Flag::new("dev-listen-address", FlagKind::Text, "With -dev: address to listen on.")
            .default("127.0.0.1:8200")
            .variable("DEV_LISTEN_ADDRESS"),
        Flag::new(
            "dev-no-store-token",
            FlagKind::Bool,
            "With -dev: do not store the root token in the token file.",
        )
        .default("false"),
        Flag::new(
            "dev-root-token-id",
            FlagKind::Text,
            "With -dev: the root token. By default it is random and printed.",
        )
        .variable("DEV_ROOT_TOKEN_ID"),
        Flag::new(
            "dev-storage",
            FlagKind::Text,
            "With -dev: folder for the data. By default the data is in memory.",
        ),
        Flag::new("log-format", FlagKind::Text, "Format of the server's log: standard or json.")
            .default("standard")
            .variable("LOG_FORMAT"),
        Flag::new(
            "log-level",
            FlagKind::Text,
            "Lowest level of the server's log: trace, debug, info, warn or error.",
        )
        .default("info")
        .variable("LOG_LEVEL"),
    ],
    run: server,
}];

fn server(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    if !invocation.arguments.is_empty() {
        return Err(too_many("0", invocation.arguments.len()));
    }
    session.flush()?;
    let setting = |flag: &str, variable: &str| {
        let given = invocation.text(flag).map(str::to_owned);
        given
            .or_else(|| session.process.setting(variable).map(|(_, value)| value))
            .filter(|text| !text.is_empty())
    };
    let path = |flag: &str| invocation.text(flag).map(PathBuf::from);
    let dev = invocation.is_set("dev").then(|| Dev {
        storage: path("dev-storage"),
        root_token_id: setting("dev-root-token-id", "DEV_ROOT_TOKEN_ID"),
        listen_address: setting("dev-listen-address", "DEV_LISTEN_ADDRESS"),
        audit: invocation.text("dev-audit").map(str::to_owned),
        no_store_token: invocation.is_set("dev-no-store-token"),
    });
    let dev_only =
        ["dev-audit", "dev-listen-address", "dev-no-store-token", "dev-root-token-id", "dev-storage"];
    if let Some(flag) = dev_only.into_iter().find(|flag| dev.is_none() && invocation.text(flag).is_some()) {
        return Err(Failure::usage(format!("-{flag} is valid only with -dev: add -dev, or remove -{flag}.")));
    }
    let options = Options {
        config: invocation.texts("config").into_iter().map(PathBuf::from).collect(),
        dev,
        log_level: setting("log-level", "LOG_LEVEL"),
        log_format: setting("log-format", "LOG_FORMAT"),
        kinds: session.process.kinds.clone(),
    };
    onrecord_server::run(&options).map(|()| 0).map_err(|error| Failure::usage(error.to_string()))
}
