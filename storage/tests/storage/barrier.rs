//! What is below the barrier is encrypted and bound to its key; without keys nothing comes out; a view
//! cannot leave its prefix.

use std::sync::Arc;
use std::task::{Context, Waker};

use onrecord_seal::{Collector, EnvelopeError, OsEntropy, Progress, SealConfig, SecretBytes};
use onrecord_storage::embedded::Embedded;
use onrecord_storage::memory::Memory;
use onrecord_storage::{
    Barrier, BarrierError, Batch, CommitError, KeyError, RekeyError, RotationLimits, Storage, StoreError,
    View,
};

use crate::committer::{Go, gated};
use crate::{block_on, now};

fn sealed() -> Barrier {
    Barrier::new(Storage::start(Memory::new()).unwrap(), Arc::new(OsEntropy::new()))
}

fn initialised(shares: i64, threshold: i64) -> (Barrier, Vec<SecretBytes>) {
    let barrier = sealed();
    let (shares, batch) =
        block_on(barrier.initialize(SealConfig::new(shares, threshold).unwrap(), 77)).unwrap();
    barrier.commit(batch).wait().unwrap();
    (barrier, shares)
}

fn view() -> View {
    initialised(1, 1).0.view("test/").unwrap()
}

fn store(view: &View, key: &str, value: &[u8]) {
    let mut batch = Batch::new();
    view.put(&mut batch, key, value).unwrap();
    view.commit(batch).wait().unwrap();
}

fn text(value: Option<SecretBytes>) -> Option<Vec<u8>> {
    value.map(|value| value.expose().to_vec())
}

#[test]
fn a_life_of_a_barrier() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let storage = Storage::start(Embedded::open(directory.path()).unwrap()).unwrap();
        Barrier::new(storage, Arc::new(OsEntropy::new()))
    };
    let barrier = open();
    assert_eq!(block_on(barrier.seal_config()).unwrap(), None);
    let not_yet = block_on(barrier.unseal(&SecretBytes::new(vec![0; 32]))).unwrap_err();
    assert_eq!(not_yet.to_string(), "Vault is not initialized");

    let config = SealConfig::new(5, 3).unwrap();
    let (shares, mut batch) = block_on(barrier.initialize(config, 77)).unwrap();
    let tokens = barrier.view("tokens/").unwrap();
    let name = barrier.hash_name("hvs.root").unwrap();
    tokens.put(&mut batch, &name, b"root").unwrap();
    barrier.commit(batch).wait().unwrap();
    let again = block_on(barrier.initialize(config, 77)).unwrap_err();
    assert_eq!(again.to_string(), "Vault is already initialized");
    barrier.seal();
    assert!(matches!(now(tokens.get(&name)), Err(StoreError::Sealed)));
    drop((barrier, tokens));

    let barrier = open();
    assert_eq!(block_on(barrier.seal_config()).unwrap(), Some(config));
    assert!(barrier.sealed());
    let (entropy, mut collector) = (OsEntropy::new(), Collector::default());
    for share in [4, 0] {
        let progress = collector.add(shares[share].duplicate(), 3, &entropy).unwrap();
        assert!(matches!(progress, Progress::More));
    }
    let Progress::Complete(key) = collector.add(shares[2].duplicate(), 3, &entropy).unwrap() else {
        panic!("three of three are enough")
    };
    block_on(barrier.unseal(&key.unwrap())).unwrap();
    assert_eq!(barrier.hash_name("hvs.root").unwrap(), name);
    let tokens = barrier.view("tokens/").unwrap();
    assert_eq!(text(now(tokens.get(&name)).unwrap()).unwrap(), b"root");
    assert_eq!(barrier.key_status().unwrap().installed, 77);
}

#[test]
fn a_wrong_key_leaves_it_sealed() {
    let (barrier, _) = initialised(1, 1);
    barrier.seal();
    let wrong = |size| block_on(barrier.unseal(&SecretBytes::new(vec![0xAA; size]))).unwrap_err();
    assert_eq!(
        wrong(22).to_string(),
        "invalid key: failed to setup unseal key: crypto/aes: invalid key size 22"
    );
    assert!(wrong(32).to_string().starts_with("unable to retrieve stored keys: invalid key: "));
    assert!(barrier.sealed());
}

#[test]
fn two_initialisations_at_once_leave_one_set_of_keys() {
    let barrier = sealed();
    let config = SealConfig::new(1, 1).unwrap();
    let (_, first) = block_on(barrier.initialize(config, 0)).unwrap();
    let (_, second) = block_on(barrier.initialize(config, 0)).unwrap();
    barrier.commit(first).wait().unwrap();
    assert!(matches!(barrier.commit(second).wait(), Err(CommitError::Conflict(_))));
}

#[test]
fn sealed_means_that_every_door_is_shut() {
    let (barrier, shares) = initialised(1, 1);
    let view = barrier.view("test/").unwrap();
    store(&view, "a", b"v");
    barrier.seal();
    let mut batch = Batch::new();
    let shut = [
        now(view.get("a")).err(),
        now(view.latest("a")).err(),
        now(view.list("")).err(),
        now(view.keys("", "", 9)).err(),
        view.put(&mut batch, "a", b"v").err(),
        view.delete(&mut batch, "a").err(),
        block_on(view.delete_below(&mut batch, "", 9)).err(),
        barrier.hash_name("a").err(),
        barrier.key_status().err(),
        barrier.check_unsealed().err(),
    ];
    for (door, error) in shut.into_iter().enumerate() {
        assert!(matches!(error, Some(StoreError::Sealed)), "door {door}");
    }
    assert!(batch.is_empty());
    assert!(matches!(block_on(barrier.rotate(0)), Err(BarrierError::Store(StoreError::Sealed))));
    block_on(barrier.unseal(&shares[0])).unwrap();
    assert_eq!(text(now(view.get("a")).unwrap()).unwrap(), b"v");
}

#[test]
fn nothing_below_the_barrier_is_in_the_clear() {
    let canary = b"canary-in-the-clear";
    let (barrier, shares) = initialised(3, 2);
    store(&barrier.view("test/").unwrap(), "key", canary);
    let storage = barrier.storage();
    for key in now(storage.keys("", "", usize::MAX)).unwrap() {
        let stored = now(storage.read(&key)).unwrap().unwrap();
        assert!(!stored.windows(canary.len()).any(|window| window == canary), "{key}");
        for share in &shares {
            assert!(!stored.windows(16).any(|window| window == &share.expose()[..16]), "{key}");
        }
    }
}

#[test]
fn a_value_moved_to_another_key_or_damaged_does_not_open() {
    let view = view();
    store(&view, "a", b"for a");
    store(&view, "b", b"for b");
    let storage = view.barrier().storage();
    let mut moved = now(storage.read("test/a")).unwrap().unwrap();
    let mut batch = Batch::new();
    batch.put("test/b", moved.clone());
    let last = moved.len() - 1;
    moved[last] ^= 1;
    batch.put("test/a", moved);
    storage.commit(batch).wait().unwrap();
    for key in ["a", "b"] {
        let Err(StoreError::Damaged { key: named, error }) = now(view.get(key)) else {
            panic!("{key} opened")
        };
        assert_eq!((named, error), (format!("test/{key}"), EnvelopeError::Authentication));
    }
}

#[test]
fn a_view_cannot_leave_its_prefix() {
    let (barrier, _) = initialised(1, 1);
    let outer = barrier.view("outer/").unwrap();
    store(&outer, "secret", b"outer");
    let inner = outer.view("inner/").unwrap();
    store(&inner, "own", b"inner");
    assert_eq!(inner.prefix(), "outer/inner/");
    let mut batch = Batch::new();
    for key in ["../secret", "x/../../secret", "..", ""] {
        let refused = [
            now(inner.get(key)).err(),
            now(inner.latest(key)).err(),
            inner.put(&mut batch, key, b"v").err(),
            inner.delete(&mut batch, key).err(),
            inner.require_absent(&mut batch, key).err(),
            inner.require_present(&mut batch, key).err(),
            block_on(inner.lock(key)).err(),
        ];
        assert!(refused.iter().all(|error| matches!(error, Some(StoreError::Key(_)))), "{key}");
    }
    assert!(batch.is_empty());
    assert!(now(inner.list("../")).is_err() && now(inner.keys("../", "", 9)).is_err());
    assert_eq!(inner.view("../").err(), Some(KeyError::Parent));
    assert_eq!(inner.view("own").err(), Some(KeyError::NotAFolder));
    assert_eq!(text(now(inner.get("secret")).unwrap()), None);
    assert_eq!(now(inner.keys("", "", 9)).unwrap(), ["own"]);
    for own in ["", "barrier/", "barrier/x/"] {
        assert_eq!(barrier.view(own).err(), Some(KeyError::Reserved), "{own}");
    }
}

#[test]
fn changes_of_several_views_are_one_commit() {
    let (barrier, _) = initialised(1, 1);
    let (ids, accessors) = (barrier.view("id/").unwrap(), barrier.view("accessor/").unwrap());
    let token = |id: &str, accessor: &str| {
        let mut batch = Batch::new();
        ids.put(&mut batch, id, b"entry").unwrap();
        accessors.require_absent(&mut batch, accessor).unwrap();
        accessors.put(&mut batch, accessor, id.as_bytes()).unwrap();
        barrier.commit(batch).wait()
    };
    token("one", "same").unwrap();
    assert!(matches!(token("two", "same"), Err(CommitError::Conflict(at)) if at.key == "accessor/same"));
    assert_eq!(now(ids.list("")).unwrap(), ["one"]);
}

#[test]
fn a_view_lists_walks_and_clears_what_is_below() {
    let view = view();
    for key in ["a", "b/c", "b/d/e", "f"] {
        store(&view, key, key.as_bytes());
    }
    assert_eq!(now(view.list("")).unwrap(), ["a", "b/", "f"]);
    assert_eq!(now(view.list_page("", "a", 1)).unwrap(), ["b/"]);
    assert_eq!(now(view.list("b/")).unwrap(), ["c", "d/"]);
    assert_eq!(now(view.keys("b/", "b/c", 9)).unwrap(), ["b/d/e"]);
    for key in now(view.keys("", "", 9)).unwrap() {
        assert_eq!(now(view.get(&key)).unwrap().unwrap().expose(), key.as_bytes());
    }
    assert!(matches!(now(view.list("b")), Err(StoreError::Key(KeyError::NotAFolder))));
    let mut batch = Batch::new();
    assert_eq!(block_on(view.delete_below(&mut batch, "b/", 9)).unwrap(), 2);
    view.commit(batch).wait().unwrap();
    assert_eq!(now(view.keys("", "", 9)).unwrap(), ["a", "f"]);
}

#[test]
fn what_was_written_since_is_a_conflict() {
    let view = view();
    store(&view, "a", b"same");
    let (value, seen) = now(view.latest("a")).unwrap();
    assert_eq!(text(value).unwrap(), b"same");
    store(&view, "a", b"same");
    let mut batch = Batch::new();
    batch.require(seen);
    view.put(&mut batch, "a", b"late").unwrap();
    assert!(matches!(view.commit(batch).wait(), Err(CommitError::Conflict(_))));
    assert_eq!(text(now(view.get("a")).unwrap()).unwrap(), b"same");
}

#[test]
fn rotation_keeps_what_is_stored_and_seals_under_the_new_term() {
    let (barrier, shares) = initialised(1, 1);
    let view = barrier.view("test/").unwrap();
    store(&view, "old", b"old");
    assert_eq!(block_on(barrier.rotate(99)).unwrap().term, 2);
    store(&view, "new", b"new");
    barrier.seal();
    block_on(barrier.unseal(&shares[0])).unwrap();
    let status = barrier.key_status().unwrap();
    assert_eq!((status.term, status.installed), (2, 99));
    assert_eq!(now(barrier.storage().read("test/new")).unwrap().unwrap()[..4], [0, 0, 0, 2]);
    assert_eq!(text(now(view.get("old")).unwrap()).unwrap(), b"old");
    assert_eq!(text(now(view.get("new")).unwrap()).unwrap(), b"new");
}

#[test]
fn new_key_shares_open_what_the_old_ones_did_and_of_two_sets_one_is_in_force() {
    let (barrier, old) = initialised(1, 1);
    let view = barrier.view("test/").unwrap();
    store(&view, "a", b"kept");
    let prepare = || block_on(barrier.prepare_rekey(SealConfig::new(2, 2).unwrap())).unwrap();
    let (first, second) = (prepare(), prepare());
    block_on(barrier.check_unseal_key(&old[0])).unwrap();
    let shares: Vec<SecretBytes> = first.shares().iter().map(SecretBytes::duplicate).collect();
    block_on(barrier.rekey(first)).unwrap();
    let late = block_on(barrier.rekey(second));
    assert!(matches!(late, Err(RekeyError::NotStored(BarrierError::Commit(CommitError::Conflict(_))))));
    assert!(matches!(block_on(barrier.check_unseal_key(&old[0])), Err(BarrierError::Unseal(_))));
    let config = block_on(barrier.seal_config()).unwrap().unwrap();
    assert_eq!((config.shares(), config.threshold()), (2, 2));
    barrier.seal();
    assert!(matches!(block_on(barrier.unseal(&old[0])), Err(BarrierError::Unseal(_))));
    let key = onrecord_seal::shamir::combine(&shares, 2).unwrap();
    block_on(barrier.unseal(&key)).unwrap();
    assert_eq!(text(now(view.get("a")).unwrap()).unwrap(), b"kept");
}

#[test]
fn maintenance_rotates_a_key_that_is_as_old_or_as_used_as_it_may_be() {
    let (barrier, _) = initialised(1, 1);
    let maintain = |now, limits| {
        block_on(barrier.maintain(now, limits)).unwrap();
        barrier.key_status().unwrap().term
    };
    let by_age = RotationLimits { interval: 100, ..RotationLimits::default() };
    assert_eq!(maintain(176, by_age), 1);
    assert_eq!(maintain(177, RotationLimits { enabled: false, ..by_age }), 1);
    assert_eq!(maintain(177, by_age), 2, "it was installed at 77");
    store(&barrier.view("test/").unwrap(), "a", b"x");
    let by_use = |max_operations| RotationLimits { max_operations, ..RotationLimits::default() };
    assert_eq!(maintain(178, by_use(1000)), 2);
    assert_eq!(maintain(178, by_use(1)), 3);
}

#[test]
fn maintenance_stores_the_count_of_encryptions() {
    let (barrier, shares) = initialised(1, 1);
    let view = barrier.view("test/").unwrap();
    let mut unused = Batch::new();
    for _ in 0..1 << 16 {
        view.put(&mut unused, "k", b"").unwrap();
    }
    block_on(barrier.maintain(0, RotationLimits::default())).unwrap();
    barrier.seal();
    block_on(barrier.unseal(&shares[0])).unwrap();
    assert_eq!(barrier.key_status().unwrap().encryptions, 1 << 16);
}

#[test]
fn of_two_rotations_at_the_same_time_one_is_refused_and_nothing_is_lost() {
    let (storage, go, _) = gated();
    let barrier = Barrier::new(storage, Arc::new(OsEntropy::new()));
    let (shares, batch) = block_on(barrier.initialize(SealConfig::new(1, 1).unwrap(), 77)).unwrap();
    go.send(Go::Commit).unwrap();
    barrier.commit(batch).wait().unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let (mut first, mut second) = (Box::pin(barrier.rotate(1)), Box::pin(barrier.rotate(2)));
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(second.as_mut().poll(&mut context).is_pending());
    drop(go);
    let late = block_on(second);
    assert_eq!(block_on(first).unwrap().term, 2);
    let view = barrier.view("test/").unwrap();
    store(&view, "new", b"new");
    barrier.seal();
    block_on(barrier.unseal(&shares[0])).unwrap();
    assert_eq!(text(now(view.get("new")).unwrap()).unwrap(), b"new");
    assert!(matches!(late, Err(BarrierError::Commit(CommitError::Conflict(_)))));
}
