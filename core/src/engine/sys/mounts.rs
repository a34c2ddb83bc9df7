//! `sys/mounts` and `sys/auth`: list, enable, read, tune and disable secrets engines and login methods; and
//! `sys/internal/ui/mounts`: the mounts that a caller can see, which the kv commands ask before they act.
//! Never in it: the table and its storage (`crate::engine::mounts`).

use std::sync::Arc;
use std::time::Duration;

use onrecord_value::{Object, Value, duration, object};

use crate::engine::leases::{self, Force};
use crate::engine::mount::RUNNING_VERSION;
use crate::engine::mounts::MountError;
use crate::engine::space::{failed, refused};
use crate::engine::{Call, EngineKind, Kinds, Mount, MountEntry, Mounting, Tune, Unknown, Unsealed, fields};
use crate::names::check_description;
use crate::outcome::{Outcome, Refusal, Reply};
use crate::stored::Record as _;

/// The login methods whose accounts are locked after failed logins.
const LOCKING: [&str; 2] = ["userpass", "approle"];

/// What a request to enable a mount may have.
const ENABLE_FIELDS: &[&str] = &[
    "config",
    "description",
    "external_entropy_access",
    "local",
    "options",
    "path",
    "plugin_name",
    "plugin_version",
    "seal_wrap",
    "type",
];
/// What a request to tune one may have beside the settings.
const TUNE_FIELDS: [&str; 6] =
    ["description", "options", "path", "plugin_version", "token_type", "user_lockout_config"];

/// Whether a mount is among the secrets engines (`sys/mounts`) or among the logins (`sys/auth`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Secret,
    Auth,
}

impl Class {
    /// What its mounts' paths begin with, and its listing leaves out.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Secret => "",
            Self::Auth => "auth/",
        }
    }

    /// A mount's path as clients of this class know it.
    fn within(self, path: &str) -> &str {
        path.strip_prefix(self.prefix()).unwrap_or(path)
    }

    /// Whether a client may enable mounts of this kind in it.
    const fn takes(self, kind: &EngineKind) -> bool {
        matches!((self, &kind.mounting), (Self::Secret, Mounting::Secrets) | (Self::Auth, Mounting::Login))
    }

    fn has(self, mount: &MountEntry) -> bool {
        (self == Self::Auth) == (mount.class() == "auth")
    }
}

pub(super) fn list(unsealed: &Unsealed, class: Class) -> Outcome {
    let table = unsealed.mounts.snapshot();
    let mounts = table.iter().filter(|mount| class.has(mount));
    Outcome::data(mounts.map(|mount| (class.within(&mount.path), show(mount))).collect())
}

fn show(mount: &MountEntry) -> Object {
    let mut shown = object! {
        "accessor" => mount.accessor.as_str(),
        "config" => settings(&mount.tune),
        "description" => mount.description.as_str(),
        "external_entropy_access" => mount.external_entropy_access,
        "local" => mount.local,
        "options" => mount.options.clone(),
        "plugin_version" => "",
        "running_plugin_version" => RUNNING_VERSION,
        "running_sha256" => "",
        "seal_wrap" => mount.seal_wrap,
        "type" => mount.kind.name,
        "uuid" => mount.uuid.as_str(),
    };
    if !mount.kind.is_builtin() {
        shown.insert("deprecation_status", "supported");
    }
    shown
}

/// The settings, by the names that they are stored under too; lists and texts only if they were ever set.
fn settings(tune: &Tune) -> Object {
    let mut settings = tune.to_object();
    settings.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
    settings
}

/// A captured path as a mount's path: without a leading slash, with a final one.
fn full_path(captured: &str, class: Class) -> String {
    format!("{}{}/", class.prefix(), captured.trim_matches('/'))
}

/// `GET sys/mounts/PATH`, `GET sys/auth/PATH`.
pub(super) fn read(unsealed: &Unsealed, call: &Call<'_>, class: Class) -> Result<Outcome, Refusal> {
    let path = full_path(call.captured, class);
    let mount = unsealed.mounts.at(&path).filter(|mount| class.has(mount));
    let mount = mount.ok_or_else(|| Refusal::invalid(format!("no matching mount at {path:?}")))?;
    Ok(Outcome::data(show(&mount)))
}

pub(super) async fn enable(unsealed: &Unsealed, call: &Call<'_>, class: Class) -> Result<Reply, Refusal> {
    let path = full_path(call.captured, class);
    if class == Class::Auth && unsealed.mounts.at(&path).is_some() {
        return Err(MountError::InUse(class.within(&path).to_owned()).into());
    }
    unsealed.mounts.enable(draft(unsealed, path, call.data, class)?).await?;
    Ok(fields::done(call.data, ENABLE_FIELDS))
}

pub(super) async fn disable(unsealed: &Unsealed, call: &Call<'_>, class: Class) -> Result<(), Refusal> {
    let path = full_path(call.captured, class);
    match unsealed.mounts.at(&path) {
        Some(mount) if class == Class::Auth && mount.kind.is_builtin() => {
            let name = mount.kind.name;
            Err(Refusal::invalid(format!("{name} credential backend cannot be disabled")))
        }
        Some(mount) if !class.has(&mount) => Err(MountError::Builtin(path).into()),
        // A login method's tokens end before it does: if they cannot, it is still there to be disabled again.
        Some(mount) if !mount.kind.is_builtin() => {
            leases::revoke_below(unsealed, &path, call.now, Force::No).await?;
            unsealed.mounts.disable(&path).await?;
            // Those that were made meanwhile. What they lease is gone with the mount.
            leases::revoke_below(unsealed, &path, call.now, Force::Yes).await?;
            Ok(unsealed.quotas.remove_below(&path).await?)
        }
        Some(_) | None => Ok(unsealed.mounts.disable(&path).await?),
    }
}

/// What a request to enable an engine or a login method asks for; without ids.
fn draft(unsealed: &Unsealed, path: String, data: &Object, class: Class) -> Result<MountEntry, Refusal> {
    let kind = fields::text(data, "type")?.unwrap_or_default();
    let options = fields::texts_by_name(data, "options")?.unwrap_or_default();
    let version = options.iter().find(|(name, _)| name == "version").map(|(_, version)| version.as_str());
    let kind = kind_of(unsealed.mounts.kinds(), &kind, version, class)?;
    let mut tune = Tune::default();
    if class == Class::Auth {
        "default-service".clone_into(&mut tune.token_type);
    }
    if let Some(config) = fields::map(data, "config")? {
        check_lockout(kind, config)?;
        change_token_type(&mut tune, config, class == Class::Auth)?;
        change(&mut tune, config)?;
    }
    let description = fields::text(data, "description")?.unwrap_or_default().into_owned();
    check_description("description", &description)?;
    Ok(MountEntry {
        path,
        kind,
        accessor: String::new(),
        uuid: String::new(),
        description,
        local: fields::flag(data, "local")?.unwrap_or(false),
        seal_wrap: fields::flag(data, "seal_wrap")?.unwrap_or(false),
        external_entropy_access: fields::flag(data, "external_entropy_access")?.unwrap_or(false),
        options: Some(options.into_iter().collect()),
        tune,
    })
}

fn kind_of(
    kinds: &Kinds,
    name: &str,
    version: Option<&str>,
    class: Class,
) -> Result<&'static EngineKind, Refusal> {
    if name.is_empty() {
        let what = if class == Class::Auth { "auth method" } else { "engine" };
        return Err(Refusal::invalid(format!("the type of the {what} is missing")));
    }
    kinds.asked_for(name, version, |kind| class.takes(kind)).map_err(|unknown| match unknown {
        Unknown::Version(name) => Refusal::invalid(format!(
            "there is no version {:?} of the {name} engine",
            version.unwrap_or_default()
        )),
        Unknown::Name if class == Class::Auth && kinds.builtin_login(name) => {
            Refusal::invalid(format!("{name} credential backend cannot be instantiated"))
        }
        Unknown::Name => Refusal::invalid(format!("plugin not found in the catalog: {name}")),
    })
}

/// `GET sys/internal/ui/mounts`.
pub(super) fn list_visible(unsealed: &Unsealed, call: &Call<'_>) -> Outcome {
    let (mut auth, mut secret) = (Object::new(), Object::new());
    for mount in unsealed.mounts.snapshot().iter() {
        let shown = match call.caller {
            Some(caller) if caller.acl.reaches_below(&mount.path) => show(mount),
            None if mount.tune.listing_visibility == "unauth" => object! {
                "description" => mount.description.as_str(),
                "options" => mount.options.clone(),
                "type" => mount.kind.name,
            },
            _ => continue,
        };
        match mount.path.strip_prefix(Class::Auth.prefix()) {
            Some(path) => auth.insert(path, shown),
            None => secret.insert(mount.path.as_str(), shown),
        };
    }
    Outcome::data(object! { "auth" => auth, "secret" => secret })
}

/// `GET sys/internal/ui/mounts/PATH`: the mount that a path leads to. Whether there is none, or the caller has nothing
/// to do there, is one answer.
pub(super) fn read_leading(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let path = call.captured;
    let visible =
        |mount: &Arc<Mount>| call.caller.is_some_and(|caller| caller.acl.reaches_below(&mount.path));
    let mount = unsealed.mounts.find(path).filter(visible).ok_or_else(|| hidden(path))?;
    let mut shown = show(&mount);
    shown.insert("path", mount.path.as_str());
    Ok(Outcome::data(shown))
}

fn hidden(path: &str) -> Refusal {
    let slash = if path.ends_with('/') { "" } else { "/" };
    let text = format!(
        "preflight capability check returned 403, please ensure client's policies grant access to path \"{path}{slash}\""
    );
    Refusal { text: Some(text), ..Refusal::denied() }
}

pub(super) fn read_tune(unsealed: &Unsealed, call: &Call<'_>, class: Class) -> Result<Outcome, Refusal> {
    let path = full_path(call.captured, class);
    let mount = unsealed.mounts.at(&path).ok_or(MountError::Missing(path))?;
    let tune = &mount.tune;
    let or = |own: u64, system: Duration| if own > 0 { own } else { system.as_secs() };
    let max = or(tune.max_lease_ttl, unsealed.settings.max_lease_ttl);
    let mut shown = settings(tune);
    shown.extend(object! {
        "default_lease_ttl" => or(tune.default_lease_ttl, unsealed.settings.default_lease_ttl).min(max),
        "description" => mount.description.as_str(),
        "max_lease_ttl" => max,
    });
    if let Some(options) = mount.options.as_ref().filter(|options| !options.is_empty()) {
        shown.insert("options", options.clone());
    }
    Ok(Outcome::data(shown))
}

pub(super) async fn tune(unsealed: &Unsealed, call: &Call<'_>, class: Class) -> Result<Reply, Refusal> {
    let kinds = unsealed.mounts.kinds();
    let change = |mount: &mut MountEntry| retune(kinds, mount, call.data);
    unsealed.mounts.tune(&full_path(call.captured, class), change).await?;
    let settings = Tune::default().to_object();
    let known: Vec<&str> = settings.keys().chain(TUNE_FIELDS).collect();
    Ok(fields::done(call.data, &known))
}

fn retune(kinds: &Kinds, mount: &mut MountEntry, data: &Object) -> Result<(), Refusal> {
    let own = mount.kind.is_builtin() && Class::Secret.has(mount);
    let names = mount.tune.to_object();
    let is_barred = |field: &str| match field {
        "audit_non_hmac_request_keys" | "audit_non_hmac_response_keys" => false,
        other => matches!(other, "description" | "options") || names.contains(other),
    };
    if own && data.keys().any(is_barred) {
        return Err(Refusal::invalid(format!(
            "only audit_non_hmac_request_keys and audit_non_hmac_response_keys of {:?} can be tuned",
            mount.path
        )));
    }
    check_lockout(mount.kind, data)?;
    let is_login = Class::Auth.has(mount);
    change_token_type(&mut mount.tune, data, is_login)?;
    change(&mut mount.tune, data)?;
    if let Some(description) = fields::text(data, "description")? {
        check_description("description", &description)?;
        mount.description = description.into_owned();
    }
    if let Some(options) = fields::texts_by_name(data, "options")? {
        let version = options.iter().find(|(name, _)| name == "version");
        if version.is_some_and(|(_, version)| !kinds.is_version(mount.kind, version)) {
            return Err(Refusal::invalid(format!(
                "the version of a {} mount cannot be changed; enable a new one and copy what is in the old one",
                mount.kind.name
            )));
        }
        mount.options.get_or_insert_default().extend(options);
    }
    Ok(())
}

/// Takes over the settings that a request names. Leases must not contradict each other; what is left to the system never
/// does.
fn change(tune: &mut Tune, data: &Object) -> Result<(), Refusal> {
    for (field, seconds) in
        [("default_lease_ttl", &mut tune.default_lease_ttl), ("max_lease_ttl", &mut tune.max_lease_ttl)]
    {
        *seconds = lease(data, field)?.unwrap_or(*seconds);
    }
    for (field, list) in [
        ("allowed_response_headers", &mut tune.allowed_response_headers),
        ("audit_non_hmac_request_keys", &mut tune.audit_non_hmac_request_keys),
        ("audit_non_hmac_response_keys", &mut tune.audit_non_hmac_response_keys),
        ("passthrough_request_headers", &mut tune.passthrough_request_headers),
    ] {
        *list = fields::texts(data, field)?.or_else(|| list.take());
    }
    tune.force_no_cache = fields::flag(data, "force_no_cache")?.unwrap_or(tune.force_no_cache);
    if let Some(lockout) = fields::map(data, "user_lockout_config")? {
        change_lockout(tune, lockout)?;
    }
    if let Some(visibility) = fields::text(data, "listing_visibility")? {
        if !matches!(&*visibility, "" | "unauth" | "hidden") {
            return Err(Refusal::invalid("listing_visibility is unauth, hidden or empty"));
        }
        tune.listing_visibility = visibility.into_owned();
    }
    let (default, max) = (tune.default_lease_ttl, tune.max_lease_ttl);
    if max > 0 && default > max {
        return Err(Refusal::invalid(format!(
            "backend max lease TTL of {max} would be less than backend default lease TTL of {default}"
        )));
    }
    Ok(())
}

/// Refuses settings of user lockout where no login can be guessed at.
fn check_lockout(kind: &EngineKind, data: &Object) -> Result<(), Refusal> {
    if fields::sent(data, "user_lockout_config").is_none() || LOCKING.contains(&kind.name) {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "tuning of user lockout configuration for auth type {:?} not allowed; it is for {}",
        kind.name,
        LOCKING.join(" and ")
    )))
}

/// Takes over which kind of token the logins of a mount issue.
fn change_token_type(tune: &mut Tune, data: &Object, is_login: bool) -> Result<(), Refusal> {
    let Some(kind) = fields::text(data, "token_type")?.filter(|kind| !kind.is_empty()) else { return Ok(()) };
    if !is_login {
        return Err(Refusal::invalid("token_type is a setting of login methods"));
    }
    if !matches!(&*kind, "default-service" | "default-batch" | "service" | "batch") {
        return Err(Refusal::invalid("token_type is default-service, default-batch, service or batch"));
    }
    tune.token_type = kind.into_owned();
    Ok(())
}

/// Takes over when failed logins lock an account. 0 and an empty text leave it to the server.
fn change_lockout(tune: &mut Tune, data: &Object) -> Result<(), Refusal> {
    let is_text = |field: &str, text: &str| fields::sent(data, field).and_then(Value::as_str) == Some(text);
    let set = |seconds: u64| Some(seconds).filter(|seconds| *seconds > 0);
    if fields::sent(data, "lockout_threshold").is_some() {
        let count =
            if is_text("lockout_threshold", "") { None } else { fields::count(data, "lockout_threshold")? };
        tune.user_lockout_threshold = count.and_then(set);
    }
    let seconds = |field: &str| lease(data, field).map(|seconds| seconds.and_then(set));
    if fields::sent(data, "lockout_duration").is_some() {
        tune.user_lockout_duration = seconds("lockout_duration")?;
    }
    for field in ["lockout_counter_reset", "lockout_counter_reset_duration"] {
        if fields::sent(data, field).is_some() {
            tune.user_lockout_counter_reset_duration = seconds(field)?;
        }
    }
    tune.user_lockout_disable = fields::flag(data, "lockout_disable")?.unwrap_or(tune.user_lockout_disable);
    Ok(())
}

/// Seconds; an empty text leaves it as it is, `system` is 0.
fn lease(data: &Object, field: &str) -> Result<Option<u64>, Refusal> {
    let Some(value) = fields::sent(data, field) else { return Ok(None) };
    match value.as_str() {
        Some("") => return Ok(None),
        Some("system") => return Ok(Some(0)),
        _ => {}
    }
    let span = duration::from_value(value).map_err(|error| Refusal::invalid(format!("{field}: {error}")))?;
    let seconds = u64::try_from(span.secs());
    seconds.map(Some).map_err(|_| Refusal::invalid(format!("{field}: it must not be negative")))
}

impl From<MountError> for Refusal {
    fn from(error: MountError) -> Self {
        match error {
            MountError::InUse(_)
            | MountError::Reserved(_)
            | MountError::BadPath(_)
            | MountError::Invisible(_)
            | MountError::Builtin(_)
            | MountError::TooMany
            | MountError::TableTooLong(_)
            | MountError::NoMount(_)
            | MountError::Fixed(_)
            | MountError::Missing(_) => Self::invalid(error.to_string()),
            MountError::Store(error) => refused(error),
            error => failed(&error),
        }
    }
}
