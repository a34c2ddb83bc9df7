//! Refused requests that have no entries of their own, by address and reason, until they are put on record together.
//! Never in it: a text of a client's.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onrecord_entry::text::Template;
use onrecord_value::Time;

use crate::network::Network;

/// How many addresses are told apart between two recordings. The requests of others are counted together.
const ADDRESSES_MAX: usize = 1024;
/// The pause between two recordings.
const PAUSE: Duration = Duration::from_secs(1);

/// Why requests have no entries of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// Their peer sends too many that are refused.
    Rate,
    /// They gave wrong key shares, or any too soon after wrong ones.
    KeyShares,
    /// They were beyond a quota of `sys/quotas/rate-limit`.
    Quota,
}

impl Reason {
    pub(crate) const fn template(self) -> Template {
        Template::new(match self {
            Self::Rate => {
                "requests without a valid token, without permission or malformed, beyond unauthenticated_rate_limit"
            }
            Self::Quota => "requests beyond a rate limit quota (sys/quotas/rate-limit)",
            Self::KeyShares => "key shares that were wrong, or that came too soon after wrong ones",
        })
    }
}

/// How many requests, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) reason: Reason,
    /// None for those of addresses that are not told apart.
    pub(crate) network: Option<Network>,
    pub(crate) requests: u64,
    pub(crate) since: Time,
    pub(crate) until: Time,
}

#[derive(Default)]
pub(crate) struct Counts(Mutex<State>);

#[derive(Default)]
struct State {
    counts: BTreeMap<(Reason, Option<Network>), Count>,
    /// When some were last taken.
    taken_at: Option<Duration>,
    /// How many requests the counts have that were taken and are not on record yet.
    recording: u64,
}

/// Counts that are being recorded. Those that are not on record when it is dropped are counted again, whatever the reason:
/// their entries failed, or the future that records them was dropped.
pub(crate) struct Taken<'a> {
    counts: &'a Counts,
    list: Vec<Count>,
}

impl Counts {
    /// Counts a request.
    pub(crate) fn add(&self, reason: Reason, network: Option<Network>, now: Time) {
        self.state().add(Count { reason, network, requests: 1, since: now, until: now });
    }

    /// How many requests are not on record, with those whose counts are being recorded.
    pub(crate) fn pending(&self) -> u64 {
        let state = self.state();
        state.counts.values().map(|count| count.requests).fold(state.recording, u64::saturating_add)
    }

    /// Takes all counts to record them, once a pause is over and nothing is being recorded.
    pub(crate) fn take_due(&self, now: Duration) -> Option<Taken<'_>> {
        let is_due = |at: Duration| now.saturating_sub(at) >= PAUSE;
        self.take_if(|state| state.recording == 0 && state.taken_at.is_none_or(is_due), now)
    }

    /// Takes all counts to record them, because there will be no later moment.
    pub(crate) fn take_last(&self, now: Duration) -> Option<Taken<'_>> {
        self.take_if(|_| true, now)
    }

    fn take_if(&self, may: impl FnOnce(&State) -> bool, now: Duration) -> Option<Taken<'_>> {
        let mut state = self.state();
        if state.counts.is_empty() || !may(&state) {
            return None;
        }
        let list: Vec<Count> = std::mem::take(&mut state.counts).into_values().collect();
        state.taken_at = Some(now);
        state.recording = list.iter().map(|count| count.requests).fold(state.recording, u64::saturating_add);
        Some(Taken { counts: self, list })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, count: Count) {
        let mut network = count.network;
        if self.counts.len() >= ADDRESSES_MAX && !self.counts.contains_key(&(count.reason, network)) {
            network = None;
        }
        let all =
            self.counts.entry((count.reason, network)).or_insert(Count { requests: 0, network, ..count });
        all.requests = all.requests.saturating_add(count.requests);
        all.since = all.since.min(count.since);
        all.until = all.until.max(count.until);
    }
}

impl Taken<'_> {
    /// The counts that are not on record yet.
    pub(crate) fn list(&self) -> &[Count] {
        &self.list
    }

    /// A count is on record.
    pub(crate) fn recorded(&mut self, count: &Count) {
        let Some(index) = self.list.iter().position(|listed| listed == count) else { return };
        self.list.swap_remove(index);
        let mut state = self.counts.state();
        state.recording = state.recording.saturating_sub(count.requests);
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut state = self.counts.state();
        for count in self.list.drain(..) {
            state.recording = state.recording.saturating_sub(count.requests);
            state.add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "it is what is passed")]
    fn peer(number: u32) -> Option<Network> {
        Some(Network::of(IpAddr::V4(Ipv4Addr::from_bits(number))))
    }

    fn at(second: i128) -> Time {
        Time::from_unix_nanos(second * 1_000_000_000)
    }

    #[test]
    fn requests_of_one_address_are_one_count_and_none_is_forgotten() {
        let counts = Counts::default();
        for second in [5, 3, 4] {
            counts.add(Reason::Rate, peer(1), at(second));
        }
        counts.add(Reason::Rate, peer(2), at(9));
        counts.add(Reason::KeyShares, peer(1), at(9));
        let mut taken = counts.take_due(Duration::ZERO).unwrap();
        let first = Count { reason: Reason::Rate, network: peer(1), requests: 3, since: at(3), until: at(5) };
        assert_eq!((taken.list.len(), taken.list[0]), (3, first));
        counts.add(Reason::Rate, peer(1), at(6));
        assert!(counts.take_due(Duration::from_secs(5)).is_none(), "the last ones are being recorded");
        for other in [taken.list[1], taken.list[2]] {
            taken.recorded(&other);
        }
        drop(taken);
        assert!(counts.take_due(Duration::from_millis(999)).is_none(), "too soon");
        let mut again = counts.take_due(Duration::from_secs(1)).unwrap();
        let all = Count { requests: 4, until: at(6), ..first };
        assert_eq!(again.list, [all]);
        again.recorded(&all);
        drop(again);
        assert!(counts.take_last(Duration::from_secs(9)).is_none(), "nothing is left");
    }

    #[test]
    fn counts_that_are_dropped_before_they_are_on_record_are_counted_again() {
        let counts = Counts::default();
        for number in [1, 1, 2] {
            counts.add(Reason::Rate, peer(number), at(1));
        }
        let mut taken = counts.take_last(Duration::ZERO).unwrap();
        assert_eq!(counts.pending(), 3, "those that are being recorded are not on record yet");
        let first = taken.list[0];
        taken.recorded(&first);
        taken.recorded(&first);
        assert_eq!(counts.pending(), 1);
        drop(taken);
        assert_eq!(counts.pending(), 1);
        assert_eq!(counts.take_last(Duration::ZERO).unwrap().list[0].network, peer(2));
    }

    #[test]
    fn more_addresses_than_are_told_apart_are_counted_together() {
        let counts = Counts::default();
        (0..5000).for_each(|number| counts.add(Reason::Rate, peer(number), at(1)));
        assert_eq!(counts.pending(), 5000);
        let taken = counts.take_last(Duration::ZERO).unwrap();
        assert_eq!(taken.list.len(), ADDRESSES_MAX + 1);
        assert_eq!(taken.list.iter().map(|count| count.requests).sum::<u64>(), 5000);
    }
}
