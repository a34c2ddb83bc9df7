//! How long an operation on a network may take. Never in it: sleeping.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::NetCause;
use crate::clock::Clock;

/// The end of a span of time, or none.
#[derive(Clone, Copy)]
pub(crate) struct Deadline<'a> {
    clock: &'a dyn Clock,
    limit: Option<Duration>,
    until: Option<Duration>,
}

impl<'a> Deadline<'a> {
    /// So long from now on; `None` for ever.
    pub(crate) fn after(limit: Option<Duration>, clock: &'a dyn Clock) -> Self {
        let until = limit.map(|limit| clock.monotonic().saturating_add(limit));
        Self { clock, limit, until }
    }

    /// The same span once more, from now on.
    pub(crate) fn restart(&mut self) {
        *self = Self::after(self.limit, self.clock);
    }

    /// What is left, divided by `shares`; `None` for no end.
    pub(crate) fn share(&self, shares: usize) -> Self {
        let shares = u32::try_from(shares.max(1)).unwrap_or(u32::MAX);
        Self::after(self.left().map(|left| left / shares), self.clock)
    }

    /// What is left; `None` for no end.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_sub(self.clock.monotonic()))
    }

    /// Waits until something of `what` is true of a descriptor.
    pub(crate) fn wait(&self, fd: impl AsFd, what: PollFlags) -> Result<(), NetCause> {
        loop {
            let left = match self.left() {
                Some(left) if left.is_zero() => return Err(NetCause::Timeout),
                left => left.and_then(|left| Timespec::try_from(left).ok()),
            };
            match poll(&mut [PollFd::new(&fd, what)], left.as_ref()) {
                Ok(0) => return Err(NetCause::Timeout),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(NetCause::system("poll", errno)),
            }
        }
    }
}
