//! The contract of every back end, the committer, crashes, damage, a store that is far away, the barrier and its views.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

mod backends;
mod barrier;
mod committer;
mod contract;
mod crash;
mod far;
mod integrity;
mod kill;
mod snapshot;

use std::sync::{Arc, Mutex};

use onrecord_storage::{Batch, Read, Storage};

use crate::backends::each;

/// `SplitMix64`: replayable choices.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn put(key: &str, value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

fn get(storage: &Storage, key: &str) -> Option<Vec<u8>> {
    now(storage.read(key)).unwrap()
}

/// The answer of a read that is ready at once, as those of the store in memory and of the embedded one are.
fn now<T>(read: Read<'_, T>) -> T {
    read.now().expect("the answer is ready")
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A log that several threads write.
type Shared<T> = Arc<Mutex<T>>;
