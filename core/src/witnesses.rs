//! What witnesses have cosigned of the logs of audit devices, for status and metrics. It is known to the process, and is told by
//! the tasks that ask them.
//! Never in it: calls of a witness.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use onrecord_value::Time;

/// By the path of the device, then by the name of the witness.
type Table = BTreeMap<String, BTreeMap<String, Witnessed>>;

/// What is known of witnesses.
#[derive(Default)]
pub struct Witnesses(Mutex<Table>);

/// How one witness stands to one log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Witnessed {
    /// The size of the last checkpoint that it cosigned, and when that was.
    pub(crate) cosigned: Option<(u64, Time)>,
    /// Why it did not cosign the newest one, and since when.
    pub(crate) error: Option<(String, Time)>,
    /// Whether it refuses because it has seen another history of this log.
    pub(crate) contradiction: bool,
}

impl Witnesses {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A witness has cosigned a checkpoint of this size.
    pub fn cosigned(&self, path: &str, witness: &str, size: u64, now: Time) {
        let cosigned = Witnessed { cosigned: Some((size, now)), ..Witnessed::default() };
        self.table().entry(path.to_owned()).or_default().insert(witness.to_owned(), cosigned);
    }

    /// A witness has not cosigned a checkpoint. `contradiction`: because it has seen another history of this log.
    pub fn failed(&self, path: &str, witness: &str, error: String, contradiction: bool, now: Time) {
        let mut table = self.table();
        let state = table.entry(path.to_owned()).or_default().entry(witness.to_owned()).or_default();
        let since = state.error.as_ref().map_or(now, |(_, since)| *since);
        state.error = Some((error, since));
        state.contradiction = contradiction;
    }

    /// What is known of the witnesses of a device.
    pub(crate) fn of(&self, path: &str) -> BTreeMap<String, Witnessed> {
        self.table().get(path).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_what_was_cosigned_and_its_own_beginning() {
        let (witnesses, time) = (Witnesses::default(), |seconds| Time::from_unix(seconds, 0));
        witnesses.cosigned("file/", "w", 7, time(1));
        witnesses.failed("file/", "w", "first".into(), false, time(2));
        witnesses.failed("file/", "w", "second".into(), true, time(3));
        let expected = Witnessed {
            cosigned: Some((7, time(1))),
            error: Some(("second".into(), time(2))),
            contradiction: true,
        };
        assert_eq!(witnesses.of("file/"), BTreeMap::from([("w".to_owned(), expected)]));
        witnesses.cosigned("file/", "w", 8, time(4));
        assert_eq!(witnesses.of("file/").get("w").unwrap().error, None);
        assert!(witnesses.of("other/").is_empty());
    }
}
