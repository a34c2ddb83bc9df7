//! A disk that forgets what was not synced: no acknowledged commit is lost, and no batch is there by half.

use std::collections::BTreeMap;

use onrecord_storage::embedded::Embedded;
use onrecord_storage::lossy::LossyDisk;
use onrecord_storage::{Batch, Commit, Storage};

use crate::{Seeded, get};

const KEYS: u64 = 12;

/// Two keys a batch, always with the same value: a batch that is there by half shows.
fn pair(key: u64) -> [String; 2] {
    [format!("left/{key}"), format!("right/{key}")]
}

fn batch(key: u64, value: u64, size: u64) -> Batch {
    let mut batch = Batch::new();
    let mut bytes = value.to_le_bytes().to_vec();
    bytes.resize(8 + usize::try_from(size).unwrap(), 0x5a);
    for key in pair(key) {
        batch.put(key, bytes.clone());
    }
    batch
}

fn value(stored: Option<Vec<u8>>) -> u64 {
    stored.map_or(0, |bytes| u64::from_le_bytes(bytes[..8].try_into().unwrap()))
}

/// One life: some commits waited for, some only submitted, then the power goes at an arbitrary moment.
/// `acknowledged` and `submitted` hold the last such value of each key.
fn live(
    disk: &LossyDisk,
    choice: &mut Seeded,
    acknowledged: &mut BTreeMap<u64, u64>,
    submitted: &mut BTreeMap<u64, Vec<u64>>,
    next: &mut u64,
) {
    let storage = Storage::start(Embedded::on(disk).unwrap()).unwrap();
    for (key, least) in acknowledged.iter() {
        let [left, right] = pair(*key).map(|key| value(get(&storage, &key)));
        assert_eq!(left, right, "a batch is there by half");
        assert!(
            left == *least
                || submitted.get(key).is_some_and(|values| values.contains(&left) && left > *least),
            "key {key} holds {left}, but {least} was acknowledged"
        );
    }
    // From here on, what is stored is what was acknowledged.
    for key in 0..KEYS {
        let stored = value(get(&storage, &pair(key)[0]));
        if stored > 0 {
            acknowledged.insert(key, stored);
        }
    }
    submitted.clear();
    let mut waiting: Vec<(u64, u64, Commit)> = Vec::new();
    let steps = choice.below(30);
    let power_cut = choice.below(steps + 1);
    for step in 0..steps {
        let key = choice.below(KEYS);
        *next += 1;
        submitted.entry(key).or_default().push(*next);
        waiting.push((key, *next, storage.commit(batch(key, *next, choice.below(3000)))));
        if choice.below(4) == 0 {
            for (key, value, commit) in waiting.drain(..) {
                if commit.wait().is_ok() {
                    acknowledged.insert(key, value);
                }
            }
        }
        if step == power_cut {
            let mut torn = Seeded(choice.next());
            let (kept, of) = [(0, 1), (1, 2), (1, 1), (9, 10)][usize::try_from(choice.below(4)).unwrap()];
            disk.crash(|| torn.below(of) < kept);
        }
    }
    for (key, value, commit) in waiting {
        if commit.wait().is_ok() {
            acknowledged.insert(key, value);
        }
    }
    drop(storage);
    let mut torn = Seeded(choice.next());
    disk.crash(|| torn.below(2) == 0);
}

#[test]
fn no_acknowledged_commit_is_lost_by_a_disk_that_forgets() {
    for seed in 0..30 {
        let mut choice = Seeded(seed);
        let disk = LossyDisk::new();
        let (mut acknowledged, mut submitted, mut next) = (BTreeMap::new(), BTreeMap::new(), 0);
        for _ in 0..8 {
            live(&disk, &mut choice, &mut acknowledged, &mut submitted, &mut next);
        }
    }
}

#[test]
fn a_commit_is_one_sync_or_so_and_not_none() {
    let disk = LossyDisk::new();
    let storage = Storage::start(Embedded::on(&disk).unwrap()).unwrap();
    let before = disk.syncs();
    storage.commit(batch(1, 1, 0)).wait().unwrap();
    assert!(disk.syncs() > before, "acknowledged, and nothing was synced");
    disk.crash(|| false);
    drop(storage);
    let storage = Storage::start(Embedded::on(&disk).unwrap()).unwrap();
    assert_eq!(value(get(&storage, "left/1")), 1);
}
