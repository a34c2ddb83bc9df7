//! Step 3: where a request goes: the mount, the row of the route table, and whether the key of a write exists already.
//! Reads only. Never in it: decisions.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::{Call, Engine};
use crate::mount::Mount;
use crate::operation::Operation;
use crate::request::Request;
use crate::routes::{self, Access, Route};
use crate::token::{Caller, Reservation};
use crate::unsealed::Unsealed;

/// A request's way.
#[derive(Default)]
pub(crate) struct RouteMatch {
    /// The mount; none where nothing is mounted.
    pub(crate) mount: Option<Arc<Mount>>,
    /// Where in the path the part below the mount begins.
    split: usize,
    /// The row of the route table, for the server's own routes.
    pub(crate) row: Option<&'static Route>,
    /// What the row captures of the path.
    pub(crate) captured: Range<usize>,
    /// Whether the engine was asked about the key: `mount_accessor` then stands in the request entry already.
    pub(crate) checked: bool,
}

/// Finds the way, and turns a write to a key that does not exist yet into a create.
pub(crate) async fn route(open: &Unsealed, request: &mut Request, caller: &Reservation) -> RouteMatch {
    let mut route = find(open, &request.path);
    if request.refusal.is_some() || request.operation != Operation::Update {
        return route;
    }
    let (Some(mount), Some(caller)) = (&route.mount, caller.authenticated()) else {
        return route;
    };
    if mount.engine.exists(&route.call(mount, request, Some(caller))).await == Some(false) {
        request.operation = Operation::Create;
    }
    route.checked = true;
    route
}

fn find(open: &Unsealed, path: &str) -> RouteMatch {
    let Some(mount) = open.mounts.find(path) else {
        return RouteMatch::default();
    };
    let split = mount.path.len().min(path.len());
    let own = matches!(mount.engine, Engine::Sys | Engine::Token);
    let (row, captured) = match own.then(|| routes::find(path)).flatten() {
        Some((row, captured)) => (Some(row), captured),
        None => (None, 0..0),
    };
    RouteMatch { mount: Some(mount), split, row, captured, checked: false }
}

impl RouteMatch {
    /// Who may go it.
    pub(crate) fn access(&self) -> Access {
        self.row.map_or(Access::Policy, |row| row.access)
    }

    /// The usual spelling of the path, if the request has another for the same thing.
    pub(crate) fn canonical(&self, path: &str) -> Option<String> {
        self.row.and_then(|row| row.canonical(path, self.captured.clone()))
    }

    /// What the engine is asked.
    pub(crate) fn call<'a>(
        &self,
        mount: &'a Mount,
        request: &'a Request,
        caller: Option<&'a Caller>,
    ) -> Call<'a> {
        Call {
            operation: request.operation,
            path: request.path.get(self.split..).unwrap_or_default(),
            route: self.row,
            captured: request.path.get(self.captured.clone()).unwrap_or_default(),
            data: &request.data,
            caller,
            mount,
            now: request.received,
        }
    }
}
