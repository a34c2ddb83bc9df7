//! A client's text in every position that the register calls hashed: it stands in no line of a device that hashes, not in
//! the server's own log at its most talkative, and not in the data directory. The same for a value of a wrong type in any
//! field of any route: the text that refuses it quotes it to the client alone.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    reason = "a test that fails should panic"
)]

#[path = "core/kit.rs"]
mod kit;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use kit::{TestRequest, TestServer, ask};
use onrecord_core::engine::{EngineKind, Mounting, Recording, Route};
use onrecord_core::{Operation, Settings, kinds};
use onrecord_storage::Storage;
use onrecord_storage::embedded::Embedded;
use serde_json::{Map, Value, json};

const CANARY: &str = "cAnArY7f3";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// All that this process logs, from the first call on.
fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    })
}

/// The first line of the server's own log that has the canary.
fn logged_canary() -> Option<String> {
    let own = String::from_utf8(log().0.lock().unwrap().clone()).unwrap();
    assert!(own.contains("the server is unsealed"), "the log is looked at");
    own.lines().find(|line| line.contains(CANARY)).map(str::to_owned)
}

fn asks() -> Vec<TestRequest> {
    let mut broken = ask("POST", "kv/d");
    broken.body = format!("{{\"{CANARY}\": {CANARY}").into_bytes();
    let device =
        |kind: &str, options| ask("POST", "sys/audit/bad").json(&json!({"type": kind, "options": options}));
    vec![
        ask("POST", "kv/a").json(&json!({"a": CANARY, "b": [CANARY], "c": {"d": CANARY}})),
        ask("GET", "kv/a"),
        ask("POST", "kv2/data/a").json(&json!({"data": {"a": CANARY}, "options": {"cas": CANARY}})),
        ask("POST", "kv2/data/a").json(&json!({"data": {"a": CANARY}})),
        ask("GET", "kv2/data/a"),
        ask("DELETE", "kv2/data/a"),
        ask("GET", "kv2/data/a"),
        ask("GET", "kv/b").query(&format!("x={CANARY}&x={CANARY}&list={CANARY}")),
        device(CANARY, json!({"file_path": CANARY})),
        device("file", json!({"file_path": format!("/proc/{CANARY}.log")})),
        device("file", json!({"file_path": "x.log", "log_raw": CANARY})),
        device("file", json!({"file_path": "x.log", "mode": CANARY})),
        device("file", json!([CANARY])),
        device("file", json!({"file_path": "x.log", "prefix": format!("{CANARY}\n")})),
        ask("PUT", "sys/audit-hash/test").json(&json!({"input": CANARY, "other": CANARY})),
        ask("PUT", "sys/audit-hash/other").json(&json!({"input": CANARY})),
        ask("PUT", "sys/policies/acl/p").json(&json!({"policy": CANARY})),
        ask("PUT", "sys/policies/acl/p")
            .json(&json!({"policy": format!("path \"x\" {{ capabilities = [\"{CANARY}\"] }}")})),
        ask("POST", "sys/mounts/m").json(&json!({"type": CANARY, "description": CANARY})),
        ask("POST", "sys/mounts/m").json(&json!({"type": "kv", "description": CANARY})),
        ask("POST", "sys/mounts/m/tune").json(&json!({"max_lease_ttl": CANARY})),
        ask("GET", "sys/mounts"),
        ask("POST", "auth/token/create").json(&json!({"id": CANARY})),
        ask("POST", "auth/token/create").json(&json!({"ttl": CANARY})),
        ask("POST", "auth/token/create").json(&json!({"policies": {"a": CANARY}})),
        ask("POST", "auth/token/lookup").json(&json!({"token": CANARY})),
        ask("POST", &format!("auth/token/lookup/{CANARY}")).json(&json!({})),
        ask("POST", "auth/token/renew").json(&json!({"token": CANARY, "increment": CANARY})),
        ask("GET", "auth/token/lookup-self").token(CANARY),
        ask("POST", "auth/token/revoke").json(&json!({"token": CANARY})),
        ask("GET", "kv/a").token(CANARY),
        ask("POST", "cubbyhole/a").json(&json!({"a": CANARY})),
        ask("PUT", "sys/config/auditing/request-headers/X-Hidden").json(&json!({"hmac": CANARY})),
        ask("GET", "kv/c").header("X-Canary", CANARY).header("X-Hidden", CANARY),
        ask("GET", "kv/c").header("X-Vault-Namespace", CANARY),
        ask("GET", "kv/c").header("X-Vault-Wrap-TTL", CANARY),
        ask("PUT", "sys/unseal").json(&json!({"key": CANARY})),
        ask("PUT", "sys/init").json(&json!({"secret_shares": CANARY, "pgp_keys": [CANARY]})),
        ask("GET", "sys/health").query(&format!("activecode={CANARY}")),
        broken,
    ]
}

#[tokio::test]
async fn a_canary_is_in_nothing_that_the_server_writes() {
    log();
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::start(Embedded::open(folder.path()).unwrap()).unwrap();
    let world = TestServer::on(storage, Settings::default()).await;
    world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await;
    world.root("POST", "sys/mounts/kv2", Some(json!({"type": "kv", "options": {"version": "2"}}))).await;
    world.root("PUT", "sys/config/auditing/request-headers/x-hidden", Some(json!({"hmac": true}))).await;
    let device = world.device("test/", false).await;
    for mut ask in asks() {
        ask.token.get_or_insert_with(|| world.root.clone());
        world.send(ask).await;
    }
    world.core.seal(Duration::from_secs(10)).await;
    let lines = String::from_utf8(device.lines().concat()).unwrap();
    assert!(lines.lines().count() > 60, "{}", lines.lines().count());
    if let Some(line) = lines.lines().find(|line| line.contains(CANARY)) {
        panic!("{line}");
    }
    assert_eq!(logged_canary(), None);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let found = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "the data directory");
    }
}

/// The seed of the key that signs checkpoints, as it is stored behind the barrier.
async fn seed(world: &TestServer) -> Vec<u8> {
    let view = world.core.unsealed().unwrap().barrier.view("audit/").unwrap();
    view.get("log-key/seed").await.unwrap().unwrap().expose().to_vec()
}

#[tokio::test]
async fn the_key_of_audit_logs_is_in_nothing_that_the_server_writes() {
    log();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let storage = Storage::start(Embedded::open(&data).unwrap()).unwrap();
    let world = TestServer::on(storage, Settings::default()).await;
    let options = json!({"file_path": folder.path().join("raw.log"), "log_raw": true});
    let said = world.root("PUT", "sys/audit/raw", Some(json!({"type": "file", "options": options}))).await;
    assert_eq!(said.status, 204, "{}", said.text);
    let first = seed(&world).await;
    assert_eq!(world.root("POST", "sys/audit-log/rotate", None).await.status, 200);
    let second = seed(&world).await;
    assert_ne!(first, second);
    assert_eq!(world.send(ask("GET", "sys/audit-log/keys")).await.status, 200);
    world.core.seal(Duration::from_secs(10)).await;
    let mut written = log().0.lock().unwrap().clone();
    let mut waiting = vec![folder.path().to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        match std::fs::read(&path) {
            Ok(bytes) => written.extend(bytes),
            // The tree of the log is still being completed: a resource has its other name now.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}", path.display()),
        }
    }
    for seed in [first, second] {
        // A Debug of its bytes, too.
        let forms = [seed.clone(), const_hex::encode(&seed).into_bytes(), format!("{seed:?}").into_bytes()];
        for form in forms {
            assert!(!written.windows(form.len()).any(|window| window == form));
        }
    }
}

/// Fields whose right values the register calls clear: a token's name and metadata, and paths.
const CLEAR: [&str; 4] = ["display_name", "meta", "path", "paths"];

/// The texts of the source files of a kind's handlers: every name of a field stands in them in quotes, that of a new one
/// too.
fn sources(kind: &EngineKind) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let names = match (kind.name, kind.version) {
        ("system", _) => vec!["engine/sys", "preview.rs"],
        ("token", _) => vec!["engine/token.rs", "engine/token"],
        ("identity", _) => vec!["engine/identity.rs", "engine/identity"],
        ("cubbyhole", _) => vec!["engine/cubbyhole.rs"],
        ("userpass", _) => vec!["engine/userpass.rs", "engine/userpass", "engine/login_parameters.rs"],
        ("approle", _) => vec!["engine/approle.rs", "engine/approle", "engine/login_parameters.rs"],
        ("cert", _) => vec!["engine/cert.rs", "engine/cert", "engine/login_parameters.rs"],
        ("jwt", _) => vec!["engine/jwt.rs", "engine/jwt", "engine/login_parameters.rs"],
        ("kv", "1") => vec!["engine/kv1.rs"],
        ("kv", "2") => vec!["engine/kv2.rs", "engine/kv2"],
        ("pki", _) => vec!["engine/pki.rs", "engine/pki"],
        ("totp", _) => vec!["engine/totp.rs", "engine/totp"],
        ("transit", _) => vec!["engine/transit.rs", "engine/transit", "engine/tools.rs"],
        other => panic!("where are the sources of {other:?}?"),
    };
    let mut texts = String::new();
    let mut waiting: Vec<PathBuf> = names.into_iter().map(|name| folder.join(name)).collect();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let files = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
            waiting.extend(files.filter(|path| path.is_file()));
        } else {
            let text = std::fs::read_to_string(path).unwrap();
            texts.push_str(text.split("#[cfg(test)]").next().unwrap());
        }
    }
    texts
}

/// The words in quotes that could be names of fields: not those of an answer (`"key" => value`), nor those of tests.
fn words(text: &str) -> BTreeSet<&str> {
    let is_name = |word: &str| {
        (2..40).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let parts: Vec<&str> = text.split('"').collect();
    let names = parts.windows(2).filter(|pair| is_name(pair[0]) && !pair[1].starts_with(" =>"));
    names.map(|pair| pair[0]).collect()
}

/// Values with the canary in them: one of them is of a wrong type for any field, or of a wrong form.
fn wrong_values(words: &BTreeSet<&str>) -> [Value; 3] {
    let all: Map<String, Value> = words.iter().map(|word| ((*word).to_owned(), json!(CANARY))).collect();
    [json!(CANARY), json!([CANARY, [CANARY]]), Value::Object(all)]
}

/// What a request needs so that its other fields are looked at.
fn base(route: &Route) -> Map<String, Value> {
    let base = match route.pattern().split('/').next() {
        Some("audit") => json!({"type": "file", "options": {"file_path": "discard"}}),
        Some("mounts" | "auth") => json!({"type": "kv"}),
        Some("data") => json!({"data": {}}),
        Some("audit-drill") => json!({"kind": "slow"}),
        Some("audit-preview") => json!({"method": "GET", "path": "kv/x"}),
        _ => json!({}),
    };
    base.as_object().unwrap().clone()
}

/// The requests of a route: each with one field that has a wrong value.
fn wrong_requests(at: &str, route: &Route, operation: Operation, words: &BTreeSet<&str>) -> Vec<TestRequest> {
    let path = format!("{at}{}", route.template().0.replace('{', "x").replace('}', ""));
    let (method, body) = match operation {
        Operation::Update => ("POST", true),
        Operation::Patch => ("PATCH", true),
        Operation::List => ("LIST", false),
        Operation::Delete => ("DELETE", false),
        _ => ("GET", false),
    };
    let mut requests = Vec::new();
    for word in words {
        if !body {
            requests.push(ask(method, &path).query(&format!("{word}={CANARY}")));
            continue;
        }
        for value in wrong_values(words) {
            if CLEAR.contains(word) {
                continue;
            }
            let mut fields = base(route);
            fields.insert((*word).to_owned(), value);
            requests.push(ask(method, &path).json(&Value::Object(fields)));
        }
    }
    requests
}

/// Sends all of them; how many answers quote the canary.
async fn quoted_to_the_client(kind: &EngineKind, route: &Route, operation: Operation) -> usize {
    let world = TestServer::new().await;
    let at = match &kind.mounting {
        Mounting::Builtin(place) => place.path,
        Mounting::Secrets => "secret/",
        Mounting::Login => "auth/login/",
    };
    if matches!(kind.mounting, Mounting::Login) {
        let mount = json!({"type": kind.name});
        assert_eq!(world.root("POST", "sys/auth/login", Some(mount)).await.status, 204);
    }
    let (name, version) =
        if matches!(kind.mounting, Mounting::Secrets) { (kind.name, kind.version) } else { ("kv", "2") };
    for path in ["sys/mounts/secret", "sys/mounts/xpath"] {
        let mount = json!({"type": name, "options": {"version": version}});
        assert_eq!(world.root("POST", path, Some(mount)).await.status, 204);
    }
    let found = Arc::new(Mutex::new(Vec::new()));
    let leaks = Arc::clone(&found);
    let has_canary = |line: &[u8]| line.windows(CANARY.len()).any(|part| part == CANARY.as_bytes());
    world
        .device_that("test/", move |line| {
            if has_canary(line) {
                leaks.lock().unwrap().push(String::from_utf8_lossy(line).into_owned());
            }
            true
        })
        .await;
    let text = sources(kind);
    let mut words = words(&text);
    if route.refused.is_some() {
        // It reads no field: one of them stands for all.
        words = words.into_iter().take(1).collect();
    }
    let mut quoted = 0;
    for request in wrong_requests(at, route, operation, &words) {
        let said = world.send(request.token(&world.root)).await;
        assert_ne!(said.status, 500, "{operation:?} {}: {}", route.pattern(), said.text);
        quoted += usize::from(said.status == 400 && said.text.contains(CANARY));
    }
    assert_eq!(*found.lock().unwrap(), Vec::<String>::new(), "{operation:?} {}", route.pattern());
    quoted
}

#[tokio::test]
async fn a_wrong_value_in_any_field_of_any_route_is_quoted_to_the_client_alone() {
    log();
    let mut quoted = 0;
    for kind in kinds::builtin().iter() {
        for route in kind.routes() {
            let ends_the_session = route.pattern() == "revoke-self";
            if ends_the_session || !matches!(route.recording, Recording::Both) {
                continue;
            }
            for operation in route.operations() {
                quoted += quoted_to_the_client(kind, route, operation).await;
            }
        }
    }
    assert!(quoted > 40, "{quoted} answers quote what is wrong");
    assert_eq!(logged_canary(), None);
}
