//! Step 6: the use of the token is spent; then the refusal is made, or the mount's handler runs.
//! Never in it: recording. A handler that panics has an outcome like any other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use onrecord_audit::{Recorded, RequestOnRecord};

use crate::audit_errors;
use crate::decide::Verdict;
use crate::engine::Engine;
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal};
use crate::pipeline::RequestContext;
use crate::preview;
use crate::routes::Endpoint;
use crate::unsealed::Unsealed;

/// Does what was asked, or refuses it. The request is on record, or no device is enabled.
pub(crate) async fn act(
    open: &Unsealed,
    context: &RequestContext<'_>,
    _recorded: &Recorded<RequestOnRecord>,
) -> Outcome {
    if let Some(refusal) = &context.request.refusal {
        return refusal.clone().into();
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
    match precheck(context) {
        Some(refusal) => refusal,
        None => run(open, context).await,
    }
}

/// The refusal of a request that reaches no handler. Pure: a preview asks it too.
pub(crate) fn precheck(context: &RequestContext<'_>) -> Option<Outcome> {
    if let Some(refusal) = &context.request.refusal {
        return Some(refusal.clone().into());
    }
    match &context.verdict {
        Verdict::NoToken => return Some(Refusal::no_valid_token().into()),
        Verdict::Unavailable => return Some(Refusal::internal().into()),
        Verdict::Denied => return Some(Refusal::denied().into()),
        Verdict::Allowed(_) => {}
    }
    let Some(mount) = &context.route.mount else {
        return Some(Refusal::no_mount(&context.request.path).into());
    };
    if context.request.operation == Operation::Help {
        return Some(Refusal::no_help().into());
    }
    if !matches!(mount.engine, Engine::Sys | Engine::Token) {
        return None;
    }
    match context.route.row {
        None => Some(Refusal::unsupported_path().into()),
        Some(row) if !row.takes(context.request.operation) => Some(misfit(context.request.operation)),
        Some(_) => None,
    }
}

async fn run(open: &Unsealed, context: &RequestContext<'_>) -> Outcome {
    // A preview is about a request of the same client: it must see all of this one.
    if context.route.row.is_some_and(|row| row.endpoint == Endpoint::AuditPreview) {
        return catch_panic(Box::pin(preview::answer(open, context)).as_mut()).await;
    }
    let Some(mount) = &context.route.mount else {
        return Refusal::no_mount(&context.request.path).into();
    };
    let call = context.route.call(mount, context.request, context.caller.authenticated());
    catch_panic(pin!(mount.engine.handle(open, &call))).await
}

/// What a route says to an operation that it does not take. A list names a path of its own, with a slash at its end.
fn misfit(operation: Operation) -> Outcome {
    match operation {
        Operation::List => Refusal::unsupported_path().into(),
        _ => Refusal::unsupported_operation().into(),
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
