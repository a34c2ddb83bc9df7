//! The tables of kinds that a program may add its own to.
//! Never in it: a kind.

use onrecord_audit::DeviceKinds;
use onrecord_storage::BackendKinds;

/// The tables of kinds that a program may add its own to. Default: the built-in ones.
#[derive(Debug, Clone, Default)]
pub struct Kinds {
    /// The kinds of audit devices that can be enabled.
    pub devices: DeviceKinds,
    /// The kinds of storage that a configuration can choose.
    pub backends: BackendKinds,
}
