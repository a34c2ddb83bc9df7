//! Step 6: the use of the token is spent; then the refusal is made, or the mount's handler runs.
//! Never in it: recording. A handler that panics has an outcome like any other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use onrecord_audit::{Recorded, RequestOnRecord};

use crate::context::RequestContext;
use crate::outcome::{Outcome, Refusal};
use crate::routes::Role;
use crate::{audit_errors, login, preview};

/// Does what was asked, or refuses it. The request is on record, or no device is enabled.
pub(crate) async fn act(context: &RequestContext<'_>, _recorded: &Recorded<RequestOnRecord>) -> Outcome {
    if let Some(refusal) = &context.request.refusal {
        return Outcome::Refusal(refusal.clone());
    }
    // Revoked while its entry was waited for: it has no effect any more (I11).
    if context.caller.is_revoked() {
        return Refusal::no_valid_token().into();
    }
    if context.verdict.spends()
        && let Err(error) = context.caller.spend().await
    {
        return Refusal::from(error).into();
    }
    catch_panic(pin!(run(context))).await
}

async fn run(context: &RequestContext<'_>) -> Outcome {
    if let Some(outcome) = context.precheck() {
        return outcome;
    }
    let Some(mount) = &context.route.mount else {
        return Refusal::no_mount(&context.request.path).into();
    };
    // A preview is about a request of the same client: it must see all of this one.
    if context.route.row.is_some_and(|row| row.role == Role::Preview) {
        return Box::pin(preview::answer(context)).await;
    }
    let call = context.call(mount);
    let mut outcome = match mount.engine.handle(context.route.number, context.unsealed, &call).outcome().await
    {
        Outcome::Reply(reply) if reply.login.is_some() => {
            Box::pin(login::issue(context.unsealed, &call, context.route.row, reply)).await
        }
        outcome => outcome,
    };
    identify(context, &mut outcome);
    outcome
}

/// Finds the entity of a token that the answer issues or renews: what it adds to the token is shown and on record.
fn identify(context: &RequestContext<'_>, outcome: &mut Outcome) {
    if let Outcome::Reply(reply) = outcome
        && let Some(issued) = &reply.auth
        && !issued.entry.entity_id.is_empty()
    {
        let token = &issued.entry;
        reply.identity = context.unsealed.identity.caller(&token.entity_id, &token.policies).1;
    }
}

/// Runs a handler to its end, even where that is a panic. Its text is not shown: it could hold a client's.
async fn catch_panic(mut handler: Pin<&mut impl Future<Output = Outcome>>) -> Outcome {
    std::future::poll_fn(move |context| {
        match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context))) {
            Ok(poll) => poll,
            Err(_) => {
                tracing::error!("a handler panicked; the request is answered with an internal error");
                Poll::Ready(Refusal { audit_error: Some(audit_errors::PANIC), ..Refusal::internal() }.into())
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_has_an_outcome() {
        let outcome = catch_panic(pin!(async { panic!("with a client's text") })).await;
        let Outcome::Refusal(refusal) = outcome else { panic!("it is a refusal") };
        assert_eq!((refusal.status, refusal.audit_error), (500, Some(audit_errors::PANIC)));
        assert!(!refusal.text.unwrap().contains("client"));
    }
}
