//! The answers of the exempt routes: they work while sealed and have no entries when they are answered (the list and the
//! reasons stand in `engine::sys`). What changes something is kept for the record (`ceremonies::journal`). Never in it: anything that reads behind the barrier.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_value::{Object, Value, json, object};
use zeroize::Zeroizing;

use super::init::InitOptions;
use super::status::body;
use super::{CeremonyError, Core};
use crate::VERSION;
use crate::audit_errors;
use crate::ceremonies::journal::Act;
use crate::cross_origin;
use crate::engine::sys::metrics;
use crate::exchange::{Answer, Exchange, Media, Peer, Received, Shaped};
use crate::network::Network;
use crate::operation::Operation;
use crate::outcome::{Raw, Refusal};
use crate::refusals::Reason;
use crate::routes::{ExemptEndpoint, Route};

const UNSEAL: &str = "sys/unseal";

/// A status with its body.
type StatusAndBody = (u16, Vec<u8>);

/// Answers an exempt route.
pub(super) async fn answer(
    core: &Core,
    route: &'static Route,
    endpoint: ExemptEndpoint,
    exchange: Exchange,
) -> Answer {
    let operation = match &*exchange.method {
        "GET" => Some(Operation::Read),
        "HEAD" => Some(Operation::Header),
        "PUT" | "POST" => Some(Operation::Update),
        _ => None,
    };
    let answered = match (refused(core, &exchange), operation.filter(|operation| route.takes(*operation))) {
        (Some(Refusal { status: 204, .. }), _) => Ok(json_body(204, Vec::new())),
        (Some(refusal), _) => Err(ExemptError { status: refusal.status, text: refusal.text, retry_after: 0 }),
        (None, None) => Ok(json_body(405, b"{\"errors\":[]}\n".to_vec())),
        (None, Some(operation)) => dispatch(core, endpoint, operation, exchange).await,
    };
    let retry_after = answered.as_ref().err().map_or(0, |error| error.retry_after);
    let (status, raw) = answered.unwrap_or_else(|error| json_body(error.status, error.body()));
    Answer::exempt(Shaped { media: raw.media, retry_after, ..Shaped::json(status, raw.body) })
}

/// The answer that a request has without being looked at any further, by the listener's rules for proxies or the settings
/// of CORS.
fn refused(core: &Core, exchange: &Exchange) -> Option<Refusal> {
    if let Some(text) = exchange.peer.as_ref().and_then(Peer::refusal) {
        return Some(Refusal::at_capture(400, text, audit_errors::FORWARDING));
    }
    let settings = core.unsealed()?.operations.cors.current();
    cross_origin::judge(&settings, &exchange.method, &exchange.headers)?.answer()
}

fn json_body(status: u16, body: Vec<u8>) -> (u16, Raw) {
    (status, Raw { media: Media::Json, body: body.into() })
}

async fn dispatch(
    core: &Core,
    endpoint: ExemptEndpoint,
    operation: Operation,
    exchange: Exchange,
) -> Result<(u16, Raw), ExemptError> {
    let (status, body) = match endpoint {
        ExemptEndpoint::Init if operation == Operation::Read => {
            (200, body(&[("initialized", core.initialised().await?.into())]))
        }
        ExemptEndpoint::Init => init(core, &parameters(exchange.body)?, exchange.peer.as_ref()).await?,
        ExemptEndpoint::Unseal => unseal(core, &parameters(exchange.body)?, exchange.peer.as_ref()).await?,
        ExemptEndpoint::SealStatus => (200, core.seal_status().await?.body()),
        ExemptEndpoint::Leader => (200, body(&[("ha_enabled", false.into())])),
        ExemptEndpoint::Health => health(core, operation, &exchange.query).await?,
        ExemptEndpoint::Metrics => {
            let prometheus = exchange.query.split('&').any(|pair| pair == "format=prometheus");
            let unsealed = core.unsealed();
            let raw = metrics::body(&core.inner.meters, &core.inner.host, unsealed.as_deref(), prometheus);
            return Ok((200, raw));
        }
    };
    Ok(json_body(status, body))
}

/// An error of an exempt route: a status, and a text if there is one.
struct ExemptError {
    status: u16,
    text: Option<String>,
    /// In how many seconds the client may try again; 0 says nothing about it.
    retry_after: u32,
}

impl ExemptError {
    fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, text: Some(text.into()), retry_after: 0 }
    }

    fn body(&self) -> Vec<u8> {
        let errors = Value::from_iter(self.text.as_deref());
        body(&[("errors", errors)])
    }
}

impl From<CeremonyError> for ExemptError {
    fn from(error: CeremonyError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}

fn parameters(received: Received) -> Result<Object, ExemptError> {
    let bytes = match received {
        Received::Whole(bytes) => bytes,
        Received::Pieces(pieces) => pieces.concat().into(),
        Received::TooLarge => return Err(ExemptError::new(413, "http: request body too large")),
        Received::TooSlow => return Err(ExemptError::new(408, "the request body arrived too slowly")),
        Received::Broken => return Err(ExemptError::new(400, "failed to decode JSON input: unexpected EOF")),
    };
    if std::str::from_utf8(&bytes).is_err() {
        return Err(ExemptError::new(400, "the request body is not UTF-8"));
    }
    if bytes.trim_ascii().is_empty() {
        return Ok(Object::new());
    }
    json::parse_object(&bytes, json::Limits::default())
        .map_err(|error| ExemptError::new(400, format!("failed to decode JSON input: {error}")))
}

/// A number, or none: what is absent, `null` or no number counts as 0.
fn number(parameters: &Object, key: &str) -> i64 {
    parameters.get(key).and_then(Value::as_i64).unwrap_or(0)
}

/// Whether a parameter says anything.
fn given(parameters: &Object, key: &str) -> bool {
    match parameters.get(key) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        Some(other) => other.as_i64() != Some(0),
    }
}

/// A step of a ceremony, for the record.
fn act(core: &Core, path: &str, peer: Option<&Peer>, facts: Object) -> Result<(String, Act), ExemptError> {
    let host = &core.inner.host;
    let id = host.entropy.uuid().map_err(CeremonyError::from)?;
    let act = Act::new(&id, path, host.clock.now(), peer, facts);
    Ok((id, act))
}

async fn init(core: &Core, parameters: &Object, peer: Option<&Peer>) -> Result<StatusAndBody, ExemptError> {
    if core.initialised().await? {
        return Err(CeremonyError::AlreadyInitialised.into());
    }
    if given(parameters, "pgp_keys") || given(parameters, "root_token_pgp_key") {
        return Err(CeremonyError::Pgp.into());
    }
    if let Some(kind) = core.auto_seal() {
        return init_with_recovery(core, parameters, kind, peer).await;
    }
    if ["recovery_shares", "recovery_threshold", "recovery_pgp_keys", "stored_shares"]
        .iter()
        .any(|key| given(parameters, key))
    {
        return Err(CeremonyError::NotForShamir.into());
    }
    let wanted = InitOptions {
        shares: number(parameters, "secret_shares"),
        threshold: number(parameters, "secret_threshold"),
        root_token: None,
    };
    let facts = object! { "secret_shares" => wanted.shares, "secret_threshold" => wanted.threshold };
    let (_, act) = act(core, "sys/init", peer, facts)?;
    let made = core.init_with(wanted, Some(act)).await?;
    let hex: Value = made.keys.iter().map(|key| const_hex::encode(key.expose())).collect();
    let base64: Value = made.keys.iter().map(|key| STANDARD.encode(key.expose())).collect();
    let root = Value::from(made.root_token.id.expose());
    Ok((200, body(&[("keys", hex), ("keys_base64", base64), ("root_token", root)])))
}

/// Initialises a server that a key service unseals, and unseals it: its clients expect that.
async fn init_with_recovery(
    core: &Core,
    parameters: &Object,
    kind: &'static str,
    peer: Option<&Peer>,
) -> Result<StatusAndBody, ExemptError> {
    if given(parameters, "secret_shares") || given(parameters, "secret_threshold") {
        return Err(CeremonyError::NotForAutoSeal(kind).into());
    }
    if given(parameters, "recovery_pgp_keys") {
        return Err(CeremonyError::Pgp.into());
    }
    let (shares, threshold) =
        (number(parameters, "recovery_shares"), number(parameters, "recovery_threshold"));
    let facts = object! { "recovery_shares" => shares, "recovery_threshold" => threshold };
    let (_, act) = act(core, "sys/init", peer, facts)?;
    let made = core.init_with_recovery(shares, threshold, Some(act)).await?;
    if let Err(error) = core.auto_unseal().await {
        tracing::error!(%error, "the server is initialised and could not be unsealed by its seal; a restart tries again");
    }
    let hex: Value = made.keys.iter().map(|key| const_hex::encode(key.expose())).collect();
    let base64: Value = made.keys.iter().map(|key| STANDARD.encode(key.expose())).collect();
    let none = || Value::Array(Vec::new());
    let root = Value::from(made.root_token.id.expose());
    let members = [
        ("keys", none()),
        ("keys_base64", none()),
        ("recovery_keys", hex),
        ("recovery_keys_base64", base64),
        ("root_token", root),
    ];
    Ok((200, body(&members)))
}

async fn unseal(core: &Core, parameters: &Object, peer: Option<&Peer>) -> Result<StatusAndBody, ExemptError> {
    if parameters.get("reset").and_then(Value::as_bool) == Some(true) {
        reset(core, peer)?;
        return Ok((200, core.seal_status().await?.body()));
    }
    if let Some(kind) = core.auto_seal() {
        return Err(CeremonyError::NoShares(kind).into());
    }
    let key = Zeroizing::new(parameters.str("key").unwrap_or_default().to_owned());
    if key.is_empty() {
        return Err(CeremonyError::NoKey.into());
    }
    if core.unsealed().is_some() {
        core.unseal(&key).await?;
        return Ok((200, core.seal_status().await?.body()));
    }
    let giver = Network::of_client(peer);
    check_wait(core, giver)?;
    // Kept before it is looked at: with the last share needed the journal is read.
    let number = core.seal_status().await?.progress + 1;
    let (id, act) = act(core, UNSEAL, peer, object! { "share" => number })?;
    core.inner.acts.add(act);
    let taken = take_share(core, &key, giver).await;
    if taken.is_err() {
        core.inner.acts.withdraw(&id);
    }
    taken?;
    let status = core.seal_status().await?;
    if status.sealed && status.progress < number {
        // A share that was given already: nothing came of it.
        core.inner.acts.withdraw(&id);
    }
    Ok((200, status.body()))
}

/// Throws the shares of a sealed server away. Anybody may: those who do it often have to wait, as after wrong shares, and where
/// none were given there is nothing to keep for the record.
fn reset(core: &Core, peer: Option<&Peer>) -> Result<(), ExemptError> {
    let (inner, giver) = (&core.inner, Network::of_client(peer));
    if core.unsealed().is_none() {
        check_wait(core, giver)?;
    }
    if core.reset_unseal()? {
        inner.guesses.thrown_away(Some(giver), inner.host.clock.monotonic());
        inner.acts.add(act(core, UNSEAL, peer, object! { "reset" => true })?.1);
    }
    Ok(())
}

fn share_refused(core: &Core, giver: Network) {
    let inner = &core.inner;
    inner.meters.key_share_refused();
    inner.refusals.counts.add(Reason::KeyShares, Some(giver), inner.host.clock.now());
}

/// Refuses a peer that has given too many wrong shares, for a while.
fn check_wait(core: &Core, giver: Network) -> Result<(), ExemptError> {
    let inner = &core.inner;
    let Some(wait) = inner.guesses.wait(Some(giver), inner.host.clock.monotonic()) else { return Ok(()) };
    share_refused(core, giver);
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let text = format!(
        "too many wrong key shares came from this address: the next one is looked at in {seconds} s; from another address \
         at once"
    );
    Err(ExemptError {
        retry_after: u32::try_from(seconds).unwrap_or(u32::MAX),
        ..ExemptError::new(429, text)
    })
}

/// Takes a share, and remembers whose shares were wrong.
async fn take_share(core: &Core, key: &str, giver: Network) -> Result<(), ExemptError> {
    let inner = &core.inner;
    let taken = core.unseal(key).await;
    match &taken {
        Ok(()) if core.unsealed().is_some() => inner.guesses.right(Some(giver)),
        Ok(()) => inner.guesses.given(Some(giver)),
        Err(CeremonyError::WrongKey(_)) => {
            share_refused(core, giver);
            if let Some(rounds) = inner.guesses.wrong(Some(giver), inner.host.clock.monotonic()) {
                tracing::warn!(address = %giver, rounds, "the key shares of an unsealing were wrong");
            }
        }
        Err(_) => {}
    }
    Ok(taken?)
}

async fn health(core: &Core, operation: Operation, query: &str) -> Result<StatusAndBody, ExemptError> {
    let code = |name: &str, default: u16| -> Result<u16, ExemptError> {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        match pairs.find(|(key, _)| *key == name) {
            None => Ok(default),
            Some((_, text)) => text
                .parse()
                .ok()
                .filter(|code| (100..1000).contains(code))
                .ok_or(ExemptError { status: 400, text: None, retry_after: 0 }),
        }
    };
    let (uninitialised, sealed, active, unready) = (
        code("uninitcode", 501)?,
        code("sealedcode", 503)?,
        code("activecode", 200)?,
        code("auditcode", 503)?,
    );
    let (seal, audit) = (core.seal_status().await?, core.audit_health());
    let status = match (seal.initialised, seal.sealed, &audit) {
        (false, ..) => uninitialised,
        (true, true, _) => sealed,
        (true, false, Some(audit)) if !audit.ready => unready,
        (true, false, _) => active,
    };
    if operation == Operation::Header {
        return Ok((status, Vec::new()));
    }
    let mut members: Vec<(&str, Value)> = vec![
        ("initialized", seal.initialised.into()),
        ("sealed", seal.sealed.into()),
        ("standby", false.into()),
        // Typed clients (vaultrs) take no answer without it.
        ("performance_standby", false.into()),
        ("replication_performance_mode", "disabled".into()),
        ("replication_dr_mode", "disabled".into()),
        ("server_time_utc", core.inner.host.clock.now().unix_seconds().into()),
        ("version", VERSION.into()),
    ];
    members.extend(seal.cluster_members());
    members.extend(seal.audit_members());
    if let Some(audit) = audit {
        members.push(("audit_rule_met", audit.met.into()));
        members.push(("audit_ready", audit.ready.into()));
        members.push(("audit_device_states", Value::Object(audit.states)));
        if !audit.evidence.is_empty() {
            members.push(("audit_evidence", Value::Object(audit.evidence)));
        }
    }
    Ok((status, body(&members)))
}
