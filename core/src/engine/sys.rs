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
pub(crate) mod metrics;
pub(crate) mod mounts;
mod openapi;
pub(crate) mod policies;
mod seal;

use std::sync::Arc;

use self::mounts::Class::{Auth, Secret};
use crate::engine::{Builtin, Call, Engine, EngineKind, Handled, Mounting, Path, Space, Tune, Unsealed};
use crate::outcome::Refusal;
use crate::routes::{ExemptEndpoint, Recording, Role, Route};

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

const NO_REMOUNT: &str = "moving a mount is not supported; enable a new one and copy what is in the old one";
const CEREMONY: &str =
    "works while sealed, when neither devices nor salts can be read; it opens no secret to its caller";
const STATE: &str = "answers while sealed and to load balancers many times a second, from public facts only";
const OPEN_METRICS: &str = "unauthenticated_metrics_access of a listener: scraped without a token, sealed or not; it counts, and names devices";

/// A route that is not recorded, for the reason given: the core answers it before anything can be.
const fn exempted(
    pattern: &'static str,
    synopsis: &'static str,
    reason: &'static str,
    endpoint: ExemptEndpoint,
) -> Path<Sys> {
    Path::new(pattern, synopsis).needs_no_token().recording(Recording::Exempt(reason, endpoint))
}

const fn sudo(pattern: &'static str, synopsis: &'static str) -> Path<Sys> {
    Path::new(pattern, synopsis).sudo()
}

/// A route whose answers have the keys of `data` at the top level too.
const fn injected(pattern: &'static str, synopsis: &'static str) -> Path<Sys> {
    Path::new(pattern, synopsis).injected()
}

/// For routes that the core answers itself, before or instead of a handler.
fn answered_elsewhere<'a>(_: &'a Sys, _: &'a Unsealed, _: &'a Call<'a>) -> Handled<'a> {
    Handled::ready(Refusal::unsupported_path())
}

impl Engine for Sys {
    const PATHS: &'static [Path<Self>] = &[
        exempted("init", "Initialise the server.", CEREMONY, ExemptEndpoint::Init)
            .read(answered_elsewhere)
            .write(answered_elsewhere),
        exempted("unseal", "Enter a key share.", CEREMONY, ExemptEndpoint::Unseal).write(answered_elsewhere),
        exempted("seal-status", "Read the state of the seal.", STATE, ExemptEndpoint::SealStatus)
            .read(answered_elsewhere),
        exempted("leader", "Read whether the server is one of several.", STATE, ExemptEndpoint::Leader)
            .read(answered_elsewhere),
        exempted("health", "Read whether the server can take requests.", STATE, ExemptEndpoint::Health)
            .read(answered_elsewhere)
            .header(answered_elsewhere),
        sudo("seal", "Seal the server.")
            .recording(Recording::RequestOnly("the salts and devices are gone once it is done"))
            .write(|_, open, _| Handled::pending(seal::seal(open))),
        sudo("audit", "List the enabled audit devices.")
            .injected()
            .read(|_, open, _| Handled::ready(audit::list(open))),
        sudo("audit/{*path}", "Enable and disable an audit device.")
            .description("Takes `type`, `description`, `local` and `options`, which depend on the type.")
            .injected()
            .role(Role::EnablesDevice)
            .write(|_, open, call| Handled::pending(audit::enable(open, call)))
            .delete(|_, open, call| Handled::pending(audit::disable(open, call))),
        injected("audit-hash/{*path}", "Hash a text as the lines of an audit device hash it.")
            .description("Takes `input`.")
            .write(|_, open, call| Handled::ready(audit::hash(open, call))),
        sudo("audit-salts", "List the salts of audit devices, in use and retired.")
            .read(|_, open, _| Handled::pending(audit_salts::list(open))),
        Path::new("audit-salts/{id}/hash", "Hash a text under a salt.")
            .description("Takes `input`.")
            .write(|_, open, call| Handled::pending(audit_salts::hash(open, call))),
        sudo("audit-rotate-salt/{*path}", "Give an audit device a new salt.")
            .write(|_, open, call| Handled::pending(audit_salts::rotate(open, call))),
        sudo("audit-preview", "Show what each audit device would write for a request.")
            .description("Takes `method`, `path` and `data` of the request. Nothing is done.")
            .role(Role::Preview)
            .write(answered_elsewhere),
        sudo("audit-drill/{*path}", "Make an audit device fail for a while.")
            .description("Takes `kind` (hang, refuse, slow, stop), `for` and `delay`.")
            .write(|_, open, call| Handled::ready(audit_drill::drill(open, call))),
        sudo("audit-status", "Read the state of the audit rule and of each device.")
            .read(|_, open, _| Handled::ready(audit_status::read(open))),
        Path::new("metrics", "Read the metrics of the server.")
            .description("Takes `format`: json or prometheus.")
            .recording(Recording::ListenerMayExempt(OPEN_METRICS, ExemptEndpoint::Metrics))
            .read(|_, open, call| Handled::ready(metrics::read(open, call))),
        sudo("audit-reopen", "Open all audit devices again, after their files were rotated.")
            .write(|_, open, call| Handled::pending(audit_reopen::reopen(open, call))),
        sudo("audit-reopen/{*path}", "Open an audit device again, after its file was rotated.")
            .write(|_, open, call| Handled::pending(audit_reopen::reopen(open, call))),
        sudo("config/auditing/request-headers", "List the request headers that are recorded.")
            .injected()
            .read(|_, open, _| Handled::ready(audited_headers::list(open))),
        sudo("config/auditing/request-headers/{name}", "Read, set and remove a recorded request header.")
            .description("Takes `hmac`: whether its values are hashed.")
            .injected()
            .caseless()
            .read(|_, open, call| Handled::ready(audited_headers::read(open, call)))
            .write(|_, open, call| Handled::pending(audited_headers::set(open, call)))
            .delete(|_, open, call| Handled::pending(audited_headers::remove(open, call))),
        sudo("rotate", "Rotate the key under which values are stored.")
            .injected()
            .write(|_, open, call| Handled::pending(seal::rotate(open, call.now))),
        sudo("rotate/keyring", "Rotate the key under which values are stored.")
            .injected()
            .write(|_, open, call| Handled::pending(seal::rotate(open, call.now))),
        injected("key-status", "Read the term and the age of the key under which values are stored.")
            .read(|_, open, _| Handled::ready(seal::key_status(open))),
        injected("mounts", "List the secrets engines.")
            .read(|_, open, _| Handled::ready(mounts::list(open, Secret))),
        injected("mounts/auth/{*path}/tune", "Read and change the settings of a login method.")
            .read(|_, open, call| Handled::ready(mounts::read_tune(open, call, Auth)))
            .write(|_, open, call| Handled::pending(mounts::tune(open, call, Auth))),
        injected("mounts/{*path}/tune", "Read and change the settings of a secrets engine.")
            .read(|_, open, call| Handled::ready(mounts::read_tune(open, call, Secret)))
            .write(|_, open, call| Handled::pending(mounts::tune(open, call, Secret))),
        injected("mounts/{*path}", "Read, enable and disable a secrets engine.")
            .description("Takes `type`, `description`, `config`, `options`, `local`, `seal_wrap`.")
            .read(|_, open, call| Handled::ready(mounts::read(open, call, Secret)))
            .write(|_, open, call| Handled::pending(mounts::enable(open, call, Secret)))
            .delete(|_, open, call| Handled::pending(mounts::disable(open, call, Secret))),
        sudo("remount", "Move a mount. Not supported.")
            .injected()
            .write(|_, _, _| Handled::ready(Refusal::invalid(NO_REMOUNT))),
        sudo("remount/status/{id}", "Read how far a move is. Not supported.")
            .read(|_, _, _| Handled::ready(Refusal::invalid(NO_REMOUNT))),
        injected("auth", "List the login methods.")
            .read(|_, open, _| Handled::ready(mounts::list(open, Auth))),
        sudo("auth/{*path}/tune", "Read and change the settings of a login method.")
            .injected()
            .read(|_, open, call| Handled::ready(mounts::read_tune(open, call, Auth)))
            .write(|_, open, call| Handled::pending(mounts::tune(open, call, Auth))),
        sudo("auth/{*path}", "Read, enable and disable a login method.")
            .description("Takes `type`, `description`, `config`, `options`, `local`, `seal_wrap`.")
            .injected()
            .read(|_, open, call| Handled::ready(mounts::read(open, call, Auth)))
            .write(|_, open, call| Handled::pending(mounts::enable(open, call, Auth)))
            .delete(|_, open, call| Handled::pending(mounts::disable(open, call, Auth))),
        injected("policy/?", "List the policies, in the older form.")
            .read(|_, open, _| Handled::ready(policies::legacy_names(open)))
            .list(|_, open, _| Handled::ready(policies::legacy_names(open))),
        injected("policy/{*name}", "Read, write and delete a policy, in the older form.")
            .description("Takes `policy`.")
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
        injected("capabilities", "Read what a token may do at paths.")
            .description("Takes `token` and `paths`.")
            .write(|_, open, call| Handled::pending(capabilities::of_named(open, call, "token"))),
        injected("capabilities-self", "Read what the caller's token may do at paths.")
            .description("Takes `paths`.")
            .write(|_, _, call| Handled::pending(capabilities::of_caller(call))),
        injected("capabilities-accessor", "Read what the token of an accessor may do at paths.")
            .description("Takes `accessor` and `paths`.")
            .write(|_, open, call| Handled::pending(capabilities::of_named(open, call, "accessor"))),
        Path::new("internal/ui/mounts", "List the mounts that the caller can see.")
            .needs_no_token()
            .read(|_, open, call| Handled::ready(internal_ui::mounts(open, call))),
        Path::new("internal/ui/mounts/{*path}", "Read the mount that a path leads to.")
            .needs_no_token()
            .read(|_, open, call| Handled::ready(internal_ui::mount(open, call))),
        Path::new("internal/specs/openapi", "Read the description of all paths as an OpenAPI document.")
            .read(|_, open, call| Handled::ready(openapi::read(open, call))),
    ];

    async fn open(_: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self)
    }
}

/// The row of a path that is not recorded: one of the exempt ones, or one that a listener exempts. The only way to leave
/// a request unrecorded.
pub(crate) fn exempt(path: &str, by_listener: bool) -> Option<(&'static Route, ExemptEndpoint)> {
    let path = path.strip_prefix(PREFIX)?;
    let row = Sys::PATHS.iter().map(|row| &row.route).find(|row| row.pattern() == path)?;
    match row.recording {
        Recording::Exempt(_, endpoint) => Some((row, endpoint)),
        Recording::ListenerMayExempt(_, endpoint) if by_listener => Some((row, endpoint)),
        Recording::ListenerMayExempt(..) | Recording::RequestOnly(_) | Recording::Both => None,
    }
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
        let found =
            |path: &str| (KIND.find)(path).map(|(_, route, at)| (route.pattern(), path[at].to_owned()));
        assert_eq!(found("audit"), Some(("audit", String::new())));
        assert_eq!(found("audit/"), None);
        assert_eq!(found("audit/deep/er"), Some(("audit/{*path}", "deep/er".into())));
        assert_eq!(found("mounts/kv/tune"), Some(("mounts/{*path}/tune", "kv".into())));
        assert_eq!(found("mounts/auth/token/tune"), Some(("mounts/auth/{*path}/tune", "token".into())));
        assert_eq!(found("mounts/tune"), Some(("mounts/{*path}", "tune".into())));
        assert_eq!(found("nothing"), None);
    }
}
