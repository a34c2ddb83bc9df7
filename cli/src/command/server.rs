//! `server`: reads the flags and hands them to the server. What a server does is not known here.

use std::path::PathBuf;

use onrecord_client::environment::Variables;
use onrecord_server::{Dev, Options};

use crate::failure::{Done, Failure, too_many};
use crate::grammar::{Command, Flag, Invocation, Kind, Output};
use crate::session::Session;

pub(crate) const COMMANDS: &[Command] = &[Command {
    words: "server",
    synopsis: "Start a server",
    arguments: "[options]",
    about: "Starts a server with configuration files in HCL or JSON, or with -dev in memory: initialised, unsealed, \
            with version 2 of the key/value engine at secret/ and a file audit device from the first request on. \
            A -dev server is for trying things out, not for secrets.",
    examples: &[
        ("Start with a configuration file:", "server -config=/etc/onrecord/server.hcl"),
        ("Try things out, with a known root token:", "server -dev -dev-root-token-id=root"),
    ],
    http: false,
    output: Output::Text,
    flags: &[
        Flag::new(
            "config",
            Kind::Texts,
            "A configuration file, or a folder of them. May be given several times; later ones win.",
        ),
        Flag::new("dev", Kind::Bool, "Start a server for trying things out.").default("false"),
        Flag::new(
            "dev-audit",
            Kind::Text,
            "With -dev: file of its audit device; stdout; or off for no device.",
        ),
        Flag::new("dev-listen-address", Kind::Text, "With -dev: address to listen on.")
            .default("127.0.0.1:8200")
            .variable("DEV_LISTEN_ADDRESS"),
        Flag::new(
            "dev-no-store-token",
            Kind::Bool,
            "With -dev: do not store the root token in the token file.",
        )
        .default("false"),
        Flag::new(
            "dev-root-token-id",
            Kind::Text,
            "With -dev: the first root token. By default one is made and printed.",
        )
        .variable("DEV_ROOT_TOKEN_ID"),
        Flag::new("dev-storage", Kind::Text, "With -dev: a folder to keep the data in, instead of memory."),
        Flag::new("log-format", Kind::Text, "How the server's own log is written: standard or json.")
            .default("standard")
            .variable("LOG_FORMAT"),
        Flag::new(
            "log-level",
            Kind::Text,
            "What the server's own log tells: trace, debug, info, warn or error.",
        )
        .default("info")
        .variable("LOG_LEVEL"),
    ],
    run: server,
}];

fn server(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    if !invocation.arguments.is_empty() {
        return Err(too_many("0", invocation.arguments.len()));
    }
    session.flush()?;
    let setting = |flag: &str, variable: &str| {
        let given = invocation.text(flag).map(str::to_owned);
        given
            .or_else(|| session.world.setting(variable).map(|(_, value)| value))
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
    let alone = ["dev-audit", "dev-listen-address", "dev-no-store-token", "dev-root-token-id", "dev-storage"];
    if let Some(flag) = alone.into_iter().find(|flag| dev.is_none() && invocation.text(flag).is_some()) {
        return Err(Failure::usage(format!("-{flag} is for a development server: give -dev too.")));
    }
    let options = Options {
        config: invocation.texts("config").into_iter().map(PathBuf::from).collect(),
        dev,
        log_level: setting("log-level", "LOG_LEVEL"),
        log_format: setting("log-format", "LOG_FORMAT"),
        device_kinds: session.world.device_kinds.clone(),
    };
    onrecord_server::run(&options).map(|()| 0).map_err(|error| Failure::usage(error.to_string()))
}
