//! User lockout: an account at which too many logins failed in a row is locked for a while. It holds at any number of
//! logins at once: as many as may still fail are tried, the others wait for their outcome.
//! Never in it: what a login is, or the settings of a mount (`engine::mount`).
//!
//! All of it is in memory, and a restart forgets it. Names that belong to no account are counted like others, so that a lock
//! does not tell which accounts there are; but they are kept apart, so that made-up names push out no count of an account.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onrecord_value::Time;
use tokio::sync::Notify;

/// How many failed logins, in a row, lock an account.
pub(crate) const THRESHOLD: u64 = 5;
/// How long a lock holds, in seconds.
pub(crate) const DURATION: u64 = 15 * 60;
/// After how many seconds without a login failed ones are forgotten.
pub(crate) const COUNTER_RESET: u64 = 15 * 60;

/// How many accounts are remembered, and as many names that belong to none: a few MiB.
const REMEMBERED: usize = 16_384;
/// The longest name that is remembered, in bytes. No account has a longer one.
const NAME_BYTES_MAX: usize = 512;

/// When an account of a mount is locked, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LockoutRules {
    pub(crate) is_disabled: bool,
    pub(crate) threshold: u64,
    /// Seconds.
    pub(crate) duration: u64,
    /// Seconds.
    pub(crate) counter_reset: u64,
}

/// An account: the accessor of its mount, and its name there.
type Key = (String, String);

#[derive(Default)]
struct Account {
    /// Failed logins in a row.
    failed: u64,
    /// When the last one failed.
    last: Option<Time>,
    /// Logins whose outcome is not known yet.
    running: u64,
    locked_until: Option<Time>,
    /// Whether the name belongs to an account, as far as it is known.
    exists: bool,
    /// Its newest place in the order of failed logins; 0 if none is remembered.
    place: u64,
    changed: Arc<Notify>,
}

/// The accounts at which a login is going on, or failed lately. Clones are handles to one table.
#[derive(Clone, Default)]
pub(crate) struct Lockouts(Arc<Mutex<Accounts>>);

#[derive(Default)]
struct Accounts {
    known: HashMap<Key, Account>,
    existing: Order,
    made_up: Order,
    /// The newest place in an order.
    place: u64,
}

/// The remembered names of one kind in the order of their last failed logins. A place that its account has left means
/// nothing.
#[derive(Default)]
struct Order {
    places: VecDeque<(u64, Key)>,
    remembered: usize,
}

/// The account is locked.
#[derive(Debug)]
pub(crate) struct Locked;

/// A login whose outcome is to be said. Dropped without one, it counts as if it had not been tried.
pub(crate) struct LoginAttempt {
    /// None where lockout is disabled.
    counted: Option<(Lockouts, Key)>,
    rules: LockoutRules,
    now: Time,
}

impl Lockouts {
    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a login at an account, once it may be tried: not while as many others are tried as may still fail.
    pub(crate) async fn begin(
        &self,
        mount: &str,
        name: &str,
        rules: LockoutRules,
        now: Time,
    ) -> Result<LoginAttempt, Locked> {
        if rules.is_disabled || name.len() > NAME_BYTES_MAX {
            return Ok(LoginAttempt { counted: None, rules, now });
        }
        let key = (mount.to_owned(), name.to_owned());
        loop {
            let changed = {
                let mut accounts = self.accounts();
                let account = accounts.known.entry(key.clone()).or_default();
                account.forget(rules, now);
                account.lock_if_due(rules, now);
                if account.is_locked(now) {
                    return Err(Locked);
                }
                if account.failed + account.running < rules.threshold {
                    account.running += 1;
                    return Ok(LoginAttempt { counted: Some((self.clone(), key)), rules, now });
                }
                Arc::clone(&account.changed).notified_owned()
            };
            changed.await;
        }
    }

    /// The names of locked accounts, by the accessors of their mounts.
    pub(crate) fn locked(&self, now: Time) -> BTreeMap<String, Vec<String>> {
        let mut locked: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let accounts = self.accounts();
        for ((mount, name), _) in accounts.known.iter().filter(|(_, account)| account.is_locked(now)) {
            locked.entry(mount.clone()).or_default().push(name.clone());
        }
        for names in locked.values_mut() {
            names.sort_unstable();
        }
        locked
    }

    /// Unlocks an account, if it is locked, and forgets its failed logins.
    pub(crate) fn unlock(&self, mount: &str, name: &str, now: Time) {
        let mut accounts = self.accounts();
        let key = (mount.to_owned(), name.to_owned());
        let Some(account) = accounts.known.get_mut(&key) else { return };
        (account.failed, account.locked_until) = (0, None);
        account.changed.notify_waiters();
        accounts.settle(&key, now);
    }
}

impl Accounts {
    fn order(&mut self, exists: bool) -> &mut Order {
        if exists { &mut self.existing } else { &mut self.made_up }
    }

    /// Remembers a failed login at an account, as the newest of its kind.
    fn remember(&mut self, key: &Key, exists: bool, now: Time) {
        self.place += 1;
        let place = self.place;
        let Some(account) = self.known.get_mut(key) else { return };
        let before =
            (std::mem::replace(&mut account.place, place), std::mem::replace(&mut account.exists, exists));
        if before.0 > 0 {
            self.order(before.1).remembered -= 1;
        }
        let order = self.order(exists);
        order.remembered += 1;
        order.places.push_back((place, key.clone()));
        self.make_room(exists, now);
    }

    /// Forgets the account whose last failed login is the oldest, if there are too many of a kind; one that is not locked
    /// before one that is.
    fn make_room(&mut self, exists: bool, now: Time) {
        /// How many locked or busy accounts are passed over.
        const PASSED_OVER: usize = 16;
        let mut passed_over = 0;
        while self.order(exists).remembered > REMEMBERED {
            let Some((place, key)) = self.order(exists).places.pop_front() else { return };
            let Some(account) = self.known.get(&key).filter(|account| account.place == place) else {
                continue;
            };
            if account.running > 0 || (account.is_locked(now) && passed_over < PASSED_OVER) {
                passed_over += 1;
                self.order(exists).places.push_back((place, key));
                if passed_over > 2 * PASSED_OVER {
                    return;
                }
                continue;
            }
            self.remove(&key);
        }
        if self.order(exists).places.len() > 4 * REMEMBERED {
            let mut places = std::mem::take(&mut self.order(exists).places);
            places.retain(|(place, key)| self.known.get(key).is_some_and(|account| account.place == *place));
            self.order(exists).places = places;
        }
    }

    /// Forgets an account at which nothing is going on and of which nothing is to be remembered.
    fn settle(&mut self, key: &Key, now: Time) {
        let is_idle =
            |account: &Account| account.running == 0 && account.failed == 0 && !account.is_locked(now);
        if self.known.get(key).is_some_and(is_idle) {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(account) = self.known.remove(key)
            && account.place > 0
        {
            self.order(account.exists).remembered -= 1;
        }
    }
}

impl Account {
    fn is_locked(&self, now: Time) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    /// Locks an account at which more logins have failed than may by now: the settings of the mount have changed. Nobody would
    /// wake those who waited.
    fn lock_if_due(&mut self, rules: LockoutRules, now: Time) {
        if self.running == 0 && self.failed >= rules.threshold.max(1) && self.locked_until.is_none() {
            self.locked_until = Some(later(now, rules.duration));
        }
    }

    /// Forgets failed logins that are too old to count, and a lock that is over.
    fn forget(&mut self, rules: LockoutRules, now: Time) {
        let is_over = self.locked_until.is_some_and(|until| until <= now);
        let is_old = self.last.is_some_and(|last| now.since(last).as_secs() >= rules.counter_reset);
        if is_over || (is_old && self.locked_until.is_none()) {
            (self.failed, self.last, self.locked_until) = (0, None, None);
        }
    }
}

impl LoginAttempt {
    /// The login succeeded: failed ones before it count no more.
    pub(crate) fn succeeded(mut self) {
        self.finish(|account, _, _| (account.failed, account.last) = (0, None));
    }

    /// The login failed at an account, or at a name that belongs to none. Whether the account is locked now.
    pub(crate) fn failed(mut self, exists: bool) -> bool {
        let mut locks = false;
        let ended = self.finish(|account, rules, now| {
            account.failed += 1;
            account.last = Some(now);
            if account.failed >= rules.threshold {
                account.locked_until = Some(later(now, rules.duration));
                locks = true;
            }
        });
        if let Some((lockouts, key)) = ended {
            lockouts.accounts().remember(&key, exists, self.now);
        }
        locks
    }

    /// Ends the login, once.
    fn finish(&mut self, change: impl FnOnce(&mut Account, LockoutRules, Time)) -> Option<(Lockouts, Key)> {
        let (lockouts, key) = self.counted.take()?;
        {
            let mut accounts = lockouts.accounts();
            let account = accounts.known.get_mut(&key)?;
            account.running -= 1;
            change(account, self.rules, self.now);
            account.changed.notify_waiters();
            accounts.settle(&key, self.now);
        }
        Some((lockouts, key))
    }
}

impl Drop for LoginAttempt {
    fn drop(&mut self) {
        self.finish(|_, _, _| {});
    }
}

fn later(time: Time, seconds: u64) -> Time {
    Time::from_unix_nanos(time.unix_nanos() + i128::from(seconds) * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: LockoutRules = LockoutRules {
        is_disabled: false,
        threshold: THRESHOLD,
        duration: DURATION,
        counter_reset: COUNTER_RESET,
    };

    fn at(seconds: u64) -> Time {
        Time::from_unix(1_700_000_000 + i64::try_from(seconds).unwrap(), 0)
    }

    async fn fail(lockouts: &Lockouts, name: &str, exists: bool, now: u64) -> Option<bool> {
        Some(lockouts.begin("m", name, RULES, at(now)).await.ok()?.failed(exists))
    }

    #[tokio::test]
    async fn the_fifth_failed_login_locks_for_a_quarter_of_an_hour() {
        let lockouts = Lockouts::default();
        for number in 0..5 {
            assert_eq!(fail(&lockouts, "bob", true, 0).await, Some(number == 4), "{number}");
        }
        assert!(fail(&lockouts, "bob", true, DURATION - 1).await.is_none());
        assert_eq!(lockouts.locked(at(1)), BTreeMap::from([("m".to_owned(), vec!["bob".to_owned()])]));
        assert!(lockouts.begin("other", "bob", RULES, at(1)).await.is_ok(), "another mount");
        assert_eq!(fail(&lockouts, "bob", true, DURATION).await, Some(false), "the count begins again");
    }

    #[tokio::test]
    async fn a_success_and_time_without_a_login_reset_the_count_and_an_operator_unlocks() {
        let lockouts = Lockouts::default();
        for _ in 0..4 {
            fail(&lockouts, "bob", true, 0).await;
        }
        lockouts.begin("m", "bob", RULES, at(1)).await.unwrap().succeeded();
        assert!(lockouts.accounts().known.is_empty(), "nothing is kept of an account without failed logins");
        for _ in 0..4 {
            fail(&lockouts, "bob", true, 2).await;
        }
        assert_eq!(fail(&lockouts, "bob", true, 2 + COUNTER_RESET).await, Some(false));
        for _ in 0..4 {
            fail(&lockouts, "bob", true, 3 + COUNTER_RESET).await;
        }
        assert!(lockouts.begin("m", "bob", RULES, at(4 + COUNTER_RESET)).await.is_err());
        lockouts.unlock("m", "bob", at(4 + COUNTER_RESET));
        assert!(lockouts.begin("m", "bob", RULES, at(4 + COUNTER_RESET)).await.is_ok());
    }

    #[tokio::test]
    async fn of_fifty_wrong_logins_at_once_five_are_tried() {
        let lockouts = Lockouts::default();
        let tried = Arc::new(Mutex::new(0));
        let logins: Vec<_> = (0..50)
            .map(|_| {
                let (lockouts, tried) = (lockouts.clone(), Arc::clone(&tried));
                tokio::spawn(async move {
                    let Ok(attempt) = lockouts.begin("m", "bob", RULES, at(0)).await else { return };
                    *tried.lock().unwrap() += 1;
                    tokio::task::yield_now().await;
                    attempt.failed(true);
                })
            })
            .collect();
        for login in logins {
            login.await.unwrap();
        }
        assert_eq!(*tried.lock().unwrap(), 5);
    }

    #[tokio::test]
    async fn fifty_right_logins_at_once_all_succeed_and_an_abandoned_one_takes_no_place() {
        let lockouts = Lockouts::default();
        drop(lockouts.begin("m", "bob", RULES, at(0)).await);
        let logins: Vec<_> = (0..50)
            .map(|_| {
                let lockouts = lockouts.clone();
                tokio::spawn(async move {
                    let attempt = lockouts.begin("m", "bob", RULES, at(0)).await.unwrap();
                    tokio::task::yield_now().await;
                    attempt.succeeded();
                })
            })
            .collect();
        for login in logins {
            login.await.unwrap();
        }
        assert!(lockouts.accounts().known.is_empty());
    }

    #[tokio::test]
    async fn made_up_names_cost_bounded_memory_and_push_out_no_count_of_an_account() {
        let lockouts = Lockouts::default();
        for _ in 0..4 {
            fail(&lockouts, "bob", true, 0).await;
        }
        for number in 0..REMEMBERED + 50 {
            fail(&lockouts, &format!("made-up-{number}"), false, 1).await;
        }
        assert_eq!(lockouts.accounts().known.len(), REMEMBERED + 1);
        assert_eq!(fail(&lockouts, "bob", true, 1).await, Some(true));
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(fail(&lockouts, &long, false, 1).await, Some(false));
        assert_eq!(
            lockouts.accounts().known.len(),
            REMEMBERED + 1,
            "a name that no account can have is not kept"
        );
    }

    #[tokio::test]
    async fn nothing_is_counted_where_lockout_is_disabled() {
        let lockouts = Lockouts::default();
        let rules = LockoutRules { is_disabled: true, ..RULES };
        for _ in 0..10 {
            assert!(!lockouts.begin("m", "bob", rules, at(0)).await.unwrap().failed(true));
        }
        assert!(lockouts.accounts().known.is_empty());
    }
}
