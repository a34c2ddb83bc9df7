//! What the steps before the record found out about a request. Never in it: what any step does.

use crate::decide::Verdict;
use crate::request::Request;
use crate::route::RouteMatch;
use crate::tokens::Reservation;

/// What is known about a request once it is decided.
#[derive(Clone, Copy)]
pub(crate) struct RequestContext<'a> {
    /// What is asked.
    pub(crate) request: &'a Request,
    /// The caller, with one use of the token reserved.
    pub(crate) caller: &'a Reservation,
    /// Where it goes.
    pub(crate) route: &'a RouteMatch,
    /// Whether it may.
    pub(crate) verdict: Verdict<'a>,
}
