//! The time by which expiry is judged: the machine's time of day, except that it never goes back. Where that is set back, time
//! goes on from the highest one that was seen, as fast as the monotonic clock (ADR 0022). The highest one is stored, so that
//! this holds for the next process, too.
//! Never in it: what expires. Entries show the machine's own time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use onrecord_audit::Clock;
use onrecord_storage::{BarrierError, Batch, StoreError, View};
use onrecord_value::Time;
use tokio::sync::Mutex;

use crate::stored::{Record as _, record};

/// Where the mark is stored, below the core's own prefix.
const KEY: &str = "clock";

/// The highest time that was seen, as it is stored.
struct Mark {
    time: Time,
    /// What the machine's clock showed then: what it has moved on since counts.
    machine: Time,
}

record! { Mark() { "machine" => machine as Nanos, "time" => time as Nanos, } }

/// A clock that does not go back. It needs no lock: its time is the monotonic time and an offset that only grows.
pub(crate) struct ExpiryClock {
    machine: Arc<dyn Clock>,
    /// The largest difference between the machine's time of day and its monotonic time, in nanoseconds.
    offset: AtomicI64,
}

impl ExpiryClock {
    pub(crate) fn new(machine: Arc<dyn Clock>) -> Self {
        let clock = Self { machine, offset: AtomicI64::new(i64::MIN) };
        clock.now();
        clock
    }

    /// How far the machine's clock is behind.
    pub(crate) fn machine_is_behind_by(&self) -> Duration {
        // Read in this order, so that a pause between the two does not count.
        let now = self.now();
        now.since(self.machine.now())
    }

    /// Goes on from a time, if it is a later one.
    fn raise(&self, to: Time) {
        let monotonic = nanos(self.machine.monotonic());
        self.offset.fetch_max(time_nanos(to).saturating_sub(monotonic), Ordering::AcqRel);
    }

    fn mark(&self) -> Mark {
        Mark { time: self.now(), machine: self.machine.now() }
    }
}

impl Clock for ExpiryClock {
    fn now(&self) -> Time {
        // The time of day first: a pause between the two must not put it ahead for good.
        let time = time_nanos(self.machine.now());
        let monotonic = nanos(self.machine.monotonic());
        let offset = time.saturating_sub(monotonic);
        let highest = self.offset.fetch_max(offset, Ordering::AcqRel).max(offset);
        Time::from_unix_nanos(i128::from(monotonic.saturating_add(highest)))
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }

    fn utc_offset(&self, at: Time) -> i32 {
        self.machine.utc_offset(at)
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn time_nanos(time: Time) -> i64 {
    i64::try_from(time.unix_nanos()).unwrap_or(i64::MAX)
}

/// The stored mark of an unsealed server.
pub(crate) struct StoredMark {
    clock: Arc<ExpiryClock>,
    view: View,
    /// The time that is stored. Held while a later one is being stored.
    stored: Mutex<Option<Time>>,
}

impl StoredMark {
    /// Reads the mark, and lets the clock go on from it. What has passed since then on the machine's clock is added.
    pub(crate) async fn load(view: &View, clock: &Arc<ExpiryClock>) -> Result<Self, StoreError> {
        let mut time = None;
        // A store of a version before this one has none.
        if let Some(stored) = view.get(KEY).await? {
            let mark = Mark::decode(stored.expose(), ()).ok_or_else(|| view.unreadable(KEY))?;
            clock.raise(mark.time + clock.machine.now().since(mark.machine));
            time = Some(mark.time);
        }
        Ok(Self { clock: Arc::clone(clock), view: view.clone(), stored: Mutex::new(time) })
    }

    /// How far the machine's clock is behind.
    pub(crate) fn machine_is_behind_by(&self) -> Duration {
        self.clock.machine_is_behind_by()
    }

    /// Stores the present time.
    pub(crate) async fn store(&self) -> Result<(), BarrierError> {
        let mut stored = self.stored.lock().await;
        let mark = self.clock.mark();
        let mut batch = Batch::new();
        self.view.put(&mut batch, KEY, &mark.encode()).map_err(BarrierError::from)?;
        self.view.commit(batch).await?;
        *stored = Some(mark.time);
        Ok(())
    }

    /// Sees to it that a time which has been reached is stored.
    pub(crate) async fn reached(&self, time: Time) {
        if self.stored.lock().await.is_some_and(|stored| stored >= time) {
            return;
        }
        if let Err(error) = self.store().await {
            tracing::warn!(%error, "the time could not be stored: a token that has expired could live again if the clock is set back now");
        }
    }
}

#[cfg(test)]
mod tests {
    use onrecord_audit::ManualClock;

    use super::*;

    #[test]
    fn a_stored_mark_reads_back() {
        let mark =
            Mark { time: Time::from_unix(1_800_000_000, 7), machine: Time::from_unix(1_700_000_000, 0) };
        assert_eq!(mark.encode(), br#"{"machine":1700000000000000000,"time":1800000000000000007}"#);
        let read = Mark::decode(&mark.encode(), ()).unwrap();
        assert_eq!((read.time, read.machine), (mark.time, mark.machine));
        assert!(Mark::decode(b"{}", ()).is_none());
    }

    #[test]
    fn it_goes_on_from_a_higher_time_as_fast_as_the_monotonic_clock() {
        let machine = Arc::new(ManualClock::default());
        let clock = ExpiryClock::new(Arc::clone(&machine) as _);
        let start = machine.now();
        assert_eq!((clock.now(), clock.machine_is_behind_by()), (start, Duration::ZERO));
        let ahead = Duration::from_secs(1000);
        clock.raise(start + ahead);
        clock.raise(start);
        machine.advance(Duration::from_secs(5));
        assert_eq!(clock.now(), start + ahead + Duration::from_secs(5));
        assert_eq!(clock.machine_is_behind_by(), ahead);
    }
}
