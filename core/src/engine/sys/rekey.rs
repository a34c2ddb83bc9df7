//! `sys/rekey`: new key shares for the holders of the old ones, with or without a proof that they have them. What is on record
//! of the answer that hands them out is how many there are.
//! Never in it: how shares are made and put in force (`onrecord-storage`), or collected (`onrecord-seal`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_seal::{Collector, SealConfig, SecretBytes, UnsealError};
use onrecord_storage::{BarrierError, Rekey};
use onrecord_value::{Object, Value, object};

use super::ceremony::{bare, ceremony, check_nonce, giver, is_privileged, may_end, share, take};
use crate::auto_seal;
use crate::ceremonies::attempt::Attempt;
use crate::ceremonies::{RekeyAttempt, Verification};
use crate::engine::space::failed;
use crate::engine::sys::{Sys, refused, sudo};
use crate::engine::{Call, Handled, Path, Unsealed, fields};
use crate::operation::Operation::{Delete, List, Read, Update};
use crate::outcome::{Afterwards, Outcome, Refusal, Reply, ReplyShape};

const NO_BACKUP: &str =
    "no backed-up keys found: key shares are not encrypted to PGP keys by this server, and none are kept";
const NO_RECOVERY: &str = "recovery keys are not changed by this server: those of its initialisation stay; without a seal stanza there are key \
     shares in their place (sys/rekey)";
const WHAT: &str = "rekey";

pub(super) const PATHS: &[Path<Sys>] = &[
    ceremony("rekey/init", "Read, begin and cancel a change of the key shares.")
        .description("Takes `secret_shares`, `secret_threshold` and `require_verification`.")
        .sensitive_fields(&["pgp_keys"])
        .read(|_, unsealed, _| Handled::pending(status(unsealed)))
        .write(|_, unsealed, call| Handled::pending(begin(unsealed, call)))
        .delete(|_, unsealed, call| Handled::pending(cancel(unsealed, call))),
    ceremony("rekey/update", "Enter one of the old key shares.")
        .description("Takes `key` and `nonce`. The answer to the last one needed has the new key shares.")
        .sensitive_fields(&["key", "nonce"])
        .write(|_, unsealed, call| Handled::pending(update(unsealed, call))),
    ceremony("rekey/verify", "Enter one of the new key shares, as a proof that its holder has it.")
        .description("Takes `key` and `nonce`. With the last one needed the new key shares are in force.")
        .sensitive_fields(&["key", "nonce"])
        .read(|_, unsealed, _| Handled::pending(verification(unsealed)))
        .write(|_, unsealed, call| Handled::pending(verify(unsealed, call)))
        .delete(|_, unsealed, call| Handled::pending(restart(unsealed, call))),
    refused("rekey/backup", "Read and delete a backup of encrypted key shares.", NO_BACKUP, &[Read, Delete]),
    refused(
        "rekey/recovery-key-backup",
        "Read and delete a backup of encrypted recovery keys.",
        NO_RECOVERY,
        &[Read, Delete],
    ),
    refused(
        "rekey-recovery-key/{*step}",
        "Change the shares of the recovery key.",
        NO_RECOVERY,
        &[Read, Update, Delete, List],
    ),
];

// The authenticated spelling of newer servers is the same ceremony, with a policy in addition.
pub(super) const ROTATE_PATHS: &[Path<Sys>] = &[
    sudo("rotate/root/init", "Read, begin and cancel a change of the key shares.")
        .role(crate::routes::Role::Ceremony)
        .description("As `sys/rekey/init`.")
        .sensitive_fields(&["pgp_keys"])
        .read(|_, unsealed, _| Handled::pending(status(unsealed)))
        .write(|_, unsealed, call| Handled::pending(begin(unsealed, call)))
        .delete(|_, unsealed, call| Handled::pending(cancel(unsealed, call))),
    sudo("rotate/root/update", "Enter one of the old key shares.")
        .role(crate::routes::Role::Ceremony)
        .description("As `sys/rekey/update`.")
        .sensitive_fields(&["key", "nonce"])
        .write(|_, unsealed, call| Handled::pending(update(unsealed, call))),
    sudo("rotate/root/verify", "Enter one of the new key shares, as a proof that its holder has it.")
        .role(crate::routes::Role::Ceremony)
        .description("As `sys/rekey/verify`.")
        .sensitive_fields(&["key", "nonce"])
        .read(|_, unsealed, _| Handled::pending(verification(unsealed)))
        .write(|_, unsealed, call| Handled::pending(verify(unsealed, call)))
        .delete(|_, unsealed, call| Handled::pending(restart(unsealed, call))),
    refused(
        "rotate/root/backup",
        "Read and delete a backup of encrypted key shares.",
        NO_BACKUP,
        &[Read, Delete],
    ),
    refused(
        "rotate/recovery/{*step}",
        "Change the shares of the recovery key.",
        NO_RECOVERY,
        &[Read, Update, Delete],
    ),
];

async fn status(unsealed: &Unsealed) -> Result<Outcome, Refusal> {
    let attempt = unsealed.operations.ceremonies.rekey.attempt.lock().await;
    Ok(bare(shown(unsealed, attempt.as_ref()).await?))
}

async fn shown(unsealed: &Unsealed, attempt: Option<&RekeyAttempt>) -> Result<Object, Refusal> {
    let config = attempt.map(|attempt| attempt.config);
    let mut shown = object! {
        "backup" => false,
        "n" => config.map_or(0, SealConfig::shares),
        "nonce" => attempt.map_or("", |attempt| attempt.attempt.nonce()),
        "pgp_fingerprints" => Value::Null,
        "progress" => attempt.map_or(0, |attempt| attempt.attempt.progress()),
        "required" => threshold(unsealed).await?,
        "started" => attempt.is_some(),
        "t" => config.map_or(0, SealConfig::threshold),
        "verification_required" => attempt.is_some_and(|attempt| attempt.require_verification),
    };
    if let Some(verification) = attempt.and_then(|attempt| attempt.verification.as_ref()) {
        shown.insert("verification_nonce", verification.nonce.as_str());
    }
    Ok(shown)
}

/// How many of the shares in force are needed.
pub(super) async fn threshold(unsealed: &Unsealed) -> Result<u8, Refusal> {
    let threshold = auto_seal::threshold(unsealed).await.map_err(|error| failed(&error))?;
    threshold.ok_or_else(Refusal::internal)
}

/// Refuses what is about key shares on a server that has none.
fn check_has_shares(unsealed: &Unsealed) -> Result<(), Refusal> {
    let Some(seal) = &unsealed.settings.auto_seal else { return Ok(()) };
    Err(Refusal::bad_request(format!(
        "this server is unsealed by its seal of type {}: there are no key shares to be changed, and recovery keys are not changed",
        seal.kind()
    )))
}

async fn begin(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    check_has_shares(unsealed)?;
    let whole = |field| Ok::<_, Refusal>(fields::whole(call.data, field)?.unwrap_or(0));
    if fields::sent(call.data, "pgp_keys")
        .is_some_and(|keys| !keys.as_array().is_some_and(<[Value]>::is_empty))
    {
        return Err(Refusal::invalid(
            "encrypting keys or tokens to PGP keys is not supported by this server",
        ));
    }
    if fields::flag(call.data, "backup")?.unwrap_or(false) {
        return Err(Refusal::invalid(
            "backup: only key shares that are encrypted to PGP keys are kept, and this server encrypts none",
        ));
    }
    if fields::whole(call.data, "stored_shares")?.unwrap_or(0) > 0 {
        return Err(Refusal::invalid("stored_shares: the seal of this server stores no key shares"));
    }
    let (shares, threshold) = (whole("secret_shares")?, whole("secret_threshold")?);
    let config = SealConfig::new(shares, threshold).map_err(|error| Refusal::invalid(error.to_string()))?;
    let require_verification = fields::flag(call.data, "require_verification")?.unwrap_or(false);
    let mut current = unsealed.operations.ceremonies.rekey.attempt.lock().await;
    if let Some(other) = &*current
        && (other.attempt.is_privileged || !is_privileged(call))
    {
        return Err(Refusal::invalid("rekey already in progress"));
    }
    let attempt =
        Attempt::begin(&*unsealed.host.entropy, is_privileged(call)).map_err(|error| failed(&error))?;
    tracing::info!(shares, threshold, require_verification, "a change of the key shares begins");
    let attempt = current.insert(RekeyAttempt { attempt, config, require_verification, verification: None });
    Ok(bare(shown(unsealed, Some(attempt)).await?))
}

async fn cancel(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let mut current = unsealed.operations.ceremonies.rekey.attempt.lock().await;
    if let Some(attempt) = &*current {
        may_end(call, &attempt.attempt)?;
        check_nonce(fields::text(call.data, "nonce")?.as_deref(), attempt.attempt.nonce(), WHAT)?;
        *current = None;
        unsealed.operations.ceremonies.rekey.guesses.reset();
        tracing::info!("the change of the key shares is cancelled");
    }
    Ok(())
}

async fn update(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let turn = &unsealed.operations.ceremonies.rekey;
    let mut current = turn.attempt.lock().await;
    let Some(attempt) = current.as_mut() else { return Err(Refusal::invalid("no rekey in progress")) };
    if attempt.verification.is_some() {
        return Err(Refusal::invalid(
            "the new key shares were handed out already: they wait for sys/rekey/verify",
        ));
    }
    let share = share(call, attempt.attempt.nonce(), WHAT)?;
    let giver = giver(unsealed, &turn.guesses, call)?;
    let threshold = threshold(unsealed).await?;
    let progress =
        attempt.attempt.add(share, threshold, &*unsealed.host.entropy).map_err(|error| failed(&error))?;
    let check = async |key: &SecretBytes| unsealed.barrier.check_unseal_key(key).await;
    if take(unsealed, &turn.guesses, giver, progress, check).await?.is_none() {
        return Ok(bare(shown(unsealed, Some(attempt)).await?));
    }
    let rekey = unsealed.barrier.prepare_rekey(attempt.config).await.map_err(|error| failed(&error))?;
    if !attempt.require_verification {
        let (data, recorded) = handed_out(attempt, &rekey, None);
        *current = None;
        return Ok(in_force(data, Some(recorded), rekey));
    }
    let nonce = unsealed.host.entropy.uuid().map_err(|error| failed(&error))?;
    let (data, recorded) = handed_out(attempt, &rekey, Some(&nonce));
    attempt.verification = Some(Verification { nonce, shares: Collector::default(), rekey });
    Ok(Reply { data: Some(data), recorded: Some(recorded), shape: ReplyShape::Bare, ..Reply::default() }
        .into())
}

/// The answer that hands the new shares out, and what is on record of it.
fn handed_out(attempt: &RekeyAttempt, rekey: &Rekey, verification: Option<&str>) -> (Object, Object) {
    let mut recorded = object! {
        "backup" => false,
        "complete" => true,
        "keys" => rekey.shares().len(),
        "keys_base64" => rekey.shares().len(),
        "n" => attempt.config.shares(),
        "nonce" => attempt.attempt.nonce(),
        "pgp_fingerprints" => Value::Null,
        "t" => attempt.config.threshold(),
        "verification_required" => attempt.require_verification,
    };
    if let Some(nonce) = verification {
        recorded.insert("verification_nonce", nonce);
    }
    let mut data = recorded.clone();
    let texts = |encode: fn(&[u8]) -> String| {
        rekey.shares().iter().map(|share| encode(share.expose())).collect::<Value>()
    };
    data.insert("keys", texts(|share| const_hex::encode(share)));
    data.insert("keys_base64", texts(|share| STANDARD.encode(share)));
    (data, recorded)
}

/// A reply with which, once it is on record, new shares are in force.
fn in_force(data: Object, recorded: Option<Object>, rekey: Rekey) -> Outcome {
    let afterwards = Some(Afterwards::Rekey(Box::new(rekey)));
    Reply { data: Some(data), recorded, shape: ReplyShape::Bare, afterwards, ..Reply::default() }.into()
}

fn verified(attempt: &RekeyAttempt) -> Result<Object, Refusal> {
    let verification = attempt.verification.as_ref().ok_or_else(no_verification)?;
    Ok(object! {
        "n" => attempt.config.shares(),
        "nonce" => verification.nonce.as_str(),
        "progress" => verification.shares.progress(),
        "started" => true,
        "t" => attempt.config.threshold(),
    })
}

fn no_verification() -> Refusal {
    Refusal::invalid(
        "no rekey verification in progress: it begins once enough of the old key shares were entered",
    )
}

async fn verification(unsealed: &Unsealed) -> Result<Outcome, Refusal> {
    match &*unsealed.operations.ceremonies.rekey.attempt.lock().await {
        Some(attempt) => Ok(bare(verified(attempt)?)),
        None => Err(Refusal::invalid("no rekey in progress")),
    }
}

async fn verify(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let turn = &unsealed.operations.ceremonies.rekey;
    let mut current = turn.attempt.lock().await;
    let Some(attempt) = current.as_mut() else { return Err(Refusal::invalid("no rekey in progress")) };
    let threshold = attempt.config.threshold();
    let verification = attempt.verification.as_mut().ok_or_else(no_verification)?;
    let share = share(call, &verification.nonce, "rekey verification")?;
    let giver = giver(unsealed, &turn.guesses, call)?;
    let entropy = &*unsealed.host.entropy;
    let progress = verification.shares.add(share, threshold, entropy).map_err(|error| failed(&error))?;
    let check = async |key: &SecretBytes| {
        let wrong = || BarrierError::Unseal(UnsealError::Open(onrecord_seal::EnvelopeError::Authentication));
        if verification.rekey.is_made_by(key) { Ok(()) } else { Err(wrong()) }
    };
    if take(unsealed, &turn.guesses, giver, progress, check).await?.is_none() {
        return Ok(bare(verified(attempt)?));
    }
    let Some(Verification { nonce, rekey, .. }) = current.take().and_then(|attempt| attempt.verification)
    else {
        return Err(Refusal::internal());
    };
    Ok(in_force(object! { "complete" => true, "nonce" => nonce }, None, rekey))
}

/// Forgets the new shares that were given back so far: another nonce stands for what follows.
async fn restart(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let mut current = unsealed.operations.ceremonies.rekey.attempt.lock().await;
    let Some(attempt) = current.as_mut() else { return Err(Refusal::invalid("no rekey in progress")) };
    may_end(call, &attempt.attempt)?;
    let verification = attempt.verification.as_mut().ok_or_else(no_verification)?;
    check_nonce(fields::text(call.data, "nonce")?.as_deref(), &verification.nonce, "rekey verification")?;
    verification.nonce = unsealed.host.entropy.uuid().map_err(|error| failed(&error))?;
    verification.shares.reset();
    Ok(bare(verified(attempt)?))
}
