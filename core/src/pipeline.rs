//! The journey of one request, in one function whose body reads as the list in docs/ARCHITECTURE.md.
//! Nothing else in the tree has a request recorded. Never in it: what any single step does.

use std::sync::Arc;

use crate::admission::Permit;
use crate::context::RequestContext;
use crate::engine::unsealed::Unsealed;
use crate::exchange::{Answer, Exchange};
use crate::{act, capture, decide, record, refusals, release, route, shape, trace_context, wrap};

/// Takes one exchange from capture to release. Step 0 has admitted it. From step 5 on there is no way past step 8.
pub(crate) async fn journey(unsealed: Arc<Unsealed>, exchange: Box<Exchange>, permit: Arc<Permit>) -> Answer {
    // The devices' threads are woken meanwhile.
    unsealed.broker.prewake();
    // 1. What does the client ask? Without a token, and beyond its peer's rate, nobody reads it.
    let Some(mut request) = capture::capture(&unsealed, *exchange, permit) else {
        return Answer::over_rate();
    };
    // 2. Who asks? One use of the token is reserved.
    let caller = unsealed.tokens.reserve(&request).await;
    // 3. Where does it go, and does the key exist?
    let route = route::route(&unsealed, &mut request, &caller).await;
    // 4. May it?
    let verdict = decide::decide(&request, &caller, &route);
    let trace = trace_context::of(&request.headers);
    let context = RequestContext {
        unsealed: &unsealed,
        request: &request,
        caller: &caller,
        route: &route,
        verdict,
        trace,
    };
    // A peer that sends too much of what is refused is told so; one entry counts it.
    if !unsealed.refusals.admit(&context) {
        caller.release();
        return Answer::over_rate();
    }
    let has_token = caller.authenticated().is_some();
    if let Err(seconds) = unsealed.quotas.admit(&request, &route, has_token) {
        refusals::count_over_quota(&context);
        caller.release();
        let left = unsealed.quotas.left(&request, &route);
        return Answer::over_quota(&request.path, seconds).with_rate_limit(left);
    }
    // 5. On record, before anything is done.
    let recorded = match record::request(&context).await {
        Ok(recorded) => recorded,
        Err(not_recorded) => {
            record::record_aborted(&context, &not_recorded);
            caller.release();
            return Answer::not_on_record("internal error");
        }
    };
    // 6. The use is spent; the refusal is made, or the handler runs.
    let mut outcome = act::act(&context, &recorded).await;
    // 7. The bytes of the answer, and room for them; wrapped, if the client wants that. Where they cannot be made, what was
    // issued is revoked, and the answer is an error.
    let shaped = match shape::bounded(&context, &outcome) {
        Ok(shaped) if request.wrap_ttl.is_none() => shaped,
        shaped => Box::pin(wrap::wrap_or_fail(&context, &mut outcome, shaped)).await,
    };
    // 8. On record, before anything is answered.
    let proof = record::response(&context, recorded, &outcome, &shaped).await;
    // 9. Released, or withheld with all that was issued in it.
    let ceremony = route.is_ceremony().then_some(&request);
    let released = release::release(&unsealed, ceremony, caller, outcome, shaped, proof).await;
    released.with_rate_limit(unsealed.quotas.left(&request, &route))
}
