//! `sys/mounts` and `sys/auth`: list, enable, read, tune and disable secrets engines and login methods.
//! Never in it: the table and its storage (`crate::engine::mounts`).

use std::time::Duration;

use onrecord_value::{Object, Value, duration, object};

use crate::engine::mount::RUNNING_VERSION;
use crate::engine::mounts::{MountDraft, MountError};
use crate::engine::space::{failed, refused};
use crate::engine::{Call, EngineKind, Kinds, Mount, Mounting, Tune, Unknown, Unsealed, fields};
use crate::outcome::{Outcome, Refusal};

/// Whether a mount is listed among the secrets engines or among the logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// `sys/mounts`.
    Secret,
    /// `sys/auth`.
    Auth,
}

impl Class {
    /// What its mounts' paths begin with, and its listing leaves out.
    pub(super) const fn prefix(self) -> &'static str {
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
        match self {
            Self::Secret => matches!(kind.mounting, Mounting::Secrets),
            Self::Auth => matches!(kind.mounting, Mounting::Login),
        }
    }

    /// Whether a mount belongs to it.
    fn has(self, mount: &Mount) -> bool {
        (self == Self::Auth) == (mount.class() == "auth")
    }
}

/// The mounts of a class, by their paths within it.
pub(super) fn list(open: &Unsealed, class: Class) -> Outcome {
    let table = open.mounts.snapshot();
    let mounts = table.iter().filter(|mount| class.has(mount));
    Outcome::data(mounts.map(|mount| (class.within(&mount.path), show(mount))).collect())
}

/// A mount as listings show it.
pub(super) fn show(mount: &Mount) -> Object {
    let tune = &mount.tune;
    let mut config = object! {
        "default_lease_ttl" => tune.default_lease_ttl,
        "force_no_cache" => tune.force_no_cache,
        "max_lease_ttl" => tune.max_lease_ttl,
    };
    config.extend(what_was_set(tune));
    let mut shown = object! {
        "accessor" => mount.accessor.as_str(),
        "config" => config,
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

/// Settings that are shown only if they were ever set.
fn what_was_set(tune: &Tune) -> Object {
    let lists = [
        ("allowed_response_headers", &tune.allowed_response_headers),
        ("audit_non_hmac_request_keys", &tune.audit_non_hmac_request_keys),
        ("audit_non_hmac_response_keys", &tune.audit_non_hmac_response_keys),
        ("passthrough_request_headers", &tune.passthrough_request_headers),
    ];
    let texts = [("listing_visibility", &tune.listing_visibility), ("token_type", &tune.token_type)];
    let lists = lists.into_iter().filter_map(|(name, list)| Some((name, Value::from(list.clone()?))));
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    lists.chain(texts.map(|(name, text)| (name, Value::from(text)))).collect()
}

/// A captured path as a mount's path: without a leading slash, with a final one.
pub(super) fn full_path(captured: &str, class: Class) -> String {
    format!("{}{}/", class.prefix(), captured.trim_matches('/'))
}

/// `GET sys/mounts/PATH`, `GET sys/auth/PATH`.
pub(super) fn read(open: &Unsealed, call: &Call<'_>, class: Class) -> Result<Outcome, Refusal> {
    let path = full_path(call.captured, class);
    let mount = open.mounts.at(&path).filter(|mount| class.has(mount));
    let mount = mount.ok_or_else(|| Refusal::invalid(format!("no matching mount at {path:?}")))?;
    Ok(Outcome::data(show(&mount)))
}

/// Enables an engine or a login method.
pub(super) async fn enable(open: &Unsealed, call: &Call<'_>, class: Class) -> Result<(), Refusal> {
    let path = full_path(call.captured, class);
    if class == Class::Auth && open.mounts.at(&path).is_some() {
        return Err(MountError::InUse(class.within(&path).to_owned()).into());
    }
    Ok(open.mounts.enable(&path, draft(open, call.data, class)?).await?)
}

/// Disables an engine or a login method, and removes its data.
pub(super) async fn disable(open: &Unsealed, call: &Call<'_>, class: Class) -> Result<(), Refusal> {
    let path = full_path(call.captured, class);
    match open.mounts.at(&path) {
        Some(mount) if class == Class::Auth && mount.kind.is_builtin() => {
            let name = mount.kind.name;
            Err(Refusal::invalid(format!("{name} credential backend cannot be disabled")))
        }
        Some(mount) if !class.has(&mount) => Err(MountError::Builtin(path).into()),
        Some(_) | None => Ok(open.mounts.disable(&path).await?),
    }
}

/// What a request to enable an engine or a login method asks for.
fn draft(open: &Unsealed, data: &Object, class: Class) -> Result<MountDraft, Refusal> {
    let kind = fields::text(data, "type")?.unwrap_or_default();
    let options = fields::texts_by_name(data, "options")?.unwrap_or_default();
    let version = options.iter().find(|(name, _)| name == "version").map(|(_, version)| version.as_str());
    let kind = kind_of(open.mounts.kinds(), &kind, version, class)?;
    let mut tune = Tune::default();
    if class == Class::Auth {
        "default-service".clone_into(&mut tune.token_type);
    }
    if let Some(config) = fields::map(data, "config")? {
        change(&mut tune, config)?;
    }
    Ok(MountDraft {
        kind,
        description: fields::text(data, "description")?.unwrap_or_default().into_owned(),
        local: fields::flag(data, "local")?.unwrap_or(false),
        seal_wrap: fields::flag(data, "seal_wrap")?.unwrap_or(false),
        external_entropy_access: fields::flag(data, "external_entropy_access")?.unwrap_or(false),
        options: options.into_iter().collect(),
        tune,
    })
}

/// The kind that a name and a version stand for.
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

pub(super) fn read_tune(open: &Unsealed, call: &Call<'_>, class: Class) -> Result<Outcome, Refusal> {
    let path = full_path(call.captured, class);
    let mount = open.mounts.at(&path).ok_or(MountError::Missing(path))?;
    let tune = &mount.tune;
    let or = |own: u64, system: Duration| if own > 0 { own } else { system.as_secs() };
    let max = or(tune.max_lease_ttl, open.settings.max_lease_ttl);
    let mut shown = object! {
        "default_lease_ttl" => or(tune.default_lease_ttl, open.settings.default_lease_ttl).min(max),
        "description" => mount.description.as_str(),
        "force_no_cache" => tune.force_no_cache,
        "max_lease_ttl" => max,
    };
    shown.extend(what_was_set(tune));
    if let Some(options) = mount.options.as_ref().filter(|options| !options.is_empty()) {
        shown.insert("options", options.clone());
    }
    Ok(Outcome::data(shown))
}

pub(super) async fn tune(open: &Unsealed, call: &Call<'_>, class: Class) -> Result<(), Refusal> {
    let kinds = open.mounts.kinds();
    let change = |mount: &mut Mount| retune(kinds, mount, call.data);
    open.mounts.tune(&full_path(call.captured, class), change).await
}

/// What can be tuned, but not on the server's own mounts.
const NOT_OF_THE_SERVER: [&str; 9] = [
    "allowed_response_headers",
    "default_lease_ttl",
    "description",
    "force_no_cache",
    "listing_visibility",
    "max_lease_ttl",
    "options",
    "passthrough_request_headers",
    "token_type",
];

/// Changes the settings of a mount as a request asks.
fn retune(kinds: &Kinds, mount: &mut Mount, data: &Object) -> Result<(), Refusal> {
    let own = mount.kind.is_builtin() && Class::Secret.has(mount);
    if own && data.keys().any(|field| NOT_OF_THE_SERVER.contains(&field)) {
        return Err(Refusal::invalid(format!(
            "only audit_non_hmac_request_keys and audit_non_hmac_response_keys of {:?} can be tuned",
            mount.path
        )));
    }
    change(&mut mount.tune, data)?;
    if let Some(description) = fields::text(data, "description")? {
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
            | MountError::Builtin(_)
            | MountError::Missing(_) => Self::invalid(error.to_string()),
            MountError::Store(error) => refused(error),
            error => failed(&error),
        }
    }
}
