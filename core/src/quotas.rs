//! Quotas: how many requests each client may send to a path, and how many leases there may be below one. A request counts for
//! the longest path of a quota that covers it. Never in it: endpoints (`engine::sys::quotas`).

mod record;

use std::sync::Arc;
use std::time::Duration;

use onrecord_storage::{Batch, CommitError, StoreError, View};
use tokio::sync::Mutex;

pub(crate) use self::record::{Quota, QuotaConfig, QuotaKind, QuotaTable, covers};
use crate::current::Current;
use crate::exchange::RateLimit;
use crate::leases::Leases;
use crate::network::Network;
use crate::rate::Rate;
use crate::request::Request;
use crate::route::RouteMatch;
use crate::stored::Record as _;

/// Where they are stored, below the core's own prefix.
pub(crate) const KEY: &str = "quotas";
/// How many quotas there can be: all of them are in memory, and compared with each request.
pub(crate) const QUOTAS_MAX: usize = 256;
/// Below it a client with a valid token is never refused: a quota that is too small can be removed again.
const OWN: &str = "sys/quotas/";

/// The quotas of the unsealed server.
pub(crate) struct Quotas {
    view: View,
    leases: Leases,
    active: Current<Active>,
    /// Held by whatever changes the table, from reading it to showing the new one.
    writing: Mutex<()>,
}

/// What is in force.
#[derive(Default)]
struct Active {
    table: QuotaTable,
    /// Those that limit requests, the longest path first.
    limits: Vec<Arc<Limit>>,
}

struct Limit {
    quota: Quota,
    rate: Rate,
}

/// Why the quotas could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuotaError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Quotas {
    pub(crate) async fn load(view: &View, leases: &Leases) -> Result<Self, QuotaError> {
        let quotas = Self {
            view: view.clone(),
            leases: leases.clone(),
            active: Current::new(Active::default()),
            writing: Mutex::default(),
        };
        quotas.invalidate().await?;
        Ok(quotas)
    }

    /// Makes effective what is stored.
    pub(crate) async fn invalidate(&self) -> Result<(), QuotaError> {
        let _turn = self.writing.lock().await;
        let table = match self.view.get(KEY).await? {
            Some(stored) => {
                QuotaTable::decode(stored.expose(), ()).ok_or_else(|| self.view.unreadable(KEY))?
            }
            None => QuotaTable::default(),
        };
        self.show(table).await
    }

    /// All of them.
    pub(crate) fn quotas(&self) -> Vec<Quota> {
        self.active.get().table.quotas.clone()
    }

    pub(crate) fn config(&self) -> QuotaConfig {
        self.active.get().table.config.clone()
    }

    /// How many leases count for a quota.
    pub(crate) fn lease_count(&self, quota: &Quota) -> u64 {
        self.leases.counts.count(&quota.path)
    }

    /// Changes the table, durably. `decide` may refuse it.
    pub(crate) async fn change<E: From<QuotaError>>(
        &self,
        decide: impl FnOnce(&mut QuotaTable) -> Result<(), E>,
    ) -> Result<(), E> {
        let _turn = self.writing.lock().await;
        let mut table = self.active.get().table.clone();
        decide(&mut table)?;
        if table == self.active.get().table {
            return Ok(());
        }
        let mut batch = Batch::new();
        self.view.put(&mut batch, KEY, &table.encode()).map_err(QuotaError::from)?;
        self.view.commit(batch).await.map_err(QuotaError::from)?;
        Ok(self.show(table).await?)
    }

    /// Removes the quotas of a mount that is gone.
    pub(crate) async fn remove_below(&self, mount: &str) -> Result<(), QuotaError> {
        let is_below = |quota: &Quota| quota.path.starts_with(mount);
        if !self.active.get().table.quotas.iter().any(is_below) {
            return Ok(());
        }
        self.change(|table| {
            table.quotas.retain(|quota| !is_below(quota));
            Ok(())
        })
        .await
    }

    /// Lets the quotas of a mount follow it to another path.
    pub(crate) async fn move_below(&self, from: &str, to: &str) -> Result<(), QuotaError> {
        self.change(|table| {
            for quota in &mut table.quotas {
                if let Some(rest) = quota.path.strip_prefix(from) {
                    quota.path = [to, rest].concat();
                }
            }
            Ok(())
        })
        .await
    }

    /// Puts a table in force. A limit that stays goes on where it is. The turn must be held.
    async fn show(&self, table: QuotaTable) -> Result<(), QuotaError> {
        let before = self.active.get();
        let of = |kind| table.quotas.iter().filter(move |quota| quota.kind == kind);
        let limit = |quota: &Quota| {
            let same = before.limits.iter().find(|limit| limit.quota == *quota);
            same.cloned().unwrap_or_else(|| Arc::new(Limit::new(quota.clone())))
        };
        let mut limits: Vec<_> = of(QuotaKind::RateLimit).map(limit).collect();
        limits.sort_by_key(|limit| std::cmp::Reverse(limit.quota.path.len()));
        let counted = |table: &QuotaTable| {
            let counted = table.quotas.iter().filter(|quota| quota.kind == QuotaKind::LeaseCount);
            counted.map(|quota| (quota.path.clone(), quota.max_leases)).collect::<Vec<_>>()
        };
        let (old, new) = (counted(&before.table), counted(&table));
        self.active.set(Active { table, limits });
        if old != new {
            // A lease that is made at this moment may be counted twice, and never not at all.
            self.leases.counts.set(new);
            self.leases.count_again().await?;
        }
        Ok(())
    }

    /// Takes a request from the quota that it counts for. If that has none left: after how many seconds it has.
    pub(crate) fn admit(&self, request: &Request, route: &RouteMatch, has_token: bool) -> Result<(), u64> {
        let active = self.active.get();
        let is_own = has_token && request.path.starts_with(OWN);
        let Some(limit) = active.limit(request, route).filter(|_| !is_own) else { return Ok(()) };
        let network = Some(Network::of_client(request.peer.as_ref()));
        limit.rate.try_take(network, request.started).map(drop).map_err(seconds)
    }

    /// What is left of the quota that a request counts for, where answers are to say so.
    pub(crate) fn left(&self, request: &Request, route: &RouteMatch) -> Option<Box<RateLimit>> {
        let active = self.active.get();
        let limit = active.limit(request, route).filter(|_| active.table.config.response_headers)?;
        let network = Some(Network::of_client(request.peer.as_ref()));
        let (remaining, reset) = match limit.rate.left(network, request.started) {
            Ok(left) => (left.requests, seconds(left.full_in)),
            Err(again) => (0, seconds(again)),
        };
        Some(Box::new(RateLimit { limit: limit.requests(), remaining, reset }))
    }
}

impl Active {
    /// The limit that a request counts for, unless its path is exempt. Another spelling of a path counts as the usual one: a
    /// client does not get around a quota with capital letters.
    fn limit(&self, request: &Request, route: &RouteMatch) -> Option<&Limit> {
        if self.limits.is_empty() {
            return None;
        }
        let usual = route.canonical(&request.path);
        let is_covered = |pattern: &str| {
            covers(pattern, &request.path) || usual.as_deref().is_some_and(|usual| covers(pattern, usual))
        };
        let limit = self.limits.iter().find(|limit| is_covered(&limit.quota.path))?;
        let is_exempt = self.table.config.exempt_paths.iter().any(|exempt| is_covered(exempt));
        (!is_exempt).then_some(&**limit)
    }
}

/// Whole seconds, rounded up, at least one.
fn seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0 || span.as_secs() == 0)
}

impl Limit {
    fn new(quota: Quota) -> Self {
        let interval = Duration::from_secs(quota.interval);
        let rate = quota.rate.parse::<f64>().unwrap_or(1.0);
        // An endpoint has checked both; a rate of less than one request in an interval still lets one through.
        let cost = interval.div_f64(rate.clamp(RATE_MIN, RATE_MAX));
        let rate = Rate::with_burst(cost, interval, Duration::from_secs(quota.block_interval));
        Self { quota, rate }
    }

    /// How many requests a client may send in an interval.
    fn requests(&self) -> u64 {
        let rate = self.quota.rate.parse::<f64>().unwrap_or(1.0).clamp(1.0, RATE_MAX);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the bounds of rates"
        )]
        let whole = rate as u64;
        whole
    }
}

/// Which rates there can be.
pub(crate) const RATE_MIN: f64 = 0.000_001;
pub(crate) const RATE_MAX: f64 = 1_000_000_000.0;
/// Which intervals there can be, in seconds.
pub(crate) const INTERVAL_MAX: u64 = 366 * 24 * 3600;
