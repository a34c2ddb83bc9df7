//! The hand-over from callers to writers under a model checker: the library's own sources, compiled once more with
//! the checker's locks and threads. A lost wake-up is a deadlock here, and a deadlock is found.
//! It is the root of a test program of its own, not a part of the library; it lies here to find its modules.
//! `ONRECORD_MODEL_ITERATIONS` sets how many schedules are tried of each scenario.
#![allow(
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::let_underscore_must_use,
    missing_docs,
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the sources are linted where they belong, and a test that fails should panic"
)]

mod broker;
mod clock;
mod decode;
mod device;
mod entry;
mod form;
mod format;
mod limits;
mod redact;
mod register;
mod salt;

/// The checker's locks and threads in the place of the system's.
mod sync {
    pub(crate) use shuttle::sync::atomic;
    pub(crate) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};
    pub(crate) use shuttle::thread::{Thread, current, park};

    pub(crate) const WATCHED: bool = false;

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap()
    }

    pub(crate) fn spawn(_name: String, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        drop(shuttle::thread::spawn(body));
        Ok(())
    }
}

pub use clock::*;
pub use decode::*;
pub use entry::*;
pub use form::*;
pub use limits::*;
pub use register::*;
pub use salt::*;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use broker::{Broker, Enrolment, Recorded, Refused, Rules, Why, wait};
use device::{Appended, Batch, Device, DeviceError};
use onrecord_value::Time;
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::thread;

/// A device of the model: takes lines, refuses so many batches first, or hangs until it is let go.
#[derive(Clone, Default)]
struct Control(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    lines: usize,
    refusals: usize,
    hang: bool,
    dropped: bool,
}

struct ModelDevice(Control);

impl Device for ModelDevice {
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        let (state, bell) = &*self.0.0;
        let mut state = state.lock().unwrap();
        while state.hang {
            state = bell.wait(state).unwrap();
        }
        if state.refusals > 0 {
            state.refusals -= 1;
            return Appended::none(DeviceError::Refused);
        }
        state.lines += batch.lines();
        Appended::all(batch)
    }
}

impl Drop for ModelDevice {
    fn drop(&mut self) {
        self.0.0.0.lock().unwrap().dropped = true;
    }
}

impl Control {
    fn enable(&self, broker: &Broker, path: &str) {
        broker.restore(Enrolment::new(path, Box::new(ModelDevice(self.clone())), form())).unwrap();
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.0.lock().unwrap())
    }

    fn release(&self) {
        self.state(|state| state.hang = false);
        self.0.1.notify_all();
    }
}

/// Time stands still, save for what a scenario tells the watch.
struct Still;

impl Clock for Still {
    fn now(&self) -> Time {
        Time::from_unix_nanos(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn form() -> Form {
    Form::new(Options::default(), std::sync::Arc::new(Salt::new("a salt")))
}

fn broker(rules: Rules) -> Arc<Broker> {
    Arc::new(Broker::new(rules, Boot::new(1), std::sync::Arc::new(Still)))
}

fn record(broker: &Broker) -> Result<u64, Refused> {
    match broker.record(&Entry::probe("an id")).wait()? {
        Recorded::Settled(settled) => Ok(settled.seq()),
        Recorded::Unaudited(_) => Ok(0),
    }
}

fn check(scenario: impl Fn() + Send + Sync + 'static) {
    let iterations = std::env::var("ONRECORD_MODEL_ITERATIONS").ok().and_then(|text| text.parse().ok());
    let scenario = std::sync::Arc::new(scenario);
    let again = std::sync::Arc::clone(&scenario);
    let iterations = iterations.unwrap_or(150);
    shuttle::check_random(move || scenario(), iterations);
    shuttle::check_pct(move || again(), iterations, 3);
}

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
        assert!(devices.iter().all(|device| device.state(|state| state.lines) == 4));
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
                let mut recording = Box::pin(broker.record(&Entry::probe("an id")));
                let waker = Waker::noop();
                let _: bool = recording.as_mut().poll(&mut Context::from_waker(waker)).is_ready();
            })
        };
        record(&broker).unwrap();
        leaver.join().unwrap();
        // The writer ends only after it has written what waited.
        drop(broker);
        while !device.state(|state| state.dropped) {
            thread::yield_now();
        }
        assert_eq!(device.state(|state| state.lines), 2);
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
        assert_eq!(well.state(|state| state.lines), 2);
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
fn disabling_at_any_moment_leaves_nobody_waiting() {
    check(|| {
        let broker = broker(Rules::default());
        let (stays, goes) = (Control::default(), Control::default());
        goes.enable(&broker, "goes/");
        stays.enable(&broker, "stays/");
        let recorder = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || {
                record(&broker).unwrap();
                record(&broker).unwrap();
            })
        };
        assert!(broker.disable("goes/"));
        recorder.join().unwrap();
        assert_eq!(stays.state(|state| state.lines), 2);
        while !goes.state(|state| state.dropped) {
            thread::yield_now();
        }
    });
}

#[test]
fn disabling_the_last_device_settles_refuses_or_lets_pass_but_never_hangs() {
    check(|| {
        let broker = broker(Rules::default());
        let device = Control::default();
        device.enable(&broker, "a/");
        let recorder = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || record(&broker))
        };
        assert!(broker.disable("a/"));
        let lines = |recorded: &u64| usize::from(*recorded > 0);
        let outcome = recorder.join().unwrap();
        while !device.state(|state| state.dropped) {
            thread::yield_now();
        }
        assert_eq!(outcome.as_ref().map_or(0, lines), device.state(|state| state.lines));
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
        let done = Arc::new(sync::atomic::AtomicUsize::new(0));
        let recorders: Vec<_> = (0..2)
            .map(|_| {
                let broker = Arc::clone(&broker);
                let done = Arc::clone(&done);
                thread::spawn(move || {
                    record(&broker).unwrap();
                    done.fetch_add(1, sync::atomic::Ordering::SeqCst);
                })
            })
            .collect();
        // The watch goes round until nobody waits for the hung device any more.
        let mut now = Duration::ZERO;
        while done.load(sync::atomic::Ordering::SeqCst) < 2 {
            now += Duration::from_millis(10);
            broker.watch_once(now);
            thread::yield_now();
        }
        assert_eq!(well.state(|state| state.lines), 2);
        hung.release();
        drop((broker, recorders));
        while !hung.state(|state| state.dropped) {
            thread::yield_now();
        }
        assert_eq!(hung.state(|state| state.lines), 2);
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
            Ok(_) => assert_eq!(device.state(|state| state.lines), 1),
            Err(refused) => assert_eq!(refused.causes[0].why, Why::TimedOut),
        }
    });
}
