//! Step 6: the use of the token is spent; then the refusal is made, or the mount's handler runs.
//! Never in it: recording. A handler that panics has an outcome like any other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use onrecord_audit::{Recorded, RequestOnRecord};

use crate::decide::Verdict;
use crate::engine::Engine;
use crate::fault;
use crate::open::Open;
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal};
use crate::pipeline::Case;
use crate::preview;
use crate::routes::Endpoint;

/// Does what was asked, or refuses it. The request is on record, or no device is enabled.
pub(crate) async fn act(open: &Open, case: &Case<'_>, _recorded: &Recorded<RequestOnRecord>) -> Outcome {
    if let Some(refusal) = &case.request.refusal {
        return refusal.clone().into();
    }
    // Revoked while its entry was waited for: it has no effect any more (I11).
    if case.asker.is_revoked() {
        return Refusal::no_valid_token().into();
    }
    if case.verdict.spends()
        && let Err(error) = case.asker.spend().await
    {
        return Refusal::from(error).into();
    }
    match foreseen(case) {
        Some(refusal) => refusal,
        None => run(open, case).await,
    }
}

/// The refusal of a request that reaches no handler. Pure: a preview asks it too.
pub(crate) fn foreseen(case: &Case<'_>) -> Option<Outcome> {
    if let Some(refusal) = &case.request.refusal {
        return Some(refusal.clone().into());
    }
    match &case.verdict {
        Verdict::NoToken => return Some(Refusal::no_valid_token().into()),
        Verdict::Unavailable => return Some(Refusal::internal().into()),
        Verdict::Denied => return Some(Refusal::denied().into()),
        Verdict::Allowed(_) => {}
    }
    let Some(mount) = &case.way.mount else {
        return Some(Refusal::no_mount(&case.request.path).into());
    };
    if case.request.operation == Operation::Help {
        return Some(Refusal::no_help().into());
    }
    if !matches!(mount.engine, Engine::Sys | Engine::Token) {
        return None;
    }
    match case.way.row {
        None => Some(Refusal::unsupported_path().into()),
        Some(row) if !row.takes(case.request.operation) => Some(misfit(case.request.operation)),
        Some(_) => None,
    }
}

async fn run(open: &Open, case: &Case<'_>) -> Outcome {
    // A preview is about a request of the same client: it must see all of this one.
    if case.way.row.is_some_and(|row| row.endpoint == Endpoint::AuditPreview) {
        return caught(pin!(async { preview::answer(open, case) })).await;
    }
    let Some(mount) = &case.way.mount else {
        return Refusal::no_mount(&case.request.path).into();
    };
    let call = case.way.call(mount, case.request, case.asker.caller());
    caught(pin!(mount.engine.handle(open, &call))).await
}

/// What a route says to an operation that it does not take. A list names a path of its own, with a slash at its end.
fn misfit(operation: Operation) -> Outcome {
    match operation {
        Operation::List => Refusal::unsupported_path().into(),
        _ => Refusal::unsupported_operation().into(),
    }
}

/// Runs a handler to its end, even where that is a panic. Its text is not shown: it could hold a client's.
async fn caught(mut handler: Pin<&mut impl Future<Output = Outcome>>) -> Outcome {
    std::future::poll_fn(move |context| {
        match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(context))) {
            Ok(poll) => poll,
            Err(_) => {
                tracing::error!("a handler panicked; the request is answered with an internal error");
                Poll::Ready(Refusal { fault: Some(fault::PANIC), ..Refusal::internal() }.into())
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
        let outcome = caught(pin!(async { panic!("with a client's text") })).await;
        let Outcome::Refusal(refusal) = outcome else { panic!("it is a refusal") };
        assert_eq!((refusal.status, refusal.fault), (500, Some(fault::PANIC)));
        assert!(!refusal.text.unwrap().contains("client"));
    }
}
