//! Devices that go while others come, entries in flight: each log is whole from its first number to its last, each
//! entry is where the rule wants it, once a log. Never in it: devices that hang.

use std::collections::BTreeSet;

use shuttle::sync::Arc;
use shuttle::thread;

use crate::broker::{Broker, Refused, Rules};
use crate::kit::{Control, at_rest, broker, check, form, record_as, settle_down, ticking};
use crate::wait::Wait as _;
use onrecord_entry::{Entry, Salt, SeqRange, decode};

/// What became of the entry of an id.
type Outcome = (String, Result<u64, Refused>);

/// A thread that records a number of entries, each with an id of its own.
fn recorder(broker: &Arc<Broker>, name: &'static str, entries: usize) -> thread::JoinHandle<Vec<Outcome>> {
    let broker = Arc::clone(broker);
    thread::spawn(move || {
        let ids = (0..entries).map(|at| format!("{name}{at}"));
        ids.map(|id| (id.clone(), record_as(&broker, &id))).collect()
    })
}

/// The ids of what a device has, each once.
fn ids(device: &Control) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for line in device.state(|state| state.taken.clone()) {
        let line = decode(&line).unwrap();
        if line.entry().gap.is_none() {
            let id = line.entry().request.id.as_str().to_owned();
            assert!(ids.insert(id.clone()), "{id} is there twice");
        }
    }
    ids
}

/// What is known to a device, as the numbers of its log: all from the first to the last.
fn assert_whole(device: &Control, unreported: &[SeqRange]) -> Option<(u64, u64)> {
    let known: Vec<u64> = device.account(unreported).into_keys().collect();
    let (first, last) = (*known.first()?, *known.last()?);
    assert_eq!(known, (first..=last).collect::<Vec<_>>(), "unreported: {unreported:?}");
    Some((first, last))
}

/// The log of a device that stays goes from the first number to the last of all.
fn assert_stayed(broker: &Broker, device: &Control, path: &str) {
    device.assert_exact(&at_rest(broker, path), broker.last_seq());
}

/// The log of a device that came begins somewhere, and goes on to the last number.
fn assert_came(broker: &Broker, device: &Control, path: &str) {
    let bounds = assert_whole(device, &at_rest(broker, path));
    assert!(bounds.is_none_or(|(_, last)| last == broker.last_seq()), "{bounds:?} of {}", broker.last_seq());
}

/// The log of a device that went begins with the first number and ends where it says.
fn assert_went(device: &Control) {
    let known: Vec<u64> = device.account(&[]).into_keys().collect();
    let end = device.state(|state| state.taken.last().cloned()).expect("it says that it ends");
    let end = decode(&end).unwrap();
    assert!(end.entry().gap.is_some_and(|gap| gap.ended));
    assert_eq!(known, (1..=end.record().unwrap().seq).collect::<Vec<_>>());
}

/// What settled is on at least this many of the devices.
fn assert_held(outcomes: &[Outcome], devices: &[&Control], minimum: usize) {
    let held: Vec<_> = devices.iter().map(|device| ids(device)).collect();
    for (id, _) in outcomes.iter().filter(|(_, outcome)| outcome.is_ok()) {
        let on = held.iter().filter(|ids| ids.contains(id)).count();
        assert!(on >= minimum, "{id} is on {on} devices");
    }
}

fn assert_all_settled(outcomes: &[Outcome]) {
    assert!(outcomes.iter().all(|(_, outcome)| outcome.as_ref().is_ok_and(|seq| *seq > 0)), "{outcomes:?}");
}

/// How one device is enabled while another is disabled.
#[derive(Clone, Copy)]
enum Order {
    ComesFirst,
    GoesFirst,
}

const ORDERS: [Order; 2] = [Order::ComesFirst, Order::GoesFirst];

/// Entries are recorded while `goes/` goes and `comes/` comes, which of them a rule may require.
fn change(broker: &Arc<Broker>, order: Order, required: bool) -> (Vec<Outcome>, Control, Control) {
    let (goes, comes) = (Control::default(), Control::default());
    let enable = |device: &Control, path: &str| {
        let config = device.config(path);
        broker.restore(if required { config.required() } else { config }).unwrap();
    };
    enable(&goes, "goes/");
    let recorders = [recorder(broker, "a", 2), recorder(broker, "b", 2)];
    match order {
        Order::ComesFirst => {
            enable(&comes, "comes/");
            assert!(broker.disable("goes/"));
        }
        Order::GoesFirst => {
            assert!(broker.disable("goes/"));
            enable(&comes, "comes/");
        }
    }
    let outcomes = recorders.into_iter().flat_map(|recorder| recorder.join().unwrap()).collect();
    goes.wait_until(|state| state.dropped);
    settle_down(broker);
    (outcomes, goes, comes)
}

#[test]
fn a_newcomer_begins_with_a_number_of_its_own() {
    for order in ORDERS {
        check(move || {
            let broker = broker(Rules::default());
            let stays = Control::default();
            stays.enable(&broker, "stays/");
            let (outcomes, goes, comes) = change(&broker, order, false);
            assert_all_settled(&outcomes);
            assert_held(&outcomes, &[&stays], 1);
            assert_stayed(&broker, &stays, "stays/");
            assert_came(&broker, &comes, "comes/");
            assert_went(&goes);
            // No entry needed a number more.
            assert_eq!(broker.last_seq(), 4);
        });
    }
}

#[test]
fn an_entry_that_no_device_took_goes_to_the_newcomer_with_a_number_of_its_time() {
    check(|| {
        let broker = broker(Rules::default());
        let (outcomes, goes, comes) = change(&broker, Order::ComesFirst, false);
        assert_all_settled(&outcomes);
        assert_held(&outcomes, &[&goes, &comes], 1);
        assert_came(&broker, &comes, "comes/");
        assert_went(&goes);
    });
}

#[test]
fn where_no_device_is_enabled_in_between_the_logs_are_whole_all_the_same() {
    check(|| {
        let broker = broker(Rules::default());
        let (outcomes, goes, comes) = change(&broker, Order::GoesFirst, false);
        // An entry may have been recorded while there was no device; then it has no number.
        let recorded: Vec<Outcome> = outcomes.into_iter().filter(|(_, outcome)| *outcome != Ok(0)).collect();
        assert_all_settled(&recorded);
        assert_held(&recorded, &[&goes, &comes], 1);
        assert_came(&broker, &comes, "comes/");
        assert_went(&goes);
    });
}

#[test]
fn where_the_rule_needs_the_newcomer_it_has_the_entry_too() {
    check(|| {
        let broker = broker(Rules { minimum: 2, ..Rules::default() });
        let stays = Control::default();
        stays.enable(&broker, "stays/");
        let (outcomes, goes, comes) = change(&broker, Order::ComesFirst, false);
        assert_all_settled(&outcomes);
        assert_held(&outcomes, &[&stays, &goes, &comes], 2);
        assert_held(&outcomes, &[&stays], 1);
        assert_stayed(&broker, &stays, "stays/");
        assert_came(&broker, &comes, "comes/");
        assert_went(&goes);
    });
}

#[test]
fn where_a_required_device_follows_a_required_one_either_has_the_entry() {
    for minimum in [1, 2] {
        check(move || {
            let broker = broker(Rules { minimum, ..Rules::default() });
            let stays = Control::default();
            stays.enable(&broker, "stays/");
            let (outcomes, goes, comes) = change(&broker, Order::ComesFirst, true);
            assert_all_settled(&outcomes);
            assert_held(&outcomes, &[&goes, &comes], 1);
            assert_held(&outcomes, &[&stays], 1);
            assert_stayed(&broker, &stays, "stays/");
            assert_came(&broker, &comes, "comes/");
            assert_went(&goes);
        });
    }
}

#[test]
fn beside_a_device_that_fails_holes_are_reported_and_what_settled_is_there() {
    for order in ORDERS {
        check(move || {
            let broker = ticking(Rules::default());
            let sick = Control::default();
            sick.state(|state| (state.refusals, state.halves) = (2, 1));
            sick.enable(&broker, "sick/");
            let (outcomes, goes, comes) = change(&broker, order, false);
            assert_held(&outcomes, &[&sick, &goes, &comes], 1);
            assert_stayed(&broker, &sick, "sick/");
            assert_came(&broker, &comes, "comes/");
            assert_went(&goes);
        });
    }
}

#[test]
fn a_path_that_is_disabled_and_enabled_again_begins_a_new_log() {
    check(|| {
        let broker = broker(Rules::default());
        let (stays, old, new) = (Control::default(), Control::default(), Control::default());
        stays.enable(&broker, "stays/");
        old.enable(&broker, "a/");
        let recorders = [recorder(&broker, "a", 2), recorder(&broker, "b", 2)];
        assert!(broker.disable("a/"));
        new.enable(&broker, "a/");
        let outcomes: Vec<_> = recorders.into_iter().flat_map(|recorder| recorder.join().unwrap()).collect();
        old.wait_until(|state| state.dropped);
        settle_down(&broker);
        assert_all_settled(&outcomes);
        assert_held(&outcomes, &[&stays], 1);
        assert_stayed(&broker, &stays, "stays/");
        assert_came(&broker, &new, "a/");
        assert_went(&old);
    });
}

/// What several devices of one path took, one after another, as one log.
fn together(devices: &[&Control]) -> Control {
    let log = Control::default();
    for device in devices {
        let (taken, salts) = device.state(|state| (state.taken.clone(), state.salts.clone()));
        log.state(|state| {
            state.taken.extend(taken);
            state.salts.extend(salts);
        });
    }
    log
}

#[test]
fn one_that_is_replaced_while_others_change_continues_one_log() {
    for minimum in [1, 2] {
        check(move || {
            let broker = broker(Rules { minimum, ..Rules::default() });
            let (old, new) = (Control::default(), Control::default());
            old.enable(&broker, "a/");
            let replacer = {
                let (broker, new) = (Arc::clone(&broker), new.clone());
                thread::spawn(move || {
                    let candidate = broker.try_out(new.config("a/"), None).wait().unwrap();
                    broker.replace(candidate).unwrap();
                })
            };
            let (outcomes, goes, comes) = change(&broker, Order::ComesFirst, false);
            replacer.join().unwrap();
            old.wait_until(|state| state.dropped);
            settle_down(&broker);
            // Where two are wanted, the first entries may come before there are two.
            if minimum == 1 {
                assert_all_settled(&outcomes);
            }
            let log = together(&[&old, &new]);
            assert_held(&outcomes, &[&log, &goes, &comes], minimum);
            log.assert_exact(&at_rest(&broker, "a/"), broker.last_seq());
            assert_came(&broker, &comes, "comes/");
            assert_went(&goes);
        });
    }
}

#[test]
fn one_that_is_replaced_and_disabled_at_once_leaves_a_whole_log() {
    check(|| {
        let broker = broker(Rules::default());
        let (stays, old, new) = (Control::default(), Control::default(), Control::default());
        stays.enable(&broker, "stays/");
        old.enable(&broker, "a/");
        let recorders = [recorder(&broker, "a", 2), recorder(&broker, "b", 1)];
        broker.replace(broker.try_out(new.config("a/"), None).wait().unwrap()).unwrap();
        assert!(broker.disable("a/"));
        let outcomes: Vec<_> = recorders.into_iter().flat_map(|recorder| recorder.join().unwrap()).collect();
        old.wait_until(|state| state.dropped);
        new.wait_until(|state| state.dropped);
        settle_down(&broker);
        assert_all_settled(&outcomes);
        assert_stayed(&broker, &stays, "stays/");
        let log = together(&[&old, &new]);
        assert_went(&log);
    });
}

#[test]
fn an_entry_about_a_refusal_is_in_the_log_of_a_device_that_is_replaced() {
    check(|| {
        let broker = ticking(Rules { minimum: 2, ..Rules::default() });
        let (sick, old, new) = (Control::default(), Control::default(), Control::default());
        sick.state(|state| state.refusals = 1);
        sick.enable(&broker, "sick/");
        old.enable(&broker, "a/");
        let aborter = {
            let broker = Arc::clone(&broker);
            thread::spawn(move || {
                if let Err(refused) = record_as(&broker, "a") {
                    broker.record_aborted(&Entry::probe("a aborted"), &refused);
                }
            })
        };
        broker.replace(broker.try_out(new.config("a/"), None).wait().unwrap()).unwrap();
        aborter.join().unwrap();
        old.wait_until(|state| state.dropped);
        settle_down(&broker);
        together(&[&old, &new]).assert_exact(&at_rest(&broker, "a/"), broker.last_seq());
        assert_stayed(&broker, &sick, "sick/");
    });
}
