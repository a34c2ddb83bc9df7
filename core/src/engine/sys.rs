//! The engine of `sys/`: its paths, each with the handlers of its operations.
//! Never in it: what a handler does.

pub(crate) mod audit;
mod audit_drill;
mod audit_reopen;
mod audit_salts;
mod audit_status;
pub(crate) mod audited_headers;
pub(crate) mod capabilities;
pub(crate) mod internal_ui;
mod keyring;
pub(crate) mod metrics;
pub(crate) mod mounts;
mod openapi;
pub(crate) mod policies;
mod seal;

use std::sync::Arc;

use self::mounts::Class::{Auth, Secret};
use super::space::Space;
use super::{Call, Engine, Handled, Path};
use crate::engine::kind::{Builtin, EngineKind, Mounting};
use crate::engine::tune::Tune;
use crate::engine::unsealed::Unsealed;
use crate::outcome::Refusal;
use crate::routes::{ExemptEndpoint, Recording, Role, Route};

/// The engine.
pub(crate) struct Sys;

/// The server itself.
pub(crate) static KIND: EngineKind = EngineKind::new::<Sys>(
    "system",
    Mounting::Builtin(Builtin {
        path: PREFIX,
        description: "system endpoints used for control, policy and debugging",
        folder: None,
        local: false,
        seal_wrap: true,
        tune: || Tune { passthrough_request_headers: Some(vec!["Accept".to_owned()]), ..Tune::default() },
    }),
    "The server itself: seal, mounts, policies, audit devices",
);

/// Where it is mounted.
const PREFIX: &str = "sys/";

/// An exempt route that works sealed and unsealed, before anything can be recorded.
const fn ceremony(pattern: &'static str, synopsis: &'static str, endpoint: ExemptEndpoint) -> Path<Sys> {
    const REASON: &str =
        "works while sealed, when neither devices nor salts can be read; it opens no secret to its caller";
    Path::new(pattern, synopsis).needs_no_token().recording(Recording::Exempt(REASON, endpoint))
}

/// An exempt route that says how the server is.
const fn state(pattern: &'static str, synopsis: &'static str, endpoint: ExemptEndpoint) -> Path<Sys> {
    const REASON: &str =
        "answers while sealed and to load balancers many times a second, from public facts only";
    Path::new(pattern, synopsis)
        .needs_no_token()
        .recording(Recording::Exempt(REASON, endpoint))
        .read(answered_elsewhere)
}

/// For routes that the core answers itself, before or instead of a handler.
fn answered_elsewhere<'a>(_: &'a Sys, _: &'a Unsealed, _: &'a Call<'a>) -> Handled<'a> {
    Handled::ready(Refusal::unsupported_path())
}

const OPEN_METRICS: &str = "unauthenticated_metrics_access of a listener: scraped without a token, sealed or not; it counts, and names devices";

impl Engine for Sys {
    const PATHS: &'static [Path<Self>] = &[
        ceremony("init", "Initialise the server.", ExemptEndpoint::Init)
            .read(answered_elsewhere)
            .write(answered_elsewhere),
        ceremony("unseal", "Enter a key share.", ExemptEndpoint::Unseal).write(answered_elsewhere),
        state("seal-status", "Read the state of the seal.", ExemptEndpoint::SealStatus),
        state("leader", "Read whether the server is one of several.", ExemptEndpoint::Leader),
        state("health", "Read whether the server can take requests.", ExemptEndpoint::Health)
            .header(answered_elsewhere),
        Path::new("seal", "Seal the server.")
            .sudo()
            .recording(Recording::RequestOnly("the salts and devices are gone once it is done"))
            .write(|_, open, _| Handled::pending(seal::seal(open))),
        Path::new("audit", "List the enabled audit devices.")
            .sudo()
            .injected()
            .read(|_, open, _| Handled::ready(audit::list(open))),
        Path::new("audit/{*path}", "Enable and disable an audit device.")
            .description("Takes `type`, `description`, `local` and `options`, which depend on the type.")
            .sudo()
            .injected()
            .role(Role::EnablesDevice)
            .write(|_, open, call| Handled::pending(audit::enable(open, call)))
            .delete(|_, open, call| Handled::pending(audit::disable(open, call))),
        Path::new("audit-hash/{*path}", "Hash a text as the lines of an audit device hash it.")
            .description("Takes `input`.")
            .injected()
            .write(|_, open, call| Handled::ready(audit::hash(open, call))),
        Path::new("audit-salts", "List the salts of audit devices, in use and retired.")
            .sudo()
            .read(|_, open, _| Handled::ready(audit_salts::list(open))),
        Path::new("audit-salts/{id}/hash", "Hash a text under a salt.")
            .description("Takes `input`.")
            .write(|_, open, call| Handled::ready(audit_salts::hash(open, call))),
        Path::new("audit-rotate-salt/{*path}", "Give an audit device a new salt.")
            .sudo()
            .write(|_, open, call| Handled::pending(audit_salts::rotate(open, call))),
        Path::new("audit-preview", "Show what each audit device would write for a request.")
            .description("Takes `method`, `path` and `data` of the request. Nothing is done.")
            .sudo()
            .role(Role::Preview)
            .write(answered_elsewhere),
        Path::new("audit-drill/{*path}", "Make an audit device fail for a while.")
            .description("Takes `kind` (hang, refuse, slow, stop), `for` and `delay`.")
            .sudo()
            .write(|_, open, call| Handled::ready(audit_drill::drill(open, call))),
        Path::new("audit-status", "Read the state of the audit rule and of each device.")
            .sudo()
            .read(|_, open, _| Handled::ready(audit_status::read(open))),
        Path::new("metrics", "Read the metrics of the server.")
            .description("Takes `format`: json or prometheus.")
            .recording(Recording::ListenerMayExempt(OPEN_METRICS, ExemptEndpoint::Metrics))
            .read(|_, open, call| Handled::ready(metrics::read(open, call))),
        Path::new("audit-reopen", "Open all audit devices again, after their files were rotated.")
            .sudo()
            .write(|_, open, call| Handled::pending(audit_reopen::reopen(open, call))),
        Path::new("audit-reopen/{*path}", "Open an audit device again, after its file was rotated.")
            .sudo()
            .write(|_, open, call| Handled::pending(audit_reopen::reopen(open, call))),
        Path::new("config/auditing/request-headers", "List the request headers that are recorded.")
            .sudo()
            .injected()
            .read(|_, open, _| Handled::ready(audited_headers::list(open))),
        Path::new(
            "config/auditing/request-headers/{name}",
            "Read, set and remove a recorded request header.",
        )
        .description("Takes `hmac`: whether its values are hashed.")
        .sudo()
        .injected()
        .caseless()
        .read(|_, open, call| Handled::ready(audited_headers::read(open, call)))
        .write(|_, open, call| Handled::pending(audited_headers::set(open, call)))
        .delete(|_, open, call| Handled::pending(audited_headers::remove(open, call))),
        Path::new("rotate", "Rotate the key under which values are stored.")
            .sudo()
            .injected()
            .write(|_, open, call| Handled::pending(keyring::rotate(open, call.now))),
        Path::new("rotate/keyring", "Rotate the key under which values are stored.")
            .sudo()
            .injected()
            .write(|_, open, call| Handled::pending(keyring::rotate(open, call.now))),
        Path::new("key-status", "Read the term and the age of the key under which values are stored.")
            .injected()
            .read(|_, open, _| Handled::ready(keyring::status(open))),
        Path::new("mounts", "List the secrets engines.")
            .injected()
            .read(|_, open, _| Handled::ready(mounts::list(open, Secret))),
        Path::new("mounts/auth/{*path}/tune", "Read and change the settings of a login method.")
            .injected()
            .read(|_, open, call| Handled::ready(mounts::read_tune(open, call, Auth)))
            .write(|_, open, call| Handled::pending(mounts::tune(open, call, Auth))),
        Path::new("mounts/{*path}/tune", "Read and change the settings of a secrets engine.")
            .injected()
            .read(|_, open, call| Handled::ready(mounts::read_tune(open, call, Secret)))
            .write(|_, open, call| Handled::pending(mounts::tune(open, call, Secret))),
        Path::new("mounts/{*path}", "Read, enable and disable a secrets engine.")
            .description("Takes `type`, `description`, `config`, `options`, `local`, `seal_wrap`.")
            .injected()
            .read(|_, open, call| Handled::ready(mounts::read(open, call, Secret)))
            .write(|_, open, call| Handled::pending(mounts::enable(open, call, Secret)))
            .delete(|_, open, call| Handled::pending(mounts::disable(open, call, Secret))),
        Path::new("remount", "Move a mount. Not supported.")
            .sudo()
            .injected()
            .write(|_, _, _| Handled::ready(mounts::remount())),
        Path::new("remount/status/{id}", "Read how far a move is. Not supported.")
            .sudo()
            .read(|_, _, _| Handled::ready(mounts::remount())),
        Path::new("auth", "List the login methods.")
            .injected()
            .read(|_, open, _| Handled::ready(mounts::list(open, Auth))),
        Path::new("auth/{*path}/tune", "Read and change the settings of a login method.")
            .sudo()
            .injected()
            .read(|_, open, call| Handled::ready(mounts::read_tune(open, call, Auth)))
            .write(|_, open, call| Handled::pending(mounts::tune(open, call, Auth))),
        Path::new("auth/{*path}", "Read, enable and disable a login method.")
            .description("Takes `type`, `description`, `config`, `options`, `local`, `seal_wrap`.")
            .sudo()
            .injected()
            .read(|_, open, call| Handled::ready(mounts::read(open, call, Auth)))
            .write(|_, open, call| Handled::pending(mounts::enable(open, call, Auth)))
            .delete(|_, open, call| Handled::pending(mounts::disable(open, call, Auth))),
        Path::new("policy/?", "List the policies, in the older form.")
            .injected()
            .read(|_, open, _| Handled::ready(policies::legacy_names(open)))
            .list(|_, open, _| Handled::ready(policies::legacy_names(open))),
        Path::new("policy/{*name}", "Read, write and delete a policy, in the older form.")
            .description("Takes `policy`.")
            .injected()
            .caseless()
            .read(|_, open, call| Handled::ready(policies::read(open, call, "rules")))
            .write(|_, open, call| Handled::pending(policies::write(open, call)))
            .delete(|_, open, call| Handled::pending(policies::delete(open, call))),
        Path::new("policies/acl/?", "List the policies.")
            .read(|_, open, _| Handled::ready(policies::names(open)))
            .list(|_, open, _| Handled::ready(policies::names(open))),
        Path::new("policies/acl/{*name}", "Read, write and delete a policy.")
            .description("Takes `policy`, `cas` and `cas_required`.")
            .caseless()
            .read(|_, open, call| Handled::ready(policies::read(open, call, "policy")))
            .write(|_, open, call| Handled::pending(policies::write(open, call)))
            .delete(|_, open, call| Handled::pending(policies::delete(open, call))),
        Path::new("capabilities", "Read what a token may do at paths.")
            .description("Takes `token` and `paths`.")
            .injected()
            .write(|_, open, call| Handled::ready(capabilities::of_token(open, call))),
        Path::new("capabilities-self", "Read what the caller's token may do at paths.")
            .description("Takes `paths`.")
            .injected()
            .write(|_, _, call| Handled::ready(capabilities::of_caller(call))),
        Path::new("capabilities-accessor", "Read what the token of an accessor may do at paths.")
            .description("Takes `accessor` and `paths`.")
            .injected()
            .write(|_, open, call| Handled::ready(capabilities::of_accessor(open, call))),
        Path::new("internal/ui/mounts", "List the mounts that the caller can see.")
            .needs_no_token()
            .read(|_, open, call| Handled::ready(internal_ui::mounts(open, call))),
        Path::new("internal/ui/mounts/{*path}", "Read the mount that a path leads to.")
            .needs_no_token()
            .read(|_, open, call| Handled::ready(internal_ui::mount(open, call))),
        Path::new("internal/specs/openapi", "Read the description of all paths as an OpenAPI document.")
            .read(|_, open, call| Handled::ready(openapi::read(open, call))),
    ];

    fn open(_: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self)
    }
}

/// The row of a path that is not recorded: one of the exempt ones, or one that a listener exempts. The only way to leave
/// a request unrecorded.
pub(crate) fn exempt(path: &str, by_listener: bool) -> Option<(&'static Route, ExemptEndpoint)> {
    let path = path.strip_prefix(PREFIX)?;
    Sys::PATHS.iter().find_map(|row| match row.route.recording {
        Recording::Exempt(_, endpoint) if row.route.pattern() == path => Some((&row.route, endpoint)),
        Recording::ListenerMayExempt(_, endpoint) if by_listener && row.route.pattern() == path => {
            Some((&row.route, endpoint))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exempt_routes_capture_nothing() {
        let exempt =
            |recording| matches!(recording, Recording::Exempt(..) | Recording::ListenerMayExempt(..));
        for row in Sys::PATHS.iter().filter(|row| exempt(row.route.recording)) {
            assert_eq!(row.route.prefix(), row.route.pattern());
            assert!(!row.route.pattern().ends_with("/?"));
        }
        assert!(super::exempt("sys/health", false).is_some());
        assert!(super::exempt("sys/metrics", false).is_none());
        assert!(super::exempt("sys/metrics", true).is_some());
        assert!(super::exempt("sys/init/", true).is_none());
    }

    #[test]
    fn the_first_path_that_matches_is_taken() {
        let found = |path: &str| {
            crate::engine::find::<Sys>(path).map(|(_, route, at)| (route.pattern(), path[at].to_owned()))
        };
        assert_eq!(found("audit"), Some(("audit", String::new())));
        assert_eq!(found("audit/"), None);
        assert_eq!(found("audit/deep/er"), Some(("audit/{*path}", "deep/er".into())));
        assert_eq!(found("mounts/kv/tune"), Some(("mounts/{*path}/tune", "kv".into())));
        assert_eq!(found("mounts/auth/token/tune"), Some(("mounts/auth/{*path}/tune", "token".into())));
        assert_eq!(found("mounts/tune"), Some(("mounts/{*path}", "tune".into())));
        assert_eq!(found("nothing"), None);
    }
}
