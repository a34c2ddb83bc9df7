//! How long an operation on a network may take. Never in it: sleeping.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::clock::Clock;
use crate::device::claim::Claim;
use crate::device::error::net::NetCause;

/// How often what has no end looks whether its device is still enabled, and for how many looks it goes on after that.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS: u32 = 4;

/// The end of a span of time, or none.
#[derive(Clone, Copy)]
pub(crate) struct Deadline<'a> {
    clock: &'a dyn Clock,
    limit: Option<Duration>,
    until: Option<Duration>,
    owner: Option<&'a Claim>,
}

impl<'a> Deadline<'a> {
    /// A span from now on; `None` for ever.
    pub(crate) fn after(limit: Option<Duration>, clock: &'a dyn Clock) -> Self {
        let until = limit.map(|limit| clock.monotonic().saturating_add(limit));
        Self { clock, limit, until, owner: None }
    }

    /// The same for a device that may be disabled meanwhile: even without an end it ends soon after that.
    pub(crate) fn of(self, owner: &'a Claim) -> Self {
        Self { owner: Some(owner), ..self }
    }

    /// The same span once more, from now on.
    pub(crate) fn restart(&mut self) {
        *self = Self { owner: self.owner, ..Self::after(self.limit, self.clock) };
    }

    /// What is left, divided by `shares`; `None` for no end.
    pub(crate) fn share(&self, shares: usize) -> Self {
        let shares = u32::try_from(shares.max(1)).unwrap_or(u32::MAX);
        Self { owner: self.owner, ..Self::after(self.left().map(|left| left / shares), self.clock) }
    }

    pub(crate) fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_sub(self.clock.monotonic()))
    }

    /// Calls what may wait for a time, again and again until it gives something or the span is over; without an end
    /// also until the device is not wanted any more. `None` as time stands for ever.
    pub(super) fn repeat<T>(
        &self,
        mut call: impl FnMut(Option<Duration>) -> Result<Option<T>, NetCause>,
    ) -> Result<T, NetCause> {
        let mut looks = LOOKS;
        loop {
            let left = self.left();
            if left.is_some_and(|left| left.is_zero()) {
                return Err(NetCause::Timeout);
            }
            if let Some(done) = call(left.or(self.owner.map(|_| LOOK)))? {
                return Ok(done);
            }
            if left.is_none() && self.owner.is_some_and(Claim::is_released) {
                looks = looks.saturating_sub(1);
                if looks == 0 {
                    return Err(NetCause::Timeout);
                }
            }
        }
    }

    /// Waits until something of `what` is true of a descriptor.
    pub(crate) fn wait(&self, fd: impl AsFd, what: PollFlags) -> Result<(), NetCause> {
        self.repeat(|time| {
            let time = time.and_then(|time| Timespec::try_from(time).ok());
            match poll(&mut [PollFd::new(&fd, what)], time.as_ref()) {
                Ok(0) | Err(Errno::INTR) => Ok(None),
                Ok(_) => Ok(Some(())),
                Err(errno) => Err(NetCause::system("poll", errno)),
            }
        })
    }
}
