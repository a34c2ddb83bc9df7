//! What the thread of a tree asks its keeper, and says to it.
//! Never in it: what devices and those who ask see.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use onrecord_value::Time;

use super::{KEEPERS, Keeper, NOTICES_MAX, Pending, Round};
use crate::evidence::feed::Feed;
use crate::evidence::notice::{TreeEvent, TreeNotice};
use crate::evidence::order::HOLD;
use crate::evidence::{CheckpointFailed, EXTRAS_MAX, SignedCheckpoint, Sink, lock};

/// How often a keeper that waits for its turn looks whether its devices have gone.
const TURN_WAIT: Duration = Duration::from_millis(100);

impl Pending {
    /// Whether no more lines come that the tree is to have.
    fn ends(&self, now: Instant) -> bool {
        self.feeders == 0 && (self.guests == 0 || self.guests_end().is_none_or(|end| end <= now))
    }

    /// Until when the last lines of guests are waited for.
    fn guests_end(&self) -> Option<Instant> {
        self.left.filter(|_| self.feeders == 0).map(|left| left + HOLD)
    }

    fn wake_at(&self, due: Option<Instant>) -> Option<Instant> {
        due.into_iter().chain(self.guests_end()).min()
    }
}

impl Keeper {
    /// Waits for the next thing to do. `due`: when the next checkpoint is; `read`: the feed before, whose chunks are filled
    /// again, if there is room for the lines that wait; `holds`: some lines wait for those in front of
    /// them. Then new lines end the sleep, and those who ask are answered later.
    pub(in crate::evidence) fn next(
        &self,
        due: &mut Option<Instant>,
        interval: Duration,
        read: Option<Feed>,
        holds: bool,
    ) -> Round {
        let takes = read.is_some();
        let mut pending = lock(&self.pending);
        let checkpoint = loop {
            let now = Instant::now();
            let waits = takes && !pending.feed.is_empty();
            if due.is_none() && (waits || !pending.extras.is_empty()) {
                *due = Some(now + interval);
            }
            let is_due = due.is_some_and(|due| due <= now);
            if is_due
                || pending.asked > pending.done && !holds
                || pending.ends(now)
                || waits && pending.feed.has_file()
            {
                break Some(pending.asked);
            }
            if waits && (pending.feed.has_chunk() || holds) {
                break None;
            }
            pending.idle = holds;
            pending = match pending.wake_at(*due) {
                None => {
                    pending.idle = true;
                    self.work.wait(pending).unwrap_or_else(PoisonError::into_inner)
                }
                Some(due) => {
                    let left = due.saturating_duration_since(now);
                    self.work.wait_timeout(pending, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            pending.idle = false;
        };
        pending.called = false;
        let (ends, devices) = (pending.ends(Instant::now()), pending.feeders + pending.guests);
        let several = std::mem::replace(&mut pending.several, devices > 1);
        let feed = read.map(|read| pending.feed.replace(read)).unwrap_or_default();
        // Until it is known exactly: the thread may hang with them.
        lock(&self.published).size += feed.lines;
        Round { feed, several, checkpoint, ends }
    }

    /// Rests after a failure, and answers those who ask. False if no device feeds it any more.
    pub(in crate::evidence) fn rest(&self, time: Duration, failure: &str) -> bool {
        let until = Instant::now() + time;
        let mut pending = lock(&self.pending);
        loop {
            if pending.asked > pending.done {
                pending.done = pending.asked;
                pending.failure = Some(CheckpointFailed::Failed(failure.to_owned()));
                self.progress.notify_all();
            }
            let left = until.saturating_duration_since(Instant::now());
            if pending.feeders == 0 {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            pending = self.work.wait_timeout(pending, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(in crate::evidence) fn take_extras(&self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut lock(&self.pending).extras)
    }

    /// Keeps a resource for the next attempt, unless there is a newer one.
    pub(in crate::evidence) fn put_back_extra(&self, name: String, bytes: Vec<u8>) {
        let extras = &mut lock(&self.pending).extras;
        if extras.len() < EXTRAS_MAX && extras.iter().all(|(other, _)| *other != name) {
            extras.push((name, bytes));
        }
    }

    /// Those who asked up to this number have what they asked for, or why not.
    pub(in crate::evidence) fn answer(&self, asked: u64, outcome: Result<(), CheckpointFailed>) {
        let mut pending = lock(&self.pending);
        (pending.done, pending.failure) = (asked, outcome.err());
        self.progress.notify_all();
    }

    pub(in crate::evidence) fn add_notice(&self, notice: TreeNotice, at: Time) {
        if notice.event.is_contradiction() {
            lock(&self.published).contradiction = Some((notice.clone(), at));
        }
        let mut pending = lock(&self.pending);
        if let Some(last) = pending.notices.back_mut()
            && (last.event, last.size) == (TreeEvent::Lost, notice.size)
            && notice.event == TreeEvent::Lost
        {
            last.lines += notice.lines;
        } else if pending.notices.len() < NOTICES_MAX {
            pending.notices.push_back(notice);
        }
    }

    pub(in crate::evidence) fn note_lost(&self, lines: u64) {
        lock(&self.published).lost += lines;
    }

    pub(in crate::evidence) fn note_size(&self, size: u64) {
        lock(&self.published).size = size;
    }

    /// Why the folder cannot be written, or that it can.
    pub(in crate::evidence) fn note_error(&self, error: Option<String>, at: Time) {
        let mut published = lock(&self.published);
        let since = published.error.take().map_or(at, |(_, since)| since);
        published.error = error.map(|error| (error, since));
    }

    pub(in crate::evidence) fn publish(&self, checkpoint: Option<SignedCheckpoint>) {
        lock(&self.published).checkpoint = checkpoint;
    }

    pub(in crate::evidence) fn sink(&self) -> Option<Sink> {
        lock(&self.sink).clone()
    }

    /// Waits until all keepers before it have ended, and says whether there was one. After one of the same log it begins,
    /// however long that takes: it has lines to add. `None` if it must not begin: the tree in the folder is of another name or
    /// key, and is not put aside for devices that have gone.
    pub(in crate::evidence) fn wait_for_turn(&self) -> Option<bool> {
        let (mut follows, mut same_log) = (false, true);
        loop {
            let before = self.before();
            {
                // Under the lock that a device takes to join.
                let mut pending = lock(&self.pending);
                let is_wanted = same_log || pending.feeders > 0;
                if before.is_none() || !is_wanted {
                    pending.waits_for_turn = false;
                    return is_wanted.then_some(follows);
                }
            }
            if let Some(before) = before {
                follows = true;
                same_log &= before.is_of(&self.origin, &*self.signer());
                before.wait_until_ended(TURN_WAIT);
            }
        }
    }

    /// One that was there before it.
    fn before(&self) -> Option<Arc<Self>> {
        let keepers = lock(&KEEPERS);
        let before = keepers.iter().take_while(|keeper| !std::ptr::eq(&raw const ***keeper, self));
        before.filter(|keeper| keeper.key == self.key).last().cloned()
    }

    fn wait_until_ended(&self, timeout: Duration) {
        let pending = lock(&self.pending);
        let waited = self.progress.wait_timeout_while(pending, timeout, |pending| !pending.ended);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub(in crate::evidence) fn end(&self) {
        lock(&KEEPERS).retain(|keeper| !std::ptr::eq(&raw const **keeper, self));
        *lock(&self.sink) = None;
        lock(&self.pending).ended = true;
        self.progress.notify_all();
    }
}
