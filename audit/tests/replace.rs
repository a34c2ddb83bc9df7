//! A device put in the place of another: an entry goes to one of both, never to neither, and what the old one missed is
//! told by the new one. And misses that outlive the broker.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "a test that fails should panic; not every test uses all of the kit"
)]

#[path = "kit/broker.rs"]
mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kit::{Line, assert_complete, broker, enable, entry, form, patient, probe, read, record, strict};
use onrecord_audit::device::fault::{Fault, FaultControl};
use onrecord_audit::{
    Boot, Broker, Enrolment, Health, Missed, Placement, Rules, SeqRange, SystemClock, wait,
};

fn replace(broker: &Broker, path: &str, control: &FaultControl) {
    let candidate = wait(broker.try_out(Enrolment::new(path, control.device(), form()), None)).unwrap();
    broker.replace(candidate).unwrap();
}

#[test]
fn r_reconcile_replacing_under_load_loses_and_doubles_nothing() {
    for beside in [false, true] {
        let broker = Arc::new(broker(patient()));
        let other = FaultControl::new();
        if beside {
            enable(&broker, "other/", &other);
        }
        let mut controls = vec![FaultControl::new()];
        enable(&broker, "a/", &controls[0]);
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..3)
            .map(|_| {
                let (broker, stop) = (Arc::clone(&broker), Arc::clone(&stop));
                std::thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        drop(broker.record(&entry("a")).wait().unwrap());
                    }
                })
            })
            .collect();
        for _ in 0..100 {
            let control = FaultControl::new();
            replace(&broker, "a/", &control);
            control.wait_for_lines(1);
            controls.push(control);
        }
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }
        let last = broker.last_seq();
        drop(broker);
        let mut lines = Vec::new();
        for control in &controls {
            control.wait_until_dropped();
            lines.extend(read(&control.lines()));
        }
        assert_complete(&lines, last);
    }
}

#[test]
fn the_new_device_tells_what_the_old_one_missed() {
    let broker = broker(patient());
    let (old, new, well) = (FaultControl::with(Fault::Refuse), FaultControl::new(), FaultControl::new());
    enable(&broker, "a/", &old);
    enable(&broker, "well/", &well);
    let last = (0..5).map(|_| record(&broker, "a").unwrap()).fold(0, u64::max);
    replace(&broker, "a/", &new);
    let gap = Line::Gap {
        missed: last,
        ranges: vec![(1, last)],
        reason: "the device failed".to_owned(),
        torn: false,
    };
    assert_eq!(read(&new.wait_for_lines(1)), [gap]);
    assert_eq!(record(&broker, "a").unwrap(), last + 1);
    assert_complete(&read(&new.wait_for_lines(2)), last + 1);
}

#[test]
fn what_a_hung_device_does_not_write_any_more_the_new_one_tells() {
    let broker = broker(patient());
    let (old, new, well) = (FaultControl::with(Fault::Hang), FaultControl::new(), FaultControl::new());
    enable(&broker, "a/", &old);
    enable(&broker, "well/", &well);
    for _ in 0..5 {
        record(&broker, "a").unwrap();
    }
    old.wait_until_hanging();
    replace(&broker, "a/", &new);
    // It is given up after a second.
    let lines = new.wait_for(|lines| read(lines).iter().any(|line| matches!(line, Line::Gap { .. })));
    assert_complete(&read(&lines), 5);
    old.set(Fault::None);
}

#[test]
fn nothing_is_replaced_that_is_not_there() {
    let broker = broker(patient());
    let control = FaultControl::new();
    let candidate = wait(broker.try_out(Enrolment::new("a/", control.device(), form()), Some(probe())));
    assert!(broker.replace(candidate.unwrap()).is_err());
    control.wait_until_dropped();
    assert_eq!(broker.devices(), 0);
}

#[test]
fn a_candidate_that_is_not_wanted_after_all_leaves_the_old_device_as_it_was() {
    let broker = broker(patient());
    let (old, new) = (FaultControl::new(), FaultControl::new());
    enable(&broker, "a/", &old);
    drop(wait(broker.try_out(Enrolment::new("a/", new.device(), form()), Some(probe()))).unwrap());
    new.wait_until_dropped();
    record(&broker, "a").unwrap();
    assert_eq!((old.lines().len(), new.lines().len()), (1, 1));
}

#[test]
fn a_device_that_takes_the_place_of_another_may_write_to_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let options = |more: &[(&str, &str)]| {
        let mut options = kit_options(path.to_str().unwrap());
        options.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        onrecord_audit::DeviceOptions::parse("file", &options).unwrap()
    };
    let (broker, placement, clock) = (broker(strict()), Placement::api(), Arc::new(SystemClock::new()));
    let first = options(&[]).open(&placement, clock.clone()).unwrap();
    broker.restore(Enrolment::new("a/", first, form())).unwrap();
    record(&broker, "a").unwrap();
    assert!(options(&[]).open(&placement, clock.clone()).is_err(), "two devices on one file");
    let heir = placement.succeeding(&broker.claim("a/").unwrap());
    let second = options(&[("mode", "0640")]).open(&heir, clock.clone()).unwrap();
    let candidate = wait(broker.try_out(Enrolment::new("a/", second, form()), Some(probe()))).unwrap();
    broker.replace(candidate).unwrap();
    record(&broker, "a").unwrap();
    assert!(options(&[]).open(&placement, clock).is_err(), "the file is still taken");
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3, "an entry, the probe, an entry");
}

fn kit_options(path: &str) -> std::collections::BTreeMap<String, String> {
    [("file_path".to_owned(), path.to_owned())].into()
}

#[test]
fn r_quorum_a_required_device_takes_its_probe() {
    let broker = broker(strict());
    let control = FaultControl::new();
    let enrolment = Enrolment::new("a/", control.device(), form()).required();
    wait(broker.enable(enrolment, Some(probe()))).unwrap();
    assert_eq!(record(&broker, "a"), Ok(1));
}

#[test]
fn what_was_missed_before_the_end_is_told_after_it() {
    let well = FaultControl::new();
    let kept = {
        let broker = broker(patient());
        let sick = FaultControl::with(Fault::Refuse);
        enable(&broker, "well/", &well);
        enable(&broker, "sick/", &sick);
        for _ in 0..4 {
            record(&broker, "a").unwrap();
        }
        let missed = broker.missed();
        assert_eq!(missed[0].1, [], "a device that has all");
        missed[1].1.clone()
    };
    let [missed] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!((missed.boot, missed.count), (kit::BOOT, 4));
    assert_eq!(missed.ranges, [SeqRange { from: 1, to: 4 }]);

    let later = Broker::new(Rules::default(), Boot::new(8), Arc::new(SystemClock::new()));
    let back = FaultControl::with(Fault::Refuse);
    later.restore(Enrolment::new("sick/", back.device(), form()).missed(kept.clone())).unwrap();
    assert_eq!(later.missed()[0].1, kept, "untold, it is kept on");
    back.set(Fault::None);
    let lines = back.wait_for_lines(1);
    let line = onrecord_audit::decode(&lines[0]).unwrap();
    let gap = line.entry().gap.unwrap();
    assert_eq!((gap.missed, gap.boot, gap.since.is_some()), (4, Some(kit::BOOT), true));
    record(&later, "a").unwrap();
    assert_eq!(later.missed()[0].1, []);
}

#[test]
fn what_waits_for_a_hung_device_counts_as_missed_until_it_is_written() {
    let broker = broker(Rules { settle_grace: std::time::Duration::from_millis(1), ..patient() });
    let (hung, well) = (FaultControl::with(Fault::Hang), FaultControl::new());
    enable(&broker, "hung/", &hung);
    enable(&broker, "well/", &well);
    for _ in 0..3 {
        record(&broker, "a").unwrap();
    }
    assert_eq!(broker.status()[0].health, Health::Lagging);
    let missed = broker.missed()[0].1.clone();
    assert_eq!(missed.iter().map(|missed: &Missed| missed.count).sum::<u64>(), 3);
    hung.set(Fault::None);
    hung.wait_for_lines(3);
    // The answer to the write may come a moment after the lines.
    while !broker.missed()[0].1.is_empty() {
        std::thread::yield_now();
    }
}
