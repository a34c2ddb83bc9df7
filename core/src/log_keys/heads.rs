//! What the server remembers of the trees of its audit logs, behind the barrier: who can write to a log and its tree cannot
//! reach it. Kept from time to time, when a device opens its first tree, and at a seal.
//! Never in it: what follows from a tree that differs (`onrecord-audit`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onrecord_audit::Broker;
use onrecord_audit::evidence::{Hash, TreeHead, VerifierKey};
use onrecord_storage::{BarrierError, Batch, StoreError, View};
use sha2::{Digest as _, Sha256};

use crate::stored::{Record as _, record};

/// Where they lie, below the audit devices' prefix: one key for each log, named by the digest of its origin.
pub(crate) const FOLDER: &str = "tree/";
/// Between two writes of the storage. What an attacker rewrites is not older than this.
const INTERVAL: Duration = Duration::from_secs(10);
/// The most trees of one log: a device that is enabled again with another file has another tree.
const TREES_MAX: usize = 16;

type ByOrigin = BTreeMap<String, Vec<TreeHead>>;

/// The heads of all trees, those of devices that are not enabled any more too.
#[derive(Default)]
pub(super) struct Heads {
    known: Mutex<ByOrigin>,
    gate: tokio::sync::Mutex<NextSave>,
}

/// When heads are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// While devices write: where it is time.
    Usual,
    /// A device is about to go.
    Now,
    /// Nothing is written to any device any more.
    End,
}

/// When heads that grew are kept again; `None` until the first time.
type NextSave = Option<Duration>;

struct StoredHead {
    folder: String,
    size: u64,
    root: String,
    key: Option<String>,
    inode: u64,
    offset: u64,
    ended: bool,
}

record! { StoredHead() {
    "folder" => folder,
    "inode" => inode,
    "offset" => offset,
    "root" => root,
    "size" => size,
} optional {
    "ended" => ended,
    "key" => key,
} }

struct StoredLog {
    origin: String,
    trees: Vec<StoredHead>,
}

record! { StoredLog() { "origin" => origin, "trees" => trees, } }

fn encode(origin: &str, heads: &[TreeHead]) -> Vec<u8> {
    let stored = |head: &TreeHead| StoredHead {
        // Paths are text in options of devices.
        folder: head.folder.to_string_lossy().into_owned(),
        size: head.size,
        root: head.root.to_base64(),
        key: head.key.as_ref().map(VerifierKey::to_string),
        inode: head.inode,
        offset: head.offset,
        ended: head.ended,
    };
    StoredLog { origin: origin.to_owned(), trees: heads.iter().map(stored).collect() }.encode()
}

fn decode(stored: &[u8]) -> Option<(String, Vec<TreeHead>)> {
    let log = StoredLog::decode(stored, ())?;
    let head = |head: StoredHead| {
        Some(TreeHead {
            folder: PathBuf::from(head.folder),
            size: head.size,
            root: Hash::from_base64(&head.root).ok()?,
            key: head.key.map(|key| VerifierKey::parse(&key)).transpose().ok()?,
            inode: head.inode,
            offset: head.offset,
            ended: head.ended,
        })
    };
    Some((log.origin, log.trees.into_iter().map(head).collect::<Option<_>>()?))
}

fn key_of(origin: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(origin.as_bytes()).into();
    format!("{FOLDER}{}", const_hex::encode(digest))
}

impl Heads {
    pub(super) async fn load(view: &View) -> Result<Self, StoreError> {
        Ok(Self { known: Mutex::new(read(view).await?), ..Self::default() })
    }

    /// Reads them again: another process has changed them.
    pub(super) async fn invalidate(&self, view: &View) -> Result<(), StoreError> {
        let _gate = self.gate.lock().await;
        *self.known() = read(view).await?;
        Ok(())
    }

    /// What is remembered of the log of an origin.
    pub(super) fn of(&self, origin: &str) -> Vec<TreeHead> {
        self.known().get(origin).cloned().unwrap_or_default()
    }

    fn known(&self) -> MutexGuard<'_, ByOrigin> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the heads of the broker's devices. Returns whether anything was stored.
    pub(super) async fn keep(
        &self,
        view: &View,
        broker: &Broker,
        now: Duration,
        moment: Moment,
    ) -> Result<bool, BarrierError> {
        let mut next = self.gate.lock().await;
        let (first, usual) = (next.is_none(), moment == Moment::Usual);
        let due = !usual || next.is_none_or(|next| now >= next);
        let mut heads = self.known().clone();
        let mut changed = Vec::new();
        if first {
            // From now on devices write.
            for (origin, trees) in &mut heads {
                for head in trees.iter_mut().filter(|head| head.ended) {
                    head.ended = false;
                    changed.push(origin.clone());
                }
            }
        }
        for (_, evidence) in broker.evidence() {
            let Some(head) = evidence.head(moment == Moment::End) else { continue };
            let trees = heads.entry(evidence.origin().to_owned()).or_default();
            if put(trees, head, due) {
                changed.push(evidence.origin().to_owned());
            }
        }
        if due {
            *next = Some(now + INTERVAL);
        }
        if changed.is_empty() {
            return Ok(false);
        }
        let mut batch = Batch::new();
        for origin in &changed {
            let trees = heads.get(origin).map(Vec::as_slice).unwrap_or_default();
            view.put(&mut batch, &key_of(origin), &encode(origin, trees))?;
        }
        view.commit(batch).await?;
        *self.known() = heads;
        Ok(true)
    }
}

/// Puts a head among those of its log, if it is another one and it is time, or the first of its tree.
fn put(trees: &mut Vec<TreeHead>, head: TreeHead, due: bool) -> bool {
    let Some(at) = trees.iter().position(|known| known.folder == head.folder) else {
        // The one that was kept longest ago goes.
        trees.truncate(TREES_MAX - 1);
        trees.insert(0, head);
        return true;
    };
    let Some(known) = trees.get(at) else { return false };
    let first = known.size == 0 && head.size > 0;
    if *known == head || !(due || first) {
        return false;
    }
    trees.remove(at);
    trees.insert(0, head);
    true
}

async fn read(view: &View) -> Result<ByOrigin, StoreError> {
    let mut known = ByOrigin::new();
    for name in view.list(FOLDER).await? {
        let key = format!("{FOLDER}{name}");
        if let Some(stored) = view.get(&key).await? {
            let (origin, heads) = decode(stored.expose()).ok_or_else(|| view.unreadable(&key))?;
            known.insert(origin, heads);
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use onrecord_evidence::Algorithm;

    use super::*;

    fn head(folder: &str, size: u64) -> TreeHead {
        let key = (size > 0).then(|| VerifierKey::new("a/file", Algorithm::Ed25519, [7; 32]));
        TreeHead {
            folder: folder.into(),
            size,
            root: Hash([1; 32]),
            key,
            inode: 5,
            offset: 70,
            ended: size > 9,
        }
    }

    #[test]
    fn stored_heads_read_back() {
        let heads = vec![head("/log/a.tlog", 10), head("/log/b.tlog", 0)];
        let text = encode("a/file", &heads);
        assert!(String::from_utf8_lossy(&text).starts_with(r#"{"origin":"a/file","trees":[{"#));
        assert_eq!(decode(&text), Some(("a/file".to_owned(), heads)));
        assert_eq!(decode(b"{}"), None);
    }

    #[test]
    fn the_head_of_each_folder_is_kept_when_it_is_time_and_old_folders_go() {
        let mut trees = Vec::new();
        assert!(put(&mut trees, head("a", 0), false), "the first of its tree");
        assert!(!put(&mut trees, head("a", 0), true), "nothing new");
        assert!(put(&mut trees, head("a", 1), false), "the first checkpoint");
        assert!(!put(&mut trees, head("a", 2), false), "it is not time");
        assert!(put(&mut trees, head("a", 2), true));
        for number in 0..TREES_MAX {
            assert!(put(&mut trees, head(&number.to_string(), 3), false));
        }
        assert_eq!((trees.len(), trees[0].folder.to_str()), (TREES_MAX, Some("15")));
        assert!(trees.iter().all(|head| head.folder.to_str() != Some("a")));
    }
}
