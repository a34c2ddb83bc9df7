//! Devices that vouch for each other: each checkpoint of one is a line on every other.

use super::*;
use crate::kit::broker::BOOT;
use onrecord_audit::device::faulty::{Fault, FaultControl};
use onrecord_trail::{Input, Judge, Options, check};

fn anchors(path: &Path) -> Vec<(String, u64, String)> {
    let of = |line: Vec<u8>| {
        let line = decode(&line).unwrap();
        let kept = line.entry().checkpoint?;
        assert_eq!(line.entry().request.path, onrecord_entry::gap::CHECKPOINT_PATH.into());
        Some((kept.origin.as_str().to_owned(), kept.size, kept.note.as_str().to_owned()))
    };
    lines_of(path).into_iter().filter_map(of).collect()
}

#[test]
fn after_a_drain_the_last_checkpoints_of_the_others_are_covered_too() {
    let log = Log::new();
    let paths = ["a", "b", "c"].map(|name| log.dir.path().join(format!("{name}.log")));
    let broker = builder().rules(strict()).build_with_boot(BOOT);
    for (name, path) in ["a", "b", "c"].into_iter().zip(&paths) {
        let config = EvidenceConfig::new(format!("test/{name}"), Arc::clone(&log.key) as _).interval(NEVER);
        broker.restore(device_at(name, path, Some(config), &[])).unwrap();
    }
    record_some(&broker, 5);
    assert!(broker.drain(LONG).is_empty());
    for (name, path) in ["a", "b", "c"].into_iter().zip(&paths) {
        let folder = Folder(log.dir.path().join(format!("{name}.log.tlog")));
        let text = String::from_utf8(folder.read("checkpoint").unwrap().unwrap()).unwrap();
        let checkpoint = Checkpoint::parse(&Note::parse(&text).unwrap().text).unwrap();
        assert_tree(&folder, &checkpoint, &lines_of(path));
        assert_eq!(anchors(path).len(), 2, "those of the two others");
    }
}

#[test]
fn two_devices_keep_each_others_checkpoints_and_then_fall_silent() {
    let log = Log::new();
    let paths = [log.dir.path().join("a.log"), log.dir.path().join("b.log")];
    let broker = builder().rules(strict()).build_with_boot(BOOT);
    for (name, path) in ["a", "b"].into_iter().zip(&paths) {
        let config = EvidenceConfig::new(format!("test/{name}"), Arc::clone(&log.key) as _).interval(NEVER);
        broker.restore(device_at(name, path, Some(config), &[])).unwrap();
    }
    let both = || ["a", "b"].map(|name| broker.checkpoint(name, LONG).unwrap());
    for round in 1..=3_usize {
        record_some(&broker, 5);
        let [a, b] = both();
        until("each has the checkpoint of the other", || {
            anchors(&paths[0]).len() == round && anchors(&paths[1]).len() == round
        });
        assert_eq!(anchors(&paths[0]).last().unwrap(), &("test/b".to_owned(), b.checkpoint.size, b.note));
        let (origin, size, note) = anchors(&paths[1]).pop().unwrap();
        assert_eq!((origin, size), ("test/a".to_owned(), a.checkpoint.size));
        let kept = Checkpoint::verify(&Note::parse(&note).unwrap(), &[log.key.verifier("test/a")]).unwrap();
        assert_eq!(kept, a.checkpoint);
        // Their own lines are covered, too, and are no reason for more.
        for _ in 0..3 {
            both();
        }
    }
    broker.drain(LONG);
    assert_eq!(paths.each_ref().map(|path| anchors(path).len()), [3, 3]);
    for (name, path) in ["a", "b"].into_iter().zip(&paths) {
        let folder = Folder(log.dir.path().join(format!("{name}.log.tlog")));
        let text = String::from_utf8(folder.read("checkpoint").unwrap().unwrap()).unwrap();
        let checkpoint = Checkpoint::parse(&Note::parse(&text).unwrap().text).unwrap();
        assert_tree(&folder, &checkpoint, &lines_of(path));
    }
    // The checker takes them for what they are: neither doubles nor losses.
    for thorough in [false, true] {
        let inputs = paths.iter().map(Input::file).collect();
        let options = Options { thorough, ..Options::default() };
        let report = check(inputs, &options, &mut |_| {}).unwrap();
        assert!(report.is_complete(Judge::EachDevice), "{report:?}");
        for device in &report.devices {
            assert_eq!((device.requests, device.doubles.count, device.gaps), (15, 0, 0), "{device:?}");
        }
    }
}

#[test]
fn a_device_that_fails_keeps_the_newest_checkpoint_of_each_other_alone() {
    let mut log = Log::new();
    let broker = log.start();
    let control = FaultControl::default();
    crate::kit::broker::enable(&broker, "peer", &control);
    control.set(Fault::Refuse);
    for _ in 0..4 {
        let _refused = record(&broker, "secret/a");
        broker.checkpoint("a", LONG).unwrap();
    }
    let newest = broker.checkpoint("a", LONG).unwrap();
    control.set(Fault::None);
    until("it has the newest", || {
        drop(record(&broker, "secret/a"));
        let lines = control.lines();
        let kept: Vec<u64> = lines
            .iter()
            .filter_map(|line| decode(line).unwrap().entry().checkpoint.map(|kept| kept.size))
            .collect();
        assert!(kept.len() <= 1, "{kept:?}");
        kept == [newest.checkpoint.size]
    });
    log.end(broker);
}
