//! Devices whose tree is turned on or off, or gets another name, while entries come: two devices write to one file for a moment, and
//! no line of either is taken for one that somebody else put there.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::kit::broker::probe;
use onrecord_audit::Wait as _;
use onrecord_trail::verify::FindingKind;

const A: &str = "test/a";
const B: &str = "test/b";

fn device(log: &Log, placement: &Placement, origin: Option<&str>) -> DeviceConfig {
    let evidence = |origin| EvidenceConfig::new(origin, Arc::clone(&log.key) as _).interval(NEVER);
    let device = log.bare_device_in(placement);
    match origin {
        Some(origin) => device.evidence(evidence(origin)),
        None => device,
    }
}

/// What verification finds with the tree of this name, of whole lines that the tree has or not.
fn found(log: &Log, origin: &str) -> Vec<FindingKind> {
    let options = VerifyOptions { keys: vec![log.key.verifier(origin)], ..VerifyOptions::default() };
    let inputs = vec![Input::file(log.path())];
    let verified = verify(inputs, &TreeFolder::new(log.folder()), options, &mut |_| {}).unwrap();
    verified.findings.keys().copied().collect()
}

/// Changes the device of a broker while entries come, or is about to and does not.
fn change(log: &Log, before: Option<&str>, after: Option<&str>, is_enabled: bool) {
    let broker = builder().rules(strict()).build_with_boot(Boot::new(1));
    broker.restore(device(log, &PLACEMENT, before)).unwrap();
    record_some(&broker, 10);
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                record_some(&broker, 1);
            }
        });
        let old = broker.evidence().pop();
        let placement = PLACEMENT.succeeding(&broker.claim("a").unwrap());
        let candidate = broker.try_out(device(log, &placement, after), Some(probe())).wait().unwrap();
        if is_enabled {
            broker.replace(candidate).unwrap();
            until("the old device has ended", || {
                old.as_ref().is_none_or(|(_, evidence)| Arc::strong_count(evidence) == 1)
            });
            if after.is_some() {
                until("its tree has begun", || broker.checkpoint("a", LONG).is_ok());
            }
        }
        ends.store(true, Ordering::Relaxed);
    });
    record_some(&broker, 10);
    assert!(broker.drain(LONG).is_empty());
}

#[test]
fn a_tree_that_is_turned_on_while_entries_come_says_which_lines_were_there_before() {
    let log = Log::new();
    change(&log, None, Some(A), true);
    assert_eq!(found(&log, A), [FindingKind::UncoveredHead]);
}

#[test]
fn a_tree_that_is_turned_off_while_entries_come_has_all_lines_up_to_its_end() {
    let log = Log::new();
    change(&log, Some(A), None, true);
    assert_eq!(found(&log, A), [FindingKind::UncoveredTail]);
}

#[test]
fn a_tree_that_gets_another_name_while_entries_come_begins_where_the_other_has_ended() {
    let log = Log::new();
    change(&log, Some(A), Some(B), true);
    assert_eq!(found(&log, B), [FindingKind::UncoveredHead]);
}

#[test]
fn the_probe_of_a_device_that_is_not_enabled_after_all_is_in_the_tree_of_the_other() {
    for after in [None, Some(A), Some(B)] {
        let log = Log::new();
        change(&log, Some(A), after, false);
        assert_eq!(found(&log, A), [], "{after:?}");
    }
}
