//! What is done with leases: issue, look-up, renewal, revocation, with the engine and the token that they belong to.
//! Never in it: their storage (`crate::leases`), endpoints (`sys::leases`).

use std::sync::Arc;
use std::time::Duration;

use onrecord_storage::{Batch, CommitError};
use onrecord_value::{Object, Time};

use super::space::{ChangeBatch, failed, refused};
use super::token::lifetime::{self, Bounds, TtlRequest};
use super::{Call, Mount, Tune, Unsealed};
use crate::admission::{Permit, Priority};
use crate::leases::counts::Place;
use crate::leases::{FAILURES_MAX, IssuedLease, Lease, keys};
use crate::outcome::Refusal;
use crate::token::{Entry, TokenKind};
use crate::tokens::ActiveToken;

/// How often a change is tried again because another one came first.
const TRIES: usize = 4;
/// How long after its first failure a revocation is tried again. The pause doubles with each failure.
const PAUSE: Duration = Duration::from_mins(1);

/// What an engine says about a secret that it hands out.
#[derive(Debug, Clone, Default)]
pub struct LeaseDraft {
    /// Seconds to live; 0 leaves it to the mount.
    pub ttl: u64,
    /// Seconds from issue that no renewal passes; 0 leaves it to the mount.
    pub max_ttl: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// What the engine needs to take it back ([`Engine::revoke_lease`](super::Engine::revoke_lease)). No secret.
    pub data: Object,
}

/// A lease that has ended, as its engine is told.
pub struct Revocation<'a> {
    /// The lease.
    pub lease: &'a Lease,
    /// By which expiry is judged.
    pub now: Time,
    /// Takes room for what the engine reads.
    pub permit: &'a Permit,
}

/// A lease that is not stored yet: to be added to the batch that stores what is leased.
#[must_use = "it is stored with what is leased"]
pub struct NewLease {
    lease: Lease,
    place: Place,
}

impl NewLease {
    /// A lease of what a call hands out, within the bounds of the mount and the server.
    pub fn of(unsealed: &Unsealed, call: &Call<'_>, draft: LeaseDraft) -> Result<Self, Refusal> {
        let bounds = Bounds::of(unsealed, &call.mount.tune);
        let request = TtlRequest { ttl: draft.ttl, explicit_max_ttl: draft.max_ttl, period: 0, age: 0 };
        let granted = lifetime::grant_first(request, bounds)?;
        let tag = unsealed.host.entropy.uuid().map_err(|error| failed(&error))?;
        let path = call.full_path();
        let place = unsealed.leases.counts.reserve(&path).map_err(|_| Refusal::over_lease_quota(&path))?;
        let caller = call.caller.map(|caller| &*caller.entry);
        let end = caller.and_then(|entry| end_of_batch_token(entry, call.now));
        let within = |seconds: u64| end.map_or(seconds, |end| seconds.min(end));
        let ttl = within(granted.ttl);
        // A renewal knows no token: the bound stays in the lease.
        let max_ttl = if draft.max_ttl > 0 { within(draft.max_ttl) } else { end.unwrap_or(0) };
        let lease = Lease {
            id: format!("{path}/{tag}"),
            mount: call.mount.uuid.clone(),
            token: caller.map(owner).unwrap_or_default(),
            issued: call.now,
            expires: call.now + Duration::from_secs(ttl),
            renewed: None,
            ttl,
            max_ttl,
            renewable: draft.renewable,
            data: draft.data,
            failures: 0,
            retry: None,
        };
        Ok(Self { lease, place })
    }

    /// Adds it to the batch that stores what is leased.
    pub fn add(&self, unsealed: &Unsealed, batch: &mut ChangeBatch<'_>) -> Result<(), Refusal> {
        unsealed.leases.add(batch.batch(), &self.lease).map_err(refused)
    }

    /// Stores it alone: for an engine that stores nothing of what it leases.
    pub async fn store(self, unsealed: &Unsealed) -> Result<IssuedLease, Refusal> {
        let mut batch = Batch::new();
        unsealed.leases.add(&mut batch, &self.lease).map_err(refused)?;
        match unsealed.leases.commit(batch).await {
            Ok(()) => Ok(self.stored()),
            // Its token ended in the meantime.
            Err(CommitError::Conflict(_)) => Err(Refusal::no_valid_token()),
            Err(error) => Err(failed(&error)),
        }
    }

    /// It is stored: what the answer shows.
    pub fn stored(self) -> IssuedLease {
        self.place.keep();
        IssuedLease { ttl: self.lease.ttl, renewable: self.lease.renewable, id: self.lease.id, new: true }
    }
}

/// The name of the stored token that ends a lease with itself: of a batch token its parent.
fn owner(entry: &Entry) -> String {
    match entry.kind {
        TokenKind::Service => entry.name.clone(),
        TokenKind::Batch => entry.parent.clone().unwrap_or_default(),
    }
}

/// Seconds until a batch token ends. It cannot be renewed, so nothing that it leases outlives it.
fn end_of_batch_token(entry: &Entry, now: Time) -> Option<u64> {
    (entry.kind == TokenKind::Batch).then(|| entry.ttl(now).max(1))
}

/// A lease that is alive.
pub(crate) enum Found {
    Secret(Box<Lease>),
    Token(ActiveToken),
}

/// The lease with an id, if it is alive: its time is not over, its token lives, its mount is there.
pub(crate) async fn find(unsealed: &Unsealed, id: &str, now: Time) -> Result<Option<Found>, Refusal> {
    let id = id.trim_end_matches('/');
    if let Some((path, name)) = keys::token_of(id) {
        let found = unsealed.tokens.find_stored(name, now).await?;
        return Ok(found.filter(|token| token.entry().lease_path() == path).map(Found::Token));
    }
    if id.is_empty() {
        return Ok(None);
    }
    let Some(lease) = unsealed.leases.get(id).await.map_err(refused)? else { return Ok(None) };
    Ok(lives(unsealed, &lease, now).await?.then(|| Found::Secret(Box::new(lease))))
}

async fn lives(unsealed: &Unsealed, lease: &Lease, now: Time) -> Result<bool, Refusal> {
    if lease.expired(now) {
        // The next process must not find it alive, whatever its clock shows.
        unsealed.mark.reached(lease.expires).await;
        return Ok(false);
    }
    if tune_of(unsealed, lease).is_none() {
        return Ok(false);
    }
    Ok(lease.token.is_empty() || unsealed.tokens.find_stored(&lease.token, now).await?.is_some())
}

fn tune_of(unsealed: &Unsealed, lease: &Lease) -> Option<Tune> {
    mount_of(unsealed, lease).map(|mount| mount.tune.clone())
}

fn mount_of(unsealed: &Unsealed, lease: &Lease) -> Option<Arc<Mount>> {
    unsealed.mounts.snapshot().iter().find(|mount| mount.uuid == lease.mount).cloned()
}

/// Extends the lease of a secret by this number of seconds; 0 is what it was issued with.
pub(crate) async fn renew(
    unsealed: &Unsealed,
    id: &str,
    increment: u64,
    now: Time,
) -> Result<IssuedLease, Refusal> {
    let absent = || Refusal::invalid("lease not found");
    if keys::token_of(id).is_some() {
        return Err(match find(unsealed, id, now).await? {
            Some(_) => Refusal::invalid("tokens cannot be renewed through this endpoint"),
            None => absent(),
        });
    }
    for _ in 0..TRIES {
        let (lock, leases) = (unsealed.leases.lock(id).await.map_err(refused)?, &unsealed.leases);
        let (Some(old), seen) = leases.latest(id).await.map_err(refused)? else { return Err(absent()) };
        if old.failures > 0 || !lives(unsealed, &old, now).await? {
            return Err(absent());
        }
        if !old.renewable {
            return Err(Refusal::invalid("lease is not renewable"));
        }
        let tune = tune_of(unsealed, &old).ok_or_else(absent)?;
        let ttl = if increment > 0 { increment } else { old.ttl };
        let age = now.since(old.issued).as_secs();
        let request = TtlRequest { ttl, explicit_max_ttl: old.max_ttl, period: 0, age };
        let granted = lifetime::grant(request, Bounds::of(unsealed, &tune));
        let granted = granted.ok_or_else(|| Refusal::invalid("past the max TTL, cannot renew"))?;
        let expires = now + Duration::from_secs(granted.ttl);
        let new = Lease { expires, renewed: Some(now), ..old.clone() };
        let batch = leases.replacing(&old, seen, &new, Some(expires)).map_err(refused)?;
        let commit = leases.commit(batch);
        drop(lock);
        match commit.await {
            Ok(()) => {
                return Ok(IssuedLease {
                    id: new.id,
                    ttl: granted.ttl,
                    renewable: new.renewable,
                    new: false,
                });
            }
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    Err(failed(&"the renewal of a lease was refused by the store again and again"))
}

/// Whether a revocation ends the lease even where the engine cannot take back what it leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    No,
    Yes,
}

/// Revokes a lease: takes back what was leased, then removes the lease. One that is not there is not an error.
pub(crate) async fn revoke(unsealed: &Unsealed, id: &str, now: Time, force: Force) -> Result<(), Refusal> {
    let id = id.trim_end_matches('/');
    if let Some((path, name)) = keys::token_of(id) {
        return Ok(unsealed.tokens.revoke_stored(name, path).await?);
    }
    if id.is_empty() { Ok(()) } else { end(unsealed, id, now, force, false).await }
}

/// Ends the lease of a secret, or only one whose time is over. Those who want to end one lease do so one after another: its
/// engine is asked once.
async fn end(
    unsealed: &Unsealed,
    id: &str,
    now: Time,
    force: Force,
    only_expired: bool,
) -> Result<(), Refusal> {
    let leases = &unsealed.leases;
    let _turn = leases.lock(id).await.map_err(refused)?;
    for _ in 0..TRIES {
        let (Some(lease), seen) = leases.latest(id).await.map_err(refused)? else { return Ok(()) };
        if only_expired && !lease.expired(now) && lease.failures == 0 {
            return Ok(());
        }
        // Without its mount there is nothing to take back: the data of the mount is gone.
        if let Some(mount) = mount_of(unsealed, &lease)
            && let Err(refusal) = take_back(unsealed, &mount, &lease, now).await
        {
            let path = &mount.path;
            if force == Force::No {
                note_failure(unsealed, &lease, seen, now).await;
                tracing::warn!(mount = %path, "what was leased could not be taken back");
                return Err(refusal);
            }
            tracing::warn!(mount = %path, "what was leased could not be taken back; the lease is removed all the same");
        }
        let batch = leases.removing(&lease, seen).map_err(refused)?;
        match leases.commit(batch).await {
            Ok(()) => {
                leases.counts.removed(&lease.id);
                return Ok(());
            }
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(failed(&error)),
        }
    }
    Err(failed(&"the revocation of a lease was refused by the store again and again"))
}

async fn take_back(unsealed: &Unsealed, mount: &Mount, lease: &Lease, now: Time) -> Result<(), Refusal> {
    // It is work of the server's own: no client's request has room for it.
    let permit = unsealed.meters.admission.account(None).arrive(Priority::Operator, &lease.id);
    let revocation = Revocation { lease, now, permit: &permit };
    mount.engine.revoke_lease(unsealed, &revocation).await
}

/// Its end is tried again later, unless it has failed too often. Meanwhile it cannot be renewed.
async fn note_failure(unsealed: &Unsealed, lease: &Lease, seen: onrecord_storage::Seen, now: Time) {
    let failures = (lease.failures + 1).min(FAILURES_MAX);
    let retry = now + PAUSE * (1 << failures.min(16));
    let new = Lease { failures, retry: Some(retry), ..lease.clone() };
    let due = (!new.is_irrevocable()).then_some(retry);
    let noted = match unsealed.leases.replacing(lease, seen, &new, due) {
        Ok(batch) => unsealed.leases.commit(batch).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = noted {
        tracing::warn!(%error, "the failure of a revocation could not be stored");
    }
}

/// Revokes the lease that a path is, and all below it. Without `force` the first that cannot be revoked ends it.
pub(crate) async fn revoke_below(
    unsealed: &Unsealed,
    path: &str,
    now: Time,
    force: Force,
) -> Result<usize, Refusal> {
    revoke(unsealed, path, now, force).await?;
    let (mut revoked, mut after) = (0, String::new());
    loop {
        let page = unsealed.leases.ids_below(path, &after).await.map_err(refused)?;
        let Some(last) = page.last() else { return Ok(revoked) };
        after.clone_from(last);
        revoked += page.len();
        for id in &page {
            revoke(unsealed, id, now, force).await?;
        }
    }
}

/// As [`sweep`], in the background.
pub(crate) fn sweep_soon(unsealed: &Arc<Unsealed>) {
    let swept = Arc::clone(unsealed);
    unsealed.host.spawn.spawn(Box::pin(async move {
        if sweep(&swept, swept.host.clock.now()).await.is_err() {
            tracing::warn!(
                "what tokens had leased that are gone could not be taken back; that is tried again"
            );
        }
    }));
}

/// Ends what has ended already: leases whose time is over, and those of tokens that are gone. Takes nothing from anybody, so
/// it needs no entry on record.
pub(crate) async fn sweep(unsealed: &Unsealed, now: Time) -> Result<usize, Refusal> {
    let mut ended = 0;
    loop {
        let due = unsealed.leases.due(now).await.map_err(refused)?;
        let mut done = 0;
        for id in &due {
            // One that fails has another place in the order then.
            done += usize::from(end(unsealed, id, now, Force::No, true).await.is_ok());
        }
        ended += done;
        if done == 0 {
            break;
        }
    }
    for name in unsealed.leases.ended_tokens().await.map_err(refused)? {
        ended += sweep_token(unsealed, &name, now).await?;
    }
    Ok(ended)
}

/// Ends what a token that is gone has leased; how many there were. When nothing is left, the token is forgotten.
async fn sweep_token(unsealed: &Unsealed, name: &str, now: Time) -> Result<usize, Refusal> {
    let (mut ended, mut is_left, mut after) = (0, false, String::new());
    loop {
        let (ids, last) = unsealed.leases.of_token(name, &after).await.map_err(refused)?;
        let Some(last) = last else { break };
        after = last;
        for id in ids {
            // One that has failed has a time of its own.
            let lease = unsealed.leases.get(&id).await.map_err(refused)?;
            let waits = |lease: Lease| lease.retry.is_some_and(|retry| lease.is_irrevocable() || retry > now);
            if lease.is_some_and(waits) || end(unsealed, &id, now, Force::No, false).await.is_err() {
                is_left = true;
            } else {
                ended += 1;
            }
        }
    }
    if !is_left && let Err(error) = unsealed.leases.forget_token(name).await {
        tracing::warn!(%error, "the leases of a token that is gone are looked at again");
    }
    Ok(ended)
}
