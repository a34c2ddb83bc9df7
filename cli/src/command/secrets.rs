//! `secrets enable|disable|list|tune`.
//! Never in it: what an engine does.

use crate::command::{
    Command, CommandResult, Flag, Invocation, Output, Session, exactly, reject_dot_segments, sanitize,
    with_slash,
};
use crate::printer::{plain, table};
use onrecord_value::{GoDuration, Object, Value, duration, object};

const AUDIT_REQUEST: Flag = Flag::texts(
    "audit-non-hmac-request-keys",
    "Key of request data that audit devices do not hash. May be given several times.",
);
const AUDIT_RESPONSE: Flag = Flag::texts(
    "audit-non-hmac-response-keys",
    "Key of response data that audit devices do not hash. May be given several times.",
);
const DEFAULT_TTL: Flag =
    Flag::duration("default-lease-ttl", "Default lease TTL of this mount. If not set, the server's default.");
const MAX_TTL: Flag =
    Flag::duration("max-lease-ttl", "Longest lease TTL of this mount. If not set, the server's maximum.");
const DESCRIPTION: Flag = Flag::text("description", "Text that \"secrets list\" shows.");
const LISTING: Flag =
    Flag::text("listing-visibility", "unauth: list the mount to callers without a token. hidden: do not.");
const PASS_HEADERS: Flag = Flag::texts(
    "passthrough-request-headers",
    "Request header to pass to the engine. May be given several times.",
);
const ALLOW_HEADERS: Flag = Flag::texts(
    "allowed-response-headers",
    "Response header that the engine may set. May be given several times.",
);
const OPTIONS: Flag = Flag::pairs("options", "KEY=VALUE option of the engine. May be given several times.");
const VERSION: Flag = Flag::integer("version", "Version of the key/value engine: 1 or 2.");

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("secrets enable", "TYPE", "Enable a secrets engine", enable)
        .about("Mounts a secrets engine at -path, or at the path TYPE without it.")
        .examples(&[
            ("Version 2 of the key/value engine at secret/:", "secrets enable -path=secret -version=2 kv"),
            (
                "Do not hash one key of request data in audit logs:",
                "secrets enable -audit-non-hmac-request-keys=username kv",
            ),
        ])
        .flags(&[
            ALLOW_HEADERS,
            AUDIT_REQUEST,
            AUDIT_RESPONSE,
            DEFAULT_TTL,
            DESCRIPTION,
            Flag::bool("external-entropy-access", "Allow the engine to use an external source of entropy."),
            Flag::bool("force-no-cache", "Do not cache; read from storage each time."),
            LISTING,
            Flag::bool("local", "Mount the engine on this node only; it is not replicated."),
            MAX_TTL,
            OPTIONS,
            PASS_HEADERS,
            Flag::text("path", "Path of the mount.").default("the type"),
            Flag::bool("seal-wrap", "Encrypt critical data with the seal as well."),
            VERSION,
        ]),
    Command::new("secrets disable", "PATH", "Disable a secrets engine", disable)
        .about("Unmounts the secrets engine at PATH and deletes all its data.")
        .examples(&[("Unmount the engine at kv1/ and delete its data:", "secrets disable kv1/")]),
    Command::new("secrets list", "", "List the enabled secrets engines", list)
        .about("Lists the mounted secrets engines.")
        .examples(&[("List all engines with their settings:", "secrets list -detailed")])
        .output(Output::Format)
        .flags(&[Flag::bool("detailed", "Also show the settings of each engine.")]),
    Command::new("secrets tune", "PATH", "Tune a secrets engine configuration", tune)
        .about("Changes the given settings of a mount and keeps the others.")
        .examples(&[("Set the default lease TTL to an hour:", "secrets tune -default-lease-ttl=1h secret/")])
        .flags(&[
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
        ]),
];

/// The settings that `enable` and `tune` send if they are given.
fn shared(invocation: &Invocation) -> Object {
    let mut config = Object::new();
    for flag in [AUDIT_REQUEST, AUDIT_RESPONSE, PASS_HEADERS, ALLOW_HEADERS] {
        let list = invocation.texts(flag.name);
        if !list.is_empty() {
            config.insert(flag.name.replace('-', "_"), list);
        }
    }
    if let Some(text) = invocation.text("listing-visibility") {
        config.insert("listing_visibility", text);
    }
    config
}

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
    session.call(client.mount(&shown, body), "Error enabling: ")?;
    session.done(format!("Success! Enabled the {kind} secrets engine at: {shown}"))
}

fn disable(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let shown = with_slash(&sanitize(path)?);
    let client = session.client(invocation)?;
    session.call(client.unmount(&shown), format!("Error disabling secrets engine at {shown}: "))?;
    session.done(format!("Success! Disabled the secrets engine (if it existed) at: {shown}"))
}

fn tune(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [path] = exactly(&invocation.arguments)?;
    let shown = with_slash(&sanitize(path)?);
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
    session.call(
        client.mount_tune(shown.trim_end_matches('/'), body),
        format!("Error tuning secrets engine {shown}: "),
    )?;
    session.done(format!("Success! Tuned the secrets engine at: {shown}"))
}

fn list(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let client = session.client(invocation)?;
    let mounts = session.call(client.mounts(), "Error listing secrets engines: ")?;
    let detailed = invocation.is_set("detailed");
    let rows: Vec<Vec<String>> = mounts
        .iter()
        .filter_map(|(path, mount)| mount.as_object().map(|mount| (path, mount)))
        .map(|(path, mount)| if detailed { detailed_row(path, mount) } else { row(path, mount) })
        .collect();
    let headers = if detailed { DETAILED } else { "Path | Type | Accessor | Description" };
    session.show(&table::table(headers, &rows), mounts)
}

fn text(mount: &Object, key: &str) -> String {
    mount.get(key).map(plain).unwrap_or_default()
}

fn row(path: &str, mount: &Object) -> Vec<String> {
    vec![path.to_owned(), text(mount, "type"), text(mount, "accessor"), text(mount, "description")]
}

const DETAILED: &str = "Path | Plugin | Accessor | Default TTL | Max TTL | Force No Cache | Replication | Seal Wrap | \
    External Entropy Access | Options | Description | UUID | Version | Running Version | Running SHA256 | Deprecation Status";

fn detailed_row(path: &str, mount: &Object) -> Vec<String> {
    let empty = Object::new();
    let config = mount.object("config").unwrap_or(&empty);
    let kind = text(mount, "type");
    let ttl = |key: &str| -> String {
        if matches!(kind.as_str(), "system" | "ns_system" | "cubbyhole" | "ns_cubbyhole") {
            return "n/a".to_owned();
        }
        match config.get(key).and_then(Value::as_i64) {
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
