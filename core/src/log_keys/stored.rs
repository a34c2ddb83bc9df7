//! How the keys of audit logs are stored: the seed of the one in use as bytes of their own, the public facts of all as a
//! JSON object.
//! Never in it: signing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_evidence::SEED_LENGTH;
use onrecord_storage::{Batch, StoreError, View};
use onrecord_value::Time;
use zeroize::Zeroizing;

use crate::stored::{Record as _, record};

/// Where they lie, below the audit devices' prefix.
pub(super) const FOLDER: &str = "log-key/";
const SEED: &str = "log-key/seed";
const KEYS: &str = "log-key/keys";

type Seed = Zeroizing<[u8; SEED_LENGTH]>;

/// The public facts of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogKey {
    pub(crate) public: [u8; 32],
    pub(crate) created: Time,
    /// Until when it signed; `None` for the key in use.
    pub(crate) retired: Option<Time>,
    /// What the key before it signed when this one took its place. The first key has none.
    pub(crate) note: Option<String>,
}

struct StoredKey {
    created: Time,
    public: String,
    note: Option<String>,
    retired: Option<Time>,
}

record! { StoredKey() {
    "created" => created,
    "public" => public,
} optional {
    "note" => note,
    "retired" => retired,
} }

struct StoredKeys {
    keys: Vec<StoredKey>,
}

record! { StoredKeys() { "keys" => keys, } }

fn encode(keys: &[LogKey]) -> Vec<u8> {
    let stored = |key: &LogKey| StoredKey {
        created: key.created,
        public: STANDARD.encode(key.public),
        note: key.note.clone(),
        retired: key.retired,
    };
    StoredKeys { keys: keys.iter().map(stored).collect() }.encode()
}

fn decode(stored: &[u8]) -> Option<Vec<LogKey>> {
    let key = |key: StoredKey| {
        let public = STANDARD.decode(key.public).ok()?.try_into().ok()?;
        Some(LogKey { public, created: key.created, retired: key.retired, note: key.note })
    };
    let keys: Vec<LogKey> =
        StoredKeys::decode(stored, ())?.keys.into_iter().map(key).collect::<Option<_>>()?;
    (!keys.is_empty()).then_some(keys)
}

/// Adds all that belongs to the keys to a batch. What was stored of the seed before is gone then.
pub(super) fn put(
    view: &View,
    batch: &mut Batch,
    seed: &[u8; SEED_LENGTH],
    keys: &[LogKey],
) -> Result<(), StoreError> {
    view.put(batch, SEED, seed)?;
    view.put(batch, KEYS, &encode(keys))
}

/// The seed of the key in use, and the facts of all. `None`: there are none yet.
pub(super) async fn load(view: &View) -> Result<Option<(Seed, Vec<LogKey>)>, StoreError> {
    match (read_seed(view).await?, view.get(KEYS).await?) {
        (None, None) => Ok(None),
        (Some(seed), Some(stored)) => {
            let keys = decode(stored.expose()).ok_or_else(|| view.unreadable(KEYS))?;
            Ok(Some((seed, keys)))
        }
        (None, Some(_)) => Err(view.missing(SEED)),
        (Some(_), None) => Err(view.missing(KEYS)),
    }
}

async fn read_seed(view: &View) -> Result<Option<Seed>, StoreError> {
    let Some(stored) = view.get(SEED).await? else { return Ok(None) };
    let mut seed = Zeroizing::new([0; SEED_LENGTH]);
    if stored.len() != SEED_LENGTH {
        return Err(view.unreadable(SEED));
    }
    seed.copy_from_slice(stored.expose());
    Ok(Some(seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_keys_read_back() {
        let time = |seconds| Time::from_unix(seconds, 0);
        let keys = vec![
            LogKey {
                public: [1; 32],
                created: time(1_700_000_000),
                retired: Some(time(1_800_000_000)),
                note: None,
            },
            LogKey {
                public: [2; 32],
                created: time(1_800_000_000),
                retired: None,
                note: Some("a\nb\n".into()),
            },
        ];
        assert_eq!(
            String::from_utf8_lossy(&encode(&keys)),
            r#"{"keys":[{"created":"2023-11-14T22:13:20Z","public":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=","retired":"2027-01-15T08:00:00Z"},{"created":"2027-01-15T08:00:00Z","note":"a\nb\n","public":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="}]}"#
        );
        assert_eq!(decode(&encode(&keys)), Some(keys));
        assert_eq!(decode(b"{}"), None);
        assert_eq!(decode(br#"{"keys":[]}"#), None);
    }
}
