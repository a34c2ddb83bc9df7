//! A device put in the place of another: an entry goes to one of both, never to neither, and what the old one missed is
//! declared by the new one. And losses that outlive the broker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::kit::broker::{
    Line, assert_complete, broker, builder, enable, entry, form, patient, probe, read, record, strict,
};
use onrecord_audit::broker::{Candidate, Loss, Why};
use onrecord_audit::device::faulty::{Fault, FaultControl};
use onrecord_audit::status::{Health, Observer};
use onrecord_audit::{Broker, DeviceConfig, DeviceError, Placement, Rules, SystemClock, Wait as _};
use onrecord_entry::{Boot, SeqRange};

fn replace(broker: &Broker, path: &str, control: &FaultControl) {
    let candidate = broker.try_out(DeviceConfig::new(path, control.device(), form()), None).wait().unwrap();
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
                        drop(broker.record_request(&entry("a")).wait().unwrap());
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
fn the_new_device_reports_what_the_old_one_missed() {
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
fn what_a_hung_device_does_not_write_any_more_the_new_one_reports() {
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
    let candidate = broker.try_out(DeviceConfig::new("a/", control.device(), form()), Some(probe())).wait();
    assert!(broker.replace(candidate.unwrap()).is_err());
    control.wait_until_dropped();
    assert_eq!(broker.devices(), 0);
}

#[test]
fn a_candidate_that_is_not_wanted_after_all_leaves_the_old_device_as_it_was() {
    let broker = broker(patient());
    let (old, new) = (FaultControl::new(), FaultControl::new());
    enable(&broker, "a/", &old);
    drop(broker.try_out(DeviceConfig::new("a/", new.device(), form()), Some(probe())).wait().unwrap());
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
    broker.restore(DeviceConfig::new("a/", first, form())).unwrap();
    record(&broker, "a").unwrap();
    assert!(options(&[]).open(&placement, clock.clone()).is_err(), "two devices on one file");
    let successor = placement.succeeding(&broker.claim("a/").unwrap());
    let second = options(&[("mode", "0640")]).open(&successor, clock.clone()).unwrap();
    let candidate = broker.try_out(DeviceConfig::new("a/", second, form()), Some(probe())).wait().unwrap();
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
    let config = DeviceConfig::new("a/", control.device(), form()).required();
    broker.enable(config, Some(probe())).wait().unwrap();
    assert_eq!(record(&broker, "a"), Ok(1));
}

#[test]
fn what_was_missed_before_the_end_is_reported_after_it() {
    let well = FaultControl::new();
    let kept = {
        let broker = broker(patient());
        let sick = FaultControl::with(Fault::Refuse);
        enable(&broker, "well/", &well);
        enable(&broker, "sick/", &sick);
        for _ in 0..4 {
            record(&broker, "a").unwrap();
        }
        let losses = broker.losses();
        assert_eq!(losses[0].1, [], "a device that has all");
        losses[1].1.clone()
    };
    let [lost] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!((lost.boot, lost.count), (crate::kit::broker::BOOT, 4));
    assert_eq!(lost.seqs.ranges(), [SeqRange { from: 1, to: 4 }]);

    let later = builder().build_with_boot(Boot::new(8));
    let back = FaultControl::with(Fault::Refuse);
    later.restore(DeviceConfig::new("sick/", back.device(), form()).losses(kept.clone())).unwrap();
    assert_eq!(later.losses()[0].1, kept, "it is kept until it is reported");
    back.set(Fault::None);
    let lines = back.wait_for_lines(1);
    let line = onrecord_entry::decode(&lines[0]).unwrap();
    let gap = line.entry().gap.unwrap();
    assert_eq!((gap.missed, gap.boot, gap.since.is_some()), (4, Some(crate::kit::broker::BOOT), true));
    record(&later, "a").unwrap();
    assert_eq!(later.losses()[0].1, []);
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
    let losses = broker.losses()[0].1.clone();
    assert_eq!(losses.iter().map(|loss: &Loss| loss.count).sum::<u64>(), 3);
    hung.set(Fault::None);
    hung.wait_for_lines(3);
    // The answer to the write may come a moment after the lines.
    while !broker.losses()[0].1.is_empty() {
        std::thread::yield_now();
    }
}

/// Runs something when a device lacks an entry: between two others that the entry is offered to.
#[derive(Default)]
struct Interrupting(Mutex<Option<Interruption>>);

type Interruption = Box<dyn FnOnce() + Send>;

impl Observer for Interrupting {
    fn changed(&self, _: &str, _: Health, _: Health, _: Option<&DeviceError>) {}

    fn missing(&self, _: &str, _: &Why) {
        if let Some(interruption) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            interruption();
        }
    }
}

#[test]
fn r_reconcile_an_entry_between_two_replacements_is_written_once_by_each() {
    let between = Arc::new(Interrupting::default());
    // A queue has room for one line.
    let rules = Rules { queue_bytes: 1, ..strict() };
    let clock = Arc::new(SystemClock::new());
    let broker = Arc::new(
        builder()
            .rules(rules)
            .clock(clock)
            .observer(between.clone())
            .build_with_boot(crate::kit::broker::BOOT),
    );
    let controls: Vec<_> = (0..4).map(|_| FaultControl::new()).collect();
    let full = FaultControl::with(Fault::Hang);
    for (path, control) in [("a/", &controls[0]), ("full/", &full), ("b/", &controls[1])] {
        enable(&broker, path, control);
    }
    drop(broker.record_request(&entry("x")));
    while broker.status().iter().any(|device| device.path.as_ref() != "full/" && device.queue.bytes > 0) {
        std::thread::yield_now();
    }
    let candidate = |path: &str, control: &FaultControl| -> Candidate {
        broker.try_out(DeviceConfig::new(path, control.device(), form()), None).wait().unwrap()
    };
    let (a, b) = (candidate("a/", &controls[2]), candidate("b/", &controls[3]));
    let changed = Arc::clone(&broker);
    let change = move || {
        changed.replace(a).unwrap();
        changed.replace(b).unwrap();
    };
    *between.0.lock().unwrap() = Some(Box::new(change));
    assert_eq!(record(&broker, "x"), Ok(2));
    assert!(between.0.lock().unwrap().is_none());
    full.set(Fault::None);
    drop(broker);
    controls.iter().for_each(FaultControl::wait_until_dropped);
    let entries = |control: &FaultControl| {
        let lines = read(&control.lines());
        lines.into_iter().filter(|line| *line == Line::Entry(2)).count()
    };
    let counts: Vec<_> = controls.iter().map(entries).collect();
    assert_eq!(counts, [1, 0, 0, 1], "the old a, the old b, the new a, the new b");
}

#[test]
fn the_new_device_reports_what_the_old_one_missed_before_the_last_end() {
    let broker = broker(patient());
    let (old, new) = (FaultControl::with(Fault::Refuse), FaultControl::new());
    let lost = Loss::kept(Boot::new(6), 4, SeqRange { from: 3, to: 6 }.into(), None);
    broker.restore(DeviceConfig::new("a/", old.device(), form()).losses(vec![lost.clone()])).unwrap();
    old.wait_for_calls(1);
    while broker.status()[0].health == Health::Healthy {
        std::thread::yield_now();
    }
    replace(&broker, "a/", &new);
    let lines = new.wait_for_lines(1);
    let line = onrecord_entry::decode(&lines[0]).unwrap();
    let gap = line.entry().gap.unwrap();
    assert_eq!((gap.missed, gap.boot), (lost.count, Some(lost.boot)));
    while !broker.losses()[0].1.is_empty() {
        std::thread::yield_now();
    }
}

#[test]
fn what_a_device_leaves_to_one_that_was_replaced_itself_goes_on_to_the_last() {
    let broker = broker(patient());
    let (hung, well) = (FaultControl::with(Fault::Hang), FaultControl::new());
    enable(&broker, "a/", &hung);
    enable(&broker, "well/", &well);
    for _ in 0..3 {
        record(&broker, "x").unwrap();
    }
    hung.wait_until_hanging();
    let (between, last) = (FaultControl::new(), FaultControl::new());
    replace(&broker, "a/", &between);
    replace(&broker, "a/", &last);
    between.wait_until_dropped();
    // The first is given up after a second, when the second is long gone.
    let lines = last.wait_for(|lines| read(lines).iter().any(|line| matches!(line, Line::Gap { .. })));
    assert_complete(&read(&lines), 3);
    hung.set(Fault::None);
}

#[test]
fn a_gap_that_a_hung_device_was_reporting_the_new_one_reports() {
    let broker = broker(patient());
    let (old, new, well) =
        (FaultControl::with(Fault::RefuseThenHang), FaultControl::new(), FaultControl::new());
    enable(&broker, "a/", &old);
    enable(&broker, "well/", &well);
    record(&broker, "x").unwrap();
    // It refused that one, and hangs while it writes the gap entry.
    old.wait_until_hanging();
    replace(&broker, "a/", &new);
    record(&broker, "x").unwrap();
    let gaps = |lines: &[Line]| lines.iter().filter(|line| matches!(line, Line::Gap { .. })).count();
    let lines = new.wait_for(|lines| gaps(&read(lines)) == 1 && lines.len() == 2);
    assert_complete(&read(&lines), 2);
    // The result is reported once.
    old.set(Fault::Refuse);
    old.wait_until_dropped();
    record(&broker, "x").unwrap();
    let lines = read(&new.wait_for_lines(3));
    assert_complete(&lines, 3);
}

#[test]
fn a_device_that_takes_the_place_of_another_cuts_off_nothing_that_is_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log");
    let options = onrecord_audit::DeviceOptions::parse("file", &kit_options(path.to_str().unwrap())).unwrap();
    let (broker, placement, clock) = (broker(strict()), Placement::api(), Arc::new(SystemClock::new()));
    let first = options.open(&placement, clock.clone()).unwrap();
    broker.restore(DeviceConfig::new("a/", first, form())).unwrap();
    record(&broker, "a").unwrap();
    // As a large write looks that is half done.
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], &whole[..20]].concat()).unwrap();
    let successor = placement.succeeding(&broker.claim("a/").unwrap());
    drop(options.open(&successor, clock.clone()).unwrap());
    assert_eq!(std::fs::read(&path).unwrap().len(), whole.len() + 20);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    // Without another writer it is what a crash has left.
    broker.release("a/");
    drop(broker);
    while std::fs::read_dir(dir.path()).unwrap().count() == 1 {
        drop(options.open(&placement, clock.clone()).unwrap());
    }
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}
