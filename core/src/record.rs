//! Steps 5 and 8: what is known about a request becomes an entry, and the broker puts it on record.
//! The only caller of the broker for requests. Never in it: how an entry is hashed or written.

mod bare;

use std::time::Duration;

use onrecord_audit::{Recorded, Recording, Refused, Settled, Unaudited};
use onrecord_entry::{
    Accessor, Auth, Clear, Data, Entry, Grants, Header, Mount as MountFacts, Namespace, Operation as Asked,
    Path, PolicyResults, Private, Request as RequestFacts, Response, Secret, Template, Token, TokenType,
};

use crate::alarm::Phase;
use crate::decide::Verdict;
use crate::exchange::Shaped;
use crate::fault;
use crate::mount::{Mount, RUNNING_VERSION};
use crate::open::Open;
use crate::operation::Operation;
use crate::outcome::{Outcome, Reply};
use crate::pipeline::Case;
use crate::routes::{self, Endpoint};
use crate::token::{Caller, Issued};

/// The proof that an entry is on record, or that there is no device that could have it.
pub(crate) enum Filed {
    /// On record.
    Settled(Settled),
    /// No device is enabled, and the rule allows that.
    Unaudited(Unaudited),
}

/// The entry is not on record as the rule wants it: why each device does not have it, if there are devices.
pub(crate) struct NotFiled(Option<Refused>);

/// Says that a request entry follows in a moment.
pub(crate) fn announce(open: &Open) {
    open.broker.prewake();
}

/// Records the request entry.
pub(crate) async fn request(open: &Open, case: &Case<'_>) -> Result<Filed, NotFiled> {
    // Built and formatted in a call of its own: an entry kept across the waiting would make every journey larger.
    let began = open.host.clock.monotonic();
    let recording = file_request(open, case);
    judge(open, case, Phase::Request, began, recording).await
}

/// Records the response entry. Where the route is recorded by its request entry alone, that is enough, once it is done.
/// If building it panics, a bare one takes its place, and the answer is withheld.
pub(crate) async fn response(
    open: &Open,
    case: &Case<'_>,
    filed: Filed,
    outcome: &Outcome,
    shaped: &Shaped,
) -> Result<Filed, NotFiled> {
    let only = case.way.row.is_some_and(|row| matches!(row.recording, routes::Recording::RequestOnly(_)));
    if let (true, Outcome::Reply(_)) = (only, outcome) {
        return Ok(filed);
    }
    let began = open.host.clock.monotonic();
    match bare::caught(|| file_response(open, case, outcome, shaped)) {
        Some(recording) => judge(open, case, Phase::Response, began, recording).await,
        None => {
            Box::pin(bare::response(open, case, began)).await;
            Err(NotFiled(None))
        }
    }
}

fn file_request(open: &Open, case: &Case<'_>) -> Recording {
    request_entry(open, case, |entry| offer(open, case, entry))
}

/// Makes the request entry, and hands it to `then`.
pub(crate) fn request_entry<T>(open: &Open, case: &Case<'_>, then: impl FnOnce(&Entry<'_>) -> T) -> T {
    let headers = Headers::of(open, case);
    let headers = headers.list();
    let mut entry = Entry { auth: asking(case), request: facts(case, case.way.checked), ..Entry::default() };
    entry.request.headers = (&headers).into();
    entry.error = request_error(case).into();
    then(&entry)
}

fn file_response(open: &Open, case: &Case<'_>, outcome: &Outcome, shaped: &Shaped) -> Recording {
    response_entry(open, case, outcome, shaped, elapsed(open, case), |entry| offer(open, case, entry))
}

/// Makes the response entry, and hands it to `then`.
pub(crate) fn response_entry<T>(
    open: &Open,
    case: &Case<'_>,
    outcome: &Outcome,
    shaped: &Shaped,
    duration_ns: u64,
    then: impl FnOnce(&Entry<'_>) -> T,
) -> T {
    let headers = Headers::of(open, case);
    let headers = headers.list();
    let ran = case.way.checked || case.verdict.allowed();
    let mut entry = Entry { auth: asking(case), request: facts(case, ran), ..Entry::default() };
    entry.request.headers = (&headers).into();
    let mount = case.way.mount.as_deref();
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
        Outcome::Reply(reply) => replied(reply, mount, &mut response),
        Outcome::Refusal(refusal) => entry.error = refusal.fault.into(),
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
pub(crate) fn undone(open: &Open, case: &Case<'_>, unfiled: &NotFiled) {
    let Some(refused) = &unfiled.0 else { return };
    let mut entry = Entry { auth: asking(case), request: facts(case, case.way.checked), ..Entry::default() };
    let mount = case.way.mount.as_deref().map(|mount| mounted(mount, case.way.checked));
    entry.error = fault::NOT_ON_RECORD.into();
    entry.duration_ns = elapsed(open, case);
    entry.response =
        Some(Response { mount: mount.unwrap_or_default(), status_code: 500, ..Response::default() });
    open.broker.record_refused(&entry, refused);
}

/// Offers an entry to the devices. Where more of them are wanted than there are, those that there are do for the request
/// that enables one: else the number could never be reached.
fn offer(open: &Open, case: &Case<'_>, entry: &Entry<'_>) -> Recording {
    if enables(case) { open.broker.record_with_those_enabled(entry) } else { open.broker.record(entry) }
}

/// Waits for the broker's verdict.
async fn judge(
    open: &Open,
    case: &Case<'_>,
    phase: Phase,
    began: Duration,
    recording: Recording,
) -> Result<Filed, NotFiled> {
    let recorded = recording.await;
    let now = open.host.clock.monotonic();
    open.meters.judged(phase, now.saturating_sub(began));
    let refused = match recorded {
        Ok(Recorded::Settled(proof)) => return Ok(Filed::Settled(proof)),
        // A straggler finds no device because the server is sealed, not because none is enabled.
        Ok(Recorded::Unaudited(_)) if open.ended() => return Err(NotFiled(None)),
        Ok(Recorded::Unaudited(proof)) if !open.devices.settings().fail_closed || enables(case) => {
            return Ok(Filed::Unaudited(proof));
        }
        Ok(Recorded::Unaudited(_)) => None,
        Err(refused) => Some(refused),
    };
    // Devices that were let go because the server is sealed have not failed.
    if !open.ended() {
        open.meters.refused(phase);
        open.alarm.refused(phase, refused.as_ref(), now);
    }
    Err(NotFiled(refused))
}

/// A server that must have a device and has none can only be given one: enabling it is let through (decision 8).
fn enables(case: &Case<'_>) -> bool {
    case.way.row.is_some_and(|row| row.endpoint == Endpoint::AuditDevice)
        && case.request.operation == Operation::Update
}

fn elapsed(open: &Open, case: &Case<'_>) -> u64 {
    let elapsed = open.host.clock.monotonic().saturating_sub(case.request.started);
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

fn request_error(case: &Case<'_>) -> Option<Template> {
    match (&case.request.refusal, &case.verdict) {
        (Some(refusal), _) => refusal.fault,
        (None, Verdict::NoToken) => Some(fault::PERMISSION_DENIED_PLAIN),
        (None, Verdict::Denied) => Some(fault::PERMISSION_DENIED),
        (None, Verdict::Unavailable) => Some(fault::INTERNAL_ERROR),
        (None, Verdict::Allowed(_)) => None,
    }
}

/// `auth`: who asks, and what the policies decided about it.
fn asking<'a>(case: &Case<'a>) -> Auth<'a> {
    let results = match &case.verdict {
        _ if case.request.refusal.is_some() => None,
        Verdict::Allowed(decision) => Some(PolicyResults {
            allowed: true,
            granting_policies: decision
                .map(|decision| Grants::of_root_namespace(decision.granting))
                .unwrap_or_default(),
        }),
        Verdict::Denied => Some(PolicyResults::default()),
        Verdict::NoToken | Verdict::Unavailable => None,
    };
    let asking = case.asker.caller().map(caller).unwrap_or_default();
    Auth { policy_results: results, ..asking }
}

fn caller(caller: &Caller) -> Auth<'_> {
    let token = &*caller.entry;
    Auth {
        client_token: Token::new(token.id.expose()),
        accessor: Accessor::new(&token.accessor),
        display_name: (&token.display_name).into(),
        policies: (&token.policies).into(),
        token_policies: (&token.policies).into(),
        metadata: token.meta.as_ref().map(Into::into).unwrap_or_default(),
        remaining_uses: caller.remaining_uses.unwrap_or(0),
        token_type: TokenType::Service,
        token_ttl: token.creation_ttl,
        token_issue_time: Some(token.issued.into()),
        cache_key: Some(&token.cache_key),
        ..Auth::default()
    }
}

/// `response.auth`: the token that the answer issues or renews.
fn issued(issued: &Issued) -> Auth<'_> {
    let token = &*issued.entry;
    Auth {
        client_token: Token::new(issued.text()),
        accessor: Accessor::new(&token.accessor),
        display_name: (&token.display_name).into(),
        policies: (&token.policies).into(),
        token_policies: (&token.policies).into(),
        metadata: token.meta.as_ref().map(Into::into).unwrap_or_default(),
        num_uses: token.num_uses,
        token_type: TokenType::Service,
        token_ttl: issued.lease_seconds,
        token_issue_time: (!issued.new).then(|| token.issued.into()),
        ..Auth::default()
    }
}

fn facts<'a>(case: &Case<'a>, accessor: bool) -> RequestFacts<'a> {
    let request = case.request;
    let mount = case.way.mount.as_deref();
    let known = case.asker.caller();
    RequestFacts {
        id: Clear::new(&request.id),
        client_id: Clear::new(known.map_or("", |caller| &caller.client_id)),
        operation: Some(asked(request.operation)),
        mount: mount.map(|mount| mounted(mount, accessor)).unwrap_or_default(),
        client_token: Token::new(request.token.as_ref().map_or("", |token| token.expose())),
        client_token_accessor: Accessor::new(known.map_or("", |caller| &caller.entry.accessor)),
        namespace: Some(Namespace::ROOT),
        path: path(case),
        data: data(&request.data, mount.and_then(|mount| mount.tune.audit_non_hmac_request_keys.as_deref())),
        remote_address: Clear::new(request.peer.as_ref().map_or("", |peer| &peer.address)),
        remote_port: request.peer.as_ref().map_or(0, |peer| peer.port),
        client_certificate_serial_number: Clear::new(
            request.client_certificate_serial.as_deref().unwrap_or_default(),
        ),
        ..RequestFacts::default()
    }
}

fn path<'a>(case: &Case<'a>) -> Path<'a> {
    if case.way.row.is_some_and(|row| row.sensitive) {
        Path::with_sensitive(&case.request.path, std::slice::from_ref(&case.way.captured))
    } else {
        Path::new(&case.request.path)
    }
}

fn mounted(mount: &Mount, accessor: bool) -> MountFacts<'_> {
    MountFacts {
        point: Clear::new(&mount.path),
        kind: Clear::new(mount.kind),
        accessor: Clear::new(if accessor { &mount.accessor } else { "" }),
        running_version: Clear::new(RUNNING_VERSION),
        class: Clear::new(mount.class()),
        ..MountFacts::default()
    }
}

fn replied<'a>(reply: &'a Reply, mount: Option<&'a Mount>, response: &mut Response<'a>) {
    response.auth = reply.auth.as_ref().map(issued);
    response.secret = reply.lease_seconds.map(|_| Secret::default());
    if let Some(object) = &reply.data {
        let keys = mount.and_then(|mount| mount.tune.audit_non_hmac_response_keys.as_deref());
        response.data = data(object, keys);
    }
}

fn data<'a>(object: &'a onrecord_value::Object, plain: Option<&'a [String]>) -> Data<'a> {
    match plain {
        Some(keys) if !keys.is_empty() => Data::with_plain_keys(object, keys),
        _ => Data::new(object),
    }
}

/// The audited headers of a request, with their values side by side.
struct Headers<'a> {
    values: Vec<Private<'a>>,
    /// Name, whether hashed, and where its values lie.
    found: Vec<(&'a str, bool, std::ops::Range<usize>)>,
}

impl<'a> Headers<'a> {
    /// Picks the configured headers out of those sent. A token that was accepted is not among them; one that was not
    /// is hashed whatever the configuration says.
    fn of(open: &Open, case: &Case<'a>) -> Self {
        let mut picked = Self { values: Vec::new(), found: Vec::new() };
        let audited = open.audited_headers.current();
        if audited.is_empty() {
            return picked;
        }
        let sent = &case.request.headers;
        for (name, _) in sent.iter() {
            let Some(hmac) = audited.get(name).copied() else { continue };
            if picked.found.iter().any(|(known, ..)| *known == name) {
                continue;
            }
            let token = matches!(name, "x-vault-token" | "authorization");
            if token && case.asker.caller().is_some() {
                continue;
            }
            let start = picked.values.len();
            picked.values.extend(sent.all(name).map(Private::from));
            picked.found.push((name, hmac || token, start..picked.values.len()));
        }
        picked
    }

    fn list(&self) -> Vec<Header<'_>> {
        let header = |(name, hmac, at): &(&'a str, bool, std::ops::Range<usize>)| Header {
            name,
            values: self.values.get(at.clone()).unwrap_or_default(),
            hmac: *hmac,
        };
        self.found.iter().map(header).collect()
    }
}

fn asked(operation: Operation) -> Asked {
    match operation {
        Operation::Create => Asked::Create,
        Operation::Delete => Asked::Delete,
        Operation::Help => Asked::Help,
        Operation::Header => Asked::Header,
        Operation::List => Asked::List,
        Operation::Patch => Asked::Patch,
        Operation::Read => Asked::Read,
        Operation::Update => Asked::Update,
    }
}
