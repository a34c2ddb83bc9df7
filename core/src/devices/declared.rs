//! Devices of the configuration file, applied after every unseal (spec section 8).
//! Never in it: reading the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use onrecord_audit::Broker;
use onrecord_value::Time;

use super::{Device, Devices, DevicesError, Table, Wish, with_slash};
use crate::settings::DeclaredDevice;

/// Why the configuration's devices cannot be applied. Unsealing fails with it.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeclareError {
    /// Two of them have the same path.
    Twice(String),
    /// One has no path.
    NoPath(usize),
    /// A device that the API made is there.
    MadeThroughApi(String),
    /// It is enabled with other values.
    Changed(String),
    /// It could not be enabled.
    Device {
        /// Where it was to be.
        path: String,
        /// Why not.
        error: DevicesError,
    },
}

impl fmt::Display for DeclareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(path) => write!(f, "two audit devices with same path ({path}) exist in config"),
            Self::NoPath(number) => write!(f, "audit config {number} is missing a path"),
            Self::MadeThroughApi(path) => write!(
                f,
                "audit device in configuration (path: {path}) was already created by API; disable it there first"
            ),
            Self::Changed(path) => write!(f, "modifications to audit devices are not allowed: {path}"),
            Self::Device { path, error } => {
                write!(f, "audit device in configuration (path: {path}): {error}")
            }
        }
    }
}

impl std::error::Error for DeclareError {}

impl Devices {
    /// Makes the enabled devices fit the configuration: new ones are enabled, with a probe; those that are gone from
    /// it are disabled; the API's are left alone.
    pub async fn declare(
        &self,
        broker: &Broker,
        wanted: &[DeclaredDevice],
        now: Time,
    ) -> Result<(), DeclareError> {
        let table = self.table();
        let plan = plan(&table, wanted)?;
        for wish in plan.enable {
            let path = with_slash(&wish.path);
            let made = self.make(broker, wish, true, now).await;
            made.map_err(|error| DeclareError::Device { path, error })?;
        }
        for device in plan.disable {
            let _gate = self.gate.lock().await;
            let path = device.path.clone();
            let removed = self.remove(broker, &device, now).await;
            removed.map_err(|error| DeclareError::Device { path, error })?;
        }
        Ok(())
    }
}

/// What is to be done.
#[derive(Default)]
struct Plan {
    enable: Vec<Wish>,
    disable: Vec<Arc<Device>>,
}

fn plan(table: &Table, wanted: &[DeclaredDevice]) -> Result<Plan, DeclareError> {
    let mut plan = Plan::default();
    let mut seen = BTreeSet::new();
    for (number, device) in wanted.iter().enumerate() {
        if device.path.trim_matches('/').is_empty() {
            return Err(DeclareError::NoPath(number));
        }
        let path = with_slash(&device.path);
        if !seen.insert(path.clone()) {
            return Err(DeclareError::Twice(path));
        }
        let options: BTreeMap<String, String> = device.options.iter().cloned().collect();
        match table.get(&path) {
            None => plan.enable.push(Wish {
                path: device.path.clone(),
                kind: device.kind.clone(),
                description: device.description.clone(),
                local: device.local,
                options,
            }),
            Some(there) if !there.declared => return Err(DeclareError::MadeThroughApi(path)),
            Some(there) => {
                let same = there.kind == device.kind
                    && there.description == device.description
                    && there.local == device.local
                    && there.options == options;
                if !same {
                    return Err(DeclareError::Changed(path));
                }
            }
        }
    }
    plan.disable = table
        .values()
        .filter(|device| device.declared && !seen.contains(&device.path))
        .map(Arc::clone)
        .collect();
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(path: &str, file: &str) -> DeclaredDevice {
        DeclaredDevice {
            kind: "file".into(),
            path: path.into(),
            description: String::new(),
            local: false,
            options: vec![("file_path".into(), file.into())],
        }
    }

    fn enabled(path: &str, file: &str, declared: bool) -> (String, Arc<Device>) {
        let device = Device {
            path: path.into(),
            uuid: String::new(),
            accessor: String::new(),
            kind: "file".into(),
            description: String::new(),
            local: false,
            options: BTreeMap::from([("file_path".into(), file.into())]),
            declared,
            since: Time::UNIX_EPOCH,
            salt_since: Time::UNIX_EPOCH,
        };
        (path.to_owned(), Arc::new(device))
    }

    #[test]
    fn the_configuration_adds_and_removes_its_own_devices_only() {
        let table = Table::from([
            enabled("kept/", "/k", true),
            enabled("gone/", "/g", true),
            enabled("api/", "/a", false),
        ]);
        let wanted = [declared("kept", "/k"), declared("new/", "/n")];
        let plan = plan(&table, &wanted).ok().unwrap();
        assert_eq!(plan.enable.iter().map(|wish| &*wish.path).collect::<Vec<_>>(), ["new/"]);
        assert_eq!(plan.disable.iter().map(|device| &*device.path).collect::<Vec<_>>(), ["gone/"]);
    }

    #[test]
    fn what_contradicts_the_table_is_refused() {
        let table = Table::from([enabled("kept/", "/k", true), enabled("api/", "/a", false)]);
        let text = |wanted: &[DeclaredDevice]| plan(&table, wanted).err().map(|error| error.to_string());
        assert!(text(&[declared("api", "/a")]).unwrap().contains("(path: api/) was already created by API"));
        assert!(text(&[declared("kept", "/other")]).unwrap().contains("modifications to audit devices"));
        assert!(text(&[declared("/", "/x")]).unwrap().contains("audit config 0 is missing a path"));
        assert!(text(&[declared("x", "/x"), declared("x/", "/y")]).unwrap().contains("same path (x/)"));
    }
}
