//! The audit rule under every schedule: what settled is where the rule wants it, required devices and a minimum
//! included, whatever fails or hangs. Never in it: what a device lost.

use std::time::Duration;

use shuttle::sync::Arc;
use shuttle::thread;

use crate::broker::{Broker, Refused, Rules, Why};
use crate::kit::{Control, at_rest, broker, check, recorder, settle_down, settled, ticking};

fn assert_held(outcomes: &[Result<u64, Refused>], devices: &[&Control], minimum: usize) {
    for seq in settled(outcomes) {
        let held = devices.iter().filter(|device| device.has().contains(&seq)).count();
        assert!(held >= minimum, "{seq} is on {held} devices");
    }
}

#[test]
fn what_settles_is_on_the_required_device() {
    check(|| {
        let broker = ticking(Rules::default());
        let (must, other) = (Control::default(), Control::default());
        must.state(|state| (state.refusals, state.halves) = (1, 1));
        other.state(|state| state.refusals = 1);
        broker.restore(must.config("must/").required()).unwrap();
        other.enable(&broker, "other/");
        let recorders = [recorder(&broker, 2), recorder(&broker, 2)];
        let outcomes: Vec<_> = recorders.into_iter().flat_map(|recorder| recorder.join()).collect();
        assert_held(&outcomes, &[&must], 1);
        settle_down(&broker);
        must.assert_exact(&at_rest(&broker, "must/"), 4);
        other.assert_exact(&at_rest(&broker, "other/"), 4);
    });
}

#[test]
fn what_settles_is_on_two_devices_where_two_are_wanted() {
    check(|| {
        let broker = ticking(Rules { minimum: 2, ..Rules::default() });
        let devices = [Control::default(), Control::default(), Control::default()];
        devices[0].state(|state| state.refusals = 1);
        devices[1].state(|state| state.halves = 1);
        for (at, device) in devices.iter().enumerate() {
            device.enable(&broker, &format!("{at}/"));
        }
        let recorders = [recorder(&broker, 2), recorder(&broker, 1)];
        let outcomes: Vec<_> = recorders.into_iter().flat_map(|recorder| recorder.join()).collect();
        assert_held(&outcomes, &devices.each_ref(), 2);
        settle_down(&broker);
        for (at, device) in devices.iter().enumerate() {
            device.assert_exact(&at_rest(&broker, &format!("{at}/")), 3);
        }
    });
}

#[test]
fn a_required_device_and_a_minimum_hold_together() {
    check(|| {
        let broker = ticking(Rules { minimum: 2, ..Rules::default() });
        let (must, other) = (Control::default(), Control::default());
        must.state(|state| state.halves = 1);
        other.state(|state| state.refusals = 1);
        broker.restore(must.config("must/").required()).unwrap();
        other.enable(&broker, "other/");
        let recorders = [recorder(&broker, 2), recorder(&broker, 2)];
        let outcomes: Vec<_> = recorders.into_iter().flat_map(|recorder| recorder.join()).collect();
        assert_held(&outcomes, &[&must, &other], 2);
        settle_down(&broker);
        must.assert_exact(&at_rest(&broker, "must/"), 4);
        other.assert_exact(&at_rest(&broker, "other/"), 4);
    });
}

#[test]
fn a_required_device_that_hangs_is_waited_for_and_then_refuses() {
    check(|| {
        let broker = broker(Rules::default());
        let (must, other) = (Control::default(), Control::default());
        must.state(|state| state.hang = true);
        broker.restore(must.config("must/").required()).unwrap();
        other.enable(&broker, "other/");
        let recorders = [recorder(&broker, 1), recorder(&broker, 1)];
        let releaser = {
            let (broker, must) = (Arc::clone(&broker), must.clone());
            thread::spawn(move || {
                // The grace lets no recorder go: it is required.
                broker.watch_once(Duration::from_secs(1));
                broker.watch_once(Duration::from_secs(31));
                must.release();
            })
        };
        let outcomes: Vec<_> = recorders.into_iter().flat_map(|recorder| recorder.join()).collect();
        releaser.join().unwrap();
        assert_held(&outcomes, &[&must], 1);
        for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert!(refused.causes.iter().all(|cause| cause.why == Why::TimedOut), "{refused:?}");
        }
        settle_down(&broker);
        must.assert_exact(&at_rest(&broker, "must/"), 2);
        other.assert_exact(&at_rest(&broker, "other/"), 2);
    });
}

#[test]
fn a_required_device_that_is_disabled_holds_no_entry() {
    check(|| {
        let broker = broker(Rules::default());
        let (must, other) = (Control::default(), Control::default());
        must.state(|state| state.hang = true);
        broker.restore(must.config("must/").required()).unwrap();
        other.enable(&broker, "other/");
        let recorders = [recorder(&broker, 1), recorder(&broker, 2)];
        assert!(broker.disable("must/"));
        broker.watch_once(Duration::from_secs(2));
        // Those that depend on it are refused; those after them settle without it.
        let outcomes: Vec<_> = recorders.into_iter().flat_map(|recorder| join(recorder, &broker)).collect();
        assert_held(&outcomes, &[&other], 1);
        must.release();
        must.wait_until(|state| state.dropped);
    });
}

/// Joins while the watch gives up what is disabled and hangs.
fn join(recorder: crate::kit::Recorder, broker: &Arc<Broker>) -> Vec<Result<u64, Refused>> {
    recorder.join_while(|| broker.watch_once(Duration::from_secs(2)))
}
