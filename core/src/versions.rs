//! Which versions of the server have run with this storage, and since when (`sys/version-history`).
//! Never in it: whether a version can read what another has stored.

use onrecord_storage::{Barrier, BarrierError, Batch, View};
use onrecord_value::Time;

use crate::place;
use crate::stored::{Record as _, record};

const KEY: &str = "versions";
/// How many are kept: the latest.
const KEPT: usize = 256;

/// A version, and when it was unsealed first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) version: String,
    pub(crate) installed: Time,
}

record! { Version() { "installed" => installed, "version" => version, } }

#[derive(Default)]
struct Stored {
    versions: Vec<Version>,
}

record! { Stored() { "versions" => versions, } }

async fn load(view: &View) -> Result<Vec<Version>, BarrierError> {
    let Some(stored) = view.get(KEY).await? else { return Ok(Vec::new()) };
    let stored = Stored::decode(stored.expose(), ()).ok_or_else(|| view.unreadable(KEY))?;
    Ok(stored.versions)
}

/// All of them, the oldest first.
pub(crate) async fn all(barrier: &Barrier) -> Result<Vec<Version>, BarrierError> {
    load(&barrier.view(place::CORE).map_err(|error| BarrierError::Store(error.into()))?).await
}

/// Stores a version that is unsealed, unless it is the latest known.
pub(crate) async fn note(view: &View, version: &str, now: Time) -> Result<(), BarrierError> {
    let mut versions = load(view).await?;
    if versions.last().is_some_and(|latest| latest.version == version) {
        return Ok(());
    }
    versions.push(Version { version: version.to_owned(), installed: now });
    versions.drain(..versions.len().saturating_sub(KEPT));
    let mut batch = Batch::new();
    view.put(&mut batch, KEY, &Stored { versions }.encode())?;
    Ok(view.commit(batch).await?)
}
