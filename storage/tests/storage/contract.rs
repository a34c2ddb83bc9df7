//! What every back end must do, run against each that the test binary has.

use std::collections::BTreeMap;

use onrecord_storage::{Backend, Batch, Conflict, Precondition};
use proptest::prelude::*;

use crate::{block_on, each, put};

fn commit(backend: &dyn Backend, batch: Batch) -> Result<(), Conflict> {
    backend.commit(&[batch]).unwrap().remove(0)
}

#[test]
fn what_was_put_is_read_until_it_is_deleted() {
    each(|backend| {
        assert_eq!(block_on(backend.read("a")).unwrap(), None);
        commit(backend, put("a", b"one")).unwrap();
        commit(backend, put("a", b"two")).unwrap();
        commit(backend, put("empty", b"")).unwrap();
        assert_eq!(block_on(backend.read("a")).unwrap().unwrap(), b"two");
        assert_eq!(block_on(backend.read("empty")).unwrap().unwrap(), b"");
        let mut batch = Batch::new();
        batch.delete("a");
        batch.delete("never there");
        commit(backend, batch).unwrap();
        assert_eq!(block_on(backend.read("a")).unwrap(), None);
        backend.reopen().unwrap();
        assert_eq!(block_on(backend.read("empty")).unwrap().unwrap(), b"");
    });
}

#[test]
fn the_last_change_of_a_key_in_a_batch_wins() {
    each(|backend| {
        let mut batch = put("a", b"one");
        batch.delete("a");
        batch.put("b", &b"one"[..]);
        batch.delete("b");
        batch.put("b", &b"two"[..]);
        commit(backend, batch).unwrap();
        assert_eq!(block_on(backend.read("a")).unwrap(), None);
        assert_eq!(block_on(backend.read("b")).unwrap().unwrap(), b"two");
    });
}

#[test]
fn a_batch_whose_precondition_fails_is_refused_alone() {
    each(|backend| {
        let mut absent = put("a", b"absent");
        absent.require(Precondition::Absent("a".into()));
        let mut again = put("b", b"again");
        again.require(Precondition::Absent("a".into()));
        let mut present = put("c", b"present");
        present.require(Precondition::Present("a".into()));
        let mut is = put("d", b"is");
        is.require(Precondition::Is("a".into(), b"absent"[..].into()));
        let mut is_not = put("e", b"is not");
        is_not.require(Precondition::Present("a".into()));
        is_not.require(Precondition::Is("a".into(), b"absent!"[..].into()));
        let mut gone = put("f", b"gone");
        gone.require(Precondition::Present("e".into()));
        let verdicts = backend.commit(&[absent, again, present, is, is_not, gone]).unwrap();
        let conflict = |key: &str| Err(Conflict::new(key));
        assert_eq!(verdicts, [Ok(()), conflict("a"), Ok(()), Ok(()), conflict("a"), conflict("e")]);
        let stored: Vec<_> =
            ["a", "b", "c", "d", "e", "f"].map(|key| block_on(backend.read(key)).unwrap().is_some()).into();
        assert_eq!(stored, [true, false, true, true, false, false]);
    });
}

#[test]
fn a_folder_lists_its_children_sorted_and_by_pages() {
    each(|backend| {
        let mut batch = Batch::new();
        for key in ["f/a", "f/a-b", "f/a/x", "f/a/y/z", "f/b/q", "f/c", "f/ä", "f0", "e/z", "g/", "f/b0"] {
            batch.put(key, &b"v"[..]);
        }
        commit(backend, batch).unwrap();
        let all = ["a", "a-b", "a/", "b/", "b0", "c", "ä"];
        assert_eq!(block_on(backend.list("f/", "", usize::MAX)).unwrap(), all);
        assert_eq!(block_on(backend.list("f/a/", "", usize::MAX)).unwrap(), ["x", "y/"]);
        assert_eq!(block_on(backend.list("", "", usize::MAX)).unwrap(), ["e/", "f/", "f0", "g/"]);
        assert_eq!(block_on(backend.list("nothing/", "", usize::MAX)).unwrap(), [""; 0]);
        for limit in 1..all.len() {
            let mut paged: Vec<String> = Vec::new();
            loop {
                let after = paged.last().cloned().unwrap_or_default();
                let page = block_on(backend.list("f/", &after, limit)).unwrap();
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                paged.extend(page);
            }
            assert_eq!(paged, all, "by {limit}");
        }
        // A child that is no longer there still says where to go on.
        assert_eq!(block_on(backend.list("f/", "a0", 2)).unwrap(), ["b/", "b0"]);
        assert_eq!(block_on(backend.list("f/", "aa/", 1)).unwrap(), ["b/"]);
    });
}

#[test]
fn keys_walks_all_below_a_prefix() {
    each(|backend| {
        let mut batch = Batch::new();
        for key in ["f/a", "f/a/x", "f/b/q/r", "f0", "e"] {
            batch.put(key, &b"v"[..]);
        }
        commit(backend, batch).unwrap();
        assert_eq!(block_on(backend.keys("f/", "", usize::MAX)).unwrap(), ["f/a", "f/a/x", "f/b/q/r"]);
        assert_eq!(block_on(backend.keys("f/", "f/a", 1)).unwrap(), ["f/a/x"]);
        assert_eq!(block_on(backend.keys("f/", "f/b/q/r", 9)).unwrap(), [""; 0]);
        assert_eq!(block_on(backend.keys("", "", usize::MAX)).unwrap().len(), 5);
        assert_eq!(block_on(backend.keys("f/", "a", 1)).unwrap(), ["f/a"]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_back_end_answers_as_a_map_does(
        steps in prop::collection::vec(
            ("[ab0-]{1,2}(/[ab0-]{1,2}){0,2}", prop::option::of(prop::collection::vec(any::<u8>(), 0..5))),
            0..40,
        ),
        prefix in "([ab0-]{1,2}/){0,2}",
    ) {
        let mut model = BTreeMap::new();
        let mut batches = Vec::new();
        for (key, value) in steps {
            let mut batch = Batch::new();
            if let Some(value) = value {
                batch.put(key.clone(), value.clone());
                model.insert(key, value);
            } else {
                batch.delete(key.clone());
                model.remove(&key);
            }
            batches.push(batch);
        }
        let keys: Vec<&String> = model.keys().filter(|key| key.starts_with(&prefix)).collect();
        let mut children: Vec<String> = keys
            .iter()
            .map(|key| {
                let rest = &key[prefix.len()..];
                rest.find('/').map_or(rest, |end| &rest[..=end]).to_owned()
            })
            .collect();
        children.dedup();
        each(|backend| {
            backend.commit(&batches).unwrap();
            assert_eq!(block_on(backend.list(&prefix, "", usize::MAX)).unwrap(), children);
            assert_eq!(block_on(backend.keys(&prefix, "", usize::MAX)).unwrap().iter().collect::<Vec<_>>(), keys);
            for (key, value) in &model {
                assert_eq!(block_on(backend.read(key)).unwrap().as_ref(), Some(value));
            }
        });
    }
}
