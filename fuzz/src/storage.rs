//! A store opened on changed bytes. An input is edits of a store that was made once: four bytes each, a place (three
//! bytes, little-endian) and the bits to flip there; none: the file is cut there.
//! Never in it: what the server makes of it ([`damage`](crate::damage)).

use std::path::Path;
use std::sync::{Arc, OnceLock};

use onrecord_seal::{OsEntropy, SealConfig, SecretBytes};
use onrecord_storage::embedded::Embedded;
use onrecord_storage::{Barrier, Storage};

/// The store's file in its directory.
const FILE: &str = "store.redb";
/// How many edits of an input count.
const EDITS: usize = 64;

/// A store that was shut down well.
struct Base {
    file: Vec<u8>,
    unseal_key: Vec<u8>,
}

/// Flips these bits of the byte at `place`.
pub(crate) fn edit(place: u32, bits: u8) -> Vec<u8> {
    let [one, two, three, _] = place.to_le_bytes();
    vec![one, two, three, bits]
}

/// Cuts the file at `place`.
pub(crate) fn cut(place: u32) -> Vec<u8> {
    edit(place, 0)
}

fn key(number: usize) -> String {
    format!("key-{number}")
}

fn value(number: usize) -> Vec<u8> {
    format!("value-{number}-").repeat(1 + number * 40).into_bytes()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn open(directory: &Path) -> Option<Barrier> {
    let storage = Storage::start(Embedded::open(directory).ok()?).expect("a thread");
    Some(Barrier::new(storage, Arc::new(OsEntropy::new())))
}

fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let barrier = open(folder.path()).expect("a new store");
        let unseal_key = block_on(async {
            let config = SealConfig::new(1, 1).expect("one share");
            let (shares, batch) = barrier.initialize(config, 0).await.expect("keys");
            barrier.commit(batch).await.expect("stored");
            let view = barrier.view("fuzzed/").expect("a view");
            for number in 0..32 {
                let mut batch = onrecord_storage::Batch::new();
                view.put(&mut batch, &key(number), &value(number)).expect("encrypted");
                view.commit(batch).await.expect("stored");
            }
            shares[0].expose().to_vec()
        });
        drop(barrier);
        Base { file: std::fs::read(folder.path().join(FILE)).expect("the file"), unseal_key }
    })
}

/// Changes the store, opens it and reads all of it: no value is another than the one that was written, and nothing panics.
pub fn storage(data: &[u8]) {
    let base = base();
    let mut file = base.file.clone();
    for edit in data.chunks_exact(4).take(EDITS) {
        let place = u32::from_le_bytes([edit[0], edit[1], edit[2], 0]) as usize % file.len().max(1);
        match edit[3] {
            0 => file.truncate(place),
            bits => {
                if let Some(byte) = file.get_mut(place) {
                    *byte ^= bits;
                }
            }
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(FILE), file).expect("the file is written");
    let Some(barrier) = open(folder.path()) else { return };
    block_on(async {
        if barrier.unseal(&SecretBytes::new(base.unseal_key.clone())).await.is_err() {
            return;
        }
        let view = barrier.view("fuzzed/").expect("a view");
        for number in 0..32 {
            if let Ok(Some(found)) = view.get(&key(number)).await {
                assert!(found.expose() == value(number), "{} has another value", key(number));
            }
        }
        drop(view.keys("", "", usize::MAX).await);
    });
}
