//! Step 6: the use of the token is spent; then the refusal is made, or the mount's handler runs.
//! Never in it: recording. A handler that panics has an outcome like any other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::decide::Verdict;
use crate::engine::Engine;
use crate::fault;
use crate::open::Open;
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal};
use crate::pipeline::Case;

/// Does what was asked, or refuses it.
pub(crate) async fn act(open: &Open, case: &Case<'_>) -> Outcome {
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
    match &case.verdict {
        Verdict::NoToken => Refusal::no_valid_token().into(),
        Verdict::Unavailable => Refusal::internal().into(),
        Verdict::Denied => Refusal::denied().into(),
        Verdict::Allowed(_) => run(open, case).await,
    }
}

async fn run(open: &Open, case: &Case<'_>) -> Outcome {
    let Some(mount) = &case.way.mount else {
        return Refusal::no_mount(&case.request.path).into();
    };
    if matches!(mount.engine, Engine::Sys | Engine::Token) {
        match case.way.row {
            None => return Refusal::unsupported_path().into(),
            Some(row) if !row.takes(case.request.operation) => return misfit(case.request.operation),
            Some(_) => {}
        }
    }
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
