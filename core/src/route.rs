//! Step 3: where a request goes: the mount, the row of its engine's paths, and whether the key of a write exists already.
//! Reads only. Never in it: decisions.

use std::ops::Range;
use std::sync::Arc;

use crate::capture::has_dots;
use crate::engine::Call;
use crate::engine::mount::Mount;
use crate::engine::space::Existing;
use crate::engine::unsealed::Unsealed;
use crate::operation::Operation;
use crate::request::Request;
use crate::routes::{Access, Captured, Role, Route};
use crate::secret_path;
use crate::tokens::{Caller, Reservation};
use crate::wrapping;

#[derive(Default)]
pub(crate) struct RouteMatch {
    pub(crate) mount: Option<Arc<Mount>>,
    /// Where in the path the part below the mount begins.
    split: usize,
    /// The number of the row among the paths of the engine.
    pub(crate) number: usize,
    pub(crate) row: Option<&'static Route>,
    pub(crate) captured: Range<usize>,
    /// The part of the path that is hashed on record; empty if none is.
    pub(crate) secret: Range<usize>,
    /// Whether the engine was asked about the key: `mount_accessor` then stands in the request entry already.
    pub(crate) checked: bool,
    existing: Option<Box<Existing>>,
}

/// Finds the route, and turns a write to a key that does not exist yet into a create.
pub(crate) async fn route(unsealed: &Unsealed, request: &mut Request, caller: &Reservation) -> RouteMatch {
    let mut route = find(unsealed, &request.path);
    if request.refusal.is_none() && wrapping::concerns(request, route.row) {
        // Rare: on the heap.
        let checked = Box::pin(wrapping::check(unsealed, request, caller, route.row)).await;
        request.refusal = checked.err().map(Box::new);
    }
    if request.refusal.is_some() || request.operation != Operation::Update {
        return route;
    }
    let (Some(mount), Some(caller)) = (&route.mount, caller.authenticated()) else { return route };
    if route.row.is_some() {
        let call = route.call(mount, request, Some(caller));
        route.existing = mount.engine.exists(route.number, &call).await;
        request.permit.note_existing(route.existing.as_ref().map_or(0, |existing| existing.size()));
    }
    if route.existing.as_ref().is_some_and(|existing| !existing.is_stored()) {
        request.operation = Operation::Create;
    }
    route.checked = true;
    route
}

/// The usual spelling of a path for the same thing.
pub(crate) fn usual_spelling(unsealed: &Unsealed, path: &str) -> String {
    find(unsealed, path).canonical(path).unwrap_or_else(|| path.to_owned())
}

fn find(unsealed: &Unsealed, path: &str) -> RouteMatch {
    let kinds = unsealed.mounts.kinds();
    let Some(mount) = unsealed.mounts.find(path) else {
        return RouteMatch { secret: secret_path::unrouted(kinds, None, path), ..RouteMatch::default() };
    };
    let split = mount.path.len().min(path.len());
    let (number, row, captured) = match (mount.kind.find)(path.get(split..).unwrap_or_default()) {
        Some((number, row, captured)) => (number, Some(row), captured.start + split..captured.end + split),
        None => (0, None, 0..0),
    };
    // A path that climbs is refused, whichever row would take it.
    let secret = match row.filter(|_| !has_dots(path)) {
        Some(row) => match row.captured {
            Captured::Name => 0..0,
            Captured::Secret => captured.clone(),
            Captured::SecretEnd => {
                let segment =
                    path.get(captured.clone()).and_then(|path| path.rfind('/')).map_or(0, |at| at + 1);
                captured.start + segment..captured.end
            }
            Captured::Path => {
                let secret = secret_of(unsealed, path.get(captured.clone()).unwrap_or_default());
                secret.start + captured.start..secret.end + captured.start
            }
        },
        None => secret_path::unrouted(kinds, Some((mount.kind, split)), path),
    };
    RouteMatch { mount: Some(mount), split, number, row, captured, secret, ..RouteMatch::default() }
}

/// The part of a path that may be a secret, where a request is not sent to that path but asks about it; empty if there is
/// none.
pub(crate) fn secret_of(unsealed: &Unsealed, path: &str) -> Range<usize> {
    let mount = unsealed.mounts.find(path);
    let mount = mount.as_ref().map(|mount| (mount.kind, mount.path.len().min(path.len())));
    secret_path::unrouted(unsealed.mounts.kinds(), mount, path)
}

impl RouteMatch {
    pub(crate) fn access(&self) -> Access {
        self.row.map_or(Access::Policy, |row| row.access)
    }

    pub(crate) fn is_ceremony(&self) -> bool {
        self.row.is_some_and(|row| row.role == Role::Ceremony)
    }

    /// The usual spelling of the path, if the request has another for the same thing.
    pub(crate) fn canonical(&self, path: &str) -> Option<String> {
        // Paths of mounted engines are keys: each spelling is a key of its own.
        let strict = self.mount.as_ref().is_some_and(|mount| mount.kind.paths_are_names());
        self.row.filter(|_| strict).and_then(|row| row.canonical(path, self.captured.clone()))
    }

    pub(crate) fn call<'a>(
        &'a self,
        mount: &'a Mount,
        request: &'a Request,
        caller: Option<&'a Caller>,
    ) -> Call<'a> {
        Call {
            operation: request.operation,
            path: request.path.get(self.split..).unwrap_or_default(),
            captured: request.path.get(self.captured.clone()).unwrap_or_default(),
            data: &request.data,
            caller,
            mount,
            now: request.received,
            wrap_ttl: request.wrap_ttl,
            existing: self.existing.as_deref(),
            permit: &request.permit,
            peer: request.peer.as_ref(),
            client_certificates: request.client_certificates(),
        }
    }
}
