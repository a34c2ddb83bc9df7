//! `secrets enable|disable|list|tune`.
//! Never in it: what an engine does.

use super::{reject_dot_segments, with_slash};
use crate::command::Command;
use crate::failure::{CommandResult, context, exactly};
use crate::flag::{Flag, FlagKind, Output};
use crate::invocation::Invocation;
use crate::printer::{Format, Node, plain, table};
use crate::session::Session;
use onrecord_value::{GoDuration, Number, Object, Value, duration, object};

const AUDIT_REQUEST: Flag = Flag::new(
    "audit-non-hmac-request-keys",
    FlagKind::Texts,
    "Key of request data that audit devices do not hash. May be given several times.",
);
const AUDIT_RESPONSE: Flag = Flag::new(
    "audit-non-hmac-response-keys",
    FlagKind::Texts,
    "Key of response data that audit devices do not hash. May be given several times.",
);
const DEFAULT_TTL: Flag = Flag::new(
    "default-lease-ttl",
    FlagKind::Duration,
    "Default lease TTL of this mount. If not set, the server's default.",
);
const MAX_TTL: Flag = Flag::new(
    "max-lease-ttl",
    FlagKind::Duration,
    "Longest lease TTL of this mount. If not set, the server's maximum.",
);
const DESCRIPTION: Flag = Flag::new("description", FlagKind::Text, "Text that \"secrets list\" shows.");
const LISTING: Flag = Flag::new(
    "listing-visibility",
    FlagKind::Text,
    "unauth: list the mount to callers without a token. hidden: do not.",
);
const PASS_HEADERS: Flag = Flag::new(
    "passthrough-request-headers",
    FlagKind::Texts,
    "Request header to pass to the engine. May be given several times.",
);
const ALLOW_HEADERS: Flag = Flag::new(
    "allowed-response-headers",
    FlagKind::Texts,
    "Response header that the engine may set. May be given several times.",
);
const OPTIONS: Flag =
    Flag::new("options", FlagKind::Pairs, "KEY=VALUE option of the engine. May be given several times.");
const VERSION: Flag = Flag::new("version", FlagKind::Integer, "Version of the key/value engine: 1 or 2.");

pub(crate) const COMMANDS: &[Command] = &[
    Command {
        words: "secrets enable",
        synopsis: "Enable a secrets engine",
        arguments: "[options] TYPE",
        about: "Mounts a secrets engine at -path, or at the path TYPE without it.",
        examples: &[
            ("Version 2 of the key/value engine at secret/:", "secrets enable -path=secret -version=2 kv"),
            (
                "Do not hash one key of request data in audit logs:",
                "secrets enable -audit-non-hmac-request-keys=username kv",
            ),
        ],
        http: true,
        output: Output::Text,
        flags: &[
            ALLOW_HEADERS,
            AUDIT_REQUEST,
            AUDIT_RESPONSE,
            DEFAULT_TTL,
            DESCRIPTION,
            Flag::new(
                "external-entropy-access",
                FlagKind::Bool,
                "Allow the engine to use an external source of entropy.",
            )
            .default("false"),
            Flag::new("force-no-cache", FlagKind::Bool, "Do not cache; read from storage each time.")
                .default("false"),
            LISTING,
            Flag::new("local", FlagKind::Bool, "Mount the engine on this node only; it is not replicated.")
                .default("false"),
            MAX_TTL,
            OPTIONS,
            PASS_HEADERS,
            Flag::new("path", FlagKind::Text, "Path of the mount.").default("the type"),
            Flag::new("seal-wrap", FlagKind::Bool, "Encrypt critical data with the seal as well.")
                .default("false"),
            VERSION,
        ],
        run: enable,
    },
    Command {
        words: "secrets disable",
        synopsis: "Disable a secrets engine",
        arguments: "[options] PATH",
        about: "Unmounts the secrets engine at PATH and deletes all its data.",
        examples: &[("Unmount the engine at kv1/ and delete its data:", "secrets disable kv1/")],
        http: true,
        output: Output::Text,
        flags: &[],
        run: disable,
    },
    Command {
        words: "secrets list",
        synopsis: "List the enabled secrets engines",
        arguments: "[options]",
        about: "Lists the mounted secrets engines.",
        examples: &[("List all engines with their settings:", "secrets list -detailed")],
        http: true,
        output: Output::Format,
        flags: &[
            Flag::new("detailed", FlagKind::Bool, "Also show the settings of each engine.").default("false")
        ],
        run: list,
    },
    Command {
        words: "secrets tune",
        synopsis: "Tune a secrets engine configuration",
        arguments: "[options] PATH",
        about: "Changes the given settings of a mount and keeps the others.",
        examples: &[("Set the default lease TTL to an hour:", "secrets tune -default-lease-ttl=1h secret/")],
        http: true,
        output: Output::Text,
        flags: &[
            ALLOW_HEADERS,
            AUDIT_REQUEST,
            AUDIT_RESPONSE,
            DEFAULT_TTL,
            DESCRIPTION,
            LISTING,
            MAX_TTL,
            OPTIONS,
            PASS_HEADERS,
            VERSION,
        ],
        run: tune,
    },
];

/// The settings that `enable` and `tune` send if they are given.
fn shared(invocation: &Invocation) -> Object {
    let mut config = Object::new();
    for (flag, key) in [
        ("audit-non-hmac-request-keys", "audit_non_hmac_request_keys"),
        ("audit-non-hmac-response-keys", "audit_non_hmac_response_keys"),
        ("passthrough-request-headers", "passthrough_request_headers"),
        ("allowed-response-headers", "allowed_response_headers"),
    ] {
        let list = invocation.texts(flag);
        if !list.is_empty() {
            config.insert(key, list);
        }
    }
    if let Some(text) = invocation.text("listing-visibility") {
        config.insert("listing_visibility", text);
    }
    config
}

/// `-options` and `-version`.
fn options(invocation: &Invocation) -> Object {
    let mut options: Object = invocation.pairs("options").into_iter().collect();
    if let Some(version) = invocation.integer("version") {
        options.insert("version", version.to_string());
    }
    options
}

fn enable(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [kind] = exactly(&invocation.arguments)?;
    let kind = kind.trim();
    let path = invocation.text("path").map(str::trim).filter(|path| !path.is_empty()).unwrap_or(kind);
    let shown = with_slash(reject_dot_segments(path)?);
    let ttl = |name| duration::format(invocation.duration(name).unwrap_or(GoDuration::ZERO));
    let mut config = shared(invocation);
    config.insert("default_lease_ttl", ttl("default-lease-ttl"));
    config.insert("max_lease_ttl", ttl("max-lease-ttl"));
    config.insert("force_no_cache", invocation.is_set("force-no-cache"));
    let body = object! {
        "type" => kind,
        "description" => invocation.text("description").unwrap_or_default(),
        "config" => config,
        "local" => invocation.is_set("local"),
        "seal_wrap" => invocation.is_set("seal-wrap"),
        "external_entropy_access" => invocation.is_set("external-entropy-access"),
        "options" => options(invocation),
    };
    let client = session.client(invocation)?;
    session.block_on(client.mount(&shown, body))?.map_err(context("Error enabling: "))?;
    session.print_line(&format!("Success! Enabled the {kind} secrets engine at: {shown}"))?;
    Ok(0)
}

fn disable(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let shown = with_slash(reject_dot_segments(path.trim().trim_matches('/'))?);
    let client = session.client(invocation)?;
    session
        .block_on(client.unmount(&shown))?
        .map_err(context(format!("Error disabling secrets engine at {shown}: ")))?;
    session.print_line(&format!("Success! Disabled the secrets engine (if it existed) at: {shown}"))?;
    Ok(0)
}

fn tune(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let shown = with_slash(reject_dot_segments(path.trim().trim_matches('/'))?);
    let ttl = |name| invocation.duration(name).map(duration::format).unwrap_or_default();
    let mut body = shared(invocation);
    body.insert("default_lease_ttl", ttl("default-lease-ttl"));
    body.insert("max_lease_ttl", ttl("max-lease-ttl"));
    if let Some(text) = invocation.text("description") {
        body.insert("description", text);
    }
    let options = options(invocation);
    if !options.is_empty() {
        body.insert("options", options);
    }
    let client = session.client(invocation)?;
    session
        .block_on(client.mount_tune(shown.trim_end_matches('/'), body))?
        .map_err(context(format!("Error tuning secrets engine {shown}: ")))?;
    session.print_line(&format!("Success! Tuned the secrets engine at: {shown}"))?;
    Ok(0)
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let mounts = session.block_on(client.mounts())?.map_err(context("Error listing secrets engines: "))?;
    if session.format != Format::Table {
        session.print_node(&Node::from(mounts))?;
        return Ok(0);
    }
    let detailed = invocation.is_set("detailed");
    let rows: Vec<Vec<String>> = mounts
        .iter()
        .filter_map(|(path, mount)| mount.as_object().map(|mount| (path, mount)))
        .map(|(path, mount)| if detailed { detailed_row(path, mount) } else { row(path, mount) })
        .collect();
    let headers: &[&str] = if detailed { DETAILED } else { &["Path", "Type", "Accessor", "Description"] };
    session.print_line(&table::table(headers, &rows))?;
    Ok(0)
}

fn text(mount: &Object, key: &str) -> String {
    mount.get(key).map(plain).unwrap_or_default()
}

fn row(path: &str, mount: &Object) -> Vec<String> {
    vec![path.to_owned(), text(mount, "type"), text(mount, "accessor"), text(mount, "description")]
}

const DETAILED: &[&str] = &[
    "Path",
    "Plugin",
    "Accessor",
    "Default TTL",
    "Max TTL",
    "Force No Cache",
    "Replication",
    "Seal Wrap",
    "External Entropy Access",
    "Options",
    "Description",
    "UUID",
    "Version",
    "Running Version",
    "Running SHA256",
    "Deprecation Status",
];

fn detailed_row(path: &str, mount: &Object) -> Vec<String> {
    let empty = Object::new();
    let config = mount.object("config").unwrap_or(&empty);
    let kind = text(mount, "type");
    let ttl = |key: &str| -> String {
        if matches!(kind.as_str(), "system" | "ns_system" | "cubbyhole" | "ns_cubbyhole") {
            return "n/a".to_owned();
        }
        match config.get(key).and_then(Value::as_number).and_then(Number::as_i64) {
            Some(0) | None => "system".to_owned(),
            Some(seconds) => seconds.to_string(),
        }
    };
    let local = mount.get("local").and_then(Value::as_bool).unwrap_or_default();
    let options = match mount.get("options") {
        Some(Value::Object(options)) => plain(&Value::Object(options.clone())),
        _ => "map[]".to_owned(),
    };
    vec![
        path.to_owned(),
        kind.clone(),
        text(mount, "accessor"),
        ttl("default_lease_ttl"),
        ttl("max_lease_ttl"),
        config.get("force_no_cache").map_or_else(|| "false".to_owned(), plain),
        if local { "local" } else { "replicated" }.to_owned(),
        text(mount, "seal_wrap"),
        text(mount, "external_entropy_access"),
        options,
        text(mount, "description"),
        text(mount, "uuid"),
        text(mount, "plugin_version"),
        text(mount, "running_plugin_version"),
        text(mount, "running_sha256"),
        text(mount, "deprecation_status"),
    ]
}
