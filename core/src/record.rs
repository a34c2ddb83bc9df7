//! Steps 5 and 8: what is known about a request becomes an entry, and the broker puts it on record.
//! The only caller of the broker for requests. Never in it: how an entry is hashed or written.

mod bare;
mod refused;

use std::time::Duration;

use onrecord_audit::broker::Proof;
use onrecord_audit::{Broker, Recorded, Recording, Refused, RequestOnRecord, ResponseOnRecord};
use onrecord_entry::auth::{Grants, PolicyResults, TokenType};
use onrecord_entry::request::{Data, Header, Mount as MountFacts, Namespace};
use onrecord_entry::response::{Secret, WrapInfo};
use onrecord_entry::text::{Accessor, Path, Private, Template, Token};
use onrecord_entry::{Auth, Clear, Entry, Request as RequestFacts, Response};

use crate::alarm::Phase;
use crate::audit_errors;
use crate::context::RequestContext;
use crate::decide::Verdict;
use crate::engine::mount::{Mount, RUNNING_VERSION};
use crate::exchange::{Peer, ReleaseProof, Shaped};
use crate::identity::CallerIdentity;
use crate::operation::Operation;
use crate::outcome::{Outcome, Reply};
use crate::routes::{self, Access, Role};
use crate::token::{Entry as StoredToken, TokenKind, Wrapped};
use crate::tokens::Caller;

pub(crate) use bare::not_stored;
pub(crate) use refused::refused;

/// The entry is not on record as the rule wants it: why each device does not have it, if there are devices.
pub(crate) struct NotRecorded(Option<Refused>);

pub(crate) async fn request(context: &RequestContext<'_>) -> Result<Recorded<RequestOnRecord>, NotRecorded> {
    // Built and formatted in a call of its own: an entry kept across the waiting would make every journey larger.
    let began = context.unsealed.host.clock.monotonic();
    let recording = begin_request(context);
    judge(context, Phase::Request, began, recording).await
}

/// Records the response entry. Where the route is recorded by its request entry alone, that is enough, once it is done.
/// If building it panics, a bare one takes its place, and the answer is withheld.
pub(crate) async fn response(
    context: &RequestContext<'_>,
    request: Recorded<RequestOnRecord>,
    outcome: &Outcome,
    shaped: &Shaped,
) -> Result<ReleaseProof, NotRecorded> {
    let only =
        context.route.row.is_some_and(|row| matches!(row.recording, routes::Recording::RequestOnly(_)));
    if let (true, Outcome::Reply(_)) = (only, outcome) {
        return Ok(match request {
            Recorded::OnRecord(proof) => ReleaseProof::RequestOnly(proof),
            Recorded::Unaudited(proof) => ReleaseProof::Unaudited(proof),
        });
    }
    let began = context.unsealed.host.clock.monotonic();
    match bare::catch_panic(|| begin_response(context, outcome, shaped)) {
        Some(recording) => Ok(match judge(context, Phase::Response, began, recording).await? {
            Recorded::OnRecord(proof) => ReleaseProof::OnRecord(request, proof),
            Recorded::Unaudited(proof) => ReleaseProof::Unaudited(proof),
        }),
        None => {
            Box::pin(bare::response(context, began)).await;
            Err(NotRecorded(None))
        }
    }
}

fn begin_request(context: &RequestContext<'_>) -> Recording<RequestOnRecord> {
    request_entry(context, |entry| offer(context, entry, Broker::record_request))
}

pub(crate) fn request_entry<T>(context: &RequestContext<'_>, then: impl FnOnce(&Entry<'_>) -> T) -> T {
    let headers = recorded_headers(context);
    let headers = listed(&headers);
    let mut entry =
        Entry { auth: asking(context), request: facts(context, context.route.checked), ..Entry::default() };
    entry.request.headers = (&headers).into();
    entry.error = request_error(context).into();
    then(&entry)
}

fn begin_response(
    context: &RequestContext<'_>,
    outcome: &Outcome,
    shaped: &Shaped,
) -> Recording<ResponseOnRecord> {
    let offer = |entry: &Entry<'_>| offer(context, entry, Broker::record_response);
    response_entry(context, outcome, shaped, elapsed(context), offer)
}

pub(crate) fn response_entry<T>(
    context: &RequestContext<'_>,
    outcome: &Outcome,
    shaped: &Shaped,
    duration_ns: u64,
    then: impl FnOnce(&Entry<'_>) -> T,
) -> T {
    let headers = recorded_headers(context);
    let headers = listed(&headers);
    let ran = context.route.checked || context.verdict.allowed();
    let mut entry =
        Entry { auth: known_after(context, outcome), request: facts(context, ran), ..Entry::default() };
    entry.request.headers = (&headers).into();
    let mount = context.route.mount.as_deref();
    let warnings: Vec<Template> = match outcome {
        Outcome::Reply(reply) => reply.warnings.iter().map(|warning| warning.template).collect(),
        Outcome::Refusal(_) => Vec::new(),
    };
    let mut response = Response {
        mount: mount.map(|mount| mounted(mount, ran)).unwrap_or_default(),
        warnings: (&warnings).into(),
        status_code: shaped.status,
        ..Response::default()
    };
    match outcome {
        Outcome::Reply(reply) => replied(reply, plain_response_keys(context), &mut response),
        Outcome::Refusal(refusal) => entry.error = refusal.audit_error.into(),
    }
    if let Some(recorded) = &shaped.recorded {
        response.data = Data::new(recorded);
    }
    entry.response = Some(response);
    entry.duration_ns = duration_ns;
    then(&entry)
}

/// Tells the devices that took the request entry that nothing came of it. Nobody waits for it, and nothing depends on
/// it.
pub(crate) fn record_aborted(context: &RequestContext<'_>, not_recorded: &NotRecorded) {
    let Some(refused) = &not_recorded.0 else { return };
    let mut entry =
        Entry { auth: asking(context), request: facts(context, context.route.checked), ..Entry::default() };
    let mount = context.route.mount.as_deref().map(|mount| mounted(mount, context.route.checked));
    entry.error = audit_errors::NOT_ON_RECORD;
    entry.duration_ns = elapsed(context);
    entry.response =
        Some(Response { mount: mount.unwrap_or_default(), status_code: 500, ..Response::default() });
    context.unsealed.broker.record_aborted(&entry, refused);
}

/// Offers an entry to the devices, in general by `record`. Where more of them are wanted than there are, those that there
/// are do for the request that enables one: else the number could never be reached.
fn offer<P: Proof>(
    context: &RequestContext<'_>,
    entry: &Entry<'_>,
    record: impl FnOnce(&Broker, &Entry<'_>) -> Recording<P>,
) -> Recording<P> {
    if enables(context) {
        context.unsealed.broker.record_with_those_enabled(entry)
    } else {
        record(&context.unsealed.broker, entry)
    }
}

async fn judge<P: Proof>(
    context: &RequestContext<'_>,
    phase: Phase,
    began: Duration,
    recording: Recording<P>,
) -> Result<Recorded<P>, NotRecorded> {
    let recorded = recording.or_unaudited().await;
    let now = context.unsealed.host.clock.monotonic();
    context.unsealed.meters.judged(phase, now.saturating_sub(began));
    let refused = match recorded {
        Ok(Recorded::OnRecord(proof)) => return Ok(Recorded::OnRecord(proof)),
        // A straggler finds no device because the server is sealed, not because none is enabled.
        Ok(Recorded::Unaudited(_)) if context.unsealed.ended() => return Err(NotRecorded(None)),
        Ok(Recorded::Unaudited(proof))
            if !context.unsealed.devices.settings().fail_closed || enables(context) =>
        {
            return Ok(Recorded::Unaudited(proof));
        }
        Ok(Recorded::Unaudited(_)) => None,
        Err(error) => error.refused(),
    };
    // Devices that were let go because the server is sealed have not failed.
    if !context.unsealed.ended() {
        context.unsealed.meters.refused(phase);
        context.unsealed.alarm.refused(phase, refused.as_ref(), now);
    }
    Err(NotRecorded(refused))
}

/// A server that must have a device and has none can only be given one: enabling it is let through (decision 8).
fn enables(context: &RequestContext<'_>) -> bool {
    context.route.row.is_some_and(|row| row.role == Role::EnablesDevice)
        && context.request.operation == Operation::Update
}

fn elapsed(context: &RequestContext<'_>) -> u64 {
    let elapsed = context.unsealed.host.clock.monotonic().saturating_sub(context.request.started);
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

fn request_error(context: &RequestContext<'_>) -> Option<Template> {
    match (&context.request.refusal, &context.verdict) {
        (Some(refusal), _) => refusal.audit_error,
        (None, Verdict::NoToken) => Some(audit_errors::PERMISSION_DENIED_PLAIN),
        (None, Verdict::Denied(_)) => Some(audit_errors::PERMISSION_DENIED),
        (None, Verdict::Unavailable) => Some(audit_errors::INTERNAL_ERROR),
        (None, Verdict::Allowed(_)) => None,
    }
}

/// `auth` of a response entry: as in the request entry; for a login, the token that it issued.
fn known_after<'a>(context: &RequestContext<'a>, outcome: &'a Outcome) -> Auth<'a> {
    match outcome {
        Outcome::Reply(reply) if context.route.access() == Access::Anybody => issued(reply),
        Outcome::Reply(_) | Outcome::Refusal(_) => None,
    }
    .unwrap_or_else(|| asking(context))
}

/// `auth`: who asks, and what the policies decided about it.
fn asking<'a>(context: &RequestContext<'a>) -> Auth<'a> {
    let results = match &context.verdict {
        _ if context.request.refusal.is_some() => None,
        Verdict::Allowed(decision) => Some(PolicyResults {
            allowed: true,
            granting_policies: decision
                .map(|decision| Grants::of_root_namespace(decision.granting))
                .unwrap_or_default(),
            ..PolicyResults::default()
        }),
        Verdict::Denied(policies) => Some(PolicyResults {
            denying_policies: Grants::of_root_namespace(*policies),
            ..PolicyResults::default()
        }),
        Verdict::NoToken | Verdict::Unavailable => None,
    };
    let asking = context.caller.authenticated().map(caller).unwrap_or_default();
    Auth { policy_results: results, ..asking }
}

fn caller(caller: &Caller) -> Auth<'_> {
    let token = &*caller.entry;
    Auth {
        client_token: Token::new(token.id.expose()),
        remaining_uses: caller.remaining_uses.unwrap_or(0),
        token_ttl: token.creation_ttl,
        token_issue_time: Some(token.issued.into()),
        cache_key: Some(caller.identity.as_ref().map_or(&token.cache_key, |identity| &identity.cache_key)),
        ..of_token(token, caller.identity.as_deref())
    }
}

/// `response.auth`: the token that the answer issues or renews, if it does.
fn issued(reply: &Reply) -> Option<Auth<'_>> {
    let issued = reply.auth.as_ref()?;
    let token = &*issued.entry;
    Some(Auth {
        client_token: Token::new(issued.text()),
        num_uses: token.num_uses,
        token_ttl: issued.lease_seconds,
        no_default_policy: token.no_default_policy,
        token_issue_time: (!issued.new).then(|| token.issued.into()),
        entity_created: reply.entity_created,
        ..of_token(token, reply.identity.as_deref())
    })
}

fn of_token<'a>(token: &'a StoredToken, identity: Option<&'a CallerIdentity>) -> Auth<'a> {
    let policies = identity.map_or(&token.policies, |identity| &identity.all_policies);
    Auth {
        accessor: Accessor::new(&token.accessor),
        display_name: (&token.display_name).into(),
        policies: policies.into(),
        token_policies: (&token.policies).into(),
        identity_policies: identity.map(|identity| (&identity.policies).into()).unwrap_or_default(),
        metadata: token.meta.as_ref().map(Into::into).unwrap_or_default(),
        entity_id: Clear::new(identity.map_or(&token.entity_id, CallerIdentity::entity_id)),
        token_type: match token.kind {
            TokenKind::Service => TokenType::Service,
            TokenKind::Batch => TokenType::Batch,
        },
        ..Auth::default()
    }
}

fn facts<'a>(context: &RequestContext<'a>, accessor: bool) -> RequestFacts<'a> {
    let request = context.request;
    let mount = context.route.mount.as_deref();
    let known = context.caller.authenticated();
    let stated = request.peer.as_ref().map_or(("", 0), Peer::stated_client);
    let trace = context.trace.unwrap_or_default();
    RequestFacts {
        id: Clear::new(&request.id),
        client_id: Clear::new(known.map_or("", |caller| &caller.client_id)),
        operation: Some(request.operation.for_entries()),
        mount: mount.map(|mount| mounted(mount, accessor)).unwrap_or_default(),
        client_token: Token::new(request.token.as_ref().map_or("", |token| token.expose())),
        client_token_accessor: Accessor::new(known.map_or("", |caller| &caller.entry.accessor)),
        namespace: Some(Namespace::ROOT),
        path: path(context),
        data: request_data(context),
        remote_address: Clear::new(request.peer.as_ref().map_or("", |peer| &peer.address)),
        remote_port: request.peer.as_ref().map_or(0, |peer| peer.port),
        client_certificate_serial_number: Clear::new(request.certificate_serial()),
        client_address: Clear::new(stated.0),
        client_port: stated.1,
        trace_id: Clear::new(trace.trace_id()),
        parent_id: Clear::new(trace.parent_id()),
        wrap_ttl: request.wrap_ttl.unwrap_or(0),
        unauthenticated: known.is_none(),
        ..RequestFacts::default()
    }
}

/// `data` of the request. Without a valid token it becomes a summary, unless it is what the route takes to let the client
/// in, and no more.
fn request_data<'a>(context: &RequestContext<'a>) -> Data<'a> {
    let object = &context.request.data;
    let data = data(object, plain_request_keys(context));
    if context.route.row.is_some_and(|row| row.are_credentials(object)) {
        data.of_credentials()
    } else {
        data
    }
}

/// The fields of the request's data that the mount's settings leave in the clear.
fn plain_request_keys<'a>(context: &RequestContext<'a>) -> Option<&'a [String]> {
    mount_that_shows(context)?.tune.audit_non_hmac_request_keys.as_deref()
}

/// The mount whose settings may leave fields in the clear: none where the route has secret ones.
fn mount_that_shows<'a>(context: &RequestContext<'a>) -> Option<&'a Mount> {
    let secret = context.route.row.is_some_and(|row| !row.sensitive_fields.is_empty());
    context.route.mount.as_deref().filter(|_| !secret)
}

fn path<'a>(context: &RequestContext<'a>) -> Path<'a> {
    match &context.route.secret {
        secret if secret.is_empty() => Path::new(&context.request.path),
        secret => Path::with_sensitive(&context.request.path, std::slice::from_ref(secret)),
    }
}

fn mounted(mount: &Mount, accessor: bool) -> MountFacts<'_> {
    MountFacts {
        point: Clear::new(&mount.path),
        kind: Clear::new(mount.kind.name),
        accessor: Clear::new(if accessor { &mount.accessor } else { "" }),
        running_version: Clear::new(RUNNING_VERSION),
        class: Clear::new(mount.class()),
        ..MountFacts::default()
    }
}

/// The fields of the answer's data that the mount's settings leave in the clear: none where the route has secret ones.
fn plain_response_keys<'a>(context: &RequestContext<'a>) -> Option<&'a [String]> {
    mount_that_shows(context)?.tune.audit_non_hmac_response_keys.as_deref()
}

fn replied<'a>(reply: &'a Reply, plain: Option<&'a [String]>, response: &mut Response<'a>) {
    if let Some(wrapped) = &reply.wrapped {
        response.wrap_info = Some(wrap_info(wrapped));
        return;
    }
    response.auth = issued(reply).map(|auth| Auth { entity_created: false, ..auth });
    response.secret = match &reply.lease {
        Some(lease) => Some(Secret { lease_id: Clear::new(&lease.id) }),
        None => reply.lease_seconds.map(|_| Secret::default()),
    };
    if let Some(object) = &reply.data {
        response.data = data(object, plain);
    }
}

/// `response.wrap_info`: who has the wrapping token, and nothing of what is inside.
fn wrap_info(wrapped: &Wrapped) -> WrapInfo<'_> {
    let token = &*wrapped.token;
    WrapInfo {
        ttl: token.creation_ttl,
        token: Token::new(token.id.expose()),
        accessor: Accessor::new(&token.accessor),
        creation_time: token.issued,
        creation_path: Clear::new(&token.path),
        wrapped_accessor: Accessor::new(wrapped.accessor.as_deref().unwrap_or_default()),
    }
}

fn data<'a>(object: &'a onrecord_value::Object, plain: Option<&'a [String]>) -> Data<'a> {
    match plain {
        Some(keys) if !keys.is_empty() => Data::with_plain_keys(object, keys),
        _ => Data::new(object),
    }
}

/// An audited header of a request: its name, whether it is hashed, and its values.
type RecordedHeader<'a> = (&'a str, bool, Vec<Private<'a>>);

/// Picks the configured headers out of those sent. A token that was accepted is not among them; one that was not
/// is hashed whatever the configuration says.
fn recorded_headers<'a>(context: &RequestContext<'a>) -> Vec<RecordedHeader<'a>> {
    let mut picked: Vec<RecordedHeader<'a>> = Vec::new();
    let audited = context.unsealed.audited_headers.current();
    if audited.is_empty() {
        return picked;
    }
    let sent = &context.request.headers;
    for (name, _) in sent.iter() {
        let Some(hmac) = audited.get(name).copied() else { continue };
        let token = matches!(name, "x-vault-token" | "authorization");
        if picked.iter().any(|(known, ..)| *known == name)
            || (token && context.caller.authenticated().is_some())
        {
            continue;
        }
        picked.push((name, hmac || token, sent.all(name).map(Private::from).collect()));
    }
    picked
}

fn listed<'a>(headers: &'a [RecordedHeader<'_>]) -> Vec<Header<'a>> {
    headers.iter().map(|(name, hmac, values)| Header { name, values, hmac: *hmac }).collect()
}
