//! The table of the server's own routes below `sys/` and `auth/token/`: which operations they take, whether they need
//! `sudo` or no token at all, and whether they are exempt from recording, with the reason (I6).
//! Never in it: handlers. A test enumerates this table against what the server answers and records.
//!
//! Mounted engines have no rows: every request to one needs a policy and is recorded, without exception.

use std::ops::Range;

use crate::operation::Operation::{self, Delete, Header, List, Read, Update};

/// Whether requests to a route are put on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Both entries.
    Both,
    /// The request entry alone when it succeeds: after it nothing can be recorded any more.
    RequestOnly(&'static str),
    /// No entry, for the reason given.
    Exempt(&'static str),
    /// Both entries; none on a listener that was configured so, for the reason given.
    ListenerMayExempt(&'static str),
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever a policy allows.
    Policy,
    /// Whoever a policy allows with `sudo`.
    Sudo,
    /// Anybody, without a token.
    Anybody,
}

/// What a route leads to. The compiler finds a handler that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the paths in the table")]
pub enum Endpoint {
    Init,
    Unseal,
    SealStatus,
    Leader,
    Health,
    Seal,
    Audit,
    AuditDevice,
    AuditHash,
    AuditSalts,
    AuditSaltHash,
    AuditRotateSalt,
    AuditPreview,
    AuditDrill,
    AuditStatus,
    Metrics,
    AuditReopen,
    RequestHeaders,
    RequestHeader,
    Rotate,
    KeyStatus,
    Mounts,
    Mount,
    MountTune,
    Remount,
    Auths,
    AuthMount,
    AuthTune,
    LegacyPolicies,
    LegacyPolicy,
    Policies,
    Policy,
    Capabilities,
    CapabilitiesSelf,
    CapabilitiesAccessor,
    UiMounts,
    UiMount,
    TokenCreate,
    TokenCreateOrphan,
    TokenCreateRole,
    TokenLookup,
    TokenLookupSelf,
    TokenLookupAccessor,
    TokenRenew,
    TokenRenewSelf,
    TokenRenewAccessor,
    TokenRevoke,
    TokenRevokeSelf,
    TokenRevokeAccessor,
    TokenRevokeOrphan,
    TokenAccessors,
    TokenTidy,
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// The logical path. `*` captures the rest or, before a fixed end, what lies between, and at least one character;
    /// `:` captures one segment; a final `/?` stands for an optional slash.
    pub pattern: &'static str,
    /// The operations it takes.
    pub operations: &'static [Operation],
    /// Who may use it.
    pub access: Access,
    /// Whether it is recorded.
    pub recording: Recording,
    /// Whether the keys of `data` are repeated at the top level of the answer.
    pub injected: bool,
    /// What is captured of the path names a token or an accessor, and is hashed on record.
    pub sensitive: bool,
    /// What is captured of the path is a name without case.
    pub caseless: bool,
    /// What it leads to.
    pub endpoint: Endpoint,
}

const CEREMONY: Recording = Recording::Exempt(
    "works while sealed, when neither devices nor salts can be read; it opens no secret to its caller",
);
const STATE: Recording = Recording::Exempt(
    "answers while sealed and to load balancers many times a second, from public facts only",
);

const METRICS: Recording = Recording::ListenerMayExempt(
    "unauthenticated_metrics_access of a listener: scraped without a token, sealed or not; it counts, and names devices",
);

const fn row(pattern: &'static str, operations: &'static [Operation], endpoint: Endpoint) -> Route {
    Route {
        pattern,
        operations,
        access: Access::Policy,
        recording: Recording::Both,
        injected: false,
        sensitive: false,
        caseless: false,
        endpoint,
    }
}

impl Route {
    const fn exempt(mut self, recording: Recording) -> Self {
        self.access = Access::Anybody;
        self.recording = recording;
        self
    }

    const fn sudo(mut self) -> Self {
        self.access = Access::Sudo;
        self
    }

    const fn listener_may_exempt(mut self, recording: Recording) -> Self {
        self.recording = recording;
        self
    }

    const fn anybody(mut self) -> Self {
        self.access = Access::Anybody;
        self
    }

    const fn injected(mut self) -> Self {
        self.injected = true;
        self
    }

    const fn request_only(mut self, reason: &'static str) -> Self {
        self.recording = Recording::RequestOnly(reason);
        self
    }

    const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    const fn caseless(mut self) -> Self {
        self.caseless = true;
        self
    }

    /// The usual spelling of a path of this route, if it is spelt otherwise: slashes around what is captured mean
    /// nothing to its handler, and some names have no case.
    pub fn canonical(&self, path: &str, captured: Range<usize>) -> Option<String> {
        let name = path.get(captured.clone())?;
        let usual = name.trim_matches('/');
        let usual = if self.caseless { usual.to_lowercase() } else { usual.to_owned() };
        let (before, after) = (path.get(..captured.start)?, path.get(captured.end..)?);
        (usual != name).then(|| format!("{before}{usual}{after}"))
    }

    /// Whether it takes the operation.
    pub fn takes(&self, operation: Operation) -> bool {
        // An existence check makes a write a create; a route takes both or none.
        let operation = if operation == Operation::Create { Update } else { operation };
        self.operations.contains(&operation)
    }

    /// Whether the path is this route's, and which part of it is captured.
    pub fn matches(&self, path: &str) -> Option<Range<usize>> {
        let (pattern, path) = match self.pattern.strip_suffix("/?") {
            Some(pattern) => (pattern, path.strip_suffix('/').unwrap_or(path)),
            None => (self.pattern, path),
        };
        let Some(at) = pattern.find(['*', ':']) else {
            return (pattern == path).then_some(0..0);
        };
        let (before, after) = (pattern.get(..at)?, pattern.get(at + 1..)?);
        let captured = path.strip_prefix(before)?.strip_suffix(after)?;
        let one_segment = pattern.as_bytes().get(at) == Some(&b':');
        if captured.is_empty() || (one_segment && captured.contains('/')) {
            return None;
        }
        Some(at..at + captured.len())
    }
}

/// All routes; the first that matches takes the path.
pub static TABLE: &[Route] = &[
    row("sys/init", &[Read, Update], Endpoint::Init).exempt(CEREMONY),
    row("sys/unseal", &[Update], Endpoint::Unseal).exempt(CEREMONY),
    row("sys/seal-status", &[Read], Endpoint::SealStatus).exempt(STATE),
    row("sys/leader", &[Read], Endpoint::Leader).exempt(STATE),
    row("sys/health", &[Read, Header], Endpoint::Health).exempt(STATE),
    row("sys/seal", &[Update], Endpoint::Seal)
        .sudo()
        .request_only("the salts and devices are gone once it is done"),
    row("sys/audit", &[Read], Endpoint::Audit).sudo().injected(),
    row("sys/audit/*", &[Update, Delete], Endpoint::AuditDevice).sudo().injected(),
    row("sys/audit-hash/*", &[Update], Endpoint::AuditHash).injected(),
    row("sys/audit-salts", &[Read], Endpoint::AuditSalts).sudo(),
    row("sys/audit-salts/:/hash", &[Update], Endpoint::AuditSaltHash),
    row("sys/audit-rotate-salt/*", &[Update], Endpoint::AuditRotateSalt).sudo(),
    row("sys/audit-preview", &[Update], Endpoint::AuditPreview).sudo(),
    row("sys/audit-drill/*", &[Update], Endpoint::AuditDrill).sudo(),
    row("sys/audit-status", &[Read], Endpoint::AuditStatus).sudo(),
    row("sys/metrics", &[Read], Endpoint::Metrics).listener_may_exempt(METRICS),
    row("sys/audit-reopen", &[Update], Endpoint::AuditReopen).sudo(),
    row("sys/audit-reopen/*", &[Update], Endpoint::AuditReopen).sudo(),
    row("sys/config/auditing/request-headers", &[Read], Endpoint::RequestHeaders).sudo().injected(),
    row("sys/config/auditing/request-headers/:", &[Read, Update, Delete], Endpoint::RequestHeader)
        .sudo()
        .injected()
        .caseless(),
    row("sys/rotate", &[Update], Endpoint::Rotate).sudo().injected(),
    row("sys/rotate/keyring", &[Update], Endpoint::Rotate).sudo().injected(),
    row("sys/key-status", &[Read], Endpoint::KeyStatus).injected(),
    row("sys/mounts", &[Read], Endpoint::Mounts).injected(),
    row("sys/mounts/auth/*/tune", &[Read, Update], Endpoint::AuthTune).injected(),
    row("sys/mounts/*/tune", &[Read, Update], Endpoint::MountTune).injected(),
    row("sys/mounts/*", &[Read, Update, Delete], Endpoint::Mount).injected(),
    row("sys/remount", &[Update], Endpoint::Remount).sudo().injected(),
    row("sys/remount/status/:", &[Read], Endpoint::Remount).sudo(),
    row("sys/auth", &[Read], Endpoint::Auths).injected(),
    row("sys/auth/*/tune", &[Read, Update], Endpoint::AuthTune).sudo().injected(),
    row("sys/auth/*", &[Read, Update, Delete], Endpoint::AuthMount).sudo().injected(),
    row("sys/policy/?", &[Read, List], Endpoint::LegacyPolicies).injected(),
    row("sys/policy/*", &[Read, Update, Delete], Endpoint::LegacyPolicy).injected().caseless(),
    row("sys/policies/acl/?", &[Read, List], Endpoint::Policies),
    row("sys/policies/acl/*", &[Read, Update, Delete], Endpoint::Policy).caseless(),
    row("sys/capabilities", &[Update], Endpoint::Capabilities).injected(),
    row("sys/capabilities-self", &[Update], Endpoint::CapabilitiesSelf).injected(),
    row("sys/capabilities-accessor", &[Update], Endpoint::CapabilitiesAccessor).injected(),
    row("sys/internal/ui/mounts", &[Read], Endpoint::UiMounts).anybody(),
    row("sys/internal/ui/mounts/*", &[Read], Endpoint::UiMount).anybody(),
    row("auth/token/create", &[Update], Endpoint::TokenCreate),
    row("auth/token/create-orphan", &[Update], Endpoint::TokenCreateOrphan),
    row("auth/token/create/:", &[Update], Endpoint::TokenCreateRole),
    row("auth/token/lookup", &[Read, Update], Endpoint::TokenLookup),
    row("auth/token/lookup/:", &[Read, Update], Endpoint::TokenLookup).sensitive(),
    row("auth/token/lookup-self", &[Read, Update], Endpoint::TokenLookupSelf),
    row("auth/token/lookup-accessor", &[Update], Endpoint::TokenLookupAccessor),
    row("auth/token/lookup-accessor/:", &[Update], Endpoint::TokenLookupAccessor).sensitive(),
    row("auth/token/renew", &[Update], Endpoint::TokenRenew),
    row("auth/token/renew/:", &[Update], Endpoint::TokenRenew).sensitive(),
    row("auth/token/renew-self", &[Update], Endpoint::TokenRenewSelf),
    row("auth/token/renew-accessor", &[Update], Endpoint::TokenRenewAccessor),
    row("auth/token/renew-accessor/:", &[Update], Endpoint::TokenRenewAccessor).sensitive(),
    row("auth/token/revoke", &[Update], Endpoint::TokenRevoke),
    row("auth/token/revoke/:", &[Update], Endpoint::TokenRevoke).sensitive(),
    row("auth/token/revoke-self", &[Update], Endpoint::TokenRevokeSelf),
    row("auth/token/revoke-accessor", &[Update], Endpoint::TokenRevokeAccessor),
    row("auth/token/revoke-accessor/:", &[Update], Endpoint::TokenRevokeAccessor).sensitive(),
    row("auth/token/revoke-orphan", &[Update], Endpoint::TokenRevokeOrphan).sudo(),
    row("auth/token/revoke-orphan/:", &[Update], Endpoint::TokenRevokeOrphan).sudo().sensitive(),
    row("auth/token/accessors/?", &[List], Endpoint::TokenAccessors).sudo(),
    row("auth/token/tidy", &[Update], Endpoint::TokenTidy),
];

/// The route that takes a path, and what it captures of it.
pub fn find(path: &str) -> Option<(&'static Route, Range<usize>)> {
    TABLE.iter().find_map(|route| route.matches(path).map(|captured| (route, captured)))
}

/// The exempt route that takes a path. The only way to leave a request unrecorded.
pub(crate) fn exempt(path: &str) -> Option<&'static Route> {
    if !path.starts_with("sys/") {
        return None;
    }
    TABLE
        .iter()
        .take_while(|route| matches!(route.recording, Recording::Exempt(_)))
        .find(|route| route.pattern == path)
}

/// The route that takes a path, and is exempt where the listener is configured so.
pub(crate) fn exempt_by_listener(path: &str) -> Option<&'static Route> {
    if !path.starts_with("sys/") {
        return None;
    }
    let may = |route: &&Route| matches!(route.recording, Recording::ListenerMayExempt(_));
    TABLE.iter().filter(may).find(|route| route.pattern == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exempt_routes_stand_first_and_capture_nothing() {
        let exempt = |route: &&Route| matches!(route.recording, Recording::Exempt(_));
        let first = TABLE.iter().take_while(exempt).count();
        assert_eq!(first, TABLE.iter().filter(exempt).count(), "all in front");
        assert!(TABLE.iter().filter(exempt).all(|route| !route.pattern.contains(['*', ':', '?'])));
    }

    #[test]
    fn what_matches_and_what_is_captured() {
        let found = |path: &str| find(path).map(|(route, at)| (route.endpoint, path[at].to_owned()));
        assert_eq!(found("sys/audit"), Some((Endpoint::Audit, String::new())));
        assert_eq!(found("sys/audit/"), None);
        assert_eq!(found("sys/audit/deep/er"), Some((Endpoint::AuditDevice, "deep/er".into())));
        assert_eq!(found("sys/mounts/kv/tune"), Some((Endpoint::MountTune, "kv".into())));
        assert_eq!(found("sys/mounts/auth/token/tune"), Some((Endpoint::AuthTune, "token".into())));
        assert_eq!(found("sys/mounts/tune"), Some((Endpoint::Mount, "tune".into())));
        assert_eq!(found("sys/policies/acl/"), Some((Endpoint::Policies, String::new())));
        assert_eq!(found("sys/policies/acl"), Some((Endpoint::Policies, String::new())));
        assert_eq!(found("sys/policies/acl/a"), Some((Endpoint::Policy, "a".into())));
        assert_eq!(found("sys/config/auditing/request-headers/a/b"), None);
        assert_eq!(found("sys/nothing"), None);
        assert_eq!(found("auth/token/accessors/"), Some((Endpoint::TokenAccessors, String::new())));
    }

    #[test]
    fn no_row_is_hidden_by_an_earlier_one() {
        for route in TABLE {
            let path = route.pattern.trim_end_matches("/?").replace(['*', ':'], "x");
            let (taken, _) = find(&path).expect(route.pattern);
            assert_eq!(taken.pattern, route.pattern);
        }
    }
}
