//! Step 4: may the caller do this? Pure: policy, route and token are all it looks at.
//! Never in it: storage, handlers.

use std::sync::Arc;
use std::time::Duration;

use onrecord_policy::{Acl, Decision, Question, Refusal, Rule};

use crate::request::Request;
use crate::route::RouteMatch;
use crate::routes::Access;
use crate::tokens::Reservation;

#[derive(Clone, Copy)]
pub(crate) enum Verdict<'a> {
    /// It may. With the decision where a policy was asked.
    Allowed(Option<Decision<'a>>),
    /// A policy forbids it, or none allows it. The policies whose rule for the path won, if one matched.
    Denied(&'a [Arc<str>]),
    /// No token was sent, or none that is valid.
    NoToken,
    /// The token store could not be read.
    Unavailable,
}

impl Verdict<'_> {
    /// Whether the request costs its token a use: a request that was judged by the token's policies does.
    pub(crate) const fn spends(&self) -> bool {
        matches!(self, Self::Allowed(Some(_)) | Self::Denied(_))
    }

    pub(crate) const fn allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

pub(crate) fn decide<'a>(request: &Request, caller: &'a Reservation, route: &RouteMatch) -> Verdict<'a> {
    if route.access() == Access::Anybody {
        return Verdict::Allowed(None);
    }
    let caller = match caller {
        Reservation::Valid(caller) => caller,
        Reservation::Refused => return Verdict::NoToken,
        Reservation::Unavailable => return Verdict::Unavailable,
    };
    let question = Question {
        operation: request.operation.for_policies(),
        path: &request.path,
        data: Some(&request.data),
        wrap_ttl: request.wrap_ttl.map(Duration::from_secs),
    };
    let decision = caller.acl.decide(&question);
    if !suffices(&decision, route) {
        return denied(&decision);
    }
    match denied_under_canonical_path(&caller.acl, &question, route) {
        Some(decision) => denied(&decision),
        None => Verdict::Allowed(Some(decision)),
    }
}

fn suffices(decision: &Decision<'_>, route: &RouteMatch) -> bool {
    decision.allowed && (route.access() != Access::Sudo || decision.sudo || decision.root)
}

fn denied<'a>(decision: &Decision<'a>) -> Verdict<'a> {
    Verdict::Denied(decision.rule.map(Rule::policies).unwrap_or_default())
}

/// The decision of a rule for the usual spelling of the path that forbids what its own spelling is allowed: another slash or
/// another case must not lead around a rule.
fn denied_under_canonical_path<'a>(
    acl: &'a Acl,
    question: &Question<'_>,
    route: &RouteMatch,
) -> Option<Decision<'a>> {
    let path = route.canonical(question.path)?;
    let decision = acl.decide(&Question { path: &path, ..*question });
    (decision.refusal != Some(Refusal::NoRule) && !suffices(&decision, route)).then_some(decision)
}
