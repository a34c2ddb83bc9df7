//! `sys/leases`: look up, list, renew and revoke leases, of secrets and of tokens.
//! Never in it: what a renewal or a revocation does (`crate::engine::leases`).

use std::borrow::Cow;

use onrecord_value::{GoDuration, Object, Value, object};

use crate::engine::leases::{self, Force, Found};
use crate::engine::space::refused;
use crate::engine::sys::{Sys, sudo};
use crate::engine::{Call, Handled, Path, Unsealed, fields};
use crate::outcome::{Outcome, Refusal, Reply};

pub(super) const PATHS: &[Path<Sys>] = &[
    sudo("leases/?", "List leases that could not be revoked.")
        .description("Takes `type`, which is irrevocable, and `limit`.")
        .read(|_, unsealed, call| Handled::pending(list_irrevocable(unsealed, call)))
        .list(|_, unsealed, call| Handled::pending(list_irrevocable(unsealed, call))),
    Path::new("leases/count", "Count leases that could not be revoked.")
        .description("Takes `type`, which is irrevocable.")
        .read(|_, unsealed, call| Handled::pending(count_irrevocable(unsealed, call))),
    Path::new("leases/lookup", "Look a lease up.")
        .description("Takes `lease_id`.")
        .write(|_, unsealed, call| Handled::pending(look_up(unsealed, call))),
    sudo("leases/lookup/", "List the paths of leases.")
        .list(|_, unsealed, call| Handled::pending(list(unsealed, call))),
    sudo("leases/lookup/{*prefix}", "List the leases below a path.")
        .list(|_, unsealed, call| Handled::pending(list(unsealed, call))),
    Path::new("leases/renew", "Renew the lease of a secret.")
        .description("Takes `lease_id` and `increment`.")
        .write(|_, unsealed, call| Handled::pending(renew(unsealed, call))),
    Path::new("leases/renew/{*lease_id}", "Renew the lease of a secret.")
        .description("Takes `increment`.")
        .write(|_, unsealed, call| Handled::pending(renew(unsealed, call))),
    Path::new("renew", "Renew the lease of a secret, at its older path.")
        .description("Takes `lease_id` and `increment`.")
        .write(|_, unsealed, call| Handled::pending(renew(unsealed, call))),
    Path::new("renew/{*lease_id}", "Renew the lease of a secret, at its older path.")
        .description("Takes `increment`.")
        .write(|_, unsealed, call| Handled::pending(renew(unsealed, call))),
    Path::new("leases/revoke", "Revoke a lease.")
        .description("Takes `lease_id`.")
        .write(|_, unsealed, call| Handled::pending(revoke(unsealed, call))),
    Path::new("leases/revoke/{*lease_id}", "Revoke a lease.")
        .write(|_, unsealed, call| Handled::pending(revoke(unsealed, call))),
    Path::new("revoke", "Revoke a lease, at its older path.")
        .description("Takes `lease_id`.")
        .write(|_, unsealed, call| Handled::pending(revoke(unsealed, call))),
    Path::new("revoke/{*lease_id}", "Revoke a lease, at its older path.")
        .write(|_, unsealed, call| Handled::pending(revoke(unsealed, call))),
    sudo("leases/revoke-prefix/{*prefix}", "Revoke all leases below a path.")
        .write(|_, unsealed, call| Handled::pending(revoke_below(unsealed, call, Force::No))),
    sudo("revoke-prefix/{*prefix}", "Revoke all leases below a path, at its older path.")
        .write(|_, unsealed, call| Handled::pending(revoke_below(unsealed, call, Force::No))),
    sudo("leases/revoke-force/{*prefix}", "Revoke all leases below a path, even where that fails.")
        .write(|_, unsealed, call| Handled::pending(revoke_below(unsealed, call, Force::Yes))),
    sudo(
        "revoke-force/{*prefix}",
        "Revoke all leases below a path, even where that fails, at its older path.",
    )
    .write(|_, unsealed, call| Handled::pending(revoke_below(unsealed, call, Force::Yes))),
    sudo("leases/tidy", "Remove leases and tokens that have ended.")
        .write(|_, unsealed, call| Handled::pending(tidy(unsealed, call))),
];

/// How many leases one answer lists that cannot be revoked.
const IRREVOCABLE_MAX: usize = 10_000;

/// The lease that a request names, in its path or in a field.
fn named<'a>(call: &Call<'a>) -> Result<Cow<'a, str>, Refusal> {
    let id = match call.captured {
        "" => fields::text(call.data, "lease_id")?.unwrap_or_default(),
        captured => Cow::Borrowed(captured),
    };
    if id.is_empty() { Err(Refusal::invalid("lease_id must be specified")) } else { Ok(id) }
}

/// `PUT sys/leases/lookup`.
async fn look_up(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = named(call)?;
    let found = leases::find(unsealed, &id, call.now).await?;
    let facts = match found.ok_or_else(|| Refusal::invalid("invalid lease"))? {
        Found::Secret(lease) => object! {
            "expire_time" => lease.expires,
            "id" => lease.id.as_str(),
            "issue_time" => lease.issued,
            "last_renewal" => lease.renewed,
            "path" => path_of(&lease.id),
            "renewable" => lease.renewable,
            "ttl" => lease.left(call.now),
        },
        Found::Token(token) => {
            let entry = token.entry();
            object! {
                "expire_time" => entry.expires,
                "id" => id.trim_end_matches('/'),
                "issue_time" => entry.issued,
                "last_renewal" => entry.renewed,
                "path" => entry.lease_path(),
                "renewable" => entry.renewable,
                "ttl" => entry.ttl(call.now),
            }
        }
    };
    Ok(fields::answer(facts, call.data, &["lease_id"]))
}

fn path_of(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(path, _)| path)
}

/// `LIST sys/leases/lookup/PREFIX`.
async fn list(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let keys = unsealed.leases.list(call.captured).await.map_err(refused)?;
    call.permit.hold_names(&keys)?;
    Ok(Outcome::keys(keys))
}

/// `PUT sys/leases/renew`.
async fn renew(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let id = named(call)?;
    let increment = fields::span(call.data, "increment")?.unwrap_or(GoDuration::ZERO);
    if increment.is_negative() {
        return Err(Refusal::invalid("increment must not be negative"));
    }
    let increment = u64::try_from(increment.secs()).unwrap_or(0);
    let lease = leases::renew(unsealed, id.trim_end_matches('/'), increment, call.now).await?;
    let warnings = fields::unrecognized(call.data, &["increment", "lease_id"]).into_iter().collect();
    Ok(Reply { lease: Some(lease), warnings, ..Reply::default() })
}

/// `PUT sys/leases/revoke`. A lease that does not exist is not an error.
async fn revoke(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    leases::revoke(unsealed, &named(call)?, call.now, Force::No).await
}

/// `PUT sys/leases/revoke-prefix/PREFIX` and `revoke-force/PREFIX`.
async fn revoke_below(unsealed: &Unsealed, call: &Call<'_>, force: Force) -> Result<(), Refusal> {
    let revoked = leases::revoke_below(unsealed, call.captured, call.now, force).await?;
    tracing::info!(leases = revoked, "revoked the leases below a path");
    Ok(())
}

/// `POST sys/leases/tidy`.
async fn tidy(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let tidied = unsealed.tokens.tidy(call.now).await?;
    let leases = leases::sweep(unsealed, call.now).await?;
    tracing::info!(leases, tokens = tidied.tokens, leftovers = tidied.leftovers, "tidied the leases");
    Ok(())
}

/// `type` of the requests about leases that cannot be revoked: there is but one.
fn check_type(data: &Object) -> Result<(), Refusal> {
    match fields::text(data, "type")?.as_deref() {
        Some("irrevocable") => Ok(()),
        _ => Err(Refusal::bad_request(
            "the parameter \"type\" must be \"irrevocable\": no other leases are counted or listed",
        )),
    }
}

/// `GET sys/leases`.
async fn list_irrevocable(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    check_type(call.data)?;
    let limit = match fields::text(call.data, "limit")?.as_deref() {
        None | Some("" | "none") => IRREVOCABLE_MAX,
        Some(text) => {
            text.parse().ok().filter(|limit| (1..=IRREVOCABLE_MAX).contains(limit)).ok_or_else(|| {
                Refusal::invalid(format!("limit must be a number from 1 to {IRREVOCABLE_MAX}, or none"))
            })?
        }
    };
    let ids = unsealed.leases.irrevocable(limit).await.map_err(refused)?;
    let count = ids.len();
    let why = "what was leased could not be taken back; the server's log says why";
    let leases: Value = ids.iter().map(|id| object! { "error" => why, "lease_id" => id.as_str() }).collect();
    Ok(Outcome::data(object! { "lease_count" => count, "leases" => leases }))
}

/// `GET sys/leases/count`.
async fn count_irrevocable(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    check_type(call.data)?;
    let ids = unsealed.leases.irrevocable(usize::MAX).await.map_err(refused)?;
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    for id in &ids {
        let mount = unsealed.mounts.find(id).map_or_else(String::new, |mount| mount.path.clone());
        *counts.entry(mount).or_default() += 1;
    }
    let counts: Object = counts.into_iter().collect();
    Ok(Outcome::data(object! { "counts" => counts, "lease_count" => ids.len() }))
}
