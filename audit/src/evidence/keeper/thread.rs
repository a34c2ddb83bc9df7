//! What the thread of a tree asks its keeper, and says to it.
//! Never in it: what devices and those who ask see.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use onrecord_value::Time;

use super::{KEEPERS, Keeper, NOTICES_MAX, Round};
use crate::evidence::feed::Feed;
use crate::evidence::notice::{TreeEvent, TreeNotice};
use crate::evidence::{CheckpointFailed, EXTRAS_MAX, SignedCheckpoint, Sink, lock};

impl Keeper {
    /// Waits for the next thing to do. `due`: when the next checkpoint is; `read`: the feed before, whose chunks are filled
    /// again, if there is room for the lines that wait.
    pub(in crate::evidence) fn next(
        &self,
        due: &mut Option<Instant>,
        interval: Duration,
        read: Option<Feed>,
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
                || pending.asked > pending.done
                || pending.feeders == 0
                || waits && pending.feed.has_file()
            {
                break Some(pending.asked);
            }
            if waits && pending.feed.has_chunk() {
                break None;
            }
            pending = match *due {
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
        let feeders = pending.feeders;
        let several = std::mem::replace(&mut pending.several, feeders > 1);
        let feed = read.map(|read| pending.feed.replace(read)).unwrap_or_default();
        // Until it is known exactly: the thread may hang with them.
        lock(&self.published).size += feed.lines;
        Round { feed, several, checkpoint, ends: feeders == 0 }
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

    /// Waits until this keeper has ended: the next one of its folder begins then. However long that takes, the next one has lines
    /// that it alone can add in order, also if its own devices have gone meanwhile.
    pub(in crate::evidence) fn wait_until_ended(&self) {
        let pending = lock(&self.pending);
        let waited = self.progress.wait_while(pending, |pending| !pending.ended);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    pub(in crate::evidence) fn end(&self) {
        lock(&KEEPERS).retain(|keeper| !std::ptr::eq(&raw const **keeper, self));
        *lock(&self.sink) = None;
        lock(&self.pending).ended = true;
        self.progress.notify_all();
    }
}
