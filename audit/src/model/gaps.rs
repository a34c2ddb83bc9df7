//! Holes equal gaps: whatever happens, the entries a device has and those it has told as missed, or still holds to be
//! told, are exactly those it was offered. Never in it: verdicts; see `rules`.

use std::future::Future;
use std::task::{Context, Waker};
use std::time::Duration;

use shuttle::sync::Arc;
use shuttle::thread;

use crate::broker::{Probe, Rules};
use crate::kit::{Control, at_rest, broker, check, record, recorder, settle_down, settled, ticking};
use onrecord_entry::{Entry, Salt};

#[test]
fn batches_that_are_refused_or_taken_by_half_are_told() {
    check(|| {
        let broker = ticking(Rules::default());
        let (sick, well) = (Control::default(), Control::default());
        sick.state(|state| (state.refusals, state.halves) = (1, 1));
        sick.enable(&broker, "sick/");
        well.enable(&broker, "well/");
        let recorders = [recorder(&broker, 3), recorder(&broker, 2)];
        let outcomes: Vec<_> = recorders.into_iter().flat_map(|recorder| recorder.join()).collect();
        assert_eq!(settled(&outcomes).len(), 5);
        settle_down(&broker);
        sick.assert_exact(&at_rest(&broker, "sick/"), 5);
        well.assert_exact(&at_rest(&broker, "well/"), 5);
        let counted = |path: &str| broker.rest(path).unwrap().counters();
        assert_eq!(counted("sick/"), (sick.has().len() as u64, 5 - sick.has().len() as u64));
        assert_eq!(counted("well/"), (5, 0));
    });
}

#[test]
fn an_only_device_that_fails_has_or_tells_every_entry() {
    check(|| {
        let broker = ticking(Rules::default());
        let device = Control::default();
        device.state(|state| (state.refusals, state.halves) = (1, 2));
        device.enable(&broker, "a/");
        let recorders = [recorder(&broker, 3), recorder(&broker, 2)];
        let outcomes: Vec<_> = recorders.into_iter().flat_map(|recorder| recorder.join()).collect();
        settle_down(&broker);
        device.assert_exact(&at_rest(&broker, "a/"), 5);
        let mut settled = settled(&outcomes);
        settled.sort_unstable();
        // What was answered for is in the log, and nothing else is: a refused batch leaves no line.
        assert_eq!(settled, device.has());
    });
}

#[test]
fn a_full_queue_is_told() {
    check(|| {
        let broker = broker(Rules { queue_bytes: 1, ..Rules::default() });
        let (slow, well) = (Control::default(), Control::default());
        slow.state(|state| state.hang = true);
        // The well one has room for all: it is the rule, not the device, that is tried here.
        slow.enable(&broker, "slow/");
        well.enable(&broker, "well/");
        let recorders = [recorder(&broker, 2), recorder(&broker, 2)];
        let releaser = {
            let slow = slow.clone();
            thread::spawn(move || slow.release())
        };
        recorders.into_iter().for_each(|recorder| drop(recorder.join()));
        releaser.join().unwrap();
        settle_down(&broker);
        slow.assert_exact(&at_rest(&broker, "slow/"), 4);
        well.assert_exact(&at_rest(&broker, "well/"), 4);
    });
}

#[test]
fn what_is_withdrawn_after_a_time_out_or_a_full_queue_is_told() {
    for queue_bytes in [1, 1 << 20] {
        check(move || {
            let broker = broker(Rules { queue_bytes, ..Rules::default() });
            let device = Control::default();
            device.state(|state| state.hang = true);
            device.enable(&broker, "a/");
            let recorders = [recorder(&broker, 1), recorder(&broker, 2)];
            let releaser = {
                let (broker, device) = (Arc::clone(&broker), device.clone());
                thread::spawn(move || {
                    broker.watch_once(Duration::from_secs(31));
                    device.release();
                })
            };
            let outcomes: Vec<_> = recorders.into_iter().flat_map(|recorder| recorder.join()).collect();
            releaser.join().unwrap();
            settle_down(&broker);
            device.assert_exact(&at_rest(&broker, "a/"), 3);
            // A refused entry may be in the log, if its writing had begun; an answered one must be.
            let has = device.has();
            assert!(settled(&outcomes).iter().all(|seq| has.contains(seq)));
        });
    }
}

#[test]
fn what_a_refusal_tells_the_others_is_counted_by_every_device() {
    check(|| {
        let broker = ticking(Rules { minimum: 2, ..Rules::default() });
        let (sick, well) = (Control::default(), Control::default());
        sick.state(|state| state.refusals = 1);
        sick.enable(&broker, "sick/");
        well.enable(&broker, "well/");
        let other = recorder(&broker, 2);
        if let Err(refused) = record(&broker) {
            broker.record_aborted(&Entry::probe("an id"), &refused);
        }
        drop(other.join());
        settle_down(&broker);
        let last = broker.last_seq();
        sick.assert_exact(&at_rest(&broker, "sick/"), last);
        well.assert_exact(&at_rest(&broker, "well/"), last);
    });
}

#[test]
fn a_device_that_is_given_up_tells_what_it_did_not_write_when_it_goes_on() {
    check(|| {
        let broker = broker(Rules::default());
        let (hung, well) = (Control::default(), Control::default());
        hung.state(|state| state.hang = true);
        hung.enable(&broker, "hung/");
        well.enable(&broker, "well/");
        let rest = broker.rest("hung/").unwrap();
        for recorder in [recorder(&broker, 1), recorder(&broker, 2)] {
            assert!(recorder.join_watched(&broker).iter().all(Result::is_ok));
        }
        assert!(broker.disable("hung/"));
        // It has the patience of a device that is disabled, and no more.
        let watch = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || broker.watch_once(Duration::from_secs(2)))
        };
        hung.release();
        watch.join().unwrap();
        hung.wait_until(|state| state.dropped);
        rest.assert_empty();
        hung.assert_exact(&rest.untold(), 3);
    });
}

#[test]
fn a_device_that_is_given_up_and_then_fails_tells_as_much_as_it_can_know() {
    check(|| {
        let broker = broker(Rules::default());
        let (hung, well) = (Control::default(), Control::default());
        hung.state(|state| (state.hang, state.halves) = (true, 1));
        hung.enable(&broker, "hung/");
        well.enable(&broker, "well/");
        let rest = broker.rest("hung/").unwrap();
        for recorder in [recorder(&broker, 1), recorder(&broker, 2)] {
            assert!(recorder.join_watched(&broker).iter().all(Result::is_ok));
        }
        assert!(broker.disable("hung/"));
        broker.watch_once(Duration::from_secs(2));
        hung.release();
        hung.wait_until(|state| state.dropped);
        rest.assert_empty();
        // A device that fails has no last chance to tell; what it misses is known all the same.
        hung.assert_exact(&rest.untold(), 3);
    });
}

#[test]
fn what_is_told_before_an_end_that_is_refused_is_told_once() {
    check(|| {
        let broker = broker(Rules::default());
        let (hung, well) = (Control::default(), Control::default());
        hung.state(|state| (state.hang, state.halves) = (true, 1));
        hung.enable(&broker, "hung/");
        well.enable(&broker, "well/");
        let rest = broker.rest("hung/").unwrap();
        // It hangs with no line: all of them are given up before one is taken.
        broker.reopen(Some("hung/"), Duration::ZERO);
        hung.wait_until(|state| state.hanging);
        assert!(recorder(&broker, 3).join_watched(&broker).iter().all(Result::is_ok));
        assert!(broker.disable("hung/"));
        broker.watch_once(Duration::from_secs(2));
        hung.release();
        hung.wait_until(|state| state.dropped);
        rest.assert_empty();
        // Of its two last lines it takes one, the gap.
        assert_eq!((hung.lines(), rest.untold().len()), (1, 0));
        hung.assert_exact(&[], 3);
    });
}

#[test]
fn a_probe_is_no_entry_and_its_refusal_no_gap() {
    check(|| {
        let broker = ticking(Rules::default());
        let (well, new) = (Control::default(), Control::default());
        well.enable(&broker, "well/");
        let _: u64 = record(&broker).unwrap();
        new.state(|state| state.refusals = 1);
        let probe = Probe { id: "a probe".to_owned(), salt: std::sync::Arc::new(Salt::new("thrown away")) };
        let mut enabling = Box::pin(broker.enable(new.config("new/"), Some(probe)));
        // The task that enables it is not run for a while.
        let mut context = Context::from_waker(Waker::noop());
        let mut polled = enabling.as_mut().poll(&mut context);
        for _ in 0..20 {
            thread::yield_now();
        }
        while polled.is_pending() {
            polled = enabling.as_mut().poll(&mut context);
            thread::yield_now();
        }
        drop(enabling);
        new.wait_until(|state| state.dropped);
        assert_eq!(new.lines(), 0, "nothing was offered to it, so it missed nothing");
    });
}
