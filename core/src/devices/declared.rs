//! Devices of the configuration file: what has to be done so that the enabled devices are those it names.
//! Never in it: reading the file, or doing it (`apply`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use onrecord_audit::DeviceKinds;
use onrecord_audit::broker::DEVICES_MAX;

use super::{Device, DevicesError, Table, with_slash};
use crate::settings::EnableRequest;

/// Why the configuration's devices cannot be applied. Unsealing fails with it; a reload leaves all as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeclareError {
    /// Two of them have the same path.
    #[error("two audit devices with same path ({0}) exist in config")]
    Twice(String),
    /// One has no path.
    #[error("audit config {0} is missing a path")]
    NoPath(usize),
    /// A device that the API made is there.
    #[error("audit device in configuration (path: {0}) was already created by API; disable it there first")]
    MadeThroughApi(String),
    /// The number of devices demanded, and the smaller number that would be left.
    #[error("the configuration demands {0} audit devices and would leave {1}")]
    TooFew(usize, usize),
    /// There would be more devices at once than there can be.
    #[error("there can be {DEVICES_MAX} audit devices at once, and what is new comes before anything goes")]
    TooMany,
    /// The changes could not be stored.
    #[error(transparent)]
    NotStored(DevicesError),
    /// The one for this path could not be enabled.
    #[error("audit device in configuration (path: {0}): {1}")]
    Device(String, DevicesError),
}

#[derive(Default)]
pub(super) struct Plan {
    pub(super) add: Vec<EnableRequest>,
    pub(super) change: Vec<(Arc<Device>, EnableRequest)>,
    /// Devices of another description, which their log does not show.
    pub(super) describe: Vec<Device>,
    pub(super) remove: Vec<Arc<Device>>,
}

impl Plan {
    pub(super) fn of(
        kinds: &DeviceKinds,
        table: &Table,
        wanted: &[EnableRequest],
    ) -> Result<Self, DeclareError> {
        let mut plan = Self::default();
        let mut seen = BTreeSet::new();
        for (number, wanted) in wanted.iter().enumerate() {
            if wanted.path.trim_matches('/').is_empty() {
                return Err(DeclareError::NoPath(number));
            }
            let path = with_slash(&wanted.path);
            if !seen.insert(path.clone()) {
                return Err(DeclareError::Twice(path));
            }
            if let Err(error) = kinds.parse(&wanted.kind, &wanted.options) {
                return Err(DeclareError::Device(path, error.into()));
            }
            match table.get(&path) {
                None => plan.add.push(wanted.clone()),
                Some(there) if !there.declared => return Err(DeclareError::MadeThroughApi(path)),
                Some(there) if there.kind != wanted.kind || there.options != wanted.options => {
                    plan.change.push((Arc::clone(there), wanted.clone()));
                }
                Some(there) if there.description != wanted.description || there.local != wanted.local => {
                    let EnableRequest { description, local, .. } = wanted.clone();
                    plan.describe.push(Device { description, local, ..Device::clone(there) });
                }
                Some(_) => {}
            }
        }
        plan.remove = table
            .values()
            .filter(|device| device.declared && !seen.contains(&device.path))
            .map(Arc::clone)
            .collect();
        Ok(plan)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.add.is_empty() && self.change.is_empty() && self.describe.is_empty() && self.remove.is_empty()
    }

    /// The plan for people, a line each. Names of options, never their values.
    pub(super) fn lines(&self) -> Vec<String> {
        let add = self.add.iter().map(|wanted| format!("add {} ({})", with_slash(&wanted.path), wanted.kind));
        let change = self.change.iter().map(|(old, wanted)| {
            let mut what = differing(&old.options, &wanted.options);
            if old.kind != wanted.kind {
                what.insert(0, "type");
            }
            format!("change {} ({}): {}", old.path, wanted.kind, what.join(", "))
        });
        let describe = self
            .describe
            .iter()
            .map(|device| format!("change {}: its description, without opening it", device.path));
        let remove = self.remove.iter().map(|device| format!("remove {} ({})", device.path, device.kind));
        add.chain(change).chain(describe).chain(remove).collect()
    }
}

fn differing<'a>(old: &'a BTreeMap<String, String>, new: &'a BTreeMap<String, String>) -> Vec<&'a str> {
    let names: BTreeSet<&str> = old.keys().chain(new.keys()).map(String::as_str).collect();
    names.into_iter().filter(|name| old.get(*name) != new.get(*name)).collect()
}

#[cfg(test)]
mod tests {
    use onrecord_value::Time;

    use super::*;

    fn declared(path: &str, file: &str) -> EnableRequest {
        EnableRequest {
            kind: "file".into(),
            path: path.into(),
            description: String::new(),
            local: false,
            options: BTreeMap::from([("file_path".into(), file.into())]),
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
            first_salt: None,
            salt_lines: None,
        };
        (path.to_owned(), Arc::new(device))
    }

    #[test]
    fn r_declarative_the_configuration_adds_changes_and_removes_its_own_devices_only() {
        let table = Table::from([
            enabled("kept/", "/k", true),
            enabled("moved/", "/m", true),
            enabled("told/", "/t", true),
            enabled("gone/", "/g", true),
            enabled("api/", "/a", false),
        ]);
        let mut moved = declared("moved", "/elsewhere");
        moved.options.insert("log_raw".into(), "true".into());
        let told = EnableRequest { description: "what for".into(), ..declared("told", "/t") };
        let plan = Plan::of(
            &DeviceKinds::default(),
            &table,
            &[declared("kept", "/k"), moved, told, declared("new/", "/n")],
        )
        .ok()
        .unwrap();
        assert_eq!(
            plan.lines(),
            [
                "add new/ (file)",
                "change moved/ (file): file_path, log_raw",
                "change told/: its description, without opening it",
                "remove gone/ (file)",
            ]
        );
    }

    #[test]
    fn what_contradicts_the_table_is_refused() {
        let table = Table::from([enabled("api/", "/a", false)]);
        let text = |wanted: &[EnableRequest]| {
            Plan::of(&DeviceKinds::default(), &table, wanted).err().map(|error| error.to_string())
        };
        assert!(text(&[declared("api", "/a")]).unwrap().contains("(path: api/) was already created by API"));
        assert!(text(&[declared("/", "/x")]).unwrap().contains("audit config 0 is missing a path"));
        assert!(text(&[declared("x", "/x"), declared("x/", "/y")]).unwrap().contains("same path (x/)"));
        let wrong = EnableRequest { kind: "nope".into(), ..declared("x", "/x") };
        assert!(text(&[wrong]).unwrap().contains("(path: x/): unknown backend type: \"nope\""));
    }
}
