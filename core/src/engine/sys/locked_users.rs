//! `sys/locked-users`: the accounts that failed logins have locked, and their unlocking.
//! Never in it: when an account is locked (`crate::lockout`).

use onrecord_value::{Object, Value, object};

use super::Sys;
use crate::engine::{Call, Handled, Path, Unsealed, fields};
use crate::outcome::{Outcome, Refusal, Reply};

pub(super) const PATHS: &[Path<Sys>] = &[
    Path::new("locked-users", "List the accounts that failed logins have locked.")
        .description("Takes `mount_accessor`.")
        .read(|_, unsealed, call| Handled::ready(list(unsealed, call))),
    Path::new("locked-users/{*account}", "Unlock an account.")
        .description("The account is `MOUNT_ACCESSOR/unlock/NAME`; for approle, the name is the role id.")
        .sensitive_end()
        .write(|_, unsealed, call| Handled::ready(unlock(unsealed, call))),
];

/// `GET sys/locked-users`. There is one namespace, the root.
fn list(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let of_mount = fields::text(call.data, "mount_accessor")?.filter(|accessor| !accessor.is_empty());
    let mut locked: Vec<(String, Vec<String>)> = unsealed.lockouts.locked(call.now).into_iter().collect();
    locked.retain(|(mount, _)| of_mount.as_ref().is_none_or(|accessor| accessor == mount));
    // Those with the most come first.
    locked.sort_by(|(one, names), (other, others)| (others.len(), one).cmp(&(names.len(), other)));
    locked.iter().try_for_each(|(_, names)| call.permit.hold_names(names))?;
    let total: usize = locked.iter().map(|(_, names)| names.len()).sum();
    let mount = |(accessor, names): (String, Vec<String>)| {
        object! { "alias_identifiers" => names.as_slice(), "counts" => names.len(), "mount_accessor" => accessor }
    };
    let mounts: Vec<Value> = locked.into_iter().map(|locked| mount(locked).into()).collect();
    let root = object! {
        "counts" => total, "mount_accessors" => mounts, "namespace_id" => "root", "namespace_path" => "",
    };
    let namespaces: Vec<Object> = if total > 0 { vec![root] } else { Vec::new() };
    let namespaces: Value = namespaces.into_iter().map(Value::from).collect();
    let data = object! { "by_namespace" => namespaces, "total" => total };
    Ok(fields::answer(data, call.data, &["mount_accessor"]))
}

/// `POST sys/locked-users/MOUNT_ACCESSOR/unlock/NAME`. An account that is not locked is not an error.
fn unlock(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let (accessor, name) = call.captured.split_once("/unlock/").ok_or_else(Refusal::unsupported_path)?;
    let mounts = unsealed.mounts.snapshot();
    let Some(mount) = mounts.iter().find(|mount| mount.accessor == accessor) else {
        return Err(Refusal::invalid("mount_accessor: there is no login method with this accessor"));
    };
    let name = if mount.kind.name == "userpass" { name.to_lowercase() } else { name.to_owned() };
    unsealed.lockouts.unlock(&mount.accessor, &name, call.now);
    Ok(Outcome::empty())
}
