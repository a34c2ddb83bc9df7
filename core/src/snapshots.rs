//! The snapshot of the storage that is being made: at most one at a time, since each keeps what is overwritten meanwhile.
//! It is given up if its next page is not asked for, and never takes longer than an hour. A page that is being made is
//! waited for.
//! Never in it: what is in a snapshot (`onrecord-storage`), or the endpoints (`engine::sys::snapshot`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use onrecord_storage::snapshot::Saving;

/// After so long without a request for a page it is given up.
pub(crate) const IDLE_MAX: Duration = Duration::from_mins(1);
/// After so long it is given up in any case.
pub(crate) const TIME_MAX: Duration = Duration::from_hours(1);

#[derive(Default)]
pub(crate) struct Snapshots(Mutex<Option<Session>>);

struct Session {
    id: String,
    /// `None` while a page is made of it.
    saving: Option<Box<Saving>>,
    /// Ends when the page that is being made is done, or is given up with its request.
    page: Weak<()>,
    begun: Duration,
    /// When a page was asked for last.
    touched: Duration,
}

/// What a page is made of, and what keeps others from beginning a snapshot meanwhile.
pub(crate) struct Taken {
    pub(crate) saving: Box<Saving>,
    page: Arc<()>,
}

/// Why there is no page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoPage {
    /// No snapshot of this id is being made.
    Unknown,
    /// Another request is making one.
    Busy,
}

impl Snapshots {
    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one is being made.
    pub(crate) fn is_busy(&self, now: Duration) -> bool {
        self.expire(now);
        self.session().is_some()
    }

    /// Begins one, unless one is being made.
    pub(crate) fn begin(&self, id: &str, saving: Saving, now: Duration) -> bool {
        self.expire(now);
        let mut session = self.session();
        if session.is_some() {
            return false;
        }
        let saving = Some(Box::new(saving));
        *session = Some(Session { id: id.to_owned(), saving, page: Weak::new(), begun: now, touched: now });
        true
    }

    /// Takes it, to make a page of it; [`put_back`](Self::put_back) is to follow.
    pub(crate) fn take(&self, id: &str, now: Duration) -> Result<Taken, NoPage> {
        self.expire(now);
        let mut session = self.session();
        let session = session.as_mut().filter(|session| session.id == id).ok_or(NoPage::Unknown)?;
        session.touched = now;
        let saving = session.saving.take().ok_or(NoPage::Busy)?;
        let page = Arc::new(());
        session.page = Arc::downgrade(&page);
        Ok(Taken { saving, page })
    }

    /// Puts it back for the next page, unless it was given up meanwhile.
    pub(crate) fn put_back(&self, id: &str, taken: Taken, now: Duration) {
        let Taken { saving, page } = taken;
        if let Some(session) = self.session().as_mut().filter(|session| session.id == id) {
            session.saving = Some(saving);
            session.touched = now;
        }
        drop(page);
    }

    /// Gives it up. Whether there was one of this id.
    pub(crate) fn end(&self, id: &str) -> bool {
        self.session().take_if(|session| session.id == id).is_some()
    }

    /// Gives up what takes too long. To be called now and then.
    pub(crate) fn expire(&self, now: Duration) {
        let is_over = |session: &mut Session| {
            let is_idle = now.saturating_sub(session.touched) >= IDLE_MAX && session.page.strong_count() == 0;
            is_idle || now.saturating_sub(session.begun) >= TIME_MAX
        };
        if self.session().take_if(is_over).is_some() {
            tracing::warn!("a snapshot of the storage was not finished in time and is given up");
        }
    }

    /// Gives up whatever is being made: the server is sealed.
    pub(crate) fn clear(&self) {
        self.session().take();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use onrecord_seal::{OsEntropy, SealConfig};
    use onrecord_storage::memory::Memory;
    use onrecord_storage::{Barrier, Storage};

    use super::{Duration, IDLE_MAX, Snapshots};

    #[test]
    fn while_a_page_is_made_no_other_snapshot_begins_however_long_it_takes() {
        let barrier = Barrier::new(Storage::start(Memory::new()).unwrap(), Arc::new(OsEntropy::new()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_, batch) = runtime.block_on(barrier.initialize(SealConfig::new(1, 1).unwrap(), 0)).unwrap();
        barrier.commit(batch).wait().unwrap();
        let saving = || barrier.begin_snapshot(0, String::new(), String::new()).unwrap();
        let snapshots = Snapshots::default();
        assert!(snapshots.begin("a", saving(), Duration::ZERO));
        let page = snapshots.take("a", Duration::ZERO).ok().unwrap();
        let mut now = IDLE_MAX * 2;
        assert!(!snapshots.begin("b", saving(), now), "a page of the first one is being made");
        snapshots.put_back("a", page, now);
        assert!(snapshots.is_busy(now));
        // A request that is given up ends its page.
        drop(snapshots.take("a", now).ok().unwrap());
        now += IDLE_MAX;
        assert!(snapshots.begin("b", saving(), now));
    }
}
