//! What an engine is: its paths with their handlers, and how it is made over its part of the store. Secrets engines,
//! login methods and the server's own endpoints are all engines.
//! Never in it: tokens, policies and recording, which are settled before an engine is called.

pub(crate) mod approle;
pub(crate) mod cert;
pub mod codec;
pub(crate) mod cubbyhole;
pub mod fields;
pub(crate) mod hashing;
pub(crate) mod identity;
pub(crate) mod jwt;
pub(crate) mod kind;
pub(crate) mod kv1;
pub(crate) mod kv2;
pub mod leases;
pub(crate) mod login_attempts;
pub(crate) mod login_parameters;
pub(crate) mod mount;
pub(crate) mod mounts;
pub(crate) mod pki;
pub(crate) mod secret_record;
pub(crate) mod space;
pub(crate) mod sys;
pub(crate) mod token;
pub(crate) mod tools;
pub(crate) mod totp;
pub(crate) mod transit;
pub(crate) mod unsealed;
pub(crate) mod userpass;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use onrecord_policy::{Decision, Question};
use onrecord_storage::Read;
use onrecord_value::{Object, Time};

use self::leases::Revocation;
use self::space::Existing;
use crate::admission::Permit;
use crate::exchange::Peer;
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal};
use crate::tokens::Caller;

pub use self::kind::{Builtin, EngineKind, Kinds, Mounting, Unknown};
pub use self::mount::{Mount, MountEntry, Tune};
pub use self::space::{ChangeBatch, Space};

pub use self::unsealed::{Cluster, Unsealed};
pub use crate::routes::{Access, Captured, ExemptEndpoint, Recording, Role, Route};

/// What an engine is asked: allowed by policy, and on record.
pub struct Call<'a> {
    /// What to do.
    pub operation: Operation,
    /// The path below the mount, without a leading slash; a list's ends in `/` or is empty.
    pub path: &'a str,
    /// What the route's pattern captured of the path; empty where it captures nothing.
    pub captured: &'a str,
    /// Body or query parameters.
    pub data: &'a Object,
    /// The caller; none only on routes that need no token.
    pub caller: Option<&'a Caller>,
    /// The mount that was routed to.
    pub mount: &'a Mount,
    /// The time of the request, by which expiry is judged. An engine that stores data asks no clock; `sys` shows the
    /// machine's time for devices and snapshots.
    pub now: Time,
    /// For how many seconds the client wants the answer wrapped, if it does.
    pub wrap_ttl: Option<u64>,
    /// What the existence check of a write has read; none where there was no check.
    pub existing: Option<&'a Existing>,
    /// What the request holds of the budgets; a handler takes room for what it reads.
    pub permit: &'a Permit,
    /// The other end of the connection; none for Unix sockets. A login is bound by [`Peer::client_address`], which is that of
    /// the client behind a trusted proxy.
    pub peer: Option<&'a Peer>,
    /// The client's TLS certificates in DER, its own first; not judged.
    pub client_certificates: &'a [Bytes],
}

impl Call<'_> {
    /// Rechecks a write at the moment of the change: a key that came or went since the decision makes it another
    /// operation than the one on record, which the policies must allow as well.
    pub fn recheck_operation(&self, exists: bool) -> Result<(), Refusal> {
        let operation = if exists { Operation::Update } else { Operation::Create };
        if operation == self.operation {
            return Ok(());
        }
        match self.decide(operation) {
            Some(decision) if decision.allowed => Ok(()),
            Some(_) | None => Err(Refusal::denied()),
        }
    }

    /// What the caller's policies say about an operation at the path.
    pub(crate) fn decide(&self, operation: Operation) -> Option<Decision<'_>> {
        let path = self.full_path();
        let question = Question {
            data: Some(self.data),
            wrap_ttl: self.wrap_ttl.map(Duration::from_secs),
            ..Question::new(operation.for_policies(), &path)
        };
        self.caller.map(|caller| caller.acl.decide(&question))
    }

    /// The client's IP address, by which a login may be bound: that which a trusted proxy stated, or else the peer's; none for
    /// Unix sockets.
    pub fn client_address(&self) -> Option<IpAddr> {
        self.peer.and_then(|peer| peer.client_address().parse().ok())
    }

    /// The path with that of the mount.
    pub(crate) fn full_path(&self) -> String {
        [&*self.mount.path, self.path].concat()
    }
}

/// What a handler gives back: its outcome, or the future of it. A handler that need not wait allocates nothing; one that
/// waits is on the heap, so that the journey of a read need not carry the size of a change.
pub struct Handled<'a>(Read<'a, Outcome>);

impl<'a> Handled<'a> {
    /// What needs no waiting.
    pub fn ready(outcome: impl Into<Outcome>) -> Self {
        Self(Read::Ready(outcome.into()))
    }

    /// What has to wait, for the store or for another thread.
    pub fn pending<T: Into<Outcome>>(outcome: impl Future<Output = T> + Send + 'a) -> Self {
        Self(Read::pending(async move { outcome.await.into() }))
    }

    /// What is read of the store: done where the store answers at once.
    pub fn read<T: Into<Outcome> + Send + 'a>(outcome: Read<'a, T>) -> Self {
        Self(outcome.map(Into::into))
    }

    /// The outcome, to be waited for.
    pub fn outcome(self) -> Read<'a, Outcome> {
        self.0
    }
}

/// Does one operation of one path.
pub type Handler<E> = for<'a> fn(&'a E, &'a Unsealed, &'a Call<'a>) -> Handled<'a>;
/// What is stored at the key of a write; `None` where it cannot be said. Reads only.
pub type Exists<E> = for<'a> fn(&'a E, &Call<'_>) -> Read<'a, Option<Box<Existing>>>;

/// One path of an engine: its row, and a handler for each operation it takes.
#[must_use]
pub struct Path<E: 'static> {
    /// The row.
    pub route: Route,
    /// By number of the operation.
    handlers: [Option<Handler<E>>; Operation::ALL.len()],
    exists: Option<Exists<E>>,
}

impl<E> Clone for Path<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Path<E> {}

impl<E> Path<E> {
    /// A path that needs a policy, is recorded, and takes no operation yet. `{name}` captures one segment, `{*name}` the
    /// rest or, before a fixed end, what lies between; a final `/?` stands for an optional slash. It captures at most once.
    pub const fn new(pattern: &'static str, synopsis: &'static str) -> Self {
        let handlers = [None; Operation::ALL.len()];
        Self { route: Route::new(pattern, synopsis), handlers, exists: None }
    }

    #[expect(clippy::indexing_slicing, reason = "there is a place for each operation")]
    const fn on(mut self, operation: Operation, handler: Handler<E>) -> Self {
        self.route.add(operation);
        self.handlers[operation as usize] = Some(handler);
        self
    }

    /// Takes reads.
    pub const fn read(self, handler: Handler<E>) -> Self {
        self.on(Operation::Read, handler)
    }

    /// Takes lists.
    pub const fn list(self, handler: Handler<E>) -> Self {
        self.on(Operation::List, handler)
    }

    /// Takes creates and updates: a create is an update that an existence check has looked at.
    pub const fn write(self, handler: Handler<E>) -> Self {
        self.on(Operation::Create, handler).on(Operation::Update, handler)
    }

    /// Takes patches.
    pub const fn patch(self, handler: Handler<E>) -> Self {
        self.on(Operation::Patch, handler)
    }

    /// Takes deletes.
    pub const fn delete(self, handler: Handler<E>) -> Self {
        self.on(Operation::Delete, handler)
    }

    /// Takes HTTP `HEAD`.
    pub const fn header(self, handler: Handler<E>) -> Self {
        self.on(Operation::Header, handler)
    }

    /// Refuses these operations for a reason: 400, with this text.
    pub const fn refuse(mut self, reason: &'static str, mut operations: &[Operation]) -> Self {
        while let [first, rest @ ..] = operations {
            self.route.add(*first);
            operations = rest;
        }
        self.route.refused = Some(reason);
        self
    }

    /// Tells a write that creates from one that updates, by this check.
    pub const fn exists(mut self, exists: Exists<E>) -> Self {
        self.exists = Some(exists);
        self
    }

    /// Needs `sudo`.
    pub const fn sudo(mut self) -> Self {
        self.route.access = Access::Sudo;
        self
    }

    /// Needs no token: a login, or a public fact.
    pub const fn needs_no_token(mut self) -> Self {
        self.route.access = Access::Anybody;
        self
    }

    /// What is captured of the path is secret, and hashed on record.
    pub const fn sensitive(mut self) -> Self {
        self.route.captured = Captured::Secret;
        self
    }

    /// The last segment of what is captured may be a secret, and is hashed on record.
    pub const fn sensitive_end(mut self) -> Self {
        self.route.captured = Captured::SecretEnd;
        self
    }

    /// What is captured is the path of another request: what is secret in that is hashed on record.
    pub const fn captures_path(mut self) -> Self {
        self.route.captured = Captured::Path;
        self
    }

    /// These fields of the body and of the answer are secret. They are hashed on record whatever the mount's settings say.
    pub const fn sensitive_fields(mut self, fields: &'static [&'static str]) -> Self {
        self.route.sensitive_fields = fields;
        self
    }

    /// What is captured of the path is a name without case.
    pub const fn caseless(mut self) -> Self {
        self.route.caseless = true;
        self
    }

    /// The keys of `data` are repeated at the top level of the answer.
    pub const fn injected(mut self) -> Self {
        self.route.injected = true;
        self
    }

    /// More about the path, for those who ask for help.
    pub const fn description(mut self, description: &'static str) -> Self {
        self.route.description = description;
        self
    }

    pub(crate) const fn recording(mut self, recording: Recording) -> Self {
        self.route.recording = recording;
        self
    }

    pub(crate) const fn role(mut self, role: Role) -> Self {
        self.route.role = role;
        self
    }
}

/// An engine of one kind.
pub trait Engine: Sized + Send + Sync + 'static {
    /// Its paths; the first that matches takes a request.
    const PATHS: &'static [Path<Self>];

    /// The engine over its part of the store.
    fn open(space: Arc<Space>) -> impl Future<Output = Result<Self, Refusal>> + Send;

    /// Reads again what it keeps in memory of the value at a key of its part of the store, which another process may
    /// have changed.
    fn invalidate<'a>(&'a self, key: &'a str) -> Read<'a, Result<(), Refusal>> {
        let _ = key;
        Read::Ready(Ok(()))
    }

    /// Takes back what it leased: the lease has ended. Done twice, it must not fail. An engine that leases only what is good for
    /// nothing once its time is over need not do anything.
    fn revoke_lease<'a>(
        &'a self,
        unsealed: &'a Unsealed,
        revocation: &'a Revocation<'a>,
    ) -> Read<'a, Result<(), Refusal>> {
        let _ = (unsealed, revocation);
        Read::Ready(Ok(()))
    }

    /// Answers a request that no path takes, or whose path does not take the operation: with the refusal given, unless
    /// the engine has something better to say. Reads nothing.
    fn unrouted(&self, call: &Call<'_>, refusal: Refusal) -> Outcome {
        let _ = call;
        refusal.into()
    }
}

/// An engine of any kind.
pub trait AnyEngine: Send + Sync {
    /// Does what is asked, by the path with this number.
    fn handle<'a>(&'a self, path: usize, unsealed: &'a Unsealed, call: &'a Call<'a>) -> Handled<'a>;
    /// What is stored at the key of a write; `None` where the path makes no difference (always `update`).
    fn exists<'a>(&'a self, path: usize, call: &Call<'_>) -> Read<'a, Option<Box<Existing>>>;
    /// As [`Engine::invalidate`].
    fn invalidate<'a>(&'a self, key: &'a str) -> Read<'a, Result<(), Refusal>>;
    /// As [`Engine::revoke_lease`].
    fn revoke_lease<'a>(
        &'a self,
        unsealed: &'a Unsealed,
        revocation: &'a Revocation<'a>,
    ) -> Read<'a, Result<(), Refusal>>;
    /// As [`Engine::unrouted`].
    fn unrouted(&self, call: &Call<'_>, refusal: Refusal) -> Outcome;
}

impl<E: Engine> AnyEngine for E {
    fn handle<'a>(&'a self, path: usize, unsealed: &'a Unsealed, call: &'a Call<'a>) -> Handled<'a> {
        let handlers = E::PATHS.get(path).map(|path| &path.handlers);
        match handlers.and_then(|handlers| *handlers.get(call.operation as usize)?) {
            Some(handler) => handler(self, unsealed, call),
            None => Handled::ready(Engine::unrouted(self, call, Refusal::unsupported_operation())),
        }
    }

    fn exists<'a>(&'a self, path: usize, call: &Call<'_>) -> Read<'a, Option<Box<Existing>>> {
        match E::PATHS.get(path).and_then(|path| path.exists) {
            Some(exists) => exists(self, call),
            None => Read::Ready(None),
        }
    }

    fn invalidate<'a>(&'a self, key: &'a str) -> Read<'a, Result<(), Refusal>> {
        Engine::invalidate(self, key)
    }

    fn revoke_lease<'a>(
        &'a self,
        unsealed: &'a Unsealed,
        revocation: &'a Revocation<'a>,
    ) -> Read<'a, Result<(), Refusal>> {
        Engine::revoke_lease(self, unsealed, revocation)
    }

    fn unrouted(&self, call: &Call<'_>, refusal: Refusal) -> Outcome {
        Engine::unrouted(self, call, refusal)
    }
}
