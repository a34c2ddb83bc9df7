//! The broker with devices that fail: every fault beside every other, what it costs, and what it may not cost.

use std::future::Future as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use crate::kit::broker::{
    BOOT, Line, assert_complete, broker, builder, enable, entry, form, patient, read, record, seqs, strict,
};
use onrecord_audit::broker::Why;
use onrecord_audit::device::faulty::{Fault, FaultControl};
use onrecord_audit::device::{Appended, Batch, Notice};
use onrecord_audit::status::{Health, Observer};
use onrecord_audit::{
    Broker, Device, DeviceConfig, DeviceError, DeviceOptions, NotOnRecord, Placement, Rules, SystemClock,
    Wait as _,
};
use onrecord_entry::format::{Format, Limits};
use onrecord_entry::{Clear, Entry, FormatOptions, Formatter, Request, Response, decode};

const FAULTS: [Fault; 6] = [
    Fault::Refuse,
    Fault::Half,
    Fault::DoneButFailed,
    Fault::Panic,
    Fault::Slow(Duration::from_millis(20)),
    Fault::Hang,
];

fn health(broker: &Broker, path: &str) -> Health {
    broker.status().iter().find(|status| &*status.path == path).unwrap().health
}

#[test]
fn a_device_with_any_fault_does_not_cost_a_request_where_another_works() {
    for fault in FAULTS {
        for faulty_first in [true, false] {
            let broker = broker(patient());
            let (sick, well) = (FaultControl::with(fault), FaultControl::new());
            let mut order = [("sick/", &sick), ("well/", &well)];
            if !faulty_first {
                order.reverse();
            }
            for (path, control) in order {
                enable(&broker, path, control);
            }
            for seq in 1..=20 {
                assert_eq!(record(&broker, "a"), Ok(seq), "{fault:?}");
            }
            sick.set(Fault::None);
            let last = record(&broker, "a").unwrap();
            assert!(broker.drain(Duration::from_mins(10)).is_empty());
            assert_eq!(seqs(&read(&well.lines())), (1..=last).collect::<Vec<_>>(), "{fault:?}");
        }
    }
}

#[test]
fn what_a_device_missed_is_told_by_gaps_when_it_works_again() {
    for fault in
        [Fault::Refuse, Fault::Panic, Fault::Half, Fault::Hang, Fault::Slow(Duration::from_millis(20))]
    {
        let broker = broker(patient());
        let (sick, well) = (FaultControl::new(), FaultControl::new());
        enable(&broker, "sick/", &sick);
        enable(&broker, "well/", &well);
        record(&broker, "a").unwrap();
        sick.set(fault);
        for _ in 0..10 {
            record(&broker, "a").unwrap();
        }
        sick.set(Fault::None);
        // No new entry is needed for it: the gap entry is written as soon as the device takes it.
        let last = broker.last_seq();
        let lines = sick.wait_for(|lines| covered(&read(lines)) == last);
        assert_complete(&read(&lines), last);
        record(&broker, "a").unwrap();
    }
}

fn covered(lines: &[Line]) -> u64 {
    lines
        .iter()
        .map(|line| match line {
            Line::Entry(_) => 1,
            Line::Gap { missed, .. } => *missed,
        })
        .sum()
}

#[test]
fn an_only_device_that_fails_refuses_at_once_and_recovers_by_itself() {
    for fault in [Fault::Refuse, Fault::Half, Fault::DoneButFailed, Fault::Panic] {
        let broker = broker(strict());
        let control = FaultControl::with(fault);
        enable(&broker, "only/", &control);
        for seq in 1..=20 {
            let refused = record(&broker, "a").unwrap_err();
            assert_eq!(refused.seq, seq, "{fault:?}");
            let expected = if fault == Fault::Panic { DeviceError::Panicked } else { DeviceError::Refused };
            assert_eq!(refused.causes[0].why, Why::Device(expected));
            assert_eq!(&*refused.causes[0].path, "only/");
        }
        assert_ne!(health(&broker, "only/"), Health::Healthy);
        control.set(Fault::None);
        assert_eq!(record(&broker, "a"), Ok(21), "{fault:?}");
        assert_eq!(health(&broker, "only/"), Health::Healthy);
        let lines = read(&control.lines());
        assert_eq!(lines.last(), Some(&Line::Entry(21)), "the gap comes before newer lines: {lines:?}");
        if fault == Fault::DoneButFailed {
            // The entries are there, and yet are declared as missed: the device said that it does not have them.
            let declared =
                lines.iter().any(|line| matches!(line, Line::Gap { ranges, .. } if *ranges == [(1, 20)]));
            assert!(declared, "{lines:?}");
        } else {
            assert_complete(&lines, 21);
        }
    }
}

#[test]
fn a_full_device_takes_what_fits_and_tells_the_rest() {
    let broker = broker(strict());
    let control = FaultControl::with(Fault::Room(2000));
    enable(&broker, "only/", &control);
    let settled = (0..40).filter(|_| record(&broker, "a").is_ok()).count();
    assert!(settled > 0 && settled < 40, "{settled}");
    control.set(Fault::None);
    let last = record(&broker, "a").unwrap();
    let lines = read(&control.lines());
    assert_eq!(seqs(&lines).len(), settled + 1);
    assert_complete(&lines, last);
}

#[test]
fn an_only_device_that_blocks_is_waited_for_until_the_time_out() {
    let broker = broker(Rules { audit_timeout: Duration::from_millis(60), ..patient() });
    let control = FaultControl::with(Fault::Hang);
    enable(&broker, "only/", &control);
    let (first, second) = (broker.record_request(&entry("a")), broker.record_request(&entry("b")));
    let causes = |error: NotOnRecord| error.refused().unwrap().causes[0].why.clone();
    assert_eq!(first.wait().map_err(causes), Err(Why::TimedOut));
    assert_eq!(second.wait().map_err(causes), Err(Why::TimedOut));
    // The writer has begun both, or only the first: then the second is withdrawn, and declared by a gap entry.
    control.set(Fault::None);
    assert_eq!(record(&broker, "c"), Ok(3));
    assert_complete(&read(&control.lines()), 3);
}

#[test]
fn lines_not_yet_begun_are_withdrawn_when_their_request_is_refused() {
    let broker = broker(patient());
    let control = FaultControl::with(Fault::Hang);
    enable(&broker, "only/", &control);
    let begun = broker.record_request(&entry("a"));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| begun.wait());
        control.wait_until_hanging();
        let queued = broker.record_request(&entry("b"));
        // Only now, with one line begun and one not, do they take too long.
        broker.set_rules(&Rules { audit_timeout: Duration::from_millis(1), ..patient() });
        assert_eq!(queued.wait().unwrap_err().refused().unwrap().seq, 2);
        assert_eq!(waiting.join().unwrap().unwrap_err().refused().unwrap().seq, 1);
    });
    broker.set_rules(&patient());
    control.set(Fault::None);
    assert_eq!(record(&broker, "c"), Ok(3));
    let expected = Line::Gap {
        missed: 1,
        ranges: vec![(2, 2)],
        reason: "the request was refused before the device wrote it".to_owned(),
        torn: false,
    };
    assert_eq!(read(&control.lines()), [Line::Entry(1), expected, Line::Entry(3)]);
}

#[test]
fn a_hung_device_delays_no_other_entry() {
    let broker = Arc::new(broker(patient()));
    let (hung, well) = (FaultControl::with(Fault::Hang), FaultControl::new());
    enable(&broker, "hung/", &hung);
    enable(&broker, "well/", &well);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let broker = Arc::clone(&broker);
            std::thread::spawn(move || (0..200).for_each(|_| assert!(record(&broker, "a").is_ok())))
        })
        .collect();
    // They all end although the device never answers: after the first grace no entry waits for it.
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(health(&broker, "hung/"), Health::Lagging);
    assert_eq!(hung.lines().len(), 0);
    assert_complete(&read(&well.lines()), 800);
    hung.set(Fault::None);
    assert!(broker.drain(Duration::from_mins(10)).is_empty());
    assert_complete(&read(&hung.lines()), 800);
}

#[test]
fn an_entry_that_found_its_device_healthy_settles_after_the_grace_without_it() {
    // With a grace that never ends the entry would wait for ever; the shorter one lets it go.
    let broker = broker(Rules { settle_grace: Duration::from_millis(20), ..patient() });
    let (hung, well) = (FaultControl::with(Fault::Hang), FaultControl::new());
    enable(&broker, "hung/", &hung);
    enable(&broker, "well/", &well);
    assert_eq!(record(&broker, "a"), Ok(1));
    assert_eq!((health(&broker, "hung/"), hung.lines().len()), (Health::Lagging, 0));
    hung.set(Fault::None);
    assert_eq!(read(&hung.wait_for_lines(1)), [Line::Entry(1)]);
}

/// Receives the changes of a device's health.
struct Turns(Mutex<Sender<(Health, Health)>>);

impl Observer for Turns {
    fn changed(&self, _: &str, from: Health, to: Health, _: Option<&DeviceError>) {
        let _the_receiver_may_be_gone = self.0.lock().unwrap().send((from, to));
    }
}

#[test]
fn a_device_that_has_caught_up_is_healthy_and_says_so_though_no_entry_follows() {
    let (turns, turned) = channel();
    let (clock, observer) = (Arc::new(SystemClock::new()), Arc::new(Turns(Mutex::new(turns))));
    let broker = builder().rules(patient()).clock(clock).observer(observer).build_with_boot(BOOT);
    let control = FaultControl::with(Fault::Hang);
    enable(&broker, "a/", &control);
    let turn = || turned.recv_timeout(Duration::from_mins(1));
    std::thread::scope(|scope| {
        let recording = scope.spawn(|| record(&broker, "a"));
        let first = turn();
        control.set(Fault::None);
        assert_eq!(first, Ok((Health::Healthy, Health::Lagging)));
        assert_eq!(recording.join().unwrap(), Ok(1));
    });
    assert_eq!(turn(), Ok((Health::Lagging, Health::Healthy)));
    assert_eq!(health(&broker, "a/"), Health::Healthy);
}

#[test]
fn memory_under_a_hung_device_is_bounded_in_bytes() {
    const CAP: usize = 20_000;
    let broker = broker(Rules { queue_bytes: CAP, ..patient() });
    let (hung, well) = (FaultControl::with(Fault::Hang), FaultControl::new());
    enable(&broker, "hung/", &hung);
    enable(&broker, "well/", &well);
    for seq in 1..=500 {
        assert_eq!(record(&broker, "some/path/of/ordinary/length"), Ok(seq));
        let status = &broker.status()[0];
        assert!(status.queue.bytes <= CAP, "{status:?}");
    }
    let missed = broker.status()[0].losses.entries;
    assert!(missed > 300, "{missed}");
    hung.set(Fault::None);
    let lines = hung.wait_for(|lines| covered(&read(lines)) == 500);
    assert_complete(&read(&lines), 500);
    assert_eq!(broker.status()[0].queue.bytes, 0);
}

#[test]
fn a_full_queue_of_the_only_device_refuses_at_once() {
    let broker = broker(Rules { queue_bytes: 1, ..patient() });
    let control = FaultControl::with(Fault::Hang);
    enable(&broker, "only/", &control);
    let first = broker.record_request(&entry("a"));
    assert_eq!(record(&broker, "a").unwrap_err().causes[0].why, Why::QueueFull);
    control.set(Fault::None);
    assert!(first.wait().is_ok());
}

#[test]
fn the_rule_can_want_more_than_one_device_and_certain_ones() {
    let two = broker(Rules { minimum: 2, ..strict() });
    let (first, second) = (FaultControl::new(), FaultControl::new());
    enable(&two, "first/", &first);
    assert!(record(&two, "a").is_err(), "one of two");
    enable(&two, "second/", &second);
    assert_eq!(record(&two, "a"), Ok(2));
    second.set(Fault::Refuse);
    assert_eq!(record(&two, "a").unwrap_err().causes.len(), 1);

    let broker = broker(patient());
    let (must, other) = (FaultControl::with(Fault::Refuse), FaultControl::new());
    broker.restore(DeviceConfig::new("must/", must.device(), form()).required()).unwrap();
    enable(&broker, "other/", &other);
    for _ in 0..5 {
        assert_eq!(&*record(&broker, "a").unwrap_err().causes[0].path, "must/");
    }
    must.set(Fault::None);
    assert_eq!(record(&broker, "a"), Ok(6));
}

#[test]
fn a_hung_device_is_disabled_at_once_and_its_waiters_are_told() {
    let broker = broker(Rules { settle_grace: Duration::from_millis(20), ..patient() });
    let control = FaultControl::with(Fault::Hang);
    enable(&broker, "hung/", &control);
    let waiting = broker.record_request(&entry("a"));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| waiting.wait());
        control.wait_until_hanging();
        assert!(broker.disable("hung/"));
        assert_eq!(waiting.join().unwrap().unwrap_err().refused().unwrap().causes[0].why, Why::Disabled);
    });
    // The path is free for another device, which works while the old one still hangs.
    let well = FaultControl::new();
    enable(&broker, "hung/", &well);
    assert_eq!(record(&broker, "a"), Ok(2));
    control.set(Fault::None);
    control.wait_until_dropped();
    drop(broker);
    well.wait_until_dropped();
}

#[test]
fn a_device_disabled_under_load_costs_no_request() {
    let broker = Arc::new(broker(strict()));
    let (stays, goes) = (FaultControl::new(), FaultControl::new());
    enable(&broker, "stays/", &stays);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let broker = Arc::clone(&broker);
            std::thread::spawn(move || (0..300).for_each(|_| assert!(record(&broker, "a").is_ok())))
        })
        .collect();
    for _ in 0..50 {
        enable(&broker, "goes/", &goes);
        assert!(broker.disable("goes/"));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert_complete(&read(&stays.lines()), 900);
}

#[test]
fn a_device_known_to_fail_at_a_start_comes_back_by_itself() {
    let broker = broker(patient());
    let (late, well) = (FaultControl::with(Fault::Refuse), FaultControl::new());
    let cause = DeviceError::Refused;
    broker.restore(DeviceConfig::new("late/", late.device(), form()).failing(cause.clone())).unwrap();
    enable(&broker, "well/", &well);
    assert_eq!(
        (health(&broker, "late/"), broker.status()[0].faults.last_error.clone().map(|last| last.error)),
        (Health::Failing, Some(cause))
    );
    record(&broker, "a").unwrap();
    late.set(Fault::None);
    late.wait_for(|lines| covered(&read(lines)) == 1);
}

#[test]
fn what_a_device_found_out_is_on_record_before_newer_lines() {
    let broker = broker(strict());
    let control = FaultControl::new();
    control.notice(Notice::TornTail { bytes: 3, sha256: "ab".to_owned(), kept_as: "a.log.torn".to_owned() });
    enable(&broker, "a/", &control);
    record(&broker, "a").unwrap();
    let lines = read(&control.lines());
    assert!(matches!(&lines[..], [Line::Gap { torn: true, missed: 0, .. }, Line::Entry(1)]), "{lines:?}");
}

#[test]
fn observers_hear_of_each_change_of_health() {
    #[derive(Default)]
    struct Log(std::sync::Mutex<Vec<(String, Health, Health)>>);
    impl onrecord_audit::status::Observer for Log {
        fn changed(&self, path: &str, from: Health, to: Health, _error: Option<&DeviceError>) {
            self.0.lock().unwrap().push((path.to_owned(), from, to));
        }
    }
    let log = Arc::new(Log::default());
    let clock = Arc::new(onrecord_audit::SystemClock::new());
    let broker = builder()
        .rules(strict())
        .clock(clock)
        .observer(log.clone())
        .build_with_boot(crate::kit::broker::BOOT);
    let control = FaultControl::with(Fault::Refuse);
    enable(&broker, "a/", &control);
    assert!(record(&broker, "a").is_err());
    control.set(Fault::None);
    record(&broker, "a").unwrap();
    drop(broker);
    control.wait_until_dropped();
    let changes = log.0.lock().unwrap().clone();
    assert_eq!(
        changes,
        [
            ("a/".to_owned(), Health::Healthy, Health::Failing),
            ("a/".to_owned(), Health::Failing, Health::Healthy)
        ]
    );
}

#[test]
fn what_waited_for_a_device_that_failed_is_not_held_when_it_hangs_next() {
    let broker = broker(strict());
    let (sick, well) = (FaultControl::with(Fault::Hang), FaultControl::new());
    enable(&broker, "well/", &well);
    enable(&broker, "sick/", &sick);
    let first = broker.record_request(&entry("a"));
    drop(first);
    sick.wait_until_hanging();
    // It is healthy as far as anybody knows, so the second entry awaits it, too.
    let mut second = Box::pin(broker.record_request(&entry("a")));
    let mut context = Context::from_waker(Waker::noop());
    while well.lines().len() < 2 {
        assert!(second.as_mut().poll(&mut context).is_pending());
    }
    sick.set(Fault::RefuseThenHang);
    sick.wait_for_calls(2);
    // It would wait for ever, if it still waited for the device that failed.
    drop(second.wait().unwrap());
    sick.set(Fault::None);
}

#[test]
fn a_recording_that_is_not_polled_does_not_hold_the_entries_of_others() {
    let broker = broker(Rules { audit_timeout: Duration::from_secs(20), ..Rules::default() });
    let control = FaultControl::new();
    enable(&broker, "a/", &control);
    record(&broker, "a").unwrap();
    for _ in 0..3 {
        // It has the duty to wake the writer, and never will.
        std::mem::forget(broker.record_request(&entry("a")));
        record(&broker, "a").unwrap();
    }
}

#[test]
fn a_loss_is_on_record_when_a_drain_has_ended() {
    let broker = broker(patient());
    let control = FaultControl::with(Fault::Refuse);
    enable(&broker, "a/", &control);
    // Enough failures that it is not tried again for a second.
    for _ in 0..10 {
        assert!(record(&broker, "a").is_err());
    }
    control.set(Fault::None);
    assert!(broker.drain(Duration::from_mins(10)).is_empty());
    assert_complete(&read(&control.lines()), 10);
}

#[test]
fn a_loss_is_on_record_before_a_device_is_gone() {
    let broker = broker(Rules { queue_bytes: 1, ..patient() });
    let (slow, well) = (FaultControl::with(Fault::Hang), FaultControl::new());
    enable(&broker, "well/", &well);
    enable(&broker, "slow/", &slow);
    record(&broker, "a").unwrap();
    slow.wait_until_hanging();
    record(&broker, "a").unwrap();
    assert!(broker.disable("slow/"));
    slow.set(Fault::None);
    slow.wait_until_dropped();
    let lines = read(&slow.lines());
    assert_eq!(seqs(&lines), [1]);
    assert_complete(&lines, 2);
}

/// Refuses every line, and finds nothing wrong when it looks at itself, as on a full disk.
struct LooksWell {
    looks: Sender<()>,
}

impl Device for LooksWell {
    fn append(&mut self, _: &Batch<'_>) -> Appended {
        Appended::none(DeviceError::Refused)
    }

    fn check(&mut self) -> Result<(), DeviceError> {
        self.looks.send(()).map_err(|_| DeviceError::Refused)
    }

    fn check_every(&self) -> Option<Duration> {
        Some(Duration::from_millis(1))
    }
}

#[derive(Default)]
struct Recoveries(AtomicUsize);

impl Observer for Recoveries {
    fn changed(&self, _: &str, _: Health, to: Health, _: Option<&DeviceError>) {
        self.0.fetch_add(usize::from(to == Health::Healthy), Ordering::SeqCst);
    }
}

#[test]
fn a_device_that_cannot_write_is_not_healed_by_a_look() {
    let recoveries = Arc::new(Recoveries::default());
    let broker = builder().rules(patient()).observer(recoveries.clone()).build_with_boot(BOOT);
    let (looks, looked) = channel();
    broker.restore(DeviceConfig::new("a/", Box::new(LooksWell { looks }), form())).unwrap();
    assert!(record(&broker, "a").is_err());
    while looked.try_recv().is_ok() {}
    looked.iter().take(10).for_each(drop);
    assert_eq!(recoveries.0.load(Ordering::SeqCst), 0);
    assert!(matches!(health(&broker, "a/"), Health::Failing | Health::Broken));
}

struct Panics;

impl Observer for Panics {
    fn changed(&self, _: &str, _: Health, _: Health, _: Option<&DeviceError>) {
        panic!("an observer was told to panic");
    }
}

#[test]
fn an_observer_that_panics_costs_no_entry() {
    let broker = builder().rules(patient()).observer(Arc::new(Panics)).build_with_boot(BOOT);
    let control = FaultControl::with(Fault::Refuse);
    enable(&broker, "a/", &control);
    assert!(record(&broker, "a").is_err());
    control.set(Fault::None);
    record(&broker, "a").unwrap();
    record(&broker, "a").unwrap();
}

#[test]
fn a_device_that_hangs_while_it_is_opened_again_is_given_up_when_it_is_disabled() {
    let broker = broker(patient());
    let control = FaultControl::with(Fault::Hang);
    enable(&broker, "a/", &control);
    assert_eq!(broker.reopen(None, Duration::ZERO).first().map(|(_, done)| done.is_err()), Some(true));
    let waiting = broker.record_request(&entry("a"));
    assert!(broker.disable("a/"));
    let refused = waiting.wait().unwrap_err().refused();
    assert_eq!(refused.unwrap().causes[0].why, Why::Disabled);
    control.set(Fault::None);
    control.wait_until_dropped();
}

#[test]
fn r_fuzz_a_response_that_cannot_be_formatted_leaves_a_minimal_entry() {
    let broker = broker(strict());
    let control = FaultControl::new();
    let limits = Limits { line_bytes: 1500, ..Limits::default() };
    for (place, format) in [Format::Json, Format::Jsonx].into_iter().enumerate() {
        let options = FormatOptions { limits, format, ..FormatOptions::default() };
        let small = Formatter::new(options, form().salt().clone());
        broker.restore(DeviceConfig::new(format!("{place}/"), control.device(), small)).unwrap();
    }
    let path = "long/".repeat(1000);
    // Nothing was done yet, and nothing will be.
    assert!(record(&broker, &path).is_err());
    let request = Request { id: Clear::new("an id"), ..entry(&path).request };
    let response = Some(Response { status_code: 204, ..Response::default() });
    let recorded = broker.record_response(&Entry { request, response, ..Entry::default() }).wait();
    assert!(recorded.is_ok(), "{recorded:?}");
    let lines = control.lines();
    let entries: Vec<_> = lines.iter().map(|line| decode(line).unwrap()).collect();
    let responses: Vec<_> = entries.iter().filter(|line| line.entry().response.is_some()).collect();
    assert_eq!(responses.len(), 2);
    for line in responses {
        let entry = line.entry();
        assert_eq!((entry.request.id, entry.response.unwrap().status_code), (Clear::new("an id"), 204));
        assert_eq!(entry.error.as_str(), "the entry could not be formatted");
    }
}

/// Syncs once an append, as a durable file does, and no sooner than it is let to.
struct Gated {
    gate: Arc<(Mutex<bool>, Condvar)>,
    syncs: Arc<AtomicUsize>,
    file: Box<dyn Device>,
}

impl Device for Gated {
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        let shut = self.gate.0.lock().unwrap();
        drop(self.gate.1.wait_while(shut, |shut| *shut).unwrap());
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.file.append(batch)
    }
}

#[test]
fn r_groupcommit_64_writers_share_a_sync() {
    const WRITERS: usize = 64;
    const ROUNDS: usize = 10;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.log").to_str().unwrap().to_owned();
    let options = [("file_path".to_owned(), path), ("durability".to_owned(), "fsync".to_owned())].into();
    let clock = Arc::new(SystemClock::new());
    let file = DeviceOptions::parse("file", &options).unwrap().open(&Placement::api(), clock).unwrap();
    let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
    let syncs = Arc::new(AtomicUsize::new(0));
    let broker = broker(strict());
    let device = Gated { gate: Arc::clone(&gate), syncs: Arc::clone(&syncs), file };
    broker.restore(DeviceConfig::new("a/", Box::new(device), form())).unwrap();
    let turn = |shut| {
        *gate.0.lock().unwrap() = shut;
        gate.1.notify_all();
    };
    for _ in 0..ROUNDS {
        // The first of them is in its sync until all the others wait.
        turn(true);
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| record(&broker, "a").unwrap());
            }
            while broker.status()[0].queue.entries < WRITERS {
                std::thread::yield_now();
            }
            turn(false);
        });
    }
    let entries = usize::try_from(broker.status()[0].written.entries).unwrap();
    let syncs = syncs.load(Ordering::SeqCst);
    assert_eq!(entries, WRITERS * ROUNDS);
    assert!(entries >= 20 * syncs, "{entries} entries in {syncs} syncs");
}

#[test]
fn a_loss_of_a_device_that_sleeps_is_declared_without_another_entry() {
    let broker = broker(strict());
    let (short, well) = (FaultControl::new(), FaultControl::new());
    let limits = Limits { line_bytes: 1500, ..Limits::default() };
    let small = Formatter::new(FormatOptions { limits, ..FormatOptions::default() }, form().salt().clone());
    broker.restore(DeviceConfig::new("short/", short.device(), small)).unwrap();
    enable(&broker, "well/", &well);
    record(&broker, "a").unwrap();
    // It has no line for this one, and nothing else wakes its writer.
    record(&broker, &"long/".repeat(1000)).unwrap();
    let lines = short.wait_for(|lines| covered(&read(lines)) == 2);
    assert_complete(&read(&lines), 2);
}
