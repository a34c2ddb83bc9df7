//! A server in this process: initialised, unsealed, asked like a client asks. Its devices cannot be enabled through the
//! API, so that no input makes a file or dials an address.
//! Never in it: judgements.

use std::net::SocketAddr;
use std::sync::Arc;

use onrecord_audit::device::faulty::FaultControl;
use onrecord_audit::{Clock, DeviceConfig, Placement, SystemClock};
use onrecord_core::{
    AuditSettings, CeremonyError, Core, Exchange, Headers, Host, InitOptions, Received, Settings, Spawn,
    Target, Task,
};
use onrecord_entry::{FormatOptions, Formatter, Salt};
use onrecord_seal::{Entropy, OsEntropy, Secret};
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use serde_json::Value;
use tokio::runtime::Runtime;

/// The root token of every such server.
pub(crate) const ROOT_TOKEN: &str = "a-root-token-of-a-fuzzed-server";

struct SpawnOnTokio;

impl Spawn for SpawnOnTokio {
    fn spawn(&self, task: Task) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(task);
        }
    }
}

/// A server with a runtime of its own.
pub(crate) struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) core: Core,
}

impl Server {
    /// A sealed server over a store.
    pub(crate) fn on(
        storage: Storage,
        placement: Placement,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let host = Host { clock, entropy, spawn: Arc::new(SpawnOnTokio), process: Arc::new(()) };
        let audit = AuditSettings { placement, ..AuditSettings::default() };
        // Each refused request has its entries, however many there are.
        let settings = Settings { audit, unauthenticated_rate_limit: 0, ..Settings::default() };
        let core = Core::new(storage, host, settings);
        Self { runtime, core }
    }

    /// An unsealed server in memory, with a device that keeps its lines.
    pub(crate) fn in_memory() -> (Self, FaultControl) {
        let storage = Storage::start(Memory::new()).expect("a thread");
        let server = Self::on(
            storage,
            Placement::api().with_api_creation(false),
            Arc::new(SystemClock::new()),
            Arc::new(OsEntropy::new()),
        );
        let key = server.init();
        server.unseal(&key).expect("it is unsealed");
        let control = FaultControl::new();
        let formatter = Formatter::new(FormatOptions::default(), Arc::new(Salt::new("a salt")));
        let open = server.core.unsealed().expect("it is unsealed");
        let enabled = open.broker.enable(DeviceConfig::new("fuzzed/", control.device(), formatter), None);
        server.runtime.block_on(enabled).expect("the device is enabled");
        (server, control)
    }

    /// Initialises it with one share, which is returned in hex.
    pub(crate) fn init(&self) -> String {
        let root_token = Some(Secret::new(ROOT_TOKEN.to_owned()));
        let wanted = InitOptions { shares: 1, threshold: 1, root_token };
        let made = self.runtime.block_on(self.core.init(wanted)).expect("it is initialised");
        const_hex::encode(made.keys[0].expose())
    }

    /// Unseals it.
    pub(crate) fn unseal(&self, key: &str) -> Result<(), CeremonyError> {
        self.runtime.block_on(self.core.unseal(key))
    }

    /// A request with a token: status and body.
    pub(crate) fn call(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> (u16, Value) {
        let mut headers = Headers::new();
        headers.push("X-Vault-Token", token);
        let target = Target::Api(path.to_owned());
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let permit = self.core.arrive(&self.core.account(None), &target);
        let exchange = Exchange {
            method: method.to_owned(),
            target,
            query: String::new(),
            headers,
            body: Received::Whole(body.into()),
            peer: Some(SocketAddr::from(([127, 0, 0, 1], 4321)).into()),
            client_certificate_serial: None,
            client_certificates: None,
        };
        let answer = self.runtime.block_on(self.core.answer(permit, exchange));
        (answer.status(), serde_json::from_slice(&answer.into_body()).unwrap_or_default())
    }
}

/// Logs, as seeds: of a few requests.
pub(crate) fn lines_of_a_few_requests() -> Vec<Vec<u8>> {
    let (server, control) = Server::in_memory();
    for (method, path, body) in [
        ("POST", "sys/mounts/kv", Some(serde_json::json!({"type": "kv"}))),
        ("POST", "kv/a", Some(serde_json::json!({"password": "x", "list": [1, true, null, {"a": "b"}]}))),
        ("GET", "kv/a", None),
        ("GET", "kv/absent", None),
        ("POST", "auth/token/create", Some(serde_json::json!({"ttl": "1h", "meta": {"a": "b"}}))),
    ] {
        server.call(method, path, ROOT_TOKEN, body.as_ref());
    }
    let lines = control.lines();
    vec![lines.concat(), lines.iter().step_by(2).flatten().copied().collect()]
}
