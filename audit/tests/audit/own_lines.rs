//! The lines that a device writes about its own log: each is written once, none is given up because it is too long.

use crate::kit::broker::{Line, broker, enable, form, patient, read, record, seqs};
use crate::kit::until;
use onrecord_audit::device::Notice;
use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::broker::Loss;
use onrecord_audit::device::faulty::{Call, Fault, FaultControl};
use onrecord_audit::{Broker, DeviceConfig};
use onrecord_entry::format::Limits;
use onrecord_entry::{Boot, FormatOptions, Formatter, Salt, SeqRange, decode};

/// Long enough for a gap entry of one range, too short for one of a few.
const LIMIT: usize = 560;

/// The numbers that its gap entries declare of a start; each entry says how many they are.
fn declared(control: &FaultControl, boot: Option<Boot>) -> Vec<u64> {
    let mut declared = Vec::new();
    for line in control.lines() {
        let line = decode(&line).unwrap();
        let Some(gap) = line.entry().gap.filter(|gap| gap.boot == boot) else { continue };
        let numbers: Vec<u64> = gap.ranges.iter().flat_map(|range| range.from..=range.to).collect();
        assert_eq!(gap.missed, numbers.len() as u64);
        declared.extend(numbers);
    }
    declared
}

fn pending(broker: &Broker) -> u64 {
    broker.status().iter().map(|device| device.losses.unreported_entries).sum()
}

#[test]
fn a_gap_that_is_too_long_for_the_device_is_told_in_several() {
    let broker = broker(patient());
    let (short, other) = (FaultControl::with(Fault::Hang), FaultControl::new());
    enable(&broker, "short/", &short);
    enable(&broker, "other/", &other);
    let long = "x".repeat(LIMIT);
    assert_eq!(record(&broker, "a"), Ok(1));
    short.wait_until_hanging();
    for seq in 2..=41 {
        let path = if seq % 2 == 0 { &long } else { "a" };
        assert_eq!(record(&broker, path), Ok(seq));
    }
    short.set(Fault::Longest(LIMIT));
    let missed: Vec<u64> = (2..=41).filter(|seq| seq % 2 == 0).collect();
    until("the losses are as expected", || declared(&short, None).len() >= missed.len());
    assert!(missed.iter().all(|seq| declared(&short, None).contains(seq)));
    assert!(short.lines().iter().all(|line| line.len() <= LIMIT));
    until("the losses are as expected", || pending(&broker) == 0);
    let status = broker.status();
    assert_eq!((status[0].losses.entries, status[0].losses.reported.entries), (20, 20));
    drop(broker);
    short.wait_until_dropped();
    let mut all = declared(&short, None);
    all.sort_unstable();
    assert_eq!(all, missed, "once");
}

#[test]
fn what_was_missed_in_an_earlier_start_is_told_in_several_too() {
    let broker = broker(patient());
    let short = FaultControl::with(Fault::Longest(LIMIT));
    let ranges: Vec<_> = (1..=100).map(|at| SeqRange { from: 10 * at, to: 10 * at + 1 }).collect();
    let numbers: Vec<u64> = ranges.iter().flat_map(|range| range.from..=range.to).collect();
    let earlier = Boot::new(3);
    let lost = Loss::kept(earlier, 200, ranges.into_iter().collect(), None);
    broker.restore(DeviceConfig::new("short/", short.device(), form()).losses(vec![lost])).unwrap();
    until("the losses are as expected", || declared(&short, Some(earlier)).len() >= numbers.len());
    let mut all = declared(&short, Some(earlier));
    all.sort_unstable();
    assert_eq!(all, numbers);
    until("the losses are as expected", || broker.losses().iter().all(|(_, losses)| losses.is_empty()));
    let ids: std::collections::HashSet<_> = short
        .lines()
        .iter()
        .map(|line| decode(line).unwrap().entry().request.id.as_str().to_owned())
        .collect();
    assert_eq!(ids.len(), short.lines().len(), "each has an id of its own");
}

#[test]
fn a_gap_that_fits_in_no_line_stays_pending() {
    let broker = broker(patient());
    let (short, other) = (FaultControl::with(Fault::Longest(10)), FaultControl::new());
    enable(&broker, "short/", &short);
    enable(&broker, "other/", &other);
    for seq in 1..=3 {
        assert_eq!(record(&broker, "a"), Ok(seq));
    }
    until("the losses are as expected", || pending(&broker) == 3);
    short.set(Fault::None);
    assert_eq!(record(&broker, "a"), Ok(4));
    until("the losses are as expected", || pending(&broker) == 0);
    assert_eq!(declared(&short, None), [1, 2, 3]);
}

#[test]
fn of_a_batch_that_was_taken_in_part_no_line_of_its_own_is_written_twice() {
    let broker = broker(patient());
    let (device, other) = (FaultControl::with(Fault::Half), FaultControl::new());
    for notice in [Notice::Removed, Notice::Moved, Notice::Replaced] {
        device.notice(notice);
    }
    enable(&broker, "a/", &device);
    enable(&broker, "other/", &other);
    assert_eq!(record(&broker, "a"), Ok(1));
    device.set(Fault::None);
    let entries = |lines: &[Vec<u8>]| seqs(&read(lines)).len();
    until("the losses are as expected", || record(&broker, "a").is_ok() && entries(&device.lines()) > 0);
    until("the losses are as expected", || pending(&broker) == 0);
    let gaps: Vec<_> = read(&device.lines())
        .into_iter()
        .filter_map(|line| match line {
            Line::Gap { reason, missed: 0, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(gaps.len(), 3, "{gaps:?}");
}

/// A loss of each of this number of earlier boots.
fn earlier_boots(count: u64) -> Vec<Loss> {
    let loss = |boot| Loss::kept(Boot::new(boot), 1, SeqRange { from: boot, to: boot }.into(), None);
    (100..100 + count).map(loss).collect()
}

#[test]
fn a_hole_of_the_file_is_declared_beside_losses_of_many_earlier_boots() {
    let broker = broker(patient());
    let device = FaultControl::new();
    let boot = Boot::new(3);
    device.notice(Notice::Unfinished { boot, seqs: SeqRange { from: 4, to: 5 }.into() });
    broker.restore(DeviceConfig::new("a/", device.device(), form()).losses(earlier_boots(100))).unwrap();
    until("the losses are as expected", || declared(&device, Some(Boot::new(199))) == [199]);
    drop(broker);
    device.wait_until_dropped();
    assert_eq!(declared(&device, Some(boot)), [4, 5]);
}

/// A form whose lines are no longer than this.
fn limited(line_bytes: usize) -> Formatter {
    let limits = Limits { line_bytes, ..Limits::default() };
    Formatter::new(FormatOptions { limits, ..FormatOptions::default() }, Arc::new(Salt::new("a salt")))
}

#[test]
fn a_gap_that_is_too_long_for_a_line_is_told_in_several() {
    let broker = broker(patient());
    let device = FaultControl::new();
    let ranges: Vec<_> = (1..=100).map(|at| SeqRange { from: 10 * at, to: 10 * at + 1 }).collect();
    let numbers: Vec<u64> = ranges.iter().flat_map(|range| range.from..=range.to).collect();
    let earlier = Boot::new(3);
    let lost = Loss::kept(earlier, 200, ranges.into_iter().collect(), None);
    broker.restore(DeviceConfig::new("a/", device.device(), limited(LIMIT)).losses(vec![lost])).unwrap();
    until("the losses are as expected", || broker.losses().iter().all(|(_, losses)| losses.is_empty()));
    drop(broker);
    device.wait_until_dropped();
    let mut all = declared(&device, Some(earlier));
    all.sort_unstable();
    assert_eq!(all, numbers);
}

#[test]
fn a_gap_that_no_line_can_hold_stays_pending() {
    let broker = broker(patient());
    let (short, other) = (FaultControl::new(), FaultControl::new());
    let earlier = Boot::new(100);
    broker
        .restore(DeviceConfig::new("short/", short.device(), limited(10)).losses(earlier_boots(1)))
        .unwrap();
    enable(&broker, "other/", &other);
    for seq in 1..=3 {
        assert_eq!(record(&broker, "a"), Ok(seq));
    }
    assert_eq!(pending(&broker), 3);
    // A drain tries to write its gap entry.
    drop(broker.drain(Duration::from_mins(10)));
    assert_eq!(pending(&broker), 3);
    let of_earlier = |broker: &Broker| broker.losses()[0].1.iter().any(|loss| loss.boot == earlier);
    assert!(of_earlier(&broker));
    assert!(broker.set_formatter("short/", form()));
    assert_eq!(record(&broker, "a"), Ok(4));
    until("the losses are as expected", || pending(&broker) == 0);
    assert_eq!(declared(&short, None), [1, 2, 3]);
    assert_eq!(declared(&short, Some(earlier)), [100]);
    assert!(!of_earlier(&broker));
}

#[test]
fn a_device_with_no_room_for_a_line_of_its_own_is_not_asked_each_time_it_is_looked_at() {
    let broker = broker(patient());
    let (short, other) = (FaultControl::with(Fault::Longest(10)), FaultControl::new());
    short.look_every(Duration::from_millis(1));
    enable(&broker, "short/", &short);
    enable(&broker, "other/", &other);
    assert_eq!(record(&broker, "a"), Ok(1));
    until("the losses are as expected", || pending(&broker) == 1);
    let looked = |times| short.wait_for_calls_of(Call::Check, short.calls_of(Call::Check) + times);
    looked(5);
    let asked = short.calls();
    looked(5);
    assert_eq!(short.calls(), asked);
}
