//! The answers that need no handler: a refusal by policy, a path or an operation that no engine takes, help. Pure: a
//! preview asks for them too. Never in it: an effect.

use crate::context::RequestContext;
use crate::decide::Verdict;
use crate::help;
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal};

/// The outcome of a request that reaches no handler.
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
    let operation = context.request.operation;
    let call = context.route.call(mount, context.request, context.caller.authenticated());
    if operation == Operation::Help {
        return Some(help::answer(mount, call.path, context.route.row));
    }
    let refusal = match context.route.row {
        Some(row) if row.takes(operation) => return None,
        // A list names a path of its own, with a slash at its end.
        Some(_) if operation != Operation::List => Refusal::unsupported_operation(),
        Some(_) | None => Refusal::unsupported_path(),
    };
    Some(mount.engine.unrouted(&call, refusal))
}
