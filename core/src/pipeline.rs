//! The journey of one request, in one function whose body reads as the list in docs/ARCHITECTURE.md.
//! Nothing else in the tree calls the broker for a request. Never in it: what any single step does.

use std::sync::Arc;

use crate::exchange::{Answer, Exchange};
use crate::open::Open;
use crate::{act, capture, decide, record, release, shape};

/// Takes one exchange from capture to release. From step 5 on there is no way past step 8.
pub(crate) async fn journey(open: Arc<Open>, exchange: Exchange) -> Answer {
    // 1. What does the client ask?
    let mut request = capture::capture(&open, exchange);
    // 2. Who asks? One use of the token is reserved.
    let caller = open.tokens.reserve(&request);
    // 3. Where does it go, and does the key exist?
    let route = open.mounts.route(&mut request);
    // 4. May it?
    let decision = decide::decide(&open, &request, &caller, route.as_ref());
    // 5. On record, before anything is done.
    let filed = record::request(&open, &request, &caller, route.as_ref(), &decision).await;
    if let Err(refused) = filed {
        caller.release();
        record::refused(&open, &request, &refused).await;
        return Answer::not_on_record("internal error");
    }
    // 6. The use is spent; the refusal is made, or the handler runs.
    let outcome = act::act(&open, &request, &caller, route.as_ref(), decision).await;
    // 7. The bytes of the answer.
    let shaped = shape::shape(&open, &request, &outcome);
    // 8. On record, before anything is answered.
    let filed = record::response(&open, &request, &caller, route.as_ref(), &outcome, &shaped).await;
    // 9. Released, or withheld with all that was issued in it.
    release::release(&open, outcome, shaped, filed).await
}
