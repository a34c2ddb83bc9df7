//! What the scenarios share: a device that obeys, a clock that a scenario controls, and the account of what a
//! device has and has reported. Never in it: scenarios.

use std::collections::BTreeMap;
use std::time::Duration;

use onrecord_value::Time;
use shuttle::sync::atomic::Ordering;
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::thread;

use crate::Clock;
use crate::broker::{Broker, Builder, DeviceConfig, NotOnRecord, Refused, Rules};
use crate::device::{Appended, Batch, Device, DeviceError, inspect_lines};
use onrecord_entry::{Boot, Entry, FormatOptions, Formatter, Salt, SaltId, SeqRange, decode};

/// A device of the model: takes lines, refuses a number of batches first, or hangs until it is released.
#[derive(Clone, Default)]
pub(crate) struct Control(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
pub(crate) struct State {
    /// What it took.
    pub(crate) taken: Vec<Vec<u8>>,
    /// How many batches are refused.
    pub(crate) refusals: usize,
    /// Of how many batches, after those, only the first half of the lines is taken.
    pub(crate) halves: usize,
    /// How many reopenings fail.
    pub(crate) bad_reopenings: usize,
    pub(crate) reopened: usize,
    pub(crate) hang: bool,
    /// It is in a call that hangs.
    pub(crate) hanging: bool,
    pub(crate) dropped: bool,
    /// The ids of its salts: no line has another's.
    pub(crate) salts: Vec<SaltId>,
}

struct ModelDevice(Control);

impl Device for ModelDevice {
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        let mut state = self.0.while_hanging();
        if state.refusals > 0 {
            state.refusals -= 1;
            return Appended::none(DeviceError::Refused);
        }
        if state.halves > 0 {
            state.halves -= 1;
            let half = batch.lines() / 2;
            state.taken.extend(batch.each().take(half).map(<[u8]>::to_vec));
            return Appended::some(half, DeviceError::Refused);
        }
        state.taken.extend(batch.each().map(<[u8]>::to_vec));
        Appended::all(batch)
    }

    fn reopen(&mut self) -> Result<(), DeviceError> {
        let mut state = self.0.while_hanging();
        state.reopened += 1;
        if state.bad_reopenings > 0 {
            state.bad_reopenings -= 1;
            return Err(DeviceError::Refused);
        }
        Ok(())
    }
}

impl Drop for ModelDevice {
    fn drop(&mut self) {
        self.0.0.0.lock().unwrap().dropped = true;
    }
}

impl Control {
    pub(crate) fn device(&self) -> Box<dyn Device> {
        Box::new(ModelDevice(self.clone()))
    }

    pub(crate) fn config(&self, path: &str) -> DeviceConfig {
        self.state(|state| state.salts.push(Salt::new(path).id()));
        DeviceConfig::new(path, self.device(), form(path))
    }

    pub(crate) fn enable(&self, broker: &Broker, path: &str) {
        broker.restore(self.config(path)).unwrap();
    }

    fn while_hanging(&self) -> shuttle::sync::MutexGuard<'_, State> {
        let (state, bell) = &*self.0;
        let mut state = state.lock().unwrap();
        while state.hang {
            state.hanging = true;
            state = bell.wait(state).unwrap();
        }
        state.hanging = false;
        state
    }

    pub(crate) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.0.lock().unwrap())
    }

    pub(crate) fn lines(&self) -> usize {
        self.state(|state| state.taken.len())
    }

    pub(crate) fn release(&self) {
        self.state(|state| state.hang = false);
        self.0.1.notify_all();
    }

    pub(crate) fn wait_until(&self, met: impl Fn(&mut State) -> bool) {
        while !self.state(|state| met(state)) {
            thread::yield_now();
        }
    }

    /// Each counter that is known to the device, and whether it has the entry or has reported that it has not. Each must
    /// be there once.
    pub(crate) fn account(&self, unreported: &[SeqRange]) -> BTreeMap<u64, Fate> {
        let mut account = BTreeMap::new();
        let mut note = |seq, fate| {
            let before = account.insert(seq, fate);
            assert_eq!(before, None, "{seq} is {fate:?} and is there already");
        };
        for line in self.state(|state| state.taken.clone()) {
            let line = decode(&line).unwrap();
            let salts = self.state(|state| state.salts.clone());
            assert!(salts.contains(&line.record().unwrap().salt), "a line with the salt of another device");
            match line.entry().gap {
                None => note(line.record().unwrap().seq, Fate::Has),
                Some(gap) => {
                    let ranges: Vec<_> = gap.ranges.iter().collect();
                    let missed: u64 = ranges.iter().map(|range| range.to - range.from + 1).sum();
                    assert_eq!(gap.missed, missed, "{ranges:?}");
                    ranges
                        .iter()
                        .for_each(|range| (range.from..=range.to).for_each(|seq| note(seq, Fate::Reported)));
                }
            }
        }
        for range in unreported {
            (range.from..=range.to).for_each(|seq| note(seq, Fate::Unreported));
        }
        account
    }

    /// The counters of the entries which it has.
    pub(crate) fn has(&self) -> Vec<u64> {
        let fates = self.account(&[]);
        fates.into_iter().filter(|(_, fate)| *fate == Fate::Has).map(|(seq, _)| seq).collect()
    }

    /// Holes equal gaps: of every entry up to `last` it has the line, or has reported that it has not, or still holds that
    /// to be reported; and of no other.
    pub(crate) fn assert_exact(&self, unreported: &[SeqRange], last: u64) {
        let known: Vec<u64> = self.account(unreported).into_keys().collect();
        assert_eq!(known, (1..=last).collect::<Vec<_>>(), "unreported: {unreported:?}");
    }
}

/// What a device says about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Has,
    Reported,
    Unreported,
}

/// Time stands still, save for the times that a scenario gives the watch.
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Time {
        Time::from_unix_nanos(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

/// Each look at the clock takes four milliseconds: back-offs end.
#[derive(Default)]
pub(crate) struct Ticking(std::sync::atomic::AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Time {
        Time::from_unix_nanos(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(4 * self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
    }
}

pub(crate) fn form(salt: &str) -> Formatter {
    Formatter::new(FormatOptions::default(), std::sync::Arc::new(Salt::new(salt)))
}

/// Each line of the model, too, is held to the published schema.
fn builder() -> Builder {
    inspect_lines(onrecord_schema::abort_unless_valid);
    Broker::builder()
}

pub(crate) fn broker(rules: Rules) -> Arc<Broker> {
    Arc::new(builder().rules(rules).clock(std::sync::Arc::new(Still)).build_with_boot(Boot::new(1)))
}

pub(crate) fn ticking(rules: Rules) -> Arc<Broker> {
    let clock = std::sync::Arc::new(Ticking::default());
    Arc::new(builder().rules(rules).clock(clock).build_with_boot(Boot::new(1)))
}

/// A minute or ten, far beyond any scenario.
pub(crate) const LONG: Duration = Duration::from_mins(10);

pub(crate) fn record(broker: &Broker) -> Result<u64, Refused> {
    record_as(broker, "an id")
}

pub(crate) fn record_as(broker: &Broker, id: &str) -> Result<u64, Refused> {
    broker.prewake();
    match broker.record_request(&Entry::probe(id)).wait() {
        Ok(proof) => Ok(proof.seq()),
        Err(NotOnRecord::Refused(refused)) => Err(refused),
        Err(_) => Ok(0),
    }
}

/// A thread that records a number of entries.
pub(crate) struct Recorder {
    thread: thread::JoinHandle<Vec<Result<u64, Refused>>>,
    over: Arc<shuttle::sync::atomic::AtomicBool>,
}

pub(crate) fn recorder(broker: &Arc<Broker>, entries: usize) -> Recorder {
    let broker = Arc::clone(broker);
    let over = Arc::new(shuttle::sync::atomic::AtomicBool::new(false));
    let ended = Arc::clone(&over);
    let thread = thread::spawn(move || {
        let outcomes = (0..entries).map(|_| record(&broker)).collect();
        ended.store(true, Ordering::SeqCst);
        outcomes
    });
    Recorder { thread, over }
}

impl Recorder {
    /// What became of each entry.
    pub(crate) fn join(self) -> Vec<Result<u64, Refused>> {
        self.thread.join().unwrap()
    }

    /// The same, while something goes round.
    pub(crate) fn join_while(self, round: impl Fn()) -> Vec<Result<u64, Refused>> {
        while !self.over.load(Ordering::SeqCst) {
            round();
            thread::yield_now();
        }
        self.join()
    }

    /// The same, while the watch lets go of devices that overran the grace.
    pub(crate) fn join_watched(self, broker: &Broker) -> Vec<Result<u64, Refused>> {
        self.join_while(|| broker.watch_once(Duration::from_millis(10)))
    }
}

/// The counters of what settled.
pub(crate) fn settled(outcomes: &[Result<u64, Refused>]) -> Vec<u64> {
    outcomes.iter().filter_map(|outcome| outcome.as_ref().ok().copied()).collect()
}

/// What a device has not reported when no thread does anything any more: nothing waits in it.
pub(crate) fn at_rest(broker: &Broker, path: &str) -> Vec<SeqRange> {
    let held = broker.held(path).unwrap();
    held.assert_empty();
    held.unreported()
}

pub(crate) fn check(scenario: impl Fn() + Send + Sync + 'static) {
    let iterations = std::env::var("ONRECORD_MODEL_ITERATIONS").ok().and_then(|text| text.parse().ok());
    let scenario = std::sync::Arc::new(scenario);
    let again = std::sync::Arc::clone(&scenario);
    let iterations = iterations.unwrap_or(150);
    shuttle::check_random(move || scenario(), iterations);
    shuttle::check_pct(move || again(), iterations, 3);
}

/// Goes on until every device works, so that nothing is under way any more.
pub(crate) fn settle_down(broker: &Broker) {
    // A refusal more than any scenario gives out.
    for _ in 0..5 {
        if broker.drain(LONG).is_empty() {
            return;
        }
    }
    panic!("the devices do not get well");
}
