//! Servers that are killed: nothing that is written to the folder after the kill arrives there.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use onrecord_audit::evidence::Store;
use proptest::prelude::*;

/// A folder that takes this number of writes more, and then none: its process was killed.
#[derive(Clone)]
pub(super) struct Kill(Arc<(AtomicBool, AtomicU64)>);

struct Mortal {
    store: Box<dyn Store + Send>,
    kill: Kill,
}

impl Kill {
    pub(super) fn after(writes: u64) -> Self {
        Self(Arc::new((AtomicBool::new(false), AtomicU64::new(writes))))
    }

    pub(super) fn never() -> Self {
        Self::after(u64::MAX)
    }

    pub(super) fn now(&self) {
        self.0.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn config(&self, config: EvidenceConfig) -> EvidenceConfig {
        let kill = self.clone();
        config.wrap_store(Arc::new(move |store| Box::new(Mortal { store, kill: kill.clone() }) as _))
    }

    /// Waits until nothing is left of a server that was killed, which has been dropped: its devices and trees have ended.
    pub(super) fn settle(&self) {
        until("nothing of the server is left", || Arc::strong_count(&self.0) == 1);
    }

    fn is_killed(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    fn act(&self) -> std::io::Result<()> {
        let (killed, left) = &*self.0;
        let out = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
        if out || killed.load(Ordering::SeqCst) {
            killed.store(true, Ordering::SeqCst);
            return Err(std::io::Error::other("the process was killed"));
        }
        Ok(())
    }
}

impl StoreReader for Mortal {
    fn read(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        self.store.read(path)
    }
}

impl Store for Mortal {
    fn write(&mut self, path: &str, bytes: &[u8]) -> std::io::Result<()> {
        self.kill.act()?;
        self.store.write(path, bytes)
    }

    fn add(&mut self, path: &str, bytes: &[u8]) -> std::io::Result<()> {
        let alive = !self.kill.is_killed();
        self.kill.act().or_else(|error| {
            // The kill in the middle of a write leaves a part of it behind.
            if alive {
                self.store.add(path, bytes.get(..bytes.len() / 2).unwrap_or_default())?;
            }
            Err(error)
        })?;
        self.store.add(path, bytes)
    }

    fn remove(&mut self, path: &str) -> std::io::Result<()> {
        self.kill.act()?;
        self.store.remove(path)
    }
}

pub(super) const REPAIRED: &str = "lines that an earlier start had not added to the tree were added";

const ADDED: &str = "lines that were written while no tree was kept were added to the tree";

#[test]
fn lines_that_no_checkpoint_covered_at_a_kill_are_added_at_the_next_start() {
    let mut log = Log::new();
    for rotations in [0, 1, 3] {
        let kill = Kill::never();
        let broker = log.start_with(kill.config(log.config()));
        record_some(&broker, 20);
        broker.checkpoint("a", LONG).unwrap();
        kill.now();
        record_some(&broker, 5);
        for _ in 0..rotations {
            log.rotate(&broker);
            record_some(&broker, 3);
        }
        drop(broker);
        kill.settle();
        let broker = log.start();
        record_some(&broker, 2);
        until("it is said", || log.reasons().last().is_some_and(|reason| reason == REPAIRED));
        log.cover(&broker);
        log.end(broker);
    }
    assert_eq!(log.reasons(), [REPAIRED; 3]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Record(usize),
    Checkpoint,
    Rotate,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..40_usize).prop_map(Step::Record),
        2 => Just(Step::Checkpoint),
        1 => Just(Step::Rotate),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(crate::crashes::cases())]

    #[test]
    fn after_kills_at_any_moment_with_rotations_every_line_is_covered_and_no_contradiction_is_seen(
        lives in proptest::collection::vec((0..60_u64, proptest::collection::vec(step(), 1..8)), 1..5),
        renamed in any::<u8>(),
    ) {
        let mut log = Log::new();
        // A tree that has nothing on disk yet cannot know of a file that was renamed after a kill.
        let broker = log.start();
        record_some(&broker, 1);
        log.end(broker);
        for (at, (writes, steps)) in lives.iter().enumerate() {
            let kill = Kill::after(*writes);
            let broker = log.start_with(kill.config(log.config()));
            for step in steps {
                match step {
                    Step::Record(count) => record_some(&broker, *count),
                    Step::Checkpoint => drop(broker.checkpoint("a", LONG)),
                    Step::Rotate => log.rotate(&broker),
                    Step::Reopen => drop(broker.reopen(None, LONG)),
                }
            }
            kill.now();
            drop(broker);
            kill.settle();
            if renamed >> at & 1 == 1 && log.path().exists() {
                log.rename();
            }
        }
        let broker = log.start();
        record_some(&broker, 1);
        log.cover(&broker);
        let reasons = log.reasons();
        // A kill before the first write of a life leaves the folder as an orderly end left it.
        let known = |reason: &String| reason == REPAIRED || reason == ADDED;
        prop_assert!(reasons.iter().all(known), "{reasons:?}");
        prop_assert_eq!(status(&broker).contradiction, None);
        log.end(broker);
    }
}
