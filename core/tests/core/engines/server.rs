//! A server on memory storage, without devices, whose clock a test moves.

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_core::Settings;
use onrecord_storage::{Backend, Storage, memory};
use onrecord_value::json::{self, Limits};
use onrecord_value::{Object, Time, Value};

use crate::kit::{self, TestServer, core_by};

/// The server.
#[derive(Clone)]
pub(crate) struct Server {
    world: TestServer,
    storage: Storage,
    clock: Arc<ManualClock>,
}

/// An answer: its status and its body, an empty map if it has none.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Object,
    pub(crate) text: String,
}

impl Reply {
    /// `data` of the envelope.
    pub(crate) fn data(&self) -> &Object {
        self.body.object("data").unwrap_or_else(|| panic!("{} {}", self.status, self.text))
    }

    /// The only text of `errors`.
    pub(crate) fn error(&self) -> &str {
        match self.body.get("errors").and_then(Value::as_array) {
            Some([error]) => error.as_str().unwrap(),
            _ => panic!("{} {}", self.status, self.text),
        }
    }

    /// `data.keys`.
    pub(crate) fn keys(&self) -> Vec<&str> {
        let keys = self.data().get("keys").and_then(Value::as_array).unwrap();
        keys.iter().map(|key| key.as_str().unwrap()).collect()
    }
}

impl Server {
    /// An unsealed server.
    pub(crate) async fn new() -> Self {
        Self::over(memory::Memory::new()).await
    }

    /// An unsealed server over a new store.
    pub(crate) async fn over(backend: impl Backend) -> Self {
        let storage = Storage::start(backend).unwrap();
        let clock = Arc::new(ManualClock::at(Time::from_unix(1_700_000_000, 123_456_789)));
        let core = core_by(storage.clone(), Settings::default(), Arc::clone(&clock) as _);
        Self { world: TestServer::unsealed(core).await, storage, clock }
    }

    /// The server after a restart: another one over the same store, unsealed.
    pub(crate) async fn restarted(&self) -> Self {
        self.world.core.seal(Duration::from_secs(5)).await;
        let core = core_by(self.storage.clone(), Settings::default(), Arc::clone(&self.clock) as _);
        core.unseal(&self.world.key).await.unwrap();
        Self { world: TestServer { core, ..self.world.clone() }, ..self.clone() }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Asks as root. `path` may carry a query; `body` is JSON, or empty.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        self.ask_as(Some(&self.world.root), method, path, body).await
    }

    pub(crate) async fn ask_as(&self, token: Option<&str>, method: &str, path: &str, body: &str) -> Reply {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut ask = kit::ask(method, path).query(query);
        ask.token = token.map(str::to_owned);
        ask.body = body.as_bytes().to_vec();
        if method == "PATCH" {
            ask = ask.header("content-type", "application/merge-patch+json");
        }
        let answer = self.world.start(ask).await;
        let status = answer.status();
        // Not by the kit's parser, which takes no number of more digits than a double has.
        let text = String::from_utf8(answer.into_body().to_vec()).unwrap();
        let body = json::parse_object(text.as_bytes(), Limits::default()).unwrap_or_default();
        Reply { status, body, text }
    }

    /// Reads without a token what is no JSON: the status, the type of the body, and its bytes.
    pub(crate) async fn bytes(&self, path: &str) -> (u16, &'static str, Vec<u8>) {
        let answer = self.world.start(kit::ask("GET", path)).await;
        (answer.status(), answer.media().name(), answer.into_body().to_vec())
    }

    /// Asks as root and expects a status.
    pub(crate) async fn expect(&self, status: u16, method: &str, path: &str, body: &str) -> Reply {
        let said = self.ask(method, path, body).await;
        assert_eq!(said.status, status, "{method} {path} {body}: {}", said.text);
        said
    }

    /// Mounts a key-value engine.
    pub(crate) async fn mount(&self, path: &str, version: u32) {
        let body = format!(r#"{{"type":"kv","options":{{"version":"{version}"}}}}"#);
        self.expect(204, "POST", &format!("sys/mounts/{path}"), &body).await;
    }

    /// A new token with one policy of this text, and without `default`.
    pub(crate) async fn token(&self, policy: &str) -> String {
        let body = Value::from([("policy", policy)].into_iter().collect::<Object>()).to_json();
        let body = String::from_utf8(body).unwrap();
        let name = format!("p{}", policy.len());
        self.expect(204, "PUT", &format!("sys/policies/acl/{name}"), &body).await;
        let body = format!(r#"{{"policies":["{name}"],"no_default_policy":true}}"#);
        let said = self.expect(200, "POST", "auth/token/create", &body).await;
        said.body.object("auth").unwrap().str("client_token").unwrap().to_owned()
    }

    /// How many keys are stored below a prefix.
    pub(crate) fn stored(&self, prefix: &str) -> usize {
        self.storage.keys(prefix, "", usize::MAX).now().unwrap().unwrap().len()
    }
}

/// A value from JSON, to compare with.
pub(crate) fn value(text: &str) -> Value {
    json::parse(text.as_bytes(), Limits::default()).unwrap()
}
