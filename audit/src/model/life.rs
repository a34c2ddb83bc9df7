//! Enabling, disabling, replacing, reopening and draining at any moment: nobody is left waiting, and no entry falls between
//! two devices. Never in it: newcomers of other paths; see `newcomers`.

use std::collections::BTreeSet;
use std::time::Duration;

use shuttle::sync::Arc;
use shuttle::thread;

use crate::broker::{Broker, Rules};
use crate::kit::{
    Control, LONG, at_rest, broker, check, form, record, recorder, settle_down, settled, ticking,
};
use crate::wait::Wait as _;
use onrecord_entry::{Salt, SeqRange, decode};

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
        assert_eq!(stays.lines(), 2);
        goes.wait_until(|state| state.dropped);
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
        device.wait_until(|state| state.dropped);
        assert_eq!(outcome.as_ref().map_or(0, lines), device.has().len());
    });
}

#[test]
fn reopening_races_with_recorders_and_with_disabling() {
    check(|| {
        let broker = ticking(Rules::default());
        let (stays, goes) = (Control::default(), Control::default());
        stays.state(|state| state.bad_reopenings = 1);
        goes.enable(&broker, "goes/");
        stays.enable(&broker, "stays/");
        let recorders = [recorder(&broker, 2), recorder(&broker, 1)];
        let reopener = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || {
                drop(broker.reopen(None, LONG));
                broker.reopen(None, LONG)
            })
        };
        assert!(broker.disable("goes/"));
        for recorder in recorders {
            let outcomes = recorder.join();
            assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        }
        drop(reopener.join().unwrap());
        goes.wait_until(|state| state.dropped);
        settle_down(&broker);
        assert_eq!(stays.state(|state| state.reopened), 2);
        stays.assert_exact(&at_rest(&broker, "stays/"), 3);
    });
}

#[test]
fn what_was_accepted_before_a_drain_is_written_after_it() {
    check(|| {
        let broker = broker(Rules::default());
        let devices = [Control::default(), Control::default()];
        for (at, device) in devices.iter().enumerate() {
            device.enable(&broker, &format!("{at}/"));
        }
        let beside = recorder(&broker, 2);
        // Nobody waits for it, and its duty to wake the writer is left to the drop.
        drop(broker.record_request(&onrecord_entry::Entry::probe("an id")));
        let before = broker.last_seq();
        assert!(broker.drain(LONG).is_empty());
        assert!(devices.iter().all(|device| device.lines() as u64 >= 1), "{before}");
        drop(beside.join());
        settle_down(&broker);
        for (at, device) in devices.iter().enumerate() {
            device.assert_exact(&at_rest(&broker, &format!("{at}/")), 3);
        }
        drop(broker);
        devices.iter().for_each(|device| device.wait_until(|state| state.dropped));
    });
}

#[test]
fn closing_ends_every_device_after_what_waited() {
    check(|| {
        let broker = broker(Rules::default());
        let device = Control::default();
        device.enable(&broker, "a/");
        let rest = broker.rest("a/").unwrap();
        let recorders: Vec<_> = (0..2).map(|_| recorder(&broker, 1)).collect();
        drop(broker);
        for recorder in recorders {
            assert!(recorder.join().iter().all(Result::is_ok));
        }
        device.wait_until(|state| state.dropped);
        rest.assert_empty();
        device.assert_exact(&rest.untold(), 2);
    });
}

#[test]
fn a_drain_of_a_device_that_is_disabled_meanwhile_comes_back() {
    check(|| {
        let broker = broker(Rules::default());
        let device = Control::default();
        device.enable(&broker, "a/");
        let drainer = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || broker.drain(LONG).len())
        };
        let recorder = recorder(&broker, 1);
        assert!(broker.disable("a/"));
        assert!(drainer.join().unwrap() <= 1);
        drop(recorder.join());
        device.wait_until(|state| state.dropped);
    });
}

/// Replaces a device by another of its path while entries are recorded. Gives what settled, and the old and the new.
fn replace(broker: &Arc<Broker>, required: bool) -> (Vec<u64>, Control, Control) {
    let (old, new) = (Control::default(), Control::default());
    let enrol = |device: &Control| {
        let config = device.config("old/");
        if required { config.required() } else { config }
    };
    broker.restore(enrol(&old)).unwrap();
    let recorders = [recorder(broker, 2), recorder(broker, 1)];
    broker.replace(broker.try_out(enrol(&new), None).wait().unwrap()).unwrap();
    let outcomes: Vec<_> = recorders.into_iter().flat_map(|recorder| recorder.join()).collect();
    old.wait_until(|state| state.dropped);
    settle_down(broker);
    let settled = settled(&outcomes);
    assert_eq!(settled.len(), 3, "no request is refused: {outcomes:?}");
    assert!(!settled.contains(&0), "nor does one pass without a device");
    (settled, old, new)
}

fn assert_on_one_of(settled: &[u64], old: &Control, new: &Control) {
    let has: BTreeSet<u64> = old.has().into_iter().chain(new.has()).collect();
    assert!(settled.iter().all(|seq| has.contains(seq)), "{settled:?} on {has:?}");
    // Neither has a hole that it does not tell: what it was offered first and last is all there is between.
    for device in [old, new] {
        let known: Vec<u64> = device.account(&[]).into_keys().collect();
        assert!(known.iter().all(|seq| settled.contains(seq)), "{known:?}");
    }
}

#[test]
fn a_replacement_leaves_no_entry_on_neither() {
    check(|| {
        let (settled, old, new) = replace(&broker(Rules::default()), false);
        assert_on_one_of(&settled, &old, &new);
    });
}

#[test]
fn replacing_a_required_device_leaves_no_entry_on_neither() {
    check(|| {
        let broker = broker(Rules::default());
        let stays = Control::default();
        stays.enable(&broker, "stays/");
        let (settled, old, new) = replace(&broker, true);
        assert_on_one_of(&settled, &old, &new);
        stays.assert_exact(&at_rest(&broker, "stays/"), 3);
    });
}

#[test]
fn replacing_one_of_two_wanted_devices_refuses_nothing() {
    check(|| {
        let broker = broker(Rules { minimum: 2, ..Rules::default() });
        let stays = Control::default();
        stays.enable(&broker, "stays/");
        let (settled, old, new) = replace(&broker, false);
        assert_on_one_of(&settled, &old, &new);
        stays.assert_exact(&at_rest(&broker, "stays/"), 3);
    });
}

/// What the old device and the one in its place have, and told, together.
fn assert_exact_together(old: &Control, new: &Control, untold: &[SeqRange], last: u64) {
    let both = Control::default();
    let taken: Vec<_> =
        [old, new].into_iter().flat_map(|one| one.state(|state| state.taken.clone())).collect();
    let salts = old.state(|state| state.salts.clone());
    both.state(|state| (state.taken, state.salts) = (taken, salts));
    both.assert_exact(untold, last);
}

#[test]
fn what_a_failing_device_missed_is_told_by_the_one_in_its_place() {
    check(|| {
        let broker = ticking(Rules::default());
        let (well, old, new) = (Control::default(), Control::default(), Control::default());
        well.enable(&broker, "well/");
        old.state(|state| (state.refusals, state.halves) = (1, 1));
        old.enable(&broker, "a/");
        let recorders = [recorder(&broker, 2), recorder(&broker, 2)];
        broker.replace(broker.try_out(new.config("a/"), None).wait().unwrap()).unwrap();
        for recorder in recorders {
            assert!(recorder.join().iter().all(Result::is_ok));
        }
        old.wait_until(|state| state.dropped);
        settle_down(&broker);
        assert_exact_together(&old, &new, &at_rest(&broker, "a/"), 4);
        well.assert_exact(&at_rest(&broker, "well/"), 4);
    });
}

#[test]
fn what_a_hung_device_does_not_write_is_told_by_the_one_in_its_place() {
    check(|| {
        let broker = broker(Rules::default());
        let (well, old, new) = (Control::default(), Control::default(), Control::default());
        well.enable(&broker, "well/");
        old.state(|state| state.hang = true);
        old.enable(&broker, "a/");
        for recorder in [recorder(&broker, 1), recorder(&broker, 2)] {
            assert!(recorder.join_watched(&broker).iter().all(Result::is_ok));
        }
        broker.replace(broker.try_out(new.config("a/"), None).wait().unwrap()).unwrap();
        broker.watch_once(Duration::from_secs(2));
        settle_down(&broker);
        // It hangs for ever: none of the three is in its log, and the new one says so.
        new.assert_exact(&at_rest(&broker, "a/"), 3);
        old.release();
        old.wait_until(|state| state.dropped);
        settle_down(&broker);
        new.assert_exact(&at_rest(&broker, "a/"), 3);
    });
}

#[test]
fn a_device_that_comes_or_goes_has_no_hole_in_what_one_caller_recorded() {
    check(|| {
        let broker = broker(Rules::default());
        let (stays, comes, goes) = (Control::default(), Control::default(), Control::default());
        stays.enable(&broker, "stays/");
        goes.enable(&broker, "goes/");
        let recorder = recorder(&broker, 4);
        assert!(broker.disable("goes/"));
        comes.enable(&broker, "comes/");
        let seqs = settled(&recorder.join());
        goes.wait_until(|state| state.dropped);
        settle_down(&broker);
        let known = |device: &Control| device.account(&[]).into_keys().collect::<Vec<u64>>();
        assert!(seqs.starts_with(&known(&goes)), "{seqs:?} {:?}", known(&goes));
        assert!(seqs.ends_with(&known(&comes)), "{seqs:?} {:?}", known(&comes));
        stays.assert_exact(&at_rest(&broker, "stays/"), 4);
    });
}

#[test]
fn a_new_salt_leaves_no_gap_and_no_line_of_the_old_one_after_it() {
    check(|| {
        let broker = broker(Rules::default());
        let (device, other) = (Control::default(), Control::default());
        device.enable(&broker, "a/");
        other.enable(&broker, "b/");
        let recorders = [recorder(&broker, 2), recorder(&broker, 2)];
        device.state(|state| state.salts.push(Salt::new("a new salt").id()));
        assert!(broker.reform("a/", form("a new salt")));
        // Whoever begins after the change has the new one.
        let after = record(&broker).unwrap();
        for recorder in recorders {
            assert!(recorder.join().iter().all(Result::is_ok));
        }
        settle_down(&broker);
        device.assert_exact(&at_rest(&broker, "a/"), 5);
        other.assert_exact(&at_rest(&broker, "b/"), 5);
        let lines = device.state(|state| state.taken.clone());
        let line =
            lines.iter().map(|line| decode(line).unwrap()).find(|line| line.record().unwrap().seq == after);
        assert_eq!(line.unwrap().record().unwrap().salt, Salt::new("a new salt").id());
    });
}

#[test]
fn a_device_that_is_disabled_as_it_takes_anothers_place_leaves_no_hole() {
    check(|| {
        let broker = broker(Rules::default());
        let (well, old, new) = (Control::default(), Control::default(), Control::default());
        well.enable(&broker, "well/");
        old.enable(&broker, "a/");
        let candidate = broker.try_out(new.config("a/"), None).wait().unwrap();
        let recorders = [recorder(&broker, 2), recorder(&broker, 2)];
        let replacer = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || drop(broker.replace(candidate)))
        };
        // Whichever it finds.
        assert!(broker.disable("a/"));
        replacer.join().unwrap();
        for recorder in recorders {
            assert!(recorder.join().iter().all(Result::is_ok));
        }
        [&old, &new].iter().for_each(|device| device.wait_until(|state| state.dropped));
        settle_down(&broker);
        // The one that was disabled says after which number.
        let ends = |device: &Control| {
            device.state(|state| {
                let ended = |line: &Vec<u8>| {
                    let line = decode(line).unwrap();
                    line.entry().gap.is_some_and(|gap| gap.ended).then(|| line.record().unwrap().seq)
                };
                state.taken.iter().find_map(ended)
            })
        };
        let last = ends(&old).or(ends(&new)).unwrap();
        assert_exact_together(&old, &new, &[], last);
        well.assert_exact(&at_rest(&broker, "well/"), 4);
    });
}
