//! `sys/generate-root`: a new root token for those who hold enough key shares, or shares of the recovery key where a key service
//! unseals the server; hidden with a one-time password. It is on record
//! as a token that the request issues, by its hash and its accessor, and is revoked if that cannot be recorded.
//! Never in it: the password's arithmetic (`ceremonies::otp`).

use onrecord_seal::{Secret, SecretBytes};
use onrecord_value::{Object, Value, object};

use super::ceremony::{bare, ceremony, check_nonce, giver, is_privileged, may_end, share, take};
use super::rekey::threshold;
use crate::auto_seal;
use crate::ceremonies::attempt::Attempt;
use crate::ceremonies::{RootAttempt, otp};
use crate::engine::space::failed;
use crate::engine::sys::{Sys, refused, sudo};
use crate::engine::{Call, Handled, Path, Unsealed, fields};
use crate::operation::Operation::{Delete, Read, Update};
use crate::outcome::{Outcome, Refusal, Reply, ReplyShape};
use crate::policies::ROOT;
use crate::routes::Role;
use crate::token::{Issued, TokenDraft};

const DECODE: &str = "a root token is decoded by its client, so that it does not travel in the clear: operator generate-root -decode";
const NO_RECOVERY: &str = "recovery tokens are not supported: there is no recovery mode";
const WHAT: &str = "root generation";

pub(super) const PATHS: &[Path<Sys>] = &[
    ceremony("generate-root/attempt", "Read, begin and cancel the making of a root token.")
        .description(
            "Takes `otp`, letters and digits as many as `otp_length` says; without it the answer has one.",
        )
        .sensitive_fields(&["otp", "pgp_key"])
        .read(|_, unsealed, _| Handled::pending(status(unsealed)))
        .write(|_, unsealed, call| Handled::pending(begin(unsealed, call)))
        .delete(|_, unsealed, call| Handled::pending(cancel(unsealed, call))),
    ceremony("generate-root/update", "Enter a key share.")
        .description("Takes `key` and `nonce`. The answer to the last one needed has `encoded_root_token`.")
        .sensitive_fields(&["key", "nonce"])
        .write(|_, unsealed, call| Handled::pending(update(unsealed, call))),
    // The authenticated spelling of newer servers is the same ceremony, with a policy in addition.
    sudo("generate-root-token/attempt", "Read, begin and cancel the making of a root token.")
        .role(Role::Ceremony)
        .description("As `sys/generate-root/attempt`, with the answer in `data`.")
        .sensitive_fields(&["otp", "pgp_key"])
        .read(|_, unsealed, _| Handled::pending(in_data(status(unsealed))))
        .write(|_, unsealed, call| Handled::pending(in_data(begin(unsealed, call))))
        .delete(|_, unsealed, call| Handled::pending(cancel(unsealed, call))),
    sudo("generate-root-token/update", "Enter a key share.")
        .role(Role::Ceremony)
        .description("As `sys/generate-root/update`, with the answer in `data`.")
        .sensitive_fields(&["key", "nonce"])
        .write(|_, unsealed, call| Handled::pending(in_data(update(unsealed, call)))),
    refused("decode-token", "Decode a generated root token.", DECODE, &[Update]),
    refused(
        "generate-recovery-token/{*step}",
        "Make a recovery token.",
        NO_RECOVERY,
        &[Read, Update, Delete],
    ),
];

/// An answer in `data`, where clients of the newer spelling look for it; on record it is the same.
async fn in_data(answer: impl Future<Output = Result<Outcome, Refusal>>) -> Result<Outcome, Refusal> {
    let mut outcome = answer.await?;
    if let Outcome::Reply(reply) = &mut outcome
        && let Some(data) = reply.data.take()
    {
        let inside = Value::Object(data.clone());
        reply.recorded.get_or_insert(data);
        reply.data = Some(Object::from_iter([("data".to_owned(), inside)]));
    }
    Ok(outcome)
}

fn shown(attempt: Option<&RootAttempt>, required: u8) -> Object {
    object! {
        "complete" => false,
        "encoded_root_token" => "",
        "encoded_token" => "",
        "nonce" => attempt.map_or("", |attempt| attempt.attempt.nonce()),
        "otp" => "",
        "otp_length" => attempt.map_or(otp::LENGTH, |attempt| attempt.otp.expose().len()),
        "pgp_fingerprint" => "",
        "progress" => attempt.map_or(0, |attempt| attempt.attempt.progress()),
        "required" => required,
        "started" => attempt.is_some(),
    }
}

async fn status(unsealed: &Unsealed) -> Result<Outcome, Refusal> {
    let required = threshold(unsealed).await?;
    Ok(bare(shown(unsealed.operations.ceremonies.root.attempt.lock().await.as_ref(), required)))
}

async fn begin(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    if fields::text(call.data, "pgp_key")?.is_some_and(|key| !key.is_empty()) {
        return Err(Refusal::invalid(
            "encrypting keys or tokens to PGP keys is not supported by this server",
        ));
    }
    let given = fields::text(call.data, "otp")?.filter(|given| !given.is_empty());
    let entropy = &*unsealed.host.entropy;
    let (otp, is_given) = match given {
        Some(given) => {
            let given = Secret::new(given.into_owned());
            otp::check(given.expose()).map_err(Refusal::invalid)?;
            (given, true)
        }
        None => (otp::random(otp::LENGTH, entropy).map_err(|error| failed(&error))?, false),
    };
    let required = threshold(unsealed).await?;
    let mut current = unsealed.operations.ceremonies.root.attempt.lock().await;
    if let Some(other) = &*current
        && (other.attempt.is_privileged || !is_privileged(call))
    {
        return Err(Refusal::invalid("root generation already in progress"));
    }
    let attempt = Attempt::begin(entropy, is_privileged(call)).map_err(|error| failed(&error))?;
    tracing::info!("the making of a root token begins");
    let attempt = current.insert(RootAttempt { attempt, otp });
    let recorded = shown(Some(attempt), required);
    let mut data = recorded.clone();
    if !is_given {
        data.insert("otp", attempt.otp.expose().as_str());
    }
    Ok(Reply { data: Some(data), recorded: Some(recorded), shape: ReplyShape::Bare, ..Reply::default() }
        .into())
}

async fn cancel(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let mut current = unsealed.operations.ceremonies.root.attempt.lock().await;
    if let Some(attempt) = &*current {
        may_end(call, &attempt.attempt)?;
        check_nonce(fields::text(call.data, "nonce")?.as_deref(), attempt.attempt.nonce(), WHAT)?;
        *current = None;
        unsealed.operations.ceremonies.root.guesses.reset();
        tracing::info!("the making of a root token is cancelled");
    }
    Ok(())
}

async fn update(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let turn = &unsealed.operations.ceremonies.root;
    let mut current = turn.attempt.lock().await;
    let Some(attempt) = current.as_mut() else {
        return Err(Refusal::invalid("no root generation in progress"));
    };
    let share = share(call, attempt.attempt.nonce(), WHAT)?;
    let giver = giver(unsealed, &turn.guesses, call)?;
    let required = threshold(unsealed).await?;
    let entropy = &*unsealed.host.entropy;
    let progress = attempt.attempt.add(share, required, entropy).map_err(|error| failed(&error))?;
    let check = async |key: &SecretBytes| auto_seal::check_key(unsealed, key).await;
    if take(unsealed, &turn.guesses, giver, progress, check).await?.is_none() {
        return Ok(bare(shown(Some(attempt), required)));
    }
    let draft = TokenDraft {
        id: Some(otp::token_text(&attempt.otp, entropy).map_err(|error| failed(&error))?),
        policies: vec![ROOT.to_owned()],
        path: "auth/token/root".to_owned(),
        display_name: "root".to_owned(),
        ..TokenDraft::default()
    };
    let entry = unsealed.tokens.create(draft, None, call.now).await?;
    let mut recorded = shown(Some(attempt), required);
    recorded.extend(object! { "complete" => true, "progress" => required });
    let hidden = otp::hide(entry.id.expose(), &attempt.otp);
    *current = None;
    tracing::warn!("a root token was made from key shares");
    let mut data = recorded.clone();
    data.extend(object! { "encoded_root_token" => hidden.as_str(), "encoded_token" => hidden.as_str() });
    let auth = Some(Issued { entry, lease_seconds: 0, new: true, text_known: true });
    Ok(Reply {
        data: Some(data),
        recorded: Some(recorded),
        auth,
        shape: ReplyShape::Bare,
        ..Reply::default()
    }
    .into())
}
