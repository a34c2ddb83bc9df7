//! Everything that exists only while the server is unsealed. Dropping it is sealing.
//! Never in it: behaviour; each part has its own module.

use std::sync::Arc;

use onrecord_audit::Broker;
use onrecord_storage::Barrier;

use crate::devices::Devices;
use crate::headers::AuditedHeaders;
use crate::host::Host;
use crate::mounts::Mounts;
use crate::policies::Policies;
use crate::settings::Settings;
use crate::tokens::Tokens;

/// The unsealed server.
pub struct Open {
    /// Encrypted storage.
    pub barrier: Barrier,
    /// The audit broker with all enabled devices.
    pub broker: Broker,
    /// The table of audit devices.
    pub devices: Devices,
    /// Which request headers are recorded.
    pub audited_headers: AuditedHeaders,
    /// The mount table.
    pub mounts: Mounts,
    /// The token store.
    pub tokens: Tokens,
    /// The policy store.
    pub policies: Policies,
    /// Clock and entropy.
    pub host: Host,
    /// Limits and defaults from the configuration.
    pub settings: Arc<Settings>,
}
