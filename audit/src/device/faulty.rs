//! A device that fails on command and keeps what it took, for tests. What operators may do to real devices is `drill`.
//! Never in a product: it exists under the feature `test-support` only.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onrecord_entry::oversize::OversizeError;

use super::batch::{Appended, Batch, Rejected};
use super::error::DeviceError;
use super::interface::{Device, Notice};

/// How the device behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It takes everything.
    #[default]
    None,
    /// It refuses everything.
    Refuse,
    /// It blocks until another fault is set, and then does as that says.
    Hang,
    /// It refuses once, and hangs from then on.
    RefuseThenHang,
    /// It takes half of the lines of a batch, rounded down, and refuses the others.
    Half,
    /// It takes everything and says that it failed.
    DoneButFailed,
    /// It panics.
    Panic,
    /// It takes everything, after a while.
    Slow(Duration),
    /// It takes whole lines as long as all it took are no more than this many bytes, as a full disk does.
    Room(usize),
    /// It has no room for a line that is longer than this many bytes, and takes the others.
    Longest(usize),
}

/// What a device is asked for, besides taking lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Device::reopen`].
    Reopen,
    /// [`Device::sync`].
    Sync,
    /// [`Device::check`].
    Check,
    /// [`Device::notices`].
    Notices,
    /// Its end.
    Close,
}

/// How such a call goes.
#[derive(Clone, Copy, Debug, Default)]
struct Other {
    fault: Fault,
    /// How often it was made.
    calls: usize,
}

#[derive(Debug, Default)]
struct State {
    fault: Fault,
    lines: Vec<Vec<u8>>,
    bytes: usize,
    hanging: bool,
    calls: usize,
    others: [Other; 5],
    check_every: Option<Duration>,
    notices: Vec<Notice>,
    dropped: bool,
}

/// The remote control of a [`FaultyDevice`]. Clones control the same device.
#[derive(Clone, Debug, Default)]
pub struct FaultControl {
    switch: Switch<State>,
}

/// The device. Made by [`FaultControl::device`].
#[derive(Debug)]
pub struct FaultyDevice {
    control: FaultControl,
}

impl FaultControl {
    /// A control whose device takes everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// A control whose device behaves so from its first line on.
    pub fn with(fault: Fault) -> Self {
        let control = Self::new();
        control.set(fault);
        control
    }

    /// The device.
    pub fn device(&self) -> Box<dyn Device> {
        Box::new(FaultyDevice { control: self.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.switch.state()
    }

    fn wait_until(&self, met: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        self.switch.wait_until(met)
    }

    /// Makes it behave so from now on. A device that hangs goes on.
    pub fn set(&self, fault: Fault) {
        self.state().fault = fault;
        self.switch.changed();
    }

    /// Makes a call other than taking lines go so from now on. One that hangs goes on.
    pub fn set_on(&self, call: Call, fault: Fault) {
        self.state().of(call).fault = fault;
        self.switch.changed();
    }

    /// Makes a device that is made from now on want to be checked this often.
    pub fn look_every(&self, time: Duration) {
        self.state().check_every = Some(time);
    }

    /// Waits until this call was made this many times.
    pub fn wait_for_calls_of(&self, call: Call, count: usize) {
        drop(self.wait_until(|state| state.of(call).calls >= count));
    }

    /// How often this call was made.
    pub fn calls_of(&self, call: Call) -> usize {
        self.state().of(call).calls
    }

    /// Makes it have found something out.
    pub fn notice(&self, notice: Notice) {
        self.state().notices.push(notice);
    }

    /// What it took, each line with its newline.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        self.state().lines.clone()
    }

    /// How often it was written to.
    pub fn calls(&self) -> usize {
        self.state().calls
    }

    /// How often it was opened again.
    pub fn reopened(&self) -> usize {
        self.calls_of(Call::Reopen)
    }

    /// Waits until it hangs in a call.
    pub fn wait_until_hanging(&self) {
        drop(self.wait_until(|state| state.hanging));
    }

    /// Waits until it has taken this many lines, and returns them.
    pub fn wait_for_lines(&self, count: usize) -> Vec<Vec<u8>> {
        self.wait_until(|state| state.lines.len() >= count).lines.clone()
    }

    /// Waits until what it has taken is as wanted, and returns it.
    pub fn wait_for(&self, wanted: impl Fn(&[Vec<u8>]) -> bool) -> Vec<Vec<u8>> {
        self.wait_until(|state| wanted(&state.lines)).lines.clone()
    }

    /// Waits until it was written to this many times.
    pub fn wait_for_calls(&self, count: usize) {
        drop(self.wait_until(|state| state.calls >= count));
    }

    /// Waits until the broker has dropped it.
    pub fn wait_until_dropped(&self) {
        drop(self.wait_until(|state| state.dropped));
    }
}

impl FaultControl {
    /// Announces a call that has just been counted, and hangs in it as long as its fault says so. It is counted and finds
    /// its fault at one moment: a fault that is set later is that of the calls which are counted later.
    fn while_hanging<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        fault: impl Fn(&mut State) -> Fault,
    ) -> MutexGuard<'a, State> {
        state.hanging = fault(&mut state) == Fault::Hang;
        self.switch.changed();
        let mut state = self.switch.wait_while(state, |state| fault(state) == Fault::Hang);
        state.hanging = false;
        state
    }

    /// Makes a call other than taking lines.
    #[expect(clippy::panic, reason = "panicking is what the test asks for")]
    fn call(&self, call: Call) -> Result<(), DeviceError> {
        let mut state = self.state();
        state.of(call).calls += 1;
        let mut state = self.while_hanging(state, |state| state.of(call).fault);
        let fault = state.of(call).fault;
        drop(state);
        match fault {
            Fault::None | Fault::Hang | Fault::Room(_) | Fault::Longest(_) => Ok(()),
            Fault::Slow(time) => {
                std::thread::sleep(time);
                Ok(())
            }
            Fault::Refuse | Fault::RefuseThenHang | Fault::Half | Fault::DoneButFailed => {
                Err(DeviceError::Refused)
            }
            Fault::Panic => panic!("a test device was told to panic"),
        }
    }
}

impl State {
    const fn of(&mut self, call: Call) -> &mut Other {
        let [reopen, sync, check, notices, close] = &mut self.others;
        match call {
            Call::Reopen => reopen,
            Call::Sync => sync,
            Call::Check => check,
            Call::Notices => notices,
            Call::Close => close,
        }
    }

    fn take<'a>(&mut self, lines: impl Iterator<Item = &'a [u8]>) -> usize {
        let before = self.lines.len();
        for line in lines {
            self.bytes += line.len();
            self.lines.push(line.to_vec());
        }
        self.lines.len() - before
    }
}

impl Device for FaultyDevice {
    #[expect(clippy::panic, reason = "panicking is what the test asks for")]
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        let control = self.control.clone();
        let mut state = control.state();
        state.calls += 1;
        let mut state = control.while_hanging(state, |state| state.fault);
        if let Fault::Slow(time) = state.fault {
            drop(state);
            std::thread::sleep(time);
            state = control.state();
        }
        let appended = match state.fault {
            Fault::None | Fault::Slow(_) | Fault::Hang => {
                state.take(batch.each());
                Appended::all(batch)
            }
            Fault::Refuse => Appended::none(DeviceError::Refused),
            Fault::RefuseThenHang => {
                state.fault = Fault::Hang;
                Appended::none(DeviceError::Refused)
            }
            Fault::Half => {
                let half = batch.lines() / 2;
                Appended::some(state.take(batch.each().take(half)), DeviceError::Refused)
            }
            Fault::DoneButFailed => {
                state.take(batch.each());
                Appended::none(DeviceError::Refused)
            }
            Fault::Panic => {
                drop(state);
                panic!("a test device was told to panic");
            }
            Fault::Room(room) => {
                let mut left = room.saturating_sub(state.bytes);
                let fits = batch.each().take_while(|line| {
                    let fits = line.len() <= left;
                    left = left.saturating_sub(line.len());
                    fits
                });
                let lines = state.take(fits);
                if lines == batch.lines() {
                    Appended::all(batch)
                } else {
                    Appended::some(lines, DeviceError::Refused)
                }
            }
            Fault::Longest(limit) => {
                state.take(batch.each().filter(|line| line.len() <= limit));
                let rejected = batch.each().enumerate().filter(|(_, line)| line.len() > limit);
                let too_long =
                    |line: &[u8]| DeviceError::Oversize(OversizeError::TooLong { bytes: line.len(), limit });
                let rejected =
                    rejected.map(|(line, text)| Rejected { line, error: too_long(text) }).collect();
                Appended::all(batch).without(rejected)
            }
        };
        drop(state);
        control.switch.changed();
        appended
    }

    fn reopen(&mut self) -> Result<(), DeviceError> {
        drop(self.control.wait_until(|state| state.fault != Fault::Hang));
        let refused = self.control.state().fault == Fault::Refuse;
        self.control.call(Call::Reopen).and(if refused { Err(DeviceError::Refused) } else { Ok(()) })
    }

    fn sync(&mut self) -> Result<(), DeviceError> {
        self.control.call(Call::Sync)
    }

    fn check(&mut self) -> Result<(), DeviceError> {
        self.control.call(Call::Check)
    }

    fn check_every(&self) -> Option<Duration> {
        self.control.state().check_every
    }

    fn notices(&mut self) -> Vec<Notice> {
        match self.control.call(Call::Notices) {
            Ok(()) => std::mem::take(&mut self.control.state().notices),
            Err(_) => Vec::new(),
        }
    }
}

impl Drop for FaultyDevice {
    fn drop(&mut self) {
        /// Notes that the device is dropped, even if its end panics.
        struct Gone<'a>(&'a FaultControl);
        impl Drop for Gone<'_> {
            fn drop(&mut self) {
                self.0.state().dropped = true;
                self.0.switch.changed();
            }
        }
        let _gone = Gone(&self.control);
        let _closing_cannot_fail = self.control.call(Call::Close);
    }
}

/// A state behind a lock. Clones are one state.
#[derive(Default)]
struct Switch<T>(Arc<(Mutex<T>, Condvar)>);

impl<T> Switch<T> {
    /// The state. Call [`Switch::changed`] after a change.
    fn state(&self) -> MutexGuard<'_, T> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.0.1.notify_all();
    }

    /// Waits until a condition holds.
    fn wait_until(&self, mut met: impl FnMut(&mut T) -> bool) -> MutexGuard<'_, T> {
        self.wait_while(self.state(), |state| !met(state))
    }

    /// Waits while a condition holds.
    fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, T>,
        condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        self.0.1.wait_while(state, condition).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Switch<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Switch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}
