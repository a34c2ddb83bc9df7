//! Which requests change what the server does: policies, mounts, devices and the like, by their paths.
//! Never in it: a request's data.

use serde::{Deserialize, Serialize};

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A policy.
    Policy,
    /// A secrets engine was enabled, moved, tuned or disabled.
    SecretsEngine,
    /// A login method was enabled, tuned or disabled.
    AuthMethod,
    /// A role, a user or the configuration of a login method.
    LoginConfig,
    /// An audit device, its salt, or which headers it records.
    AuditDevice,
    /// An entity, a group or an alias.
    Identity,
    /// The seal, its keys, or a root token.
    SealAndKeys,
    /// A quota, a plugin or other configuration of the server.
    ServerConfig,
}

impl ChangeKind {
    /// Words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::SecretsEngine => "secrets engine",
            Self::AuthMethod => "auth method",
            Self::LoginConfig => "login configuration",
            Self::AuditDevice => "audit device",
            Self::Identity => "identity",
            Self::SealAndKeys => "seal and keys",
            Self::ServerConfig => "server configuration",
        }
    }
}

/// The beginnings of paths; the first that fits counts.
const PATHS: [(&str, ChangeKind); 23] = [
    ("sys/policies/", ChangeKind::Policy),
    ("sys/policy/", ChangeKind::Policy),
    ("sys/mounts/auth/", ChangeKind::AuthMethod),
    ("sys/mounts/", ChangeKind::SecretsEngine),
    ("sys/remount", ChangeKind::SecretsEngine),
    ("sys/auth/", ChangeKind::AuthMethod),
    ("sys/audit/", ChangeKind::AuditDevice),
    ("sys/audit-rotate-salt/", ChangeKind::AuditDevice),
    ("sys/audit-salts/export", ChangeKind::AuditDevice),
    ("sys/config/auditing/", ChangeKind::AuditDevice),
    ("identity/", ChangeKind::Identity),
    ("sys/init", ChangeKind::SealAndKeys),
    ("sys/seal", ChangeKind::SealAndKeys),
    ("sys/unseal", ChangeKind::SealAndKeys),
    ("sys/rekey", ChangeKind::SealAndKeys),
    ("sys/rotate", ChangeKind::SealAndKeys),
    ("sys/generate-root", ChangeKind::SealAndKeys),
    ("sys/step-down", ChangeKind::SealAndKeys),
    ("sys/storage/", ChangeKind::SealAndKeys),
    ("sys/quotas/", ChangeKind::ServerConfig),
    ("sys/plugins/", ChangeKind::ServerConfig),
    ("sys/config/", ChangeKind::ServerConfig),
    ("sys/namespaces/", ChangeKind::ServerConfig),
];

/// Words after the mount of a login method below which its configuration is.
const CONFIG: [&str; 9] = ["config", "role", "roles", "users", "groups", "certs", "map", "cli", "tune"];

/// What a request changes; `None` if it changes no such thing.
pub(super) fn kind(operation: &str, path: &str, mount: &str) -> Option<ChangeKind> {
    if !matches!(operation, "create" | "update" | "patch" | "delete") {
        return None;
    }
    if path.starts_with("identity/lookup/") {
        return None;
    }
    if let Some((_, kind)) = PATHS.iter().find(|(begin, _)| path.starts_with(begin)) {
        return Some(*kind);
    }
    let below = path.strip_prefix(mount).filter(|_| mount.starts_with("auth/"))?;
    let mut words = below.split('/');
    let first = words.next()?;
    // What an approle login method issues is not its configuration.
    let issues = below.contains("/secret-id") || below.ends_with("/login");
    (CONFIG.contains(&first) && !issues).then_some(ChangeKind::LoginConfig)
}

/// Whether a request is a login, and what its path names: the user or the role.
pub(super) fn login(operation: &str, path: &str, mount: &str) -> Option<String> {
    if !matches!(operation, "create" | "update")
        || !path.starts_with("auth/")
        || path.starts_with("auth/token/")
    {
        return None;
    }
    let mount = if mount.is_empty() { path.get(..path.get(5..)?.find('/')? + 6)? } else { mount };
    let below = path.strip_prefix(mount)?;
    let name = below.strip_prefix("login")?;
    match name.strip_prefix('/') {
        Some(name) => Some(name.to_owned()),
        None => name.is_empty().then(String::new),
    }
}

#[cfg(test)]
mod tests {
    use super::{ChangeKind, kind, login};

    #[test]
    fn changes_are_told_by_operation_and_path() {
        for (operation, path, mount, expected) in [
            ("update", "sys/policies/acl/dev", "sys/", Some(ChangeKind::Policy)),
            ("delete", "sys/policy/dev", "sys/", Some(ChangeKind::Policy)),
            ("read", "sys/policies/acl/dev", "sys/", None),
            ("update", "sys/mounts/auth/userpass/tune", "sys/", Some(ChangeKind::AuthMethod)),
            ("update", "sys/mounts/secret", "sys/", Some(ChangeKind::SecretsEngine)),
            ("update", "sys/audit/file", "sys/", Some(ChangeKind::AuditDevice)),
            ("update", "sys/audit-hash/file", "sys/", None),
            ("update", "identity/lookup/entity", "identity/", None),
            ("update", "identity/entity", "identity/", Some(ChangeKind::Identity)),
            ("update", "auth/userpass/users/alice", "auth/userpass/", Some(ChangeKind::LoginConfig)),
            ("update", "auth/approle/role/ci/secret-id", "auth/approle/", None),
            ("update", "auth/token/create", "auth/token/", None),
            ("update", "secret/data/sys/policy/x", "secret/", None),
        ] {
            assert_eq!(kind(operation, path, mount), expected, "{operation} {path}");
        }
    }

    #[test]
    fn logins_are_told_by_their_path() {
        assert_eq!(login("update", "auth/userpass/login/alice", "auth/userpass/").as_deref(), Some("alice"));
        assert_eq!(login("update", "auth/approle/login", "auth/approle/").as_deref(), Some(""));
        assert_eq!(login("update", "auth/ldap/login/bob", "").as_deref(), Some("bob"));
        assert_eq!(login("read", "auth/userpass/login/alice", "auth/userpass/"), None);
        assert_eq!(login("update", "auth/token/create", "auth/token/"), None);
        assert_eq!(login("update", "secret/login", "secret/"), None);
    }
}
