//! A rate for each peer, with a burst: a peer that was quiet may send two seconds' worth at once.
//! Never in it: what is counted, or anything of a request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::network::Network;

/// How much of its rate a peer may use at once.
const BURST: Duration = Duration::from_secs(2);
/// How many peers are told apart while all of them use their rates. Others share one.
const PEERS_MAX: usize = 4096;

pub(super) struct Rate {
    /// What one request costs.
    cost: Duration,
    /// Until when each peer has used its rate; a time that has passed is as good as none.
    used_until: Mutex<HashMap<Option<Network>, Duration>>,
}

impl Rate {
    pub(super) fn new(per_second: u32) -> Option<Self> {
        let cost = Duration::from_secs(1).checked_div(per_second)?;
        Some(Self { cost, used_until: Mutex::default() })
    }

    /// Takes one request of a peer; false if it has none left.
    pub(super) fn take(&self, network: Network, now: Duration) -> bool {
        let mut peers = self.used_until.lock().unwrap_or_else(PoisonError::into_inner);
        let mut peer = Some(network);
        if peers.len() >= PEERS_MAX && !peers.contains_key(&peer) {
            peers.retain(|_, used_until| *used_until > now);
            if peers.len() >= PEERS_MAX {
                peer = None;
            }
        }
        let used_until = peers.entry(peer).or_default();
        let begin = (*used_until).max(now);
        if begin.saturating_sub(now) + self.cost > BURST {
            return false;
        }
        *used_until = begin + self.cost;
        true
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
        let count = || rate.used_until.lock().unwrap().len();
        let far = Duration::from_secs(100);
        for number in 0..10_000 {
            rate.take(peer(number), Duration::ZERO);
        }
        assert!(count() <= PEERS_MAX + 1, "{}", count());
        assert!(!rate.take(peer(20_000), Duration::ZERO), "the others' common rate is used");
        assert!(rate.take(peer(20_000), far));
        assert_eq!(count(), 1, "those that were quiet are forgotten");
    }
}
