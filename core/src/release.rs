//! Step 9: the answer leaves, or it is withheld and everything that was issued in it is revoked.
//! Never in it: any way past a proof.

use std::pin::Pin;
use std::sync::Arc;

use onrecord_storage::{Rekey, RekeyError};
use onrecord_value::Object;

use crate::audit_errors;
use crate::ceremonies::journal::Act;
use crate::context::RequestContext;
use crate::engine::leases::{self, Force};
use crate::engine::unsealed::Unsealed;
use crate::exchange::{Answer, ReleaseProof, Shaped};
use crate::operation::Operation;
use crate::outcome::{Afterwards, Outcome, Refusal, Reply};
use crate::record::{self, NotRecorded};
use crate::request::Request;
use crate::shape::{self, ShapingFailed};
use crate::tokens::Reservation;
use crate::wrapping;

/// What a client is told whose request was carried out although its response could not be recorded (decision 6).
const WITHHELD: &str = "internal error: the request was carried out, but its response could not be put on record \
                        and is withheld";
/// What a client is told whose refused request could not be recorded.
const REFUSED: &str = "internal error";

/// What a client is told whose request was carried out although its answer could not be made.
const SHAPING_FAILED: &str = "internal error: the request was carried out, but its answer could not be made";

/// What a client is told whose request was carried out although its answer could not be wrapped.
const NOT_WRAPPED: &str = "internal error: the request was carried out, but its answer could not be stored to be \
                           wrapped, and is withheld";

/// What a client is told whose request was carried out although there is no room for its answer.
const NO_ROOM: &str = "internal error: the request was carried out, but the server is at its limit of memory for \
                       answers, and this one is withheld";

/// What a client is told whose new key shares are on record and could not be stored.
const NOT_STORED: &str =
    "internal error: the new key shares could not be stored, and the old ones stay in force";

/// Releases a shaped answer, given that its response entry has settled. `ceremony` is the request, if it is one of a ceremony.
pub(crate) async fn release(
    unsealed: &Arc<Unsealed>,
    ceremony: Option<&Request>,
    caller: Reservation,
    mut outcome: Outcome,
    shaped: Shaped,
    proof: Result<ReleaseProof, NotRecorded>,
) -> Answer {
    if matches!(&outcome, Outcome::Refusal(refusal) if refusal.status == 500) {
        unsealed.check_storage();
    }
    if let Some(deletion) = caller.finish() {
        deletion.await;
    }
    if let (Some(request), Ok(proof)) = (ceremony, &proof)
        && !end_ceremony_boxed(unsealed, request, &mut outcome, is_audited(proof)).await
    {
        return Answer::not_on_record(NOT_STORED);
    }
    if unsealed.tokens.take_has_ended() {
        leases::sweep_soon(unsealed);
    }
    match (proof, outcome) {
        (Ok(proof), outcome) => {
            if is_audited(&proof) {
                begin(unsealed, outcome);
            }
            Answer::released(shaped, proof)
        }
        (Err(_), Outcome::Refusal(_)) => Answer::not_on_record(REFUSED),
        (Err(_), Outcome::Reply(reply)) => {
            drop(shaped);
            Box::pin(withdraw(unsealed, reply)).await;
            Answer::not_on_record(WITHHELD)
        }
    }
}

/// What goes on record and to the client in place of an outcome whose bytes could not be made: an error. What was
/// issued in it nobody will ever hear of, so it is revoked.
pub(crate) async fn shaping_failed(
    context: &RequestContext<'_>,
    outcome: &mut Outcome,
    why: ShapingFailed,
) -> Shaped {
    let error = match why {
        ShapingFailed::Panicked => {
            let text = Some(SHAPING_FAILED.to_owned());
            Refusal { text, audit_error: Some(audit_errors::SHAPING_FAILED), ..Refusal::internal() }
        }
        ShapingFailed::NotWrapped => Refusal { text: Some(NOT_WRAPPED.to_owned()), ..Refusal::internal() },
        ShapingFailed::NotWrappable => wrapping::not_wrappable(),
        ShapingFailed::NoRoom if changes_nothing(context, outcome) => Refusal::no_room(),
        ShapingFailed::NoRoom => {
            Refusal { status: 500, text: Some(NO_ROOM.to_owned()), ..Refusal::no_room() }
        }
    };
    if let Outcome::Reply(reply) = std::mem::replace(outcome, error.into()) {
        withdraw(context.unsealed, reply).await;
    }
    shape::shape(context, outcome)
}

/// Whether a client may send the request again, as if it had not been sent.
fn changes_nothing(context: &RequestContext<'_>, outcome: &Outcome) -> bool {
    let is_read = matches!(
        context.request.operation,
        Operation::Read | Operation::List | Operation::Help | Operation::Header
    );
    is_read || matches!(outcome, Outcome::Refusal(_))
}

/// Revokes what was issued in a reply that does not leave.
async fn withdraw(unsealed: &Unsealed, reply: Box<Reply>) {
    if let Some(lease) = reply.lease.filter(|lease| lease.new) {
        let now = unsealed.host.clock.now();
        if leases::revoke(unsealed, &lease.id, now, Force::No).await.is_err() {
            tracing::error!("a lease whose issue is not on record could not be revoked; that is tried again");
        }
    }
    if let Some(issued) = reply.auth.filter(|issued| issued.new)
        && let Err(error) = unsealed.tokens.withdraw(&issued).await
    {
        tracing::error!(%error, "a token whose issue is not on record could not be revoked");
    }
    if let Some(wrapped) = reply.wrapped
        && let Err(error) = unsealed.tokens.withdraw_entry(&wrapped.token).await
    {
        tracing::error!(%error, "a wrapping token whose issue is not on record could not be revoked");
    }
}

const fn is_audited(proof: &ReleaseProof) -> bool {
    !matches!(proof, ReleaseProof::Unaudited(_))
}

/// [`end_ceremony`] on the heap from the start: no other journey carries its size.
fn end_ceremony_boxed<'a>(
    unsealed: &'a Unsealed,
    request: &'a Request,
    outcome: &'a mut Outcome,
    is_audited: bool,
) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
    Box::pin(end_ceremony(unsealed, request, outcome, is_audited))
}

/// Puts new key shares in force; then, where no device has the ceremony, keeps it for the first one. `false` if they could not
/// be stored: nobody gets them.
async fn end_ceremony(
    unsealed: &Unsealed,
    request: &Request,
    outcome: &mut Outcome,
    is_audited: bool,
) -> bool {
    let Outcome::Reply(reply) = outcome else { return true };
    if let Some(Afterwards::Rekey(rekey)) = reply.afterwards.take()
        && !put_in_force(unsealed, request, *rekey).await
    {
        return false;
    }
    let changes = matches!(request.operation, Operation::Update | Operation::Delete);
    if changes && !is_audited {
        let facts = reply.recorded.as_ref().or(reply.data.as_ref()).map(numbers).unwrap_or_default();
        let act = Act::new(&request.id, &request.path, request.received, request.peer.as_ref(), facts);
        let act = if request.operation == Operation::Delete { act.deletion() } else { act };
        unsealed.operations.journal.add(act).await;
    }
    true
}

async fn put_in_force(unsealed: &Unsealed, request: &Request, rekey: Rekey) -> bool {
    let config = rekey.config();
    match unsealed.barrier.rekey(rekey).await {
        Ok(()) => {
            let (shares, threshold) = (config.shares(), config.threshold());
            tracing::info!(
                shares,
                threshold,
                "the key shares were changed: the old ones open nothing any more"
            );
            true
        }
        // They are handed out: if they are in force, nothing else opens the storage.
        Err(RekeyError::Unknown(error)) => {
            tracing::error!(
                %error,
                "it is not known whether the new key shares are in force or the old ones: their holders must keep both"
            );
            unsealed.check_storage();
            true
        }
        Err(error) => {
            tracing::error!(%error, "the new key shares could not be stored");
            record::not_stored(unsealed, request).await;
            unsealed.check_storage();
            false
        }
    }
}

/// The numbers and truth values of an object: they are no secrets.
fn numbers(data: &Object) -> Object {
    let plain = data.iter().filter(|(_, value)| value.as_number().is_some() || value.as_bool().is_some());
    plain.map(|(key, value)| (key.to_owned(), value.clone())).collect()
}

/// Begins what waited for the response entry.
fn begin(unsealed: &Unsealed, outcome: Outcome) {
    let Outcome::Reply(reply) = outcome else { return };
    if let Some(Afterwards::Drill { path, drill, time }) = reply.afterwards
        && let Err(error) = unsealed.broker.drill(&path, drill, time)
    {
        tracing::warn!(path, %drill, %error, "a drill did not begin");
    }
}
