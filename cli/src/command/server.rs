//! `server`: passes the flags to the server.
//! Never in it: the server (`onrecord-server`).

use std::path::PathBuf;

use onrecord_client::environment::Variables;
use onrecord_server::{Dev, Options};

use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Session, too_many};

pub(super) const CONFIG: Flag = Flag::texts(
    "config",
    "Configuration file, or folder of them. May be given several times; a later value replaces an earlier \
     one.",
);

pub(crate) const COMMAND: Command = Command::new("server", "", "Start a server", server)
    .about(
        "Starts a server with the configuration of -config, in HCL or JSON.\n\nWith -dev, starts a \
         development server instead: in memory, initialized and unsealed, with version 2 of the key/value \
         engine at secret/, and with a file audit device that is enabled before the first request. Do not \
         keep real secrets in it.",
    )
    .examples(&[
        ("Start with a configuration file:", "server -config=/etc/onrecord/server.hcl"),
        ("Start a development server with a known root token:", "server -dev -dev-root-token-id=root"),
    ])
    .offline()
    .flags(&[
        CONFIG,
        Flag::bool("dev", "Start a development server."),
        Flag::text("dev-audit", "With -dev: file of the audit device, or stdout, or off for none."),
        Flag::text("dev-listen-address", "With -dev: address to listen on.")
            .default("127.0.0.1:8200")
            .variable("DEV_LISTEN_ADDRESS"),
        Flag::bool("dev-no-store-token", "With -dev: do not store the root token in the token file."),
        Flag::text("dev-root-token-id", "With -dev: the root token. By default it is random and printed.")
            .variable("DEV_ROOT_TOKEN_ID"),
        Flag::text("dev-storage", "With -dev: folder for the data. By default the data is in memory."),
        Flag::text("log-format", "Format of the server's log: standard or json.")
            .default("standard")
            .variable("LOG_FORMAT"),
        Flag::text("log-level", "Lowest level of the server's log: trace, debug, info, warn or error.")
            .default("info")
            .variable("LOG_LEVEL"),
    ]);

fn server(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    if !invocation.arguments.is_empty() {
        return Err(too_many("0", invocation.arguments.len()));
    }
    if let Some((name, kind)) =
        session.process.setting_filled("SEAL_TYPE").filter(|(_, kind)| kind != "shamir" && kind != "transit")
    {
        return Err(Failure::usage(format!(
            "{name}={kind:?}: there is \"shamir\" only (key shares, see \"operator init\"). Unset {name}."
        )));
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
        api_addr: session.process.filled("API_ADDR"),
        seal_type: session.process.setting_filled("SEAL_TYPE"),
        kinds: session.process.kinds.clone(),
    };
    onrecord_server::run(&options).map(|()| 0).map_err(|error| Failure::usage(error.to_string()))
}
