//! Drills: a device fails on command, works again by itself, and what it missed is on record; and a device whose salt
//! is changed while it runs.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::kit::broker::{
    BOOT, assert_complete, broker, builder, enable, entry, form, patient, read, record, seqs,
};
use crate::kit::until;
use onrecord_audit::broker::{DrillError, DrillNews};
use onrecord_audit::device::faulty::FaultControl;
use onrecord_audit::device::{DRILL_MAX, Drill};
use onrecord_audit::status::{Health, Observer};
use onrecord_audit::{Broker, DeviceError, Rules};
use onrecord_entry::{FormatOptions, Formatter, Salt, SaltId, decode};

fn rules() -> Rules {
    Rules { drills: true, ..patient() }
}

/// Longer than any test; what ends such a drill is not its time.
const LONG: Duration = DRILL_MAX;

/// Keeps the reports of drills.
#[derive(Default)]
struct Heard {
    news: Mutex<Vec<DrillNews>>,
    more: Condvar,
}

impl Heard {
    fn wait_for(&self, wanted: DrillNews) {
        let news = self.news.lock().unwrap();
        drop(self.more.wait_while(news, |news| !news.contains(&wanted)).unwrap());
    }
}

impl Observer for Heard {
    fn changed(&self, _: &str, _: Health, _: Health, _: Option<&DeviceError>) {}

    fn drilled(&self, path: &str, news: DrillNews) {
        assert_eq!(path, "a/");
        self.news.lock().unwrap().push(news);
        self.more.notify_all();
    }
}

fn observed() -> (Broker, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let observer = Arc::clone(&heard) as Arc<dyn Observer>;
    (builder().rules(rules()).observer(observer).build_with_boot(BOOT), heard)
}

fn drill_of(broker: &Broker, path: &str) -> Option<Drill> {
    let status = broker.status().into_iter().find(|status| *status.path == *path).unwrap();
    status.drill.map(|drill| drill.drill)
}

#[test]
fn no_drill_is_held_where_the_rules_do_not_allow_it() {
    let broker = broker(patient());
    enable(&broker, "a/", &FaultControl::new());
    assert_eq!(broker.drill("a/", Drill::Refuse, LONG), Err(DrillError::Off));
    assert_eq!(broker.end_drill("a/"), Err(DrillError::Off));
    assert_eq!(drill_of(&broker, "a/"), None);
}

#[test]
fn a_drill_needs_a_device_and_a_bounded_time() {
    let broker = broker(rules());
    enable(&broker, "a/", &FaultControl::new());
    assert_eq!(broker.drill("b/", Drill::Hang, LONG), Err(DrillError::NoDevice));
    assert_eq!(broker.drill("a/", Drill::Hang, Duration::ZERO), Err(DrillError::Time));
    assert_eq!(broker.drill("a/", Drill::Hang, DRILL_MAX + Duration::from_nanos(1)), Err(DrillError::Time));
    assert_eq!(broker.end_drill("a/"), Ok(false));
}

#[test]
fn a_drill_on_the_only_device_holds_entries_until_it_ends_by_itself() {
    let (broker, heard) = observed();
    let control = FaultControl::new();
    enable(&broker, "a/", &control);
    broker.drill("a/", Drill::Hang, Duration::from_millis(80)).unwrap();
    assert_eq!(drill_of(&broker, "a/"), Some(Drill::Hang));
    assert_eq!(record(&broker, "secret/a").unwrap(), 1, "it waits, and is on record");
    assert_eq!(control.calls(), 1);
    heard.wait_for(DrillNews::Ended(Drill::Hang));
    assert_eq!(drill_of(&broker, "a/"), None);
    assert_eq!(heard.news.lock().unwrap()[0], DrillNews::Begun(Drill::Hang, Duration::from_millis(80)));
}

#[test]
fn a_drill_on_an_idle_device_is_told_to_have_ended() {
    let (broker, heard) = observed();
    enable(&broker, "a/", &FaultControl::new());
    broker.drill("a/", Drill::Refuse, Duration::from_millis(5)).unwrap();
    heard.wait_for(DrillNews::Ended(Drill::Refuse));
}

#[test]
fn a_hanging_drill_beside_another_device_fails_nothing_and_is_ended_by_a_word() {
    let broker = broker(rules());
    let (drilled, other) = (FaultControl::new(), FaultControl::new());
    enable(&broker, "a/", &drilled);
    enable(&broker, "b/", &other);
    broker.drill("a/", Drill::Hang, LONG).unwrap();
    for seq in 1..=20 {
        assert_eq!(record(&broker, "secret/a").unwrap(), seq);
    }
    assert_eq!(drilled.calls(), 0);
    assert_eq!(broker.end_drill("a/"), Ok(true));
    // Nothing was lost: what waited is written.
    assert_eq!(seqs(&read(&drilled.wait_for_lines(20))), (1..=20).collect::<Vec<_>>());
}

#[test]
fn what_a_refusing_drill_missed_is_in_a_gap_entry() {
    let broker = broker(rules());
    let (drilled, other) = (FaultControl::new(), FaultControl::new());
    enable(&broker, "a/", &drilled);
    enable(&broker, "b/", &other);
    record(&broker, "before").unwrap();
    broker.drill("a/", Drill::Refuse, LONG).unwrap();
    for _ in 0..5 {
        record(&broker, "during").unwrap();
    }
    // The other device has answered for them.
    until("the drilled device has lost some", || broker.status()[0].losses.entries > 0);
    assert_eq!(broker.status()[1].losses.entries, 0);
    broker.end_drill("a/").unwrap();
    drilled.wait_for(|lines| {
        read(lines).iter().any(|line| matches!(line, crate::kit::broker::Line::Gap { .. }))
    });
    record(&broker, "after").unwrap();
    assert!(broker.drain(Duration::from_mins(1)).is_empty());
    assert_complete(&read(&drilled.lines()), broker.last_seq());
}

#[test]
fn a_slow_drill_delays_and_loses_nothing() {
    let broker = broker(rules());
    let control = FaultControl::new();
    enable(&broker, "a/", &control);
    broker.drill("a/", Drill::Slow(Duration::from_millis(20)), LONG).unwrap();
    assert_eq!(record(&broker, "secret/a").unwrap(), 1);
    assert_eq!(control.lines().len(), 1);
}

#[test]
fn disabling_opening_again_and_an_orderly_end_stop_a_drill() {
    type End = fn(&Broker);
    let ends: [End; 3] = [
        |broker| assert!(broker.disable("a/")),
        |broker| assert!(broker.reopen(None, Duration::from_mins(1)).iter().all(|(_, done)| done.is_ok())),
        |broker| assert!(broker.drain(Duration::from_mins(1)).is_empty()),
    ];
    for end in ends {
        let (broker, heard) = observed();
        let (drilled, other) = (FaultControl::new(), FaultControl::new());
        enable(&broker, "a/", &drilled);
        broker.restore(onrecord_audit::DeviceConfig::new("b/", other.device(), form())).unwrap();
        broker.drill("a/", Drill::Hang, LONG).unwrap();
        record(&broker, "secret/a").unwrap();
        end(&broker);
        heard.wait_for(DrillNews::Ended(Drill::Hang));
        assert_eq!(seqs(&read(&drilled.wait_for_lines(1))), [1]);
    }
}

#[test]
fn r_salt_archive_a_device_whose_salt_is_changed_has_no_gap() {
    const SALTS: usize = 5;
    const ENTRIES: usize = 300;
    const THREADS: usize = 4;
    let broker = broker(Rules { queue_bytes: usize::MAX, ..crate::kit::broker::strict() });
    let control = FaultControl::new();
    enable(&broker, "a/", &control);
    let salts: Vec<Arc<Salt>> = (0..SALTS).map(|n| Arc::new(Salt::new(&format!("salt {n}")))).collect();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ENTRIES {
                    record(&broker, "secret/a").unwrap();
                }
            });
        }
        for salt in &salts {
            assert!(broker.set_formatter("a/", Formatter::new(FormatOptions::default(), Arc::clone(salt))));
            assert_eq!(broker.status()[0].salt, salt.id());
            // What is recorded from here on has the new salt.
            let seq = record(&broker, "marker").unwrap();
            let decoded = |line: &Vec<u8>| decode(line).unwrap().record().unwrap();
            let lines = control.lines();
            let marked = lines.iter().rev().map(decoded).find(|record| record.seq == seq).unwrap();
            assert_eq!(marked.salt, salt.id());
            control.wait_for_lines((lines.len() + THREADS).min(ENTRIES * THREADS));
        }
    });
    let lines = control.lines();
    assert_complete(&read(&lines), broker.last_seq());
    let used: BTreeSet<SaltId> =
        lines.iter().map(|line| decode(line).unwrap().record().unwrap().salt).collect();
    let known: BTreeSet<SaltId> = salts.iter().map(|salt| salt.id()).chain([form().salt().id()]).collect();
    assert!(used.is_subset(&known) && salts.iter().all(|salt| used.contains(&salt.id())));
    assert!(!broker.set_formatter("b/", form()));
}

#[test]
fn a_preview_makes_the_line_of_each_device_and_leaves_no_trace() {
    let broker = broker(patient());
    let (one, two) = (FaultControl::new(), FaultControl::new());
    enable(&broker, "a/", &one);
    let raw = FormatOptions { log_raw: true, prefix: "@cee: ".into(), ..FormatOptions::default() };
    let salt = Arc::new(Salt::new("another salt"));
    broker.restore(onrecord_audit::DeviceConfig::new("b/", two.device(), Formatter::new(raw, salt))).unwrap();
    let previews = broker.preview(&entry("secret/a"));
    assert_eq!(broker.last_seq(), 0);
    let lines: Vec<Vec<u8>> = previews.into_iter().map(|preview| preview.line.unwrap()).collect();
    assert!(lines[1].starts_with(b"@cee: {"));
    for line in &lines {
        assert_eq!(decode(line).unwrap().record().unwrap().seq, 1, "as the next entry would have");
    }
    assert_eq!((one.calls(), two.calls()), (0, 0));
    assert_eq!(record(&broker, "secret/a").unwrap(), 1);
    // But for the time of formatting, the line is the one that was shown.
    let rest = |line: &[u8]| line[line.iter().position(|&byte| byte == b',').unwrap()..].to_vec();
    assert_eq!(rest(&one.wait_for_lines(1)[0]), rest(&lines[0]));
    assert_eq!(rest(&two.wait_for_lines(1)[0]), rest(&lines[1]));
}
