//! The engine of `sys/`: its paths, each with the handlers of its operations.
//! Never in it: what a handler does.

mod audit;
mod audit_log;
mod audit_query;
mod audit_salts;
mod audit_status;
mod ceremony;
mod cors;
pub(crate) mod evidence_status;
mod generate_root;
mod leases;
mod locked_users;
pub(crate) mod metrics;
mod mounts;
mod openapi;
mod plugins;
mod policies;
mod quotas;
mod rekey;
mod remount;
mod rotation;
mod seal;
mod snapshot;
mod state;
mod tools;
mod unsupported;
mod wrapping;

use std::sync::Arc;

use self::mounts::Class::{Auth, Secret};
use crate::engine::{Builtin, Call, Engine, EngineKind, Handled, Mounting, Path, Space, Tune, Unsealed};
use crate::operation::Operation;
use crate::outcome::Refusal;
use crate::routes::{ExemptEndpoint, Recording, Role, Route};

pub(crate) struct Sys;

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

const PREFIX: &str = "sys/";

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

/// A route that refuses these operations for a reason.
const fn refused(
    pattern: &'static str,
    synopsis: &'static str,
    reason: &'static str,
    operations: &[Operation],
) -> Path<Sys> {
    Path::new(pattern, synopsis).refuse(reason, operations)
}

/// A route whose answers have the keys of `data` at the top level too.
const fn injected(pattern: &'static str, synopsis: &'static str) -> Path<Sys> {
    Path::new(pattern, synopsis).injected()
}

/// For routes that the core answers itself, before or instead of a handler.
fn answered_elsewhere<'a>(_: &'a Sys, _: &'a Unsealed, _: &'a Call<'a>) -> Handled<'a> {
    Handled::ready(Refusal::unsupported_path())
}

/// The rows of all endpoints, a list for each subject. The first row that matches takes a request.
const LISTS: &[&[Path<Sys>]] = &[
    Sys::OWN_PATHS,
    audit_log::PATHS,
    audit_query::PATHS,
    audit_salts::PATHS,
    rekey::PATHS,
    rekey::ROTATE_PATHS,
    generate_root::PATHS,
    rotation::PATHS,
    remount::PATHS,
    leases::PATHS,
    quotas::PATHS,
    cors::PATHS,
    locked_users::PATHS,
    plugins::PATHS,
    state::PATHS,
    tools::PATHS,
    unsupported::PATHS,
];

const fn count(mut lists: &[&[Path<Sys>]]) -> usize {
    let mut count = 0;
    while let [first, rest @ ..] = lists {
        count += first.len();
        lists = rest;
    }
    count
}

/// The rows of several lists in one.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses what is out of bounds")]
const fn joined<const N: usize>(lists: &[&[Path<Sys>]]) -> [Path<Sys>; N] {
    let mut all = [lists[0][0]; N];
    let (mut list, mut at) = (0, 0);
    while list < lists.len() {
        let mut row = 0;
        while row < lists[list].len() {
            all[at] = lists[list][row];
            (row, at) = (row + 1, at + 1);
        }
        list += 1;
    }
    all
}

impl Engine for Sys {
    const PATHS: &'static [Path<Self>] = &joined::<{ count(LISTS) }>(LISTS);

    async fn open(_: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self)
    }
}

impl Sys {
    const OWN_PATHS: &'static [Path<Self>] = &[
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
            .write(|_, unsealed, _| Handled::pending(seal::seal(unsealed))),
        sudo("audit", "List the enabled audit devices.")
            .injected()
            .read(|_, unsealed, _| Handled::ready(audit::list(unsealed))),
        sudo("audit/{*path}", "Enable and disable an audit device.")
            .description("Takes `type`, `description`, `local` and `options`, which depend on the type.")
            .injected()
            .role(Role::EnablesDevice)
            .write(|_, unsealed, call| Handled::pending(audit::enable(unsealed, call)))
            .delete(|_, unsealed, call| Handled::pending(audit::disable(unsealed, call))),
        injected("audit-hash/{*path}", "Hash a text as the lines of an audit device hash it.")
            .description("Takes `input`.")
            .write(|_, unsealed, call| Handled::ready(audit::hash(unsealed, call))),
        sudo("audit-preview", "Show what each audit device would write for a request.")
            .description("Takes `method`, `path` and `data` of the request. Nothing is done.")
            .role(Role::Preview)
            .write(answered_elsewhere),
        sudo("audit-drill/{*path}", "Make an audit device fail for a while.")
            .description("Takes `kind` (hang, refuse, slow, stop), `for` and `delay`.")
            .write(|_, unsealed, call| Handled::ready(audit::drill(unsealed, call))),
        sudo("audit-status", "Read the state of the audit rule and of each device.")
            .read(|_, unsealed, _| Handled::ready(audit_status::read(unsealed))),
        Path::new("metrics", "Read the metrics of the server.")
            .description("Takes `format`: json or prometheus.")
            .recording(Recording::ListenerMayExempt(OPEN_METRICS, ExemptEndpoint::Metrics))
            .read(|_, unsealed, call| Handled::ready(metrics::read(unsealed, call))),
        sudo("audit-reopen", "Open all audit devices again, after their files were rotated.")
            .write(|_, unsealed, call| Handled::pending(audit::reopen(unsealed, call))),
        sudo("audit-reopen/{*path}", "Open an audit device again, after its file was rotated.")
            .write(|_, unsealed, call| Handled::pending(audit::reopen(unsealed, call))),
        sudo("config/auditing/request-headers", "List the request headers that are recorded.")
            .injected()
            .read(|_, unsealed, _| Handled::ready(audit::list_headers(unsealed))),
        sudo("config/auditing/request-headers/{name}", "Read, set and remove a recorded request header.")
            .description("Takes `hmac`: whether its values are hashed.")
            .injected()
            .caseless()
            .read(|_, unsealed, call| Handled::ready(audit::read_header(unsealed, call)))
            .write(|_, unsealed, call| Handled::pending(audit::set_header(unsealed, call)))
            .delete(|_, unsealed, call| Handled::pending(audit::remove_header(unsealed, call))),
        sudo("rotate", "Rotate the key under which values are stored.")
            .injected()
            .write(|_, unsealed, call| Handled::pending(seal::rotate(unsealed, call.now))),
        sudo("rotate/keyring", "Rotate the key under which values are stored.")
            .injected()
            .write(|_, unsealed, call| Handled::pending(seal::rotate(unsealed, call.now))),
        sudo("storage/snapshot", "Begin a snapshot of the storage.")
            .description("Answers `id` and `records`. The pages are at `sys/storage/snapshot/ID`.")
            .write(|_, unsealed, _| Handled::ready(snapshot::begin(unsealed))),
        sudo(
            "storage/snapshot/restore",
            "Restore the storage from a snapshot. Not supported by a running server.",
        )
        .write(|_, _, _| Handled::ready(Refusal::invalid(snapshot::NO_RESTORE))),
        sudo("storage/snapshot/{id}", "Read a page of a snapshot; end it.")
            .description("Takes `page`, from 0. The pages are bytes; the last one begins with 0xffffffff.")
            .write(|_, unsealed, call| Handled::pending(snapshot::page(unsealed, call)))
            .delete(|_, unsealed, call| Handled::ready(snapshot::end(unsealed, call))),
        sudo("storage/raft/snapshot", "Save and restore a snapshot of Raft storage. Not supported.")
            .read(|_, _, _| Handled::ready(Refusal::invalid(snapshot::NOT_RAFT)))
            .write(|_, _, _| Handled::ready(Refusal::invalid(snapshot::NOT_RAFT))),
        sudo("storage/raft/snapshot-force", "Restore a snapshot of Raft storage. Not supported.")
            .write(|_, _, _| Handled::ready(Refusal::invalid(snapshot::NOT_RAFT))),
        injected("key-status", "Read the term and the age of the key under which values are stored.")
            .read(|_, unsealed, _| Handled::ready(seal::key_status(unsealed))),
        injected("mounts", "List the secrets engines.")
            .read(|_, unsealed, _| Handled::ready(mounts::list(unsealed, Secret))),
        injected("mounts/auth/{*path}/tune", "Read and change the settings of a login method.")
            .read(|_, unsealed, call| Handled::ready(mounts::read_tune(unsealed, call, Auth)))
            .write(|_, unsealed, call| Handled::pending(mounts::tune(unsealed, call, Auth))),
        injected("mounts/{*path}/tune", "Read and change the settings of a secrets engine.")
            .read(|_, unsealed, call| Handled::ready(mounts::read_tune(unsealed, call, Secret)))
            .write(|_, unsealed, call| Handled::pending(mounts::tune(unsealed, call, Secret))),
        injected("mounts/{*path}", "Read, enable and disable a secrets engine.")
            .description("Takes `type`, `description`, `config`, `options`, `local`, `seal_wrap`.")
            .read(|_, unsealed, call| Handled::ready(mounts::read(unsealed, call, Secret)))
            .write(|_, unsealed, call| Handled::pending(mounts::enable(unsealed, call, Secret)))
            .delete(|_, unsealed, call| Handled::pending(mounts::disable(unsealed, call, Secret))),
        injected("auth", "List the login methods.")
            .read(|_, unsealed, _| Handled::ready(mounts::list(unsealed, Auth))),
        sudo("auth/{*path}/tune", "Read and change the settings of a login method.")
            .injected()
            .read(|_, unsealed, call| Handled::ready(mounts::read_tune(unsealed, call, Auth)))
            .write(|_, unsealed, call| Handled::pending(mounts::tune(unsealed, call, Auth))),
        sudo("auth/{*path}", "Read, enable and disable a login method.")
            .description("Takes `type`, `description`, `config`, `options`, `local`, `seal_wrap`.")
            .injected()
            .read(|_, unsealed, call| Handled::ready(mounts::read(unsealed, call, Auth)))
            .write(|_, unsealed, call| Handled::pending(mounts::enable(unsealed, call, Auth)))
            .delete(|_, unsealed, call| Handled::pending(mounts::disable(unsealed, call, Auth))),
        injected("policy/?", "List the policies, in the older form.")
            .read(|_, unsealed, _| Handled::ready(policies::legacy_names(unsealed)))
            .list(|_, unsealed, _| Handled::ready(policies::legacy_names(unsealed))),
        injected("policy/{*name}", "Read, write and delete a policy, in the older form.")
            .description("Takes `policy`.")
            .caseless()
            .read(|_, unsealed, call| Handled::ready(policies::read(unsealed, call, "rules")))
            .write(|_, unsealed, call| Handled::pending(policies::write(unsealed, call)))
            .delete(|_, unsealed, call| Handled::pending(policies::delete(unsealed, call))),
        Path::new("policies/acl/?", "List the policies.")
            .read(|_, unsealed, _| Handled::ready(policies::names(unsealed)))
            .list(|_, unsealed, _| Handled::ready(policies::names(unsealed))),
        Path::new("policies/acl/{*name}", "Read, write and delete a policy.")
            .description("Takes `policy`, `cas` and `cas_required`.")
            .caseless()
            .read(|_, unsealed, call| Handled::ready(policies::read(unsealed, call, "policy")))
            .write(|_, unsealed, call| Handled::pending(policies::write(unsealed, call)))
            .delete(|_, unsealed, call| Handled::pending(policies::delete(unsealed, call))),
        injected("capabilities", "Read what a token may do at paths.")
            .description("Takes `token` and `paths`.")
            .write(|_, unsealed, call| {
                Handled::pending(policies::capabilities_of_named(unsealed, call, "token"))
            }),
        injected("capabilities-self", "Read what the caller's token may do at paths.")
            .description("Takes `paths`.")
            .write(|_, unsealed, call| Handled::pending(policies::capabilities_of_caller(unsealed, call))),
        injected("capabilities-accessor", "Read what the token of an accessor may do at paths.")
            .description("Takes `accessor` and `paths`.")
            .write(|_, unsealed, call| {
                Handled::pending(policies::capabilities_of_named(unsealed, call, "accessor"))
            }),
        Path::new("wrapping/wrap", "Wrap the data of the request.")
            .description("Takes any fields. The header X-Vault-Wrap-TTL says for how long.")
            .write(|_, _, call| Handled::ready(wrapping::wrap(call))),
        Path::new("wrapping/unwrap", "Exchange a wrapping token for what is wrapped in it, once.")
            .description("Takes `token`. Without it the token of the request is the wrapping token.")
            .role(Role::NamesWrappingToken)
            .sensitive_fields(&["token"])
            .write(|_, unsealed, call| Handled::pending(wrapping::unwrap(unsealed, call))),
        Path::new("wrapping/lookup", "Look a wrapping token up, without using it.")
            .description("Takes `token`. Without it the token of the request is the wrapping token.")
            .role(Role::NamesWrappingToken)
            .needs_no_token()
            .sensitive_fields(&["token"])
            .read(|_, unsealed, call| Handled::pending(wrapping::lookup(unsealed, call)))
            .write(|_, unsealed, call| Handled::pending(wrapping::lookup(unsealed, call))),
        Path::new("wrapping/rewrap", "Exchange a wrapping token for another, with the same answer in it.")
            .description("Takes `token`. The new one lives for the time that the first one was made for.")
            .role(Role::NamesWrappingToken)
            .sensitive_fields(&["token"])
            .write(|_, unsealed, call| Handled::pending(wrapping::rewrap(unsealed, call))),
        Path::new("internal/ui/mounts", "List the mounts that the caller can see.")
            .needs_no_token()
            .read(|_, unsealed, call| Handled::ready(mounts::list_visible(unsealed, call))),
        Path::new("internal/ui/mounts/{*path}", "Read the mount that a path leads to.")
            .needs_no_token()
            .captures_path()
            .read(|_, unsealed, call| Handled::ready(mounts::read_leading(unsealed, call))),
        Path::new("internal/specs/openapi", "Read the description of all paths as an OpenAPI document.")
            .read(|_, unsealed, call| Handled::ready(openapi::read(unsealed, call))),
    ];
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
