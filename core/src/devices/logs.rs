//! The logs of devices that have a tree, with what their checkpoints are called.
//! Never in it: trees, files.

use super::Devices;

/// The log of a device whose checkpoints are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLog {
    /// The device's path, with its closing slash.
    pub path: String,
    /// The origin of its checkpoints.
    pub origin: String,
}

impl Devices {
    /// The logs of all enabled devices that have a tree, by path.
    pub fn logs(&self) -> Vec<AuditLog> {
        let mut logs = Vec::new();
        for device in self.table().values() {
            let is_off = device.options.get("evidence").is_some_and(|value| value == "off");
            let parsed = self.kinds.parse(&device.kind, &device.options);
            if !is_off && parsed.is_ok_and(|options| options.file().is_some()) {
                let origin = self.log_keys.origin(&device.path);
                logs.push(AuditLog { path: device.path.clone(), origin });
            }
        }
        logs
    }
}
