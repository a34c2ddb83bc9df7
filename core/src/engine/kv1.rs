//! Key-value, version 1: a key holds a map; a write replaces it.
//! Never in it: versions, tokens, policies.

use std::sync::Arc;
use std::time::Duration;

use onrecord_storage::Read;
use onrecord_value::{Object, duration};

use super::codec::{decode_object, encode_object};
use crate::admission::Permit;
use crate::engine::{Call, ChangeBatch, Engine, EngineKind, Existing, Handled, Mounting, Path, Space};
use crate::outcome::{Outcome, Refusal, Reply};

pub(crate) struct Kv1 {
    space: Arc<Space>,
}

pub(crate) static KIND: EngineKind =
    EngineKind::new::<Kv1>("kv", Mounting::Secrets, "Key-value store: a key holds a map").version("1");

/// The root can be listed; a key takes everything.
const fn key(pattern: &'static str, synopsis: &'static str) -> Path<Kv1> {
    Path::<Kv1>::new(pattern, synopsis)
        .read(|kv, unsealed, call| Handled::read(kv.read(call, unsealed.settings.default_lease_ttl)))
        .list(|kv, _, call| Handled::read(list(&kv.space, call.path, call.permit)))
        .write(|kv, _, call| Handled::pending(write(&kv.space, call.path, call)))
        .delete(|kv, _, call| Handled::pending(delete(&kv.space, call.path, call.permit)))
        .exists(|kv, call| exists(&kv.space, call.path))
}

impl Engine for Kv1 {
    const PATHS: &'static [Path<Self>] = &[
        key("", "List the keys of the store."),
        key("{*path}", "Read, write, list and delete the map at a key.").description(
            "A write replaces the map. The field `ttl` (or `lease`) says how long a client may keep what it reads; \
             without it the settings of the mount do.",
        ),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self { space })
    }
}

impl Kv1 {
    fn read<'a>(&'a self, call: &'a Call<'a>, default_lease: Duration) -> Read<'a, Result<Outcome, Refusal>> {
        read(&self.space, call.path, call.permit).map(move |data| {
            let Some(data) = data? else { return Ok(Outcome::absent()) };
            let tune = &call.mount.tune;
            let set = |seconds: u64| Some(seconds).filter(|seconds| *seconds > 0);
            let own = set(tune.default_lease_ttl).unwrap_or(default_lease.as_secs());
            let own = set(tune.max_lease_ttl).map_or(own, |max| own.min(max));
            let lease_seconds = lease(&data).or(Some(own));
            Ok(Reply { data: Some(data), lease_seconds, ..Reply::default() }.into())
        })
    }
}

/// How long its writer wants a secret to be kept: the field `ttl` or, without it, `lease`.
fn lease(data: &Object) -> Option<u64> {
    let wanted = data.get("ttl").or_else(|| data.get("lease"))?;
    let seconds = duration::from_value(wanted).ok()?.secs();
    u64::try_from(seconds).ok()
}

/// A list's path as a folder.
pub(super) fn folder(path: &str) -> String {
    if path.is_empty() || path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

/// A path that can hold a value.
fn is_key(path: &str) -> bool {
    !path.is_empty() && !path.ends_with('/')
}

/// The map at a path.
pub(super) fn read<'a>(
    space: &'a Space,
    path: &str,
    permit: &'a Permit,
) -> Read<'a, Result<Option<Object>, Refusal>> {
    if !is_key(path) {
        return Read::Ready(Ok(None));
    }
    space.read(path, permit).map(|stored| {
        let Some(stored) = stored? else { return Ok(None) };
        permit.hold_read(stored.expose())?;
        let data = decode_object(stored.expose())?;
        permit.hold_decoded(&data)?;
        Ok(Some(data))
    })
}

/// The names below a path.
pub(super) fn list<'a>(
    space: &'a Space,
    path: &str,
    permit: &'a Permit,
) -> Read<'a, Result<Outcome, Refusal>> {
    space.list(&folder(path)).map(|names| {
        let names = names?;
        permit.hold_names(&names)?;
        Ok(Outcome::keys(names))
    })
}

/// Stores the map of a call at a path.
pub(super) async fn write(space: &Space, path: &str, call: &Call<'_>) -> Result<(), Refusal> {
    if !is_key(path) {
        return Err(Refusal::bad_request("missing path"));
    }
    if call.data.is_empty() {
        return Err(Refusal::bad_request("missing data fields"));
    }
    let bytes = encode_object(call.data);
    let change = space.change(path, call.existing, call.permit, |old, draft| {
        call.recheck_operation(old.is_some())?;
        draft.put(path, &bytes)
    });
    change.await
}

/// Removes what is at a path, if anything is.
pub(super) async fn delete(space: &Space, path: &str, permit: &Permit) -> Result<(), Refusal> {
    if !is_key(path) {
        return Ok(());
    }
    let change = |old: Option<&_>, draft: &mut ChangeBatch<'_>| old.map_or(Ok(()), |_| draft.delete(path));
    space.change(path, None, permit, change).await
}

/// What is at the path of a write.
pub(super) fn exists<'a>(space: &'a Space, path: &str) -> Read<'a, Option<Box<Existing>>> {
    if is_key(path) { space.existing(path) } else { Read::Ready(None) }
}

#[cfg(test)]
mod tests {
    use onrecord_value::object;

    use super::lease;

    #[test]
    fn the_secret_says_how_long_it_may_be_kept() {
        assert_eq!(lease(&object! { "ttl" => 3600 }), Some(3600));
        assert_eq!(lease(&object! { "ttl" => "1h", "lease" => "2h" }), Some(3600));
        assert_eq!(lease(&object! { "lease" => "90s" }), Some(90));
        assert_eq!(lease(&object! { "ttl" => "soon" }), None);
        assert_eq!(lease(&object! { "ttl" => -5 }), None);
        assert_eq!(lease(&object! { "a" => 1 }), None);
    }
}
