//! What is on record where building the response entry panics: which request it was, and that nothing of its answer
//! leaves; and where what a response entry says could not be stored. Without it nobody would know how it ended, and what was issued in it would live on.
//! Never in it: contents of the request or of the answer; one of them may be what panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use onrecord_audit::{Broker, Recording, ResponseOnRecord};
use onrecord_entry::request::Namespace;
use onrecord_entry::text::Path;
use onrecord_entry::{Clear, Entry, Request, Response};

use super::{elapsed, judge, offer, path};
use crate::alarm::Phase;
use crate::audit_errors;
use crate::context::RequestContext;
use crate::engine::unsealed::Unsealed;
use crate::request::Request as CapturedRequest;

/// Has an entry built and offered; `None` if that panics. What the panic says is not shown: it could hold a client's
/// text. Should some devices have the entry already, they have two responses: better than none.
pub(super) fn catch_panic(
    file: impl FnOnce() -> Recording<ResponseOnRecord>,
) -> Option<Recording<ResponseOnRecord>> {
    let recorded = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        tests::panic_if_told();
        file()
    }));
    if recorded.is_err() {
        tracing::error!("building a response entry panicked; the answer is withheld");
    }
    recorded.ok()
}

/// Says of a request whose response entry is on record that what that says was not done. It is no proof for any answer.
pub(crate) async fn not_stored(unsealed: &Unsealed, request: &CapturedRequest) {
    let entry = Entry {
        request: Request {
            id: Clear::new(&request.id),
            operation: Some(request.operation.for_entries()),
            namespace: Some(Namespace::ROOT),
            path: Path::new(&request.path),
            ..Request::default()
        },
        response: Some(Response { status_code: 500, ..Response::default() }),
        error: audit_errors::NOT_STORED,
        ..Entry::default()
    };
    if let Err(refused) = unsealed.broker.record_response(&entry).or_unaudited().await {
        tracing::warn!(%refused, "that new key shares were not stored is not on record");
    }
}

/// Records the bare entry. It is no proof for any answer.
pub(super) async fn response(context: &RequestContext<'_>, began: Duration) {
    if let Some(recording) = catch_panic(|| file(context)) {
        drop(judge(context, Phase::Response, began, recording).await);
    }
}

fn file(context: &RequestContext<'_>) -> Recording<ResponseOnRecord> {
    let entry = Entry {
        request: Request {
            id: Clear::new(&context.request.id),
            operation: Some(context.request.operation.for_entries()),
            namespace: Some(Namespace::ROOT),
            path: path(context),
            ..Request::default()
        },
        response: Some(Response { status_code: 500, ..Response::default() }),
        error: audit_errors::ENTRY_FAILED,
        duration_ns: elapsed(context),
        ..Entry::default()
    };
    offer(context, &entry, Broker::record_response)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use crate::kit::{TestServer, entries, outline};

    thread_local! {
        static PANICS: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn panic_if_told() {
        let left = PANICS.get();
        PANICS.set(left.saturating_sub(1));
        assert!(left == 0, "with a client's text");
    }

    #[tokio::test]
    async fn a_panic_while_the_response_entry_is_built_is_on_record_and_what_was_issued_is_revoked() {
        for (panics, outlined) in [
            (1, &["request update auth/token/create", "response update auth/token/create"][..]),
            // Nor does it live on where even the bare entry cannot be made.
            (2, &["request update auth/token/create"]),
        ] {
            let world = TestServer::new().await;
            let device = world.device("test/", false).await;
            let unsealed = world.core.unsealed().unwrap();
            let tokens = async || unsealed.tokens.accessors(unsealed.host.clock.now()).await.unwrap().len();
            let before = tokens().await;
            PANICS.set(panics);
            let said = world.root("POST", "auth/token/create", Some(serde_json::json!({"ttl": "1h"}))).await;
            assert_eq!(PANICS.get(), 0, "it has panicked");
            assert_eq!((said.status, said.error().contains("is withheld")), (500, true), "{said:?}");
            assert!(
                !said.text.contains("client_token") && !said.text.contains("with a client's"),
                "{said:?}"
            );
            assert_eq!(tokens().await, before, "the token whose answer was withheld is gone");
            assert_eq!(outline(&device), outlined);
            if let Some(response) = entries(&device).get(1) {
                let error = response["error"].as_str().unwrap();
                assert!(error.contains("building the response entry panicked"), "{response}");
                assert_eq!(response["response"]["status_code"], 500, "{response}");
                assert!(response["response"].get("auth").is_none(), "{response}");
                assert_eq!(response["request"]["id"], entries(&device)[0]["request"]["id"]);
            }
            // The next one is answered as ever.
            assert_eq!(world.root("POST", "auth/token/create", None).await.status, 200);
        }
    }
}
