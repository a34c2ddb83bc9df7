//! What `secrets` and `auth` have in common: the flags of a mount, its settings, the listing, and the move to another path.
//! Never in it: what an engine or a login method does.

use std::time::Duration;

use crate::command::{
    CommandResult, Failure, Flag, Invocation, Session, exactly, reject_dot_segments, sanitize, with_slash,
};
use crate::printer::{plain, table};
use onrecord_client::Client;
use onrecord_value::{GoDuration, Object, Value, duration, object};

pub(super) const AUDIT_REQUEST: Flag = Flag::texts(
    "audit-non-hmac-request-keys",
    "Key of request data that audit devices do not hash. May be given several times.",
);
pub(super) const AUDIT_RESPONSE: Flag = Flag::texts(
    "audit-non-hmac-response-keys",
    "Key of response data that audit devices do not hash. May be given several times.",
);
pub(super) const DEFAULT_TTL: Flag =
    Flag::duration("default-lease-ttl", "Default lease TTL of this mount. If not set, the server's default.");
pub(super) const MAX_TTL: Flag =
    Flag::duration("max-lease-ttl", "Longest lease TTL of this mount. If not set, the server's maximum.");
pub(super) const LISTING: Flag =
    Flag::text("listing-visibility", "unauth: list the mount to callers without a token. hidden: do not.");
pub(super) const PASS_HEADERS: Flag = Flag::texts(
    "passthrough-request-headers",
    "Request header to pass to the mount. May be given several times.",
);
pub(super) const ALLOW_HEADERS: Flag = Flag::texts(
    "allowed-response-headers",
    "Response header that the mount may set. May be given several times.",
);
pub(super) const OPTIONS: Flag =
    Flag::pairs("options", "KEY=VALUE option of the mount. May be given several times.");
pub(super) const ENTROPY: Flag =
    Flag::bool("external-entropy-access", "Allow the mount to use an external source of entropy.");
pub(super) const SEAL_WRAP: Flag = Flag::bool("seal-wrap", "Encrypt critical data with the seal as well.");
pub(super) const PATH: Flag = Flag::text("path", "Path of the mount.").default("the type");
pub(super) const LOCAL: Flag = Flag::bool("local", "Mount on this node only; it is not replicated.");

const BUILT_IN: &str = "engines and login methods are part of the server";
pub(super) const PLUGIN_NAME: Flag =
    Flag::text("plugin-name", "Name of the plugin to mount.").refused(BUILT_IN);
pub(super) const PLUGIN_VERSION: Flag =
    Flag::text("plugin-version", "Version of the plugin to mount.").refused(BUILT_IN);
pub(super) const IDENTITY_TOKEN_KEY: Flag =
    Flag::text("identity-token-key", "Key that signs the identity tokens of a plugin.").refused(BUILT_IN);

/// The settings that `enable` and `tune` send if they are given.
fn settings(invocation: &Invocation) -> Object {
    let mut config = Object::new();
    for flag in [AUDIT_REQUEST, AUDIT_RESPONSE, PASS_HEADERS, ALLOW_HEADERS] {
        let list = invocation.texts(flag.name);
        if !list.is_empty() {
            config.insert(flag.name.replace('-', "_"), list);
        }
    }
    for name in ["listing-visibility", "token-type"] {
        if let Some(text) = invocation.text(name) {
            config.insert(name.replace('-', "_"), text);
        }
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

/// The type that `enable` mounts, and the path for it: -path, or the type.
pub(super) fn to_enable(invocation: &Invocation) -> Result<(&str, String), Failure> {
    let [kind] = exactly(&invocation.arguments)?;
    let kind = kind.trim();
    let path = invocation.text("path").map(str::trim).filter(|path| !path.is_empty()).unwrap_or(kind);
    Ok((kind, with_slash(reject_dot_segments(path)?)))
}

/// The path of the mount that `disable` and `tune` are about.
pub(super) fn path(invocation: &Invocation) -> Result<String, Failure> {
    let [path] = exactly(&invocation.arguments)?;
    Ok(with_slash(&sanitize(path)?))
}

/// The body that mounts a type.
pub(super) fn enable_body(invocation: &Invocation, kind: &str) -> Object {
    let ttl = |name| duration::format(invocation.duration(name).unwrap_or(GoDuration::ZERO));
    let mut config = settings(invocation);
    config.insert("default_lease_ttl", ttl("default-lease-ttl"));
    config.insert("max_lease_ttl", ttl("max-lease-ttl"));
    config.insert("force_no_cache", invocation.is_set("force-no-cache"));
    object! {
        "type" => kind,
        "description" => invocation.text("description").unwrap_or_default(),
        "config" => config,
        "local" => invocation.is_set("local"),
        "seal_wrap" => invocation.is_set("seal-wrap"),
        "external_entropy_access" => invocation.is_set("external-entropy-access"),
        "options" => options(invocation),
    }
}

/// The body that changes the given settings of a mount.
pub(super) fn tune_body(invocation: &Invocation) -> Object {
    let ttl = |name| invocation.duration(name).map(duration::format).unwrap_or_default();
    let mut body = settings(invocation);
    body.insert("default_lease_ttl", ttl("default-lease-ttl"));
    body.insert("max_lease_ttl", ttl("max-lease-ttl"));
    if let Some(text) = invocation.text("description") {
        body.insert("description", text);
    }
    let options = options(invocation);
    if !options.is_empty() {
        body.insert("options", options);
    }
    body
}

/// How a class of mounts is called in messages and listed.
pub(super) struct Class {
    /// `secrets engine`, `auth method`.
    pub(super) noun: &'static str,
    /// What the paths of the API begin with.
    pub(super) prefix: &'static str,
    /// The columns of a list.
    pub(super) columns: &'static [&'static str],
    /// The setting that the detailed list shows in the sixth column, with its title.
    pub(super) sixth: (&'static str, &'static str),
}

/// Prints a list of mounts.
pub(super) fn list(
    session: &mut Session<'_>,
    invocation: &Invocation,
    class: &Class,
    mounts: Object,
) -> CommandResult {
    let detailed = invocation.is_set("detailed");
    let rows: Vec<Vec<String>> = mounts
        .iter()
        .filter_map(|(path, mount)| mount.as_object().map(|mount| (path, mount)))
        .map(
            |(path, mount)| if detailed { detailed_row(class, path, mount) } else { row(class, path, mount) },
        )
        .collect();
    let headers = if detailed { DETAILED.replace('?', class.sixth.0) } else { class.columns.join(" | ") };
    session.show(&table::table(&headers, &rows), mounts)
}

fn text(mount: &Object, key: &str) -> String {
    mount.get(key).map(plain).unwrap_or_default()
}

fn row(class: &Class, path: &str, mount: &Object) -> Vec<String> {
    let cell = |column: &&str| match *column {
        "Path" => path.to_owned(),
        "Version" => text(mount, "plugin_version"),
        other => text(mount, &other.to_lowercase()),
    };
    class.columns.iter().map(cell).collect()
}

const DETAILED: &str = "Path | Plugin | Accessor | Default TTL | Max TTL | ? | Replication | Seal Wrap | \
    External Entropy Access | Options | Description | UUID | Version | Running Version | Running SHA256 | Deprecation Status";

fn detailed_row(class: &Class, path: &str, mount: &Object) -> Vec<String> {
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
    let sixth = match (config.get(class.sixth.1), class.sixth.1) {
        (Some(value), _) => plain(value),
        (None, "force_no_cache") => "false".to_owned(),
        (None, _) => String::new(),
    };
    vec![
        path.to_owned(),
        kind.clone(),
        text(mount, "accessor"),
        ttl("default_lease_ttl"),
        ttl("max_lease_ttl"),
        sixth,
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

/// How often the server is asked how far a move is.
const POLL: Duration = Duration::from_millis(500);

/// Moves a mount to another path and waits until that is done.
pub(super) fn move_to(session: &mut Session<'_>, invocation: &Invocation, class: &Class) -> CommandResult {
    let [from, to] = exactly(&invocation.arguments)?;
    let place = |path: &str| -> Result<(String, String), Failure> {
        let path = sanitize(path)?;
        // A path of the API is taken as well.
        let path = path.strip_prefix(class.prefix).unwrap_or(&path);
        Ok((with_slash(path), format!("{}{path}", class.prefix)))
    };
    let ((from, api_from), (to, api_to)) = (place(from)?, place(to)?);
    let (noun, client) = (class.noun, session.client(invocation)?);
    let failed = format!("Error moving {noun} {from} to {to}: ");
    let id = session.call(client.remount(&api_from, &api_to), &failed)?;
    session.print_line(&format!("Started moving {noun} {from} to {to}, with migration ID {id}"))?;
    if !is_moved(session, &client, &id, &failed)? {
        let waiting = "Waiting for terminal status in migration of";
        session.print_line(&format!("{waiting} {noun} {from} to {to}, with migration ID {id}"))?;
        while !is_moved(session, &client, &id, &failed)? {
            session.block_on(tokio::time::sleep(POLL))?;
        }
    }
    session.done(format!("Success! Finished moving {noun} {from} to {to}, with migration ID {id}"))
}

/// Whether a move is done; an error if it failed.
fn is_moved(session: &mut Session<'_>, client: &Client, id: &str, failed: &str) -> Result<bool, Failure> {
    match session.call(client.remount_status(id), failed)?.as_str() {
        "success" => Ok(true),
        "failure" => Err(Failure::server(format!(
            "{failed}the server reports that the move with migration ID {id} failed; its log says why"
        ))),
        _ => Ok(false),
    }
}
