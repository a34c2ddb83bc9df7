//! What the broker reports of its devices: counts, times, gaps, and whether the rule can be met.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::kit::broker::{BOOT, broker, builder, enable, entry, form, patient, read, record, strict};
use onrecord_audit::broker::Why;
use onrecord_audit::device::faulty::{Fault, FaultControl};
use onrecord_audit::status::{BLOCKED_AFTER, DeviceStatus, Health, Observer};
use onrecord_audit::{Broker, Clock, DeviceConfig, DeviceError, ManualClock, Rules};
use onrecord_entry::Response;

fn one(broker: &Broker) -> DeviceStatus {
    broker.status().remove(0)
}

#[test]
fn what_a_device_took_is_counted_in_entries_bytes_and_batches() {
    let broker = broker(strict());
    let control = FaultControl::new();
    enable(&broker, "a/", &control);
    let fresh = one(&broker);
    assert_eq!(
        (fresh.written.entries, fresh.written.bytes, fresh.written.batches, fresh.queue.entries),
        (0, 0, 0, 0)
    );
    assert_eq!((fresh.written.request_latency.count(), fresh.queue.lag), (0, Duration::ZERO));
    for _ in 0..3 {
        record(&broker, "secret/a").unwrap();
    }
    let mut response = entry("secret/a");
    response.response = Some(Response::default());
    drop(broker.record_response(&response).wait().unwrap());
    let status = one(&broker);
    let bytes: usize = control.lines().iter().map(Vec::len).sum();
    assert_eq!((status.written.entries, status.written.bytes, status.written.batches), (4, bytes as u64, 4));
    assert_eq!((status.written.request_latency.count(), status.written.response_latency.count()), (3, 1));
    assert!(status.written.request_latency.sum() > 0);
    assert_eq!((status.written.batch_entries.count(), status.written.batch_entries.sum()), (4, 4));
    assert_eq!(status.queue.capacity, strict().queue_bytes);
}

#[test]
fn errors_and_changes_of_health_have_their_times() {
    let clock = Arc::new(ManualClock::default());
    let broker = builder().rules(patient()).clock(Arc::clone(&clock) as _).build_with_boot(BOOT);
    let control = FaultControl::with(Fault::Refuse);
    clock.advance(Duration::from_mins(1));
    enable(&broker, "a/", &control);
    let since = one(&broker).since;
    assert_eq!(since, clock.now());
    clock.advance(Duration::from_mins(1));
    let failed_at = clock.now();
    assert!(record(&broker, "a").is_err());
    clock.advance(Duration::from_mins(1));
    let status = one(&broker);
    assert_eq!((status.health, status.since), (Health::Failing, failed_at));
    let last = status.faults.last_error.unwrap();
    assert_eq!((last.error, last.at), (DeviceError::Refused, failed_at));
    control.set(Fault::None);
    record(&broker, "a").unwrap();
    let status = one(&broker);
    assert_eq!((status.health, status.since), (Health::Healthy, clock.now()));
    assert_eq!(status.faults.last_error.unwrap().at, failed_at, "it stays after a recovery");
}

#[test]
fn gaps_are_counted_until_and_after_they_are_told() {
    let broker = broker(Rules { queue_bytes: 2000, ..patient() });
    let (hung, well) = (FaultControl::with(Fault::Hang), FaultControl::new());
    enable(&broker, "hung/", &hung);
    enable(&broker, "well/", &well);
    for _ in 0..100 {
        record(&broker, "a").unwrap();
    }
    let status = one(&broker);
    assert!(
        status.losses.entries > 0 && status.losses.unreported_entries == status.losses.entries,
        "{status:?}"
    );
    assert_eq!(status.losses.unreported.last(), Some(100));
    assert!(status.losses.unreported_since.is_some() && status.losses.reported.gaps == 0);
    assert!(status.queue.entries > 0 && status.queue.bytes <= status.queue.capacity);
    let unreported = status.losses.unreported.clone();
    hung.set(Fault::None);
    hung.wait_for(|lines| {
        read(lines).iter().any(|line| matches!(line, crate::kit::broker::Line::Gap { .. }))
    });
    // The line is there a moment before it is counted.
    while one(&broker).losses.reported.gaps == 0 {
        std::thread::yield_now();
    }
    let losses = one(&broker).losses;
    assert_eq!(
        (losses.reported.gaps, losses.reported.entries, losses.reported.last),
        (1, status.losses.entries, unreported)
    );
    assert!(
        losses.unreported_entries == 0 && losses.unreported.is_empty() && losses.unreported_since.is_none()
    );
}

#[test]
fn opening_again_is_counted() {
    let broker = broker(patient());
    enable(&broker, "a/", &FaultControl::new());
    let reopened = broker.reopen(None, Duration::from_mins(1));
    assert!(reopened.iter().all(|(_, done)| done.is_ok()) && reopened.len() == 1);
    assert_eq!(one(&broker).reopens, 1);
}

#[test]
fn the_outlook_names_what_the_rule_lacks() {
    let clock = Arc::new(ManualClock::default());
    let broker = builder().rules(patient()).clock(Arc::clone(&clock) as _).build_with_boot(BOOT);
    assert!(broker.outlook().is_met(), "without a device nothing is refused by the rule");
    let (first, second) = (FaultControl::new(), FaultControl::new());
    enable(&broker, "first/", &first);
    broker.restore(DeviceConfig::new("second/", second.device(), form()).required()).unwrap();
    let outlook = broker.outlook();
    assert!(outlook.is_met() && outlook.able == 2 && outlook.minimum == 1);
    assert_eq!(outlook.required.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["second/"]);

    second.set(Fault::Refuse);
    assert!(record(&broker, "a").is_err());
    let outlook = broker.outlook();
    assert!(!outlook.is_met() && outlook.able == 1);
    assert_eq!(outlook.lost.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["second/"]);
}

#[test]
fn a_device_that_blocks_is_not_counted_on_after_a_while() {
    let clock = Arc::new(ManualClock::default());
    let broker = builder().rules(patient()).clock(Arc::clone(&clock) as _).build_with_boot(BOOT);
    let control = FaultControl::with(Fault::Hang);
    enable(&broker, "only/", &control);
    let waiting = broker.record_request(&entry("a"));
    clock.advance(BLOCKED_AFTER);
    assert_eq!((one(&broker).queue.lag, broker.outlook().is_met()), (BLOCKED_AFTER, true));
    clock.advance(Duration::from_nanos(1));
    assert!(!broker.outlook().is_met());
    control.set(Fault::None);
    drop(waiting.wait().unwrap());
    assert!(broker.outlook().is_met() && one(&broker).queue.lag.is_zero());
}

#[test]
fn an_observer_hears_of_the_first_miss_of_a_row_alone() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<(String, Why)>>);
    impl Observer for Heard {
        fn changed(&self, _: &str, _: Health, _: Health, _: Option<&DeviceError>) {}
        fn missing(&self, path: &str, why: &Why) {
            self.0.lock().unwrap().push((path.to_owned(), why.clone()));
        }
    }
    let heard = Arc::new(Heard::default());
    let rules = Rules { queue_bytes: 2000, ..patient() };
    let clock = Arc::new(onrecord_audit::SystemClock::new());
    let broker = builder().rules(rules).clock(clock).observer(Arc::clone(&heard) as _).build_with_boot(BOOT);
    let (hung, well) = (FaultControl::with(Fault::Hang), FaultControl::new());
    enable(&broker, "hung/", &hung);
    enable(&broker, "well/", &well);
    for _ in 0..100 {
        record(&broker, "a").unwrap();
    }
    assert!(one(&broker).losses.entries > 1);
    assert_eq!(*heard.0.lock().unwrap(), [("hung/".to_owned(), Why::QueueFull)]);
    hung.set(Fault::None);
}
