//! What the steps before the record found out about a request, and the answers that need no handler: a refusal by policy,
//! a path or an operation that no engine takes, help. Pure: a preview asks for them too. Never in it: an effect.

use crate::decide::Verdict;
use crate::engine::Call;
use crate::engine::mount::Mount;
use crate::engine::unsealed::Unsealed;
use crate::help;
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal};
use crate::request::Request;
use crate::route::RouteMatch;
use crate::tokens::Reservation;
use crate::trace_context::TraceContext;

#[derive(Clone, Copy)]
pub(crate) struct RequestContext<'a> {
    pub(crate) unsealed: &'a Unsealed,
    pub(crate) request: &'a Request,
    /// The caller, with one use of the token reserved.
    pub(crate) caller: &'a Reservation,
    pub(crate) route: &'a RouteMatch,
    pub(crate) verdict: Verdict<'a>,
    /// The trace that the client says the request belongs to.
    pub(crate) trace: Option<TraceContext<'a>>,
}

impl RequestContext<'_> {
    pub(crate) fn call<'b>(&'b self, mount: &'b Mount) -> Call<'b> {
        self.route.call(mount, self.request, self.caller.authenticated())
    }

    /// The outcome of a request that reaches no handler.
    pub(crate) fn precheck(&self) -> Option<Outcome> {
        if let Some(refusal) = &self.request.refusal {
            return Some(Outcome::Refusal(refusal.clone()));
        }
        match &self.verdict {
            Verdict::NoToken => return Some(Refusal::no_valid_token().into()),
            Verdict::Unavailable => return Some(Refusal::internal().into()),
            Verdict::Denied(_) => return Some(Refusal::denied().into()),
            Verdict::Allowed(_) => {}
        }
        let Some(mount) = &self.route.mount else {
            return Some(Refusal::no_mount(&self.request.path).into());
        };
        let operation = self.request.operation;
        let call = self.call(mount);
        if operation == Operation::Help {
            return Some(help::answer(mount, call.path, self.route.row));
        }
        let refusal = match self.route.row {
            Some(row) if row.takes(operation) => return row.refused.map(|why| Refusal::invalid(why).into()),
            // A list names a path of its own, with a slash at its end.
            Some(_) if operation != Operation::List => Refusal::unsupported_operation(),
            Some(_) | None => Refusal::unsupported_path(),
        };
        Some(mount.engine.unrouted(&call, refusal))
    }
}
