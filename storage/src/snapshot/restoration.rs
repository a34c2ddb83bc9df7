//! That a store was restored from a snapshot: a note beside the values of the restored store, until the server has put it on
//! record. In the clear: a restoration has no keys.
//! Never in it: restoring, or recording.

use std::fmt::Write as _;

use super::{SnapshotInfo, mac_input};
use crate::barrier::Barrier;
use crate::error::StoreError;

/// One restoration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restoration {
    /// Names it.
    pub id: String,
    /// When, in seconds since 1970.
    pub at: i64,
    /// The user of the system who did it.
    pub uid: u32,
    /// When the snapshot was made, in seconds since 1970.
    pub created: i64,
    /// How many records the snapshot has.
    pub records: u64,
    /// The SHA-256 of the snapshot's file, in hex.
    pub sha256: String,
    content_sha256: String,
    mac: String,
}

impl Restoration {
    pub(crate) fn new(id: &str, at: i64, uid: u32, snapshot: &SnapshotInfo) -> Self {
        Self {
            id: id.to_owned(),
            at,
            uid,
            created: snapshot.header.created,
            records: snapshot.header.records,
            sha256: snapshot.sha256.clone(),
            content_sha256: snapshot.content_sha256.clone(),
            mac: snapshot.mac.clone(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { id: _, at, uid, created, records, sha256, content_sha256, mac } = self;
        let mut text = String::new();
        let _infallible = write!(
            text,
            "at {at}\nuid {uid}\ncreated {created}\nrecords {records}\nsha256 {sha256}\ncontent {content_sha256}\nmac {mac}\n"
        );
        text.into_bytes()
    }

    /// Reads a note. Of a note that cannot be read only the id is known: the restoration is not authentic, and its other fields are
    /// zero or empty.
    fn read(id: &str, stored: &[u8]) -> Self {
        Self::decode(id, stored).unwrap_or_else(|| Self { id: id.to_owned(), ..Self::default() })
    }

    fn decode(id: &str, stored: &[u8]) -> Option<Self> {
        let mut read = Self { id: id.to_owned(), ..Self::default() };
        for line in std::str::from_utf8(stored).ok()?.lines() {
            let (word, text) = line.split_once(' ')?;
            match word {
                "at" => read.at = text.parse().ok()?,
                "uid" => read.uid = text.parse().ok()?,
                "created" => read.created = text.parse().ok()?,
                "records" => read.records = text.parse().ok()?,
                "sha256" => text.clone_into(&mut read.sha256),
                "content" => text.clone_into(&mut read.content_sha256),
                "mac" => text.clone_into(&mut read.mac),
                _ => {}
            }
        }
        (!read.sha256.is_empty()).then_some(read)
    }

    /// Whether the snapshot is, byte for byte, one that a server with the keys of this barrier made.
    pub fn is_authentic(&self, barrier: &Barrier) -> Result<bool, StoreError> {
        Ok(barrier.hash_name(&mac_input(&self.content_sha256))? == self.mac)
    }
}

impl Barrier {
    /// The restorations of this store that are not [forgotten](Self::forget_restoration) yet, the oldest first. One whose note
    /// cannot be read is among them, as not authentic.
    pub fn restorations(&self) -> Result<Vec<Restoration>, StoreError> {
        let notes = self.storage().backend()?.restorations()?;
        let mut found: Vec<_> = notes.iter().map(|(id, note)| Restoration::read(id, note)).collect();
        found.sort_by_key(|restoration| restoration.at);
        Ok(found)
    }

    /// Forgets a restoration that is on record. Blocks the thread for one transaction.
    pub fn forget_restoration(&self, restoration: &Restoration) -> Result<(), StoreError> {
        Ok(self.storage().backend()?.forget_restoration(&restoration.id)?)
    }
}
