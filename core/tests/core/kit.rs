//! What the tests share: a whole server in memory (initialised, unsealed, asked like a client asks), hosts, and waiting.
//! The clock that a test moves is the audit library's [`ManualClock`](onrecord_audit::ManualClock).
//! Never in it: assertions.

use std::sync::Arc;

use onrecord_audit::device::faulty::FaultControl;
use onrecord_audit::device::{Appended, Batch, inspect_lines};
use onrecord_audit::{Clock, Device, DeviceConfig, DeviceError, SystemClock};
use onrecord_core::Task;
use onrecord_core::engine::Kinds;
use onrecord_core::{Answer, Core, Exchange, Headers, Host, Received, Settings, Spawn, Target};
use onrecord_core::{InitOptions, Journey};
use onrecord_entry::Formatter;
use onrecord_entry::{FormatOptions, Salt};
use onrecord_seal::{OsEntropy, SealConfig};
use onrecord_storage::memory::Memory;
use onrecord_storage::{Barrier, Storage};
use onrecord_value::{Object, json};
use serde_json::Value;

/// Tasks go to the test's runtime. Where there is none, nothing waits for them.
struct SpawnOnTokio;

impl Spawn for SpawnOnTokio {
    fn spawn(&self, task: Task) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(task);
        }
    }
}

/// A host with this clock. Every line that its server gives to any device is held to the published schema.
pub fn host(clock: Arc<dyn Clock>) -> Host {
    inspect_lines(onrecord_schema::abort_unless_valid);
    Host { clock, entropy: Arc::new(OsEntropy::new()), spawn: Arc::new(SpawnOnTokio), process: Arc::new(()) }
}

/// A new barrier over an empty store, unsealed.
pub async fn unsealed_barrier(storage: Storage) -> Barrier {
    let barrier = Barrier::new(storage, Arc::new(OsEntropy::new()));
    let (_, batch) = barrier.initialize(SealConfig::new(1, 1).unwrap(), 0).await.unwrap();
    barrier.commit(batch).await.unwrap();
    barrier
}

/// Waits until a condition holds, while the other tasks of the test go on.
pub async fn eventually(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// Asks again as long as the answer has this status, while the other tasks of the test go on; the other status.
pub async fn while_answered(status: u16, ask: impl AsyncFn() -> u16) -> u16 {
    loop {
        let answered = ask().await;
        if answered != status {
            return answered;
        }
        tokio::task::yield_now().await;
    }
}

/// A server and what its operator knows.
#[derive(Clone)]
pub struct TestServer {
    pub core: Core,
    pub root: String,
    pub key: String,
}

/// A device that asks the test about each line.
struct Selective<F>(F);

impl<F: FnMut(&[u8]) -> bool + Send> Device for Selective<F> {
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        match batch.each().position(|line| !(self.0)(line)) {
            None => Appended::all(batch),
            Some(taken) => Appended::some(taken, DeviceError::Refused),
        }
    }
}

/// An answer as a client sees it.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub text: String,
}

impl Reply {
    pub fn error(&self) -> &str {
        self.body["errors"][0].as_str().unwrap_or_default()
    }

    /// The body as the server's own map; an empty one if it has none.
    pub fn object(&self) -> Object {
        json::parse_object(self.text.as_bytes(), json::Limits::default()).unwrap_or_default()
    }
}

/// A request as a client puts it.
pub struct TestRequest {
    pub method: String,
    pub path: String,
    pub query: String,
    pub token: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What the client shows in its TLS handshake, in DER.
    pub certificates: Vec<bytes::Bytes>,
    /// In place of the body: more came than the server takes.
    pub is_too_large: bool,
}

pub fn ask(method: &str, path: &str) -> TestRequest {
    TestRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        query: String::new(),
        token: None,
        headers: Vec::new(),
        body: Vec::new(),
        certificates: Vec::new(),
        is_too_large: false,
    }
}

impl TestRequest {
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    pub fn certificates(mut self, certificates: Vec<bytes::Bytes>) -> Self {
        self.certificates = certificates;
        self
    }

    pub fn too_large(mut self) -> Self {
        self.is_too_large = true;
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }
}

pub fn core_on(storage: Storage, settings: Settings) -> Core {
    core_by(storage, settings, Arc::new(SystemClock::new()))
}

/// A server by another clock than the machine's.
pub fn core_by(storage: Storage, settings: Settings, clock: Arc<dyn Clock>) -> Core {
    Core::new(storage, host(clock), settings)
}

impl TestServer {
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::on(Storage::start(Memory::new()).unwrap(), settings).await
    }

    /// With other kinds of engine than the built-in ones.
    pub async fn with_kinds(settings: Settings, kinds: Kinds) -> Self {
        let storage = Storage::start(Memory::new()).unwrap();
        Self::unsealed(Core::with_kinds(storage, host(Arc::new(SystemClock::new())), settings, kinds)).await
    }

    pub async fn on(storage: Storage, settings: Settings) -> Self {
        Self::unsealed(core_on(storage, settings)).await
    }

    pub async fn sealed(storage: Storage, settings: Settings) -> Self {
        Self::of(core_on(storage, settings)).await
    }

    /// An unsealed world by another clock than the machine's.
    pub async fn by(clock: Arc<dyn Clock>, settings: Settings) -> Self {
        Self::unsealed(core_by(Storage::start(Memory::new()).unwrap(), settings, clock)).await
    }

    pub async fn unsealed(core: Core) -> Self {
        let world = Self::of(core).await;
        world.core.unseal(&world.key).await.unwrap();
        world
    }

    async fn of(core: Core) -> Self {
        let made = core.init(InitOptions { shares: 1, threshold: 1, root_token: None }).await.unwrap();
        let key = const_hex::encode(made.keys[0].expose());
        Self { core, root: made.root_token.id.expose().clone(), key }
    }

    /// A device that does what the test says, hashing as usual, or raw.
    pub async fn device(&self, path: &str, raw: bool) -> FaultControl {
        let control = FaultControl::new();
        self.enable(path, control.device(), raw).await;
        control
    }

    /// A device that hashes, shows each line to the test, and refuses it and those after it if the test says so.
    pub async fn device_that(&self, path: &str, takes: impl FnMut(&[u8]) -> bool + Send + 'static) {
        self.enable(path, Box::new(Selective(takes)), false).await;
    }

    async fn enable(&self, path: &str, device: Box<dyn Device>, raw: bool) {
        let options = FormatOptions { log_raw: raw, ..FormatOptions::default() };
        let form = Formatter::new(options, Arc::new(Salt::new("a salt for tests")));
        let unsealed = self.core.unsealed().unwrap();
        unsealed.broker.enable(DeviceConfig::new(path, device, form), None).await.unwrap();
    }

    pub fn start(&self, ask: TestRequest) -> Journey {
        start_on(&self.core, ask)
    }

    pub async fn send(&self, ask: TestRequest) -> Reply {
        said(self.start(ask).await)
    }

    /// A request with the root token.
    pub async fn root(&self, method: &'static str, path: &str, body: Option<Value>) -> Reply {
        let ask = ask(method, path).token(&self.root);
        self.send(if let Some(body) = body { ask.json(&body) } else { ask }).await
    }
}

/// Begins a request to a server.
pub fn start_on(core: &Core, ask: TestRequest) -> Journey {
    let mut headers = Headers::new();
    for (name, value) in &ask.headers {
        headers.push(name, value);
    }
    if let Some(token) = &ask.token {
        headers.push("X-Vault-Token", token);
    }
    let target = match ask.path.strip_prefix("//") {
        Some(outside) => Target::Outside(format!("/{outside}")),
        None => Target::Api(ask.path),
    };
    let permit = core.arrive(&core.account(None), &target);
    let exchange = Exchange {
        method: ask.method,
        target,
        query: ask.query,
        headers,
        body: if ask.is_too_large { Received::TooLarge } else { Received::Whole(ask.body.into()) },
        peer: Some(std::net::SocketAddr::from(([127, 0, 0, 1], 4321)).into()),
        client_certificate_serial: None,
        client_certificates: Some(ask.certificates).filter(|shown| !shown.is_empty()).map(Into::into),
    };
    core.answer(permit, exchange)
}

pub fn said(answer: Answer) -> Reply {
    let status = answer.status();
    let text = String::from_utf8(answer.into_body().to_vec()).unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    Reply { status, body, text }
}

/// The entries a test device took.
pub fn entries(control: &FaultControl) -> Vec<Value> {
    control.lines().iter().map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// Type, operation and path of each entry.
pub fn outline(control: &FaultControl) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |entry: &Value| {
        format!(
            "{} {} {}",
            word(&entry["type"]),
            word(&entry["request"]["operation"]),
            word(&entry["request"]["path"])
        )
    };
    entries(control).iter().map(line).collect()
}
