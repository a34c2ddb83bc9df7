//! The hand-over itself: who records is answered, whoever goes, fails or hangs beside it.
//! Never in it: enabling and disabling, what a device missed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use shuttle::sync::Arc;
use shuttle::thread;

use crate::broker::{Rules, Why};
use crate::kit::{Control, broker, check, record};
use onrecord_entry::Entry;

#[test]
fn every_recorder_is_answered_by_every_device() {
    check(|| {
        let broker = broker(Rules::default());
        let devices = [Control::default(), Control::default()];
        for (at, device) in devices.iter().enumerate() {
            device.enable(&broker, &format!("{at}/"));
        }
        let recorders: Vec<_> = (0..2)
            .map(|_| {
                let broker = Arc::clone(&broker);
                thread::spawn(move || (record(&broker).unwrap(), record(&broker).unwrap()))
            })
            .collect();
        for recorder in recorders {
            recorder.join().unwrap();
        }
        // Time stands still, so nobody overran: each device had each entry before it settled.
        assert!(devices.iter().all(|device| device.lines() == 4));
    });
}

#[test]
fn a_recorder_that_goes_away_wakes_the_writer_all_the_same() {
    check(|| {
        let broker = broker(Rules::default());
        let device = Control::default();
        device.enable(&broker, "a/");
        let leaver = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || {
                let mut recording = Box::pin(broker.record_request(&Entry::probe("an id")));
                let waker = Waker::noop();
                let _: bool = recording.as_mut().poll(&mut Context::from_waker(waker)).is_ready();
            })
        };
        record(&broker).unwrap();
        leaver.join().unwrap();
        // The writer ends only after it has written what waited.
        drop(broker);
        device.wait_until(|state| state.dropped);
        assert_eq!(device.lines(), 2);
    });
}

#[test]
fn an_announcement_that_nothing_follows_leaves_nobody_waiting() {
    check(|| {
        let broker = broker(Rules::default());
        let device = Control::default();
        device.enable(&broker, "a/");
        // From now on its writer may expect one entry at a time.
        record(&broker).unwrap();
        let announcer = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || (0..3).for_each(|_| broker.announce()))
        };
        record(&broker).unwrap();
        record(&broker).unwrap();
        announcer.join().unwrap();
        broker.announce();
        drop(broker);
        device.wait_until(|state| state.dropped);
        assert_eq!(device.lines(), 3);
    });
}

#[test]
fn a_device_that_fails_answers_too() {
    check(|| {
        let broker = broker(Rules::default());
        let (well, sick) = (Control::default(), Control::default());
        sick.state(|state| state.refusals = 2);
        sick.enable(&broker, "sick/");
        well.enable(&broker, "well/");
        let other = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || record(&broker).unwrap())
        };
        record(&broker).unwrap();
        other.join().unwrap();
        assert_eq!(well.lines(), 2);
    });
}

#[test]
fn an_only_device_that_fails_refuses() {
    check(|| {
        let broker = broker(Rules::default());
        let device = Control::default();
        device.state(|state| state.refusals = 1);
        device.enable(&broker, "a/");
        let other = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || record(&broker).is_ok())
        };
        let settled = usize::from(record(&broker).is_ok()) + usize::from(other.join().unwrap());
        // One batch was refused: that of one entry, or of both.
        assert!(settled <= 1);
    });
}

#[test]
fn a_hung_device_is_let_go_by_the_watch_and_catches_up() {
    check(|| {
        let broker = broker(Rules::default());
        let (well, hung) = (Control::default(), Control::default());
        hung.state(|state| state.hang = true);
        hung.enable(&broker, "hung/");
        well.enable(&broker, "well/");
        let done = Arc::new(crate::sync::atomic::AtomicUsize::new(0));
        let recorders: Vec<_> = (0..2)
            .map(|_| {
                let broker = Arc::clone(&broker);
                let done = Arc::clone(&done);
                thread::spawn(move || {
                    record(&broker).unwrap();
                    done.fetch_add(1, crate::sync::atomic::Ordering::SeqCst);
                })
            })
            .collect();
        // The watch goes round until nobody waits for the hung device any more.
        let mut now = Duration::ZERO;
        while done.load(crate::sync::atomic::Ordering::SeqCst) < 2 {
            now += Duration::from_millis(10);
            broker.watch_once(now);
            thread::yield_now();
        }
        assert_eq!(well.lines(), 2);
        hung.release();
        drop((broker, recorders));
        hung.wait_until(|state| state.dropped);
        assert_eq!(hung.lines(), 2);
    });
}

#[test]
fn a_time_out_races_with_the_answer_and_one_of_them_wins() {
    check(|| {
        let broker = broker(Rules::default());
        let device = Control::default();
        device.state(|state| state.hang = true);
        device.enable(&broker, "a/");
        let recorder = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || record(&broker))
        };
        let releaser = {
            let device = device.clone();
            thread::spawn(move || device.release())
        };
        broker.watch_once(Duration::from_secs(31));
        releaser.join().unwrap();
        match recorder.join().unwrap() {
            Ok(_) => assert_eq!(device.lines(), 1),
            Err(refused) => assert_eq!(refused.causes[0].why, Why::TimedOut),
        }
    });
}
