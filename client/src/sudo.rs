//! Paths that also need the `sudo` capability, for a policy that allows a call.
//! Never in it: a decision of the server.

/// Exact paths; a `*` at the end stands for everything below.
const PATHS: &[&str] = &[
    "auth/token/accessors",
    "auth/token/revoke-orphan",
    "pki/root",
    "pki/root/sign-self-issued",
    "sys/audit",
    "sys/audit/*",
    "sys/audit-drill/*",
    "sys/audit-log/checkpoint/*",
    "sys/audit-log/rotate",
    "sys/audit-preview",
    "sys/audit-query",
    "sys/audit-rotate-salt/*",
    "sys/audit-salts",
    "sys/audit-salts/export",
    "sys/audit-status",
    "sys/auth/*",
    "sys/config/auditing/request-headers",
    "sys/config/auditing/request-headers/*",
    "sys/config/cors",
    "sys/config/ui/headers",
    "sys/config/ui/headers/*",
    "sys/internal/counters/*",
    "sys/leases",
    "sys/leases/lookup/*",
    "sys/leases/revoke-force/*",
    "sys/leases/revoke-prefix/*",
    "sys/plugins/catalog/*",
    "sys/raw",
    "sys/raw/*",
    "sys/remount",
    "sys/remount/status/*",
    "sys/rotate",
    "sys/rotate/*",
    "sys/seal",
    "sys/step-down",
    "sys/storage/raft/snapshot",
    "sys/storage/raft/snapshot-force",
    "sys/storage/snapshot",
    "sys/storage/snapshot/*",
];

/// Whether a call of this path (behind `/v1/`) needs `sudo`.
pub fn needs_sudo(path: &str) -> bool {
    let path = path.trim_matches('/');
    PATHS.iter().any(|known| match known.strip_suffix('*') {
        Some(prefix) => path.len() > prefix.len() && path.starts_with(prefix),
        None => path == *known,
    })
}

#[cfg(test)]
mod tests {
    use super::needs_sudo;

    #[test]
    fn audit_paths_need_sudo_and_secrets_do_not() {
        for path in ["sys/audit", "sys/audit/file", "sys/seal", "sys/auth/userpass"] {
            assert!(needs_sudo(path), "{path}");
        }
        for path in ["secret/data/x", "sys/audit-hash/file", "sys/auth"] {
            assert!(!needs_sudo(path), "{path}");
        }
    }
}
