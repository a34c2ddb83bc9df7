//! The broker with devices that work: what lands where, in which order, and what comes back.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::kit::broker::{
    Line, assert_complete, broker, builder, enable, entry, form, patient, probe, read, record, seqs, strict,
};
use onrecord_audit::broker::{EnableError, Why};
use onrecord_audit::device::faulty::{Fault, FaultControl};
use onrecord_audit::{
    DeviceConfig, DeviceOptions, NotOnRecord, Placement, Recorded, Rules, SystemClock, Wait as _,
};
use onrecord_entry::gap::PROBE_PATH;
use onrecord_entry::{Entry, EntryType, Response, decode};

#[test]
fn an_entry_is_on_every_device_before_it_settles() {
    let broker = broker(strict());
    let controls = [FaultControl::new(), FaultControl::new(), FaultControl::new()];
    for (at, control) in controls.iter().enumerate() {
        enable(&broker, &format!("{at}/"), control);
    }
    for seq in 1..=50 {
        assert_eq!(record(&broker, "secret/a"), Ok(seq));
        for control in &controls {
            assert_eq!(read(&control.lines()).last(), Some(&Line::Entry(seq)));
        }
    }
}

#[test]
fn without_a_device_an_entry_is_not_on_record_unless_that_is_allowed_by_name() {
    let broker = broker(patient());
    assert_eq!(broker.record_request(&entry("a")).wait(), Err(NotOnRecord::NoDevice));
    let recorded = broker.record_request(&entry("a")).or_unaudited().wait();
    assert!(matches!(recorded, Ok(Recorded::Unaudited(_))));
    enable(&broker, "a/", &FaultControl::new());
    let recorded = broker.record_request(&entry("a")).or_unaudited().wait();
    assert!(matches!(recorded, Ok(Recorded::OnRecord(proof)) if proof.seq() == 1));
}

#[test]
fn an_entry_of_the_other_kind_gives_no_proof_and_goes_to_no_device() {
    let broker = broker(patient());
    let control = FaultControl::new();
    enable(&broker, "a/", &control);
    let request = entry("a");
    let response = Entry { response: Some(Response::default()), ..request };
    let other = NotOnRecord::OtherType(EntryType::Response);
    assert_eq!(other.to_string(), "the entry is a response entry");
    assert_eq!(broker.record_request(&response).wait(), Err(other));
    assert_eq!(broker.record_response(&request).wait(), Err(NotOnRecord::OtherType(EntryType::Request)));
    assert_eq!(broker.record_response(&response).wait().unwrap().seq(), 1);
    assert_eq!(control.lines().len(), 1);
}

#[test]
fn a_builder_without_a_word_gives_the_default_rules_and_a_boot_number_of_its_own() {
    let [one, other] = [(); 2].map(|()| builder().build().unwrap());
    assert_eq!(one.rules(), Rules::default());
    assert_ne!(one.boot(), other.boot());
}

#[test]
fn an_error_names_its_source() {
    let broker = broker(patient());
    enable(&broker, "a/", &FaultControl::with(Fault::Refuse));
    let error = broker.record_request(&entry("a")).wait().unwrap_err();
    assert_eq!(error.to_string(), "the audit rule is not met: a/: the device was told to refuse");
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("the device was told to refuse"));
}

#[test]
fn a_device_is_enabled_after_it_took_a_probe() {
    let broker = broker(strict());
    let control = FaultControl::new();
    broker.enable(DeviceConfig::new("a/", control.device(), form()), Some(probe())).wait().unwrap();
    record(&broker, "secret/a").unwrap();
    let lines = control.lines();
    let first = decode(&lines[0]).unwrap();
    assert_eq!(first.entry().request.path, PROBE_PATH.into());
    assert_ne!(first.record().unwrap().salt, form().salt().id());
    assert_eq!(decode(&lines[1]).unwrap().record().unwrap().salt, form().salt().id());
}

#[test]
fn r_enable_probe_a_device_that_fails_its_probe_is_not_enabled() {
    let broker = broker(patient());
    for fault in [Fault::Refuse, Fault::Panic] {
        let control = FaultControl::with(fault);
        let enabled = broker.enable(DeviceConfig::new("a/", control.device(), form()), Some(probe())).wait();
        let Err(error @ EnableError::Probe(_)) = enabled else { panic!("{fault:?}") };
        assert!(error.to_string().starts_with("audit backend failed test message: "), "{error}");
        control.wait_until_dropped();
    }
    assert_eq!(broker.devices(), 0);
}

#[test]
fn a_device_that_hangs_in_its_probe_is_given_up() {
    let rules = onrecord_audit::Rules { audit_timeout: Duration::from_millis(50), ..patient() };
    let broker = broker(rules);
    let control = FaultControl::with(Fault::Hang);
    let enabled = broker.enable(DeviceConfig::new("a/", control.device(), form()), Some(probe())).wait();
    assert!(matches!(enabled, Err(EnableError::Probe(onrecord_audit::broker::Why::TimedOut))));
    control.set(Fault::None);
    control.wait_until_dropped();
}

#[test]
fn a_path_is_enabled_once() {
    let broker = broker(patient());
    enable(&broker, "a/", &FaultControl::new());
    let again = broker.restore(DeviceConfig::new("a/", FaultControl::new().device(), form()));
    assert!(matches!(again, Err(EnableError::PathInUse)));
}

#[test]
fn a_task_that_goes_away_still_wakes_the_writer() {
    let broker = broker(patient());
    let control = FaultControl::new();
    enable(&broker, "a/", &control);
    for seq in 1..=20_u64 {
        let mut recording = Box::pin(broker.record_request(&entry("a")));
        let mut context = Context::from_waker(Waker::noop());
        if seq % 2 == 0 {
            // It has yielded and holds the duty, unless the writer was awake still: then it may be done.
            let _done: bool = recording.as_mut().poll(&mut context).is_ready();
        }
        drop(recording);
        control.wait_for_lines(usize::try_from(seq).unwrap());
    }
}

#[test]
fn a_recording_yields_once_and_is_then_woken() {
    let broker = broker(strict());
    let control = FaultControl::with(Fault::Hang);
    enable(&broker, "a/", &control);
    let mut recording = pin!(broker.record_request(&entry("a")));
    let mut context = Context::from_waker(Waker::noop());
    assert!(recording.as_mut().poll(&mut context).is_pending());
    assert!(recording.as_mut().poll(&mut context).is_pending());
    control.set(Fault::None);
    assert!(recording.wait().is_ok());
}

#[test]
fn the_two_entries_of_a_request_keep_their_order_on_a_device() {
    let broker = Arc::new(broker(strict()));
    let control = FaultControl::new();
    enable(&broker, "a/", &control);
    let requests: Vec<_> = (0..4)
        .map(|thread| {
            let broker = Arc::clone(&broker);
            std::thread::spawn(move || {
                for at in 0..100 {
                    let path = format!("{thread}/{at}");
                    record(&broker, &format!("{path}/first")).unwrap();
                    record(&broker, &format!("{path}/second")).unwrap();
                }
            })
        })
        .collect();
    for request in requests {
        request.join().unwrap();
    }
    let lines: Vec<String> =
        control.lines().into_iter().map(|line| String::from_utf8(line).unwrap()).collect();
    assert_eq!(lines.len(), 800);
    for thread in 0..4 {
        for at in 0..100 {
            let place = |what: &str| {
                lines.iter().position(|line| line.contains(&format!("\"{thread}/{at}/{what}\"")))
            };
            assert!(place("first").unwrap() < place("second").unwrap());
        }
    }
    assert_complete(&read(&control.lines()), 800);
}

#[test]
fn discarding_counts_only_where_all_devices_discard() {
    let broker = broker(patient());
    let discard = || {
        let options =
            DeviceOptions::parse("file", &[("file_path".to_owned(), "DISCARD".to_owned())].into()).unwrap();
        options.open(&Placement::api(), Arc::new(SystemClock::new())).unwrap()
    };
    broker.enable(DeviceConfig::new("nothing/", discard(), form()), Some(probe())).wait().unwrap();
    assert_eq!(record(&broker, "a"), Ok(1));
    let control = FaultControl::with(Fault::Refuse);
    enable(&broker, "a/", &control);
    assert_eq!(record(&broker, "a").unwrap_err().causes.len(), 1);
    assert!(broker.disable("a/"));
    assert_eq!(record(&broker, "a"), Ok(3));
    assert!(broker.drain(Duration::from_mins(10)).is_empty());
}

#[test]
fn a_hash_is_to_be_had_for_an_enabled_device_only() {
    let broker = broker(patient());
    enable(&broker, "a/", &FaultControl::new());
    assert_eq!(broker.hash("a/", "hello"), Some(form().hash("hello")));
    assert_eq!(broker.hash("b/", "hello"), None);
    assert!(broker.disable("a/") && !broker.disable("a/"));
    assert_eq!(broker.hash("a/", "hello"), None);
}

#[test]
fn draining_and_dropping_write_what_waits() {
    let broker = broker(patient());
    let control = FaultControl::new();
    enable(&broker, "a/", &control);
    let recordings: Vec<_> = (0..100).map(|_| broker.record_request(&entry("a"))).collect();
    // The recording that must wake the writer is not polled yet.
    drop(recordings);
    assert!(broker.drain(Duration::from_mins(10)).is_empty());
    assert_eq!(seqs(&read(&control.lines())), (1..=100).collect::<Vec<_>>());
    let last = broker.record_request(&entry("a"));
    drop(broker);
    drop(last);
    control.wait_until_dropped();
    assert_eq!(control.lines().len(), 101);
}

#[test]
fn reopening_reaches_each_device_and_names_those_that_fail() {
    let broker = broker(patient());
    let (first, second) = (FaultControl::new(), FaultControl::with(Fault::Refuse));
    enable(&broker, "first/", &first);
    enable(&broker, "second/", &second);
    let done = broker.reopen(None, Duration::from_mins(10));
    let said = |done: &Result<(), Why>| done.as_ref().map_or_else(Why::to_string, |()| "done".to_owned());
    assert_eq!(
        done.iter().map(|(path, done)| (&**path, said(done))).collect::<Vec<_>>(),
        [("first/", "done".to_owned()), ("second/", "the device was told to refuse".to_owned())]
    );
    assert_eq!((first.reopened(), second.reopened()), (1, 1));
    assert_eq!(broker.reopen(Some("first/"), Duration::from_mins(10)).len(), 1);
    assert_eq!((first.reopened(), second.reopened()), (2, 1));
    assert_eq!(broker.reopen(Some("third/"), Duration::from_mins(10)).len(), 0);
}

#[test]
fn recording_runs_on_any_runtime() {
    // A runtime that polls only when woken, and never twice at once.
    let broker = broker(strict());
    let control = FaultControl::new();
    enable(&broker, "a/", &control);
    let both = async {
        let (first, second) = (broker.record_request(&entry("a")), broker.record_request(&entry("b")));
        (first.await.is_ok(), second.await.is_ok())
    };
    assert_eq!(both.wait(), (true, true));
    let mut over = pin!(broker.record_request(&entry("c")));
    assert!(over.as_mut().wait().is_ok());
    assert!(matches!(over.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
}
