//! A rate for each peer, with a burst: a peer that was quiet may send so much at once.
//! Never in it: what is counted, or anything of a request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::network::Network;

/// How much of a rate by the second a peer may use at once.
const BURST: Duration = Duration::from_secs(2);
/// How many peers are told apart while all of them use their rates. Others share one.
const PEERS_MAX: usize = 4096;

pub(crate) struct Rate {
    /// What one request costs.
    cost: Duration,
    /// How much a peer may use at once.
    burst: Duration,
    /// How long a peer is refused that has none left.
    block: Duration,
    peers: Mutex<HashMap<Option<Network>, Used>>,
}

/// What a peer has used. Times that have passed are as good as none.
#[derive(Default)]
struct Used {
    until: Duration,
    blocked_until: Duration,
}

/// What a peer has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// How many requests it may send at once.
    pub(crate) requests: u64,
    /// After how long it has all of its burst again.
    pub(crate) full_in: Duration,
}

impl Rate {
    pub(crate) fn new(per_second: u32) -> Option<Self> {
        let cost = Duration::from_secs(1).checked_div(per_second)?;
        Some(Self::with_burst(cost, BURST, Duration::ZERO))
    }

    /// A rate by what one request costs, how much of it may be used at once, and how long a peer is blocked that has none
    /// left.
    pub(crate) fn with_burst(cost: Duration, burst: Duration, block: Duration) -> Self {
        Self { cost, burst: burst.max(cost), block, peers: Mutex::default() }
    }

    /// Takes one request of a peer; false if it has none left.
    pub(crate) fn take(&self, network: Network, now: Duration) -> bool {
        self.try_take(Some(network), now).is_ok()
    }

    /// Takes one request of a peer, or says after how long it has one again. Peers without an address share one rate.
    pub(crate) fn try_take(&self, mut peer: Option<Network>, now: Duration) -> Result<Left, Duration> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= PEERS_MAX && !peers.contains_key(&peer) {
            peers.retain(|_, used| used.until > now || used.blocked_until > now);
            if peers.len() >= PEERS_MAX {
                peer = None;
            }
        }
        let used = peers.entry(peer).or_default();
        let blocked = used.blocked_until.saturating_sub(now);
        if blocked > Duration::ZERO {
            return Err(blocked);
        }
        let until = used.until.max(now) + self.cost;
        let taken = until.saturating_sub(now);
        if taken > self.burst {
            if self.block > Duration::ZERO {
                used.blocked_until = now + self.block;
                return Err(self.block);
            }
            return Err(taken.saturating_sub(self.burst));
        }
        used.until = until;
        Ok(self.after(taken))
    }

    /// Whether a peer has none left, as far as it is told apart from the others. Takes nothing.
    pub(crate) fn is_used_up(&self, network: Network, now: Duration) -> bool {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |used: &Used| {
            used.blocked_until > now || (used.until.max(now) + self.cost).saturating_sub(now) > self.burst
        };
        peers.get(&Some(network)).is_some_and(is_over)
    }

    /// What a peer has left, or after how long it has any.
    pub(crate) fn left(&self, peer: Option<Network>, now: Duration) -> Result<Left, Duration> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let used = peers.get(&peer).or_else(|| peers.get(&None).filter(|_| peers.len() >= PEERS_MAX));
        let (until, blocked_until) =
            used.map_or((Duration::ZERO, Duration::ZERO), |used| (used.until, used.blocked_until));
        let blocked = blocked_until.saturating_sub(now);
        let taken = until.saturating_sub(now);
        if blocked > Duration::ZERO {
            return Err(blocked);
        }
        let over = (taken + self.cost).saturating_sub(self.burst);
        if over > Duration::ZERO { Err(over) } else { Ok(self.after(taken)) }
    }

    /// What is left of a burst of which so much is taken.
    fn after(&self, taken: Duration) -> Left {
        let requests = self.burst.saturating_sub(taken).as_nanos() / self.cost.as_nanos().max(1);
        Left { requests: u64::try_from(requests).unwrap_or(u64::MAX), full_in: taken }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn peer(number: u32) -> Network {
        Network::of(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    fn taken(rate: &Rate, number: u32, times: usize, now: Duration) -> usize {
        (0..times).filter(|_| rate.take(peer(number), now)).count()
    }

    #[test]
    fn a_peer_has_a_burst_and_then_its_rate_and_others_have_theirs() {
        let rate = Rate::new(10).unwrap();
        let at = Duration::from_millis;
        assert_eq!(taken(&rate, 1, 100, at(0)), 20);
        assert_eq!(taken(&rate, 2, 1, at(0)), 1);
        assert_eq!(taken(&rate, 1, 100, at(99)), 0);
        assert_eq!(taken(&rate, 1, 100, at(100)), 1);
        assert_eq!(taken(&rate, 1, 100, at(1100)), 10);
        assert_eq!(taken(&rate, 1, 100, at(60_000)), 20);
        assert!(Rate::new(0).is_none());
    }

    #[test]
    fn many_peers_take_bounded_memory_and_quiet_ones_make_room() {
        let rate = Rate::new(1).unwrap();
        let count = || rate.peers.lock().unwrap().len();
        let far = Duration::from_secs(100);
        for number in 0..10_000 {
            rate.take(peer(number), Duration::ZERO);
        }
        assert!(count() <= PEERS_MAX + 1, "{}", count());
        assert!(!rate.take(peer(20_000), Duration::ZERO), "the others' common rate is used");
        assert!(rate.take(peer(20_000), far));
        assert_eq!(count(), 1, "those that were quiet are forgotten");
    }

    #[test]
    fn a_peer_that_has_none_left_is_blocked_and_is_told_for_how_long() {
        let at = Duration::from_secs;
        let rate = Rate::with_burst(at(1), at(3), at(60));
        let left = |now| rate.try_take(Some(peer(1)), now);
        assert_eq!(left(at(0)), Ok(Left { requests: 2, full_in: at(1) }));
        assert_eq!(left(at(0)).map(|left| left.requests), Ok(1));
        assert_eq!(left(at(0)).map(|left| left.requests), Ok(0));
        assert_eq!(left(at(0)), Err(at(60)));
        assert_eq!(left(at(59)), Err(at(1)));
        assert_eq!(left(at(60)).map(|left| left.requests), Ok(2));
        let free = Rate::with_burst(at(1), at(1), Duration::ZERO);
        assert!(free.try_take(None, at(0)).is_ok());
        assert_eq!(free.try_take(None, at(0)), Err(at(1)));
    }
}
