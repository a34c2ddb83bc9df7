//! Wrong key shares, by peer: after a few of them the peer has to wait, each time for longer. Never for long, and no other peer
//! waits: a correct share from another address is taken.
//! Never in it: a share, or whether one is right.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::network::Network;
use crate::rate_limiter::RateLimiter;

/// How many rounds may go wrong before a peer has to wait.
const FREE: u32 = 5;
/// The first wait. Each further one is twice as long.
const FIRST: Duration = Duration::from_secs(1);
/// No wait is longer.
const LONGEST: Duration = Duration::from_secs(30);
/// Wrong shares are forgotten when there was none for this time.
const FORGET: Duration = Duration::from_mins(10);
/// How many peers wait. Further ones do not: if they had to wait together, strangers at many addresses could keep the holders of
/// shares out.
const PEERS_MAX: usize = 1024;
/// How many givers of a round are remembered, as many as a round can need shares: a share that is given again does not bring the
/// end of the round nearer, and may come from any number of peers.
const GIVERS_MAX: usize = 255;

/// A peer; none where its address is not known.
pub(crate) type Giver = Option<Network>;

#[derive(Default)]
pub(crate) struct Guesses(Mutex<State>);

#[derive(Default)]
struct State {
    wrong: HashMap<Giver, Wrong>,
    /// Who gave the shares of the current round: which of them was wrong cannot be known.
    round: Vec<Giver>,
    lines: RateLimiter,
}

struct Wrong {
    rounds: u32,
    last: Duration,
}

impl Wrong {
    /// How long its peer has to wait yet.
    fn wait(&self, now: Duration) -> Duration {
        let Some(more) = self.rounds.checked_sub(FREE) else { return Duration::ZERO };
        let wait = 2_u32.checked_pow(more).map_or(LONGEST, |factor| (FIRST * factor.min(60)).min(LONGEST));
        (self.last + wait).saturating_sub(now)
    }
}

impl State {
    /// Counts a wrong round of a peer, if there is room for it.
    fn charge(&mut self, giver: Giver, now: Duration) {
        self.wrong.retain(|_, wrong| now.saturating_sub(wrong.last) < FORGET);
        if self.wrong.len() >= PEERS_MAX && !self.wrong.contains_key(&giver) {
            return;
        }
        let wrong = self.wrong.entry(giver).or_insert(Wrong { rounds: 0, last: now });
        (wrong.rounds, wrong.last) = (wrong.rounds.saturating_add(1), now);
    }
}

impl Guesses {
    /// How long a peer has to wait before its next share is looked at, if it has to.
    pub(crate) fn wait(&self, giver: Giver, now: Duration) -> Option<Duration> {
        let state = self.state();
        let wait = state.wrong.get(&giver).map_or(Duration::ZERO, |wrong| wrong.wait(now));
        (!wait.is_zero()).then_some(wait)
    }

    /// A share was taken that is not the last one of its round.
    pub(crate) fn given(&self, giver: Giver) {
        let round = &mut self.state().round;
        if round.len() < GIVERS_MAX && !round.contains(&giver) {
            round.push(giver);
        }
    }

    /// The round was begun again.
    pub(crate) fn reset(&self) {
        self.state().round.clear();
    }

    /// This peer has thrown away the shares of the round: it is charged as for a wrong one. Who gave them has done nothing wrong.
    pub(crate) fn thrown_away(&self, giver: Giver, now: Duration) {
        let mut state = self.state();
        state.round.clear();
        state.charge(giver, now);
    }

    /// With this peer's share, those of the round were found to be wrong. How many wrong rounds the log should speak of now,
    /// if it should.
    pub(crate) fn wrong(&self, giver: Giver, now: Duration) -> Option<u64> {
        let mut state = self.state();
        let mut givers = std::mem::take(&mut state.round);
        if !givers.contains(&giver) {
            givers.push(giver);
        }
        for giver in givers {
            state.charge(giver, now);
        }
        state.lines.event(now)
    }

    /// The shares of the round were right: what their givers got wrong before was a mistake.
    pub(crate) fn right(&self, giver: Giver) {
        let mut state = self.state();
        let givers = std::mem::take(&mut state.round);
        for giver in givers.into_iter().chain([giver]) {
            state.wrong.remove(&giver);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "it is what is passed")]
    fn peer(number: u32) -> Giver {
        Some(Network::of(IpAddr::V4(Ipv4Addr::from_bits(number))))
    }

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_wait_grows_to_a_bound_and_ends_and_concerns_nobody_else() {
        let guesses = Guesses::default();
        let waits: Vec<u64> = (0..14)
            .map(|_| {
                guesses.wrong(peer(1), seconds(0));
                guesses.wait(peer(1), seconds(0)).map_or(0, |wait| wait.as_secs())
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30]);
        assert_eq!(guesses.wait(peer(2), seconds(0)), None);
        assert_eq!(guesses.wait(peer(1), seconds(29)), Some(seconds(1)));
        assert_eq!(guesses.wait(peer(1), seconds(30)), None);
        for _ in 0..200 {
            guesses.wrong(peer(1), seconds(30));
        }
        assert_eq!(guesses.wait(peer(1), seconds(30)), Some(LONGEST), "never for good");
        guesses.wrong(peer(3), seconds(30) + FORGET);
        guesses.wrong(peer(1), seconds(31) + FORGET);
        assert_eq!(guesses.wait(peer(1), seconds(31) + FORGET), None, "forgotten");
    }

    #[test]
    fn all_givers_of_a_wrong_round_are_charged_and_a_right_one_forgives() {
        let guesses = Guesses::default();
        for _ in 0..FREE {
            guesses.given(peer(1));
            guesses.given(peer(1));
            guesses.wrong(peer(2), seconds(0));
        }
        assert!(guesses.wait(peer(1), seconds(0)).is_some() && guesses.wait(peer(2), seconds(0)).is_some());
        guesses.given(peer(1));
        guesses.right(peer(3));
        assert_eq!(guesses.wait(peer(1), seconds(0)), None);
        assert!(guesses.wait(peer(2), seconds(0)).is_some());
        guesses.given(peer(1));
        guesses.reset();
        guesses.wrong(peer(2), seconds(0));
        assert_eq!(guesses.wait(peer(1), seconds(0)), None);
    }

    #[test]
    fn many_peers_take_bounded_memory() {
        let guesses = Guesses::default();
        for number in 0..5000 {
            guesses.wrong(peer(number), seconds(0));
        }
        assert!(guesses.state().wrong.len() <= PEERS_MAX);
    }

    #[test]
    fn strangers_at_many_addresses_keep_no_other_peer_waiting() {
        let guesses = Guesses::default();
        for number in 0..50_000 {
            guesses.wrong(peer(number % 5000), seconds(0));
        }
        assert_eq!(guesses.wait(peer(0), seconds(0)), Some(LONGEST));
        assert_eq!(guesses.wait(peer(9999), seconds(0)), None);
    }

    #[test]
    fn givers_of_a_round_that_does_not_end_take_bounded_memory() {
        let guesses = Guesses::default();
        for number in 0..5000 {
            guesses.given(peer(number));
        }
        assert_eq!(guesses.state().round.len(), 255);
        guesses.wrong(peer(4999), seconds(0));
        assert_eq!(guesses.state().wrong.len(), 256);
    }
}
