//! The logs of devices that have a tree, with what their checkpoints are called.
//! Never in it: trees.

use std::sync::Arc;

use onrecord_audit::Broker;
use onrecord_audit::evidence::DeviceEvidence;

/// The log of a device whose checkpoints are signed.
#[derive(Debug, Clone)]
pub struct AuditLog {
    /// The device's path, with its closing slash.
    pub path: String,
    /// Its tree.
    pub evidence: Arc<DeviceEvidence>,
}

/// The logs of all enabled devices that have a tree, by path.
pub(crate) fn logs(broker: &Broker) -> Vec<AuditLog> {
    let log = |(path, evidence): (Arc<str>, _)| AuditLog { path: path.to_string(), evidence };
    let mut logs: Vec<_> = broker.evidence().into_iter().map(log).collect();
    logs.sort_by(|one, other| one.path.cmp(&other.path));
    logs
}
