//! What is stored where, below the barrier. All prefixes stand here, so that none begins with another.
//! Never in it: keys below a prefix (its owner's).

/// The server's own tables: cluster, audited headers, mounts.
pub(crate) const CORE: &str = "core/";
/// Audit devices with their salts, and retired salts.
pub(crate) const AUDIT: &str = "audit/";
/// Cubbyholes, each in a folder named as its token is stored.
pub(crate) const CUBBYHOLE: &str = "cubbyhole/";
/// Entities and groups.
pub(crate) const IDENTITY: &str = "identity/";
/// Mounted engines, each in a folder named by its UUID.
pub(crate) const MOUNTS: &str = "mounts/";
/// Leases: the names of tokens' ones, and what is leased of secrets.
pub(crate) const LEASE: &str = "lease/";
pub(crate) const POLICY: &str = "policy/";
/// Tokens with their accessors and family links.
pub(crate) const TOKEN: &str = "token/";
