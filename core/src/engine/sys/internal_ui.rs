//! `sys/internal/ui/mounts`: which mounts a caller can see, and the look that the kv commands take before they act.
//! Anybody may ask; the answer depends on who does. Never in it: the table.

use std::sync::Arc;

use onrecord_value::{Object, object};

use super::mounts::{Class, show};
use crate::engine::{Call, Mount, Unsealed};
use crate::outcome::{Outcome, Refusal};

/// `GET sys/internal/ui/mounts`.
pub(super) fn mounts(open: &Unsealed, call: &Call<'_>) -> Outcome {
    let (mut auth, mut secret) = (Object::new(), Object::new());
    for mount in open.mounts.snapshot().iter() {
        let shown = match call.caller {
            Some(caller) if caller.acl.reaches_below(&mount.path) => show(mount),
            None if mount.tune.listing_visibility == "unauth" => object! {
                "description" => mount.description.as_str(),
                "options" => mount.options.clone(),
                "type" => mount.kind.name,
            },
            _ => continue,
        };
        match mount.path.strip_prefix(Class::Auth.prefix()) {
            Some(path) => auth.insert(path, shown),
            None => secret.insert(mount.path.as_str(), shown),
        };
    }
    Outcome::data(object! { "auth" => auth, "secret" => secret })
}

/// `GET sys/internal/ui/mounts/PATH`: the mount that a path leads to. Whether there is none, or the caller has nothing
/// to do there, is one answer.
pub(super) fn mount(open: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let path = call.captured;
    let visible =
        |mount: &Arc<Mount>| call.caller.is_some_and(|caller| caller.acl.reaches_below(&mount.path));
    let mount = open.mounts.find(path).filter(visible).ok_or_else(|| hidden(path))?;
    let mut shown = show(&mount);
    shown.insert("path", mount.path.as_str());
    Ok(Outcome::data(shown))
}

fn hidden(path: &str) -> Refusal {
    let slash = if path.ends_with('/') { "" } else { "/" };
    let text = format!(
        "preflight capability check returned 403, please ensure client's policies grant access to path \"{path}{slash}\""
    );
    Refusal { text: Some(text), ..Refusal::denied() }
}
