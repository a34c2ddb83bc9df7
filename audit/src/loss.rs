//! What devices do not have (I9). The ledger of a device holds each loss from the moment it happens until a gap entry in the
//! device's log reports it. It is *pending* while no gap entry reports it, *being reported* while the writer formats or
//! writes that (and pending again if the device does not take the line), *inherited* if it is pending and of an earlier
//! boot. The losses of a device that is replaced go to the ledger of the device in its place.
//! Never in it: locks, why a device does not get an entry, or formatting and writing gap entries.

use onrecord_entry::{Boot, SeqSet};
use onrecord_value::Time;

use crate::status::Reported;

/// How many ranges a loss has at most. Beyond it, near ranges are joined: the count stays exact, and the set also names
/// entries between them.
const RANGES_MAX: usize = 128;

/// The reason of losses that an earlier boot handed on.
const NOT_BACK: &str = "the server ended before the device was back";

/// Entries of one boot that a device did not get, and that no gap entry of its log reports yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The boot which the numbers belong to.
    pub boot: Boot,
    /// How many entries.
    pub count: u64,
    /// Which. May name more than `count`: it is bounded in size.
    pub seqs: SeqSet,
    /// Since when.
    pub since: Option<Time>,
    /// Why the first of them was lost.
    pub reason: &'static str,
}

impl Loss {
    /// A loss of an earlier boot, as a server kept it across its end ([`Broker::losses`](crate::Broker::losses)).
    pub const fn kept(boot: Boot, count: u64, seqs: SeqSet, since: Option<Time>) -> Self {
        Self { boot, count, seqs, since, reason: NOT_BACK }
    }

    /// A loss of an earlier boot, as the log of a device shows it.
    pub(crate) fn unfinished(boot: Boot, seqs: SeqSet) -> Self {
        let reason = "the server ended before it had written them";
        Self { boot, count: seqs.count(), seqs, since: None, reason }
    }

    const fn none(boot: Boot) -> Self {
        Self { boot, count: 0, seqs: SeqSet::new(), since: None, reason: "" }
    }

    /// Whether no entry is lost.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds an entry that still waits, but that the device may never write.
    pub(crate) fn add_waiting(&mut self, seq: u64) {
        self.add(seq, NOT_BACK, || None);
    }

    fn add(&mut self, seq: u64, reason: &'static str, since: impl FnOnce() -> Option<Time>) {
        if self.is_empty() {
            (self.since, self.reason) = (since(), reason);
        }
        self.count += 1;
        self.seqs.insert(seq);
        self.seqs.limit_ranges(RANGES_MAX);
    }

    /// Adds a loss of other entries of the same boot that began earlier.
    fn add_older(&mut self, older: Self) {
        if older.is_empty() {
            return;
        }
        let newer = std::mem::replace(self, older);
        self.count = self.count.saturating_add(newer.count);
        self.since = self.since.or(newer.since);
        self.unite(&newer.seqs);
    }

    /// Adds entries some of which may be in it. The count stays exact, because it is made before ranges are joined.
    fn add_found(&mut self, found: &SeqSet) {
        let new = found.difference(&self.seqs).count();
        self.count = self.count.saturating_add(new);
        self.unite(found);
    }

    /// Neither set becomes less exact than it was, unless there are too many ranges in both together.
    fn unite(&mut self, other: &SeqSet) {
        let most = RANGES_MAX.max(self.seqs.ranges().len()).max(other.ranges().len());
        self.seqs = self.seqs.union(other);
        self.seqs.limit_ranges(most);
    }

    /// The same in parts of at most `most` ranges each, whose counts add up to this one's.
    pub(crate) fn parts(self, most: usize) -> Vec<Self> {
        if self.seqs.ranges().len() <= most {
            return if self.is_empty() { Vec::new() } else { vec![self] };
        }
        let Self { boot, count: mut left, seqs, since, reason } = self;
        let (mut parts, mut chunks) = (Vec::new(), seqs.chunks(most));
        while let Some(seqs) = chunks.next() {
            // Each counts at least one. Those whose ranges were joined name more than they count.
            let later = chunks.len() as u64;
            let count = if later == 0 { left } else { seqs.count().min(left.saturating_sub(later)) };
            left -= count;
            parts.push(Self { boot, count, seqs, since, reason });
        }
        parts
    }
}

pub(crate) struct LossLedger {
    /// Of this boot.
    pending: Loss,
    /// One of each earlier boot, kept by the server across its end or found in the device's log.
    inherited: Vec<Loss>,
    reporting: Vec<Loss>,
    reported: Reported,
}

impl LossLedger {
    pub(crate) fn new(boot: Boot, inherited: Vec<Loss>) -> Self {
        let mut ledger = Self {
            pending: Loss::none(boot),
            inherited: Vec::new(),
            reporting: Vec::new(),
            reported: Reported::default(),
        };
        for loss in inherited {
            ledger.put_back(loss);
        }
        ledger
    }

    /// Whether no loss is to be reported but those that are being reported.
    pub(crate) const fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.inherited.is_empty()
    }

    /// Adds an entry of this boot. Says whether it is the first of those pending.
    pub(crate) fn add(&mut self, seq: u64, reason: &'static str, now: impl FnOnce() -> Time) -> bool {
        let first = self.pending.is_empty();
        self.pending.add(seq, reason, || Some(now()));
        first
    }

    /// Adds what the log of a device shows of an earlier boot: what the server kept of it is known already.
    pub(crate) fn add_found(&mut self, found: Loss) {
        match self.inherited.iter_mut().find(|known| known.boot == found.boot) {
            Some(known) => known.add_found(&found.seqs),
            None => self.inherited.push(found),
        }
    }

    /// What is to be reported now, in the order of the gap entries: it is being reported from now on.
    pub(crate) fn start_reporting(&mut self) -> Vec<Loss> {
        if !self.is_empty() {
            self.reporting = self.take_losses();
        }
        self.reporting.clone()
    }

    pub(crate) const fn is_reporting(&self) -> bool {
        !self.reporting.is_empty()
    }

    /// The device has answered for the gap entries. False: the losses in them were taken back meanwhile.
    pub(crate) fn end_reporting(&mut self) -> bool {
        !std::mem::take(&mut self.reporting).is_empty()
    }

    pub(crate) fn note_reported(&mut self, loss: Loss) {
        if loss.boot == self.pending.boot {
            self.reported.gaps += 1;
            self.reported.entries += loss.count;
            self.reported.last = loss.seqs;
        }
    }

    pub(crate) fn put_back(&mut self, loss: Loss) {
        if loss.boot == self.pending.boot {
            self.pending.add_older(loss);
        } else if let Some(known) = self.inherited.iter_mut().find(|known| known.boot == loss.boot) {
            known.add_older(loss);
        } else if !loss.is_empty() {
            self.inherited.push(loss);
        }
    }

    /// What is being reported is pending again, although the writer may still write the gap entries.
    pub(crate) fn take_back(&mut self) {
        for loss in std::mem::take(&mut self.reporting) {
            self.put_back(loss);
        }
    }

    /// Takes out all that is not being reported, for the ledger of the device in the place of this one.
    #[must_use]
    pub(crate) fn take_losses(&mut self) -> Vec<Loss> {
        let mut losses = std::mem::take(&mut self.inherited);
        let none = Loss::none(self.pending.boot);
        let pending = std::mem::replace(&mut self.pending, none);
        losses.extend(Some(pending).filter(|pending| !pending.is_empty()));
        losses
    }

    pub(crate) fn clear(&mut self) {
        self.reporting.clear();
        drop(self.take_losses());
    }

    /// What no gap entry has reported of this boot.
    pub(crate) fn unreported(&self) -> Loss {
        let mut all = self.pending.clone();
        if let Some(reporting) = self.reporting.iter().find(|loss| loss.boot == all.boot) {
            all.add_older(reporting.clone());
        }
        all
    }

    pub(crate) fn unreported_of_earlier_boots(&self) -> impl Iterator<Item = &Loss> {
        let earlier = |loss: &&Loss| loss.boot != self.pending.boot;
        self.inherited.iter().chain(self.reporting.iter().filter(earlier))
    }

    pub(crate) const fn reported(&self) -> &Reported {
        &self.reported
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_entry::SeqRange;

    const BOOT: Boot = Boot::new(9);

    fn loss(seqs: &[u64]) -> Loss {
        let mut loss = Loss::none(BOOT);
        for &seq in seqs {
            loss.add(seq, "test", || Some(Time::from_unix_nanos(0)));
        }
        loss
    }

    fn set(ranges: &[(u64, u64)]) -> SeqSet {
        ranges.iter().map(|&(from, to)| SeqRange { from, to }).collect()
    }

    #[test]
    fn a_loss_that_could_not_be_reported_is_kept_beside_newer_ones() {
        let mut newer = loss(&[7, 8]);
        newer.add_older(loss(&[4, 5, 6]));
        assert_eq!((&newer.seqs, newer.count), (&set(&[(4, 8)]), 5));
        newer.add_older(Loss::none(BOOT));
        assert_eq!(newer.count, 5);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let whole = loss(&[1, 2, 5, 9, 10, 20]);
        let parts: Vec<_> = whole.clone().parts(2).into_iter().map(|part| (part.count, part.seqs)).collect();
        assert_eq!(parts, [(3, set(&[(1, 2), (5, 5)])), (3, set(&[(9, 10), (20, 20)]))]);
        // Ranges that name more than was lost.
        let joined = Loss { count: 4, ..whole };
        assert_eq!(joined.parts(1).iter().map(|part| part.count).collect::<Vec<_>>(), [1, 1, 1, 1]);
        assert!(Loss::none(BOOT).parts(1).is_empty());
    }

    #[test]
    fn ranges_are_bounded_and_hold_every_lost_entry() {
        let seqs: Vec<u64> = (0..1000).map(|at| at * 3 + at / 7).collect();
        let many = loss(&seqs);
        assert_eq!((many.seqs.ranges().len(), many.count), (RANGES_MAX, 1000));
        assert!(seqs.iter().all(|&seq| many.seqs.contains(seq)));
    }

    #[test]
    fn what_the_server_kept_and_what_a_log_shows_is_one_loss() {
        let (boot, other) = (Boot::new(3), Boot::new(4));
        let mut ledger = LossLedger::new(BOOT, vec![Loss::kept(boot, 5, set(&[(5, 9)]), None)]);
        ledger.add_found(Loss::unfinished(boot, set(&[(2, 2), (8, 11)])));
        ledger.add_found(Loss::unfinished(other, set(&[(1, 1)])));
        let expected =
            [Loss::kept(boot, 8, set(&[(2, 2), (5, 11)]), None), Loss::unfinished(other, set(&[(1, 1)]))];
        assert_eq!(ledger.start_reporting(), expected);
    }

    #[test]
    fn the_count_of_lost_entries_stays_exact_where_ranges_are_joined() {
        let boot = Boot::new(3);
        let single = |at: u64| (10 * at, 10 * at);
        let kept = set(&(0..128).map(single).collect::<Vec<_>>());
        let mut ledger = LossLedger::new(BOOT, vec![Loss::kept(boot, 128, kept, None)]);
        ledger.add_found(Loss::unfinished(boot, set(&(200..210).map(single).collect::<Vec<_>>())));
        let losses = ledger.start_reporting();
        assert_eq!((losses[0].count, losses[0].seqs.ranges().len()), (138, 128));
    }

    #[test]
    fn what_a_log_shows_again_is_one_loss() {
        let boot = Boot::new(3);
        let mut ledger = LossLedger::new(BOOT, Vec::new());
        for seqs in [set(&[(2, 3), (7, 7)]), set(&[(3, 4)]), set(&[(2, 4), (9, 9)])] {
            ledger.add_found(Loss::unfinished(boot, seqs));
        }
        let expected = Loss::unfinished(boot, set(&[(2, 4), (7, 7), (9, 9)]));
        assert_eq!(ledger.start_reporting(), [expected]);
    }

    #[test]
    fn a_loss_is_pending_being_reported_or_reported_and_never_two_of_them() {
        let (old, now) = (Boot::new(3), || Time::from_unix_nanos(0));
        let mut ledger = LossLedger::new(BOOT, vec![Loss::kept(old, 2, set(&[(1, 2)]), None)]);
        assert!(ledger.add(5, "test", now) && !ledger.add(6, "test", now));
        let losses = ledger.start_reporting();
        assert_eq!(
            losses.iter().map(|loss| (loss.boot, loss.count)).collect::<Vec<_>>(),
            [(old, 2), (BOOT, 2)]
        );
        assert!(ledger.is_empty() && ledger.is_reporting());
        assert_eq!(ledger.unreported(), loss(&[5, 6]), "it is not reported before the device has the line");
        ledger.add(8, "test", now);
        assert!(ledger.end_reporting());
        for loss in losses {
            if loss.boot == old { ledger.note_reported(loss) } else { ledger.put_back(loss) }
        }
        assert_eq!((ledger.unreported(), ledger.reported().gaps), (loss(&[5, 6, 8]), 0));
        assert_eq!(ledger.start_reporting(), [loss(&[5, 6, 8])]);
        assert!(ledger.end_reporting());
        ledger.note_reported(loss(&[5, 6, 8]));
        assert!(ledger.is_empty() && !ledger.is_reporting() && !ledger.end_reporting());
        assert_eq!((ledger.reported().gaps, ledger.reported().entries), (1, 3));
    }

    #[test]
    fn losses_that_are_taken_back_are_not_the_writers_to_report_any_more() {
        let mut ledger = LossLedger::new(BOOT, vec![Loss::kept(Boot::new(3), 1, set(&[(1, 1)]), None)]);
        ledger.add(5, "test", || Time::from_unix_nanos(0));
        let reporting = ledger.start_reporting();
        ledger.take_back();
        assert!(!ledger.end_reporting());
        let mut successor = LossLedger::new(BOOT, Vec::new());
        for loss in ledger.take_losses() {
            successor.put_back(loss);
        }
        assert!(ledger.is_empty());
        assert_eq!(successor.start_reporting(), reporting);
    }
}
