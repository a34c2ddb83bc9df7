//! Requests that are refused: how many of each peer have entries of their own, and how many came beyond that, until one
//! entry counts them. An attacker decides how many there are, so a peer pays for them, and the log does not.
//! Never in it: a request that is permitted (it costs nothing here), or how a count is put on record.

mod counts;

use crate::context::RequestContext;
use crate::decide::Verdict;
use crate::engine::unsealed::Unsealed;
use crate::exchange::Peer;
use crate::network::Network;
use crate::rate::Rate;
use crate::tokens::Reservation;

pub(crate) use self::counts::{Count, Counts, Reason, Taken};

pub(crate) struct Refusals {
    /// None if there is no limit.
    rate: Option<Rate>,
    /// What is not on record yet. It outlives a seal: key shares are refused while nothing can be recorded.
    pub(crate) counts: Counts,
}

impl Refusals {
    /// `per_second` is the most refused requests of each peer that are admitted in a second; 0 is no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        Self { rate: Rate::new(per_second), counts: Counts::default() }
    }

    /// Whether a request without a token is refused unread: it will count as refused, and its peer has sent too many of those.
    /// To parse its body would be work that anybody can ask for.
    pub(crate) fn refuse_unread(&self, unsealed: &Unsealed, peer: Option<&Peer>) -> bool {
        let Some(rate) = &self.rate else { return false };
        let network = Network::of_client(peer);
        if !rate.is_used_up(network, unsealed.host.clock.monotonic()) {
            return false;
        }
        self.count(unsealed, network);
        true
    }

    fn count(&self, unsealed: &Unsealed, network: Network) {
        self.counts.add(Reason::Rate, Some(network), unsealed.machine_clock.now());
        unsealed.meters.over_rate();
    }

    /// Whether a request may go on to the record. One that no valid token came with, that is not permitted or that cannot
    /// be understood is counted, and may not if its peer has sent too many of them.
    pub(crate) fn admit(&self, context: &RequestContext<'_>) -> bool {
        let Some(rate) = self.rate.as_ref().filter(|_| is_refused(context)) else { return true };
        let network = Network::of_client(context.request.peer.as_ref());
        if rate.take(network, context.request.started) {
            return true;
        }
        self.count(context.unsealed, network);
        false
    }
}

/// Counts a request that is beyond a rate limit quota.
pub(crate) fn count_over_quota(context: &RequestContext<'_>) {
    let network = Some(Network::of_client(context.request.peer.as_ref()));
    let unsealed = context.unsealed;
    unsealed.refusals.counts.add(Reason::Quota, network, unsealed.machine_clock.now());
    unsealed.meters.over_rate();
}

/// Whether a request is refused by what is known before it is recorded. One without a valid token counts even where it needs
/// none: anybody can send it.
fn is_refused(context: &RequestContext<'_>) -> bool {
    let refused = matches!(context.verdict, Verdict::Denied(_) | Verdict::NoToken);
    refused || context.request.refusal.is_some() || matches!(context.caller, Reservation::Refused)
}
