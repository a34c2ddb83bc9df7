//! A clock that is set back, ahead, or both: what has expired stays so, and what lives does not live longer for it.
//! Never in it: expiry under a clock that runs as it should; see `tokens`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use onrecord_audit::Clock;
use onrecord_core::Settings;
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use onrecord_value::Time;
use serde_json::{Value, json};

use crate::kit::{TestServer, ask, core_by, entries, eventually};

const YEAR: i64 = 365 * 24 * 3600;

/// A clock in seconds whose time of day can be set apart from its monotonic time.
#[derive(Default)]
struct SetClock {
    monotonic: AtomicI64,
    ahead: AtomicI64,
}

impl SetClock {
    fn pass(&self, seconds: i64) {
        self.monotonic.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Sets the time of day ahead, or back.
    fn set_by(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The machine starts again: the monotonic time begins at zero again, and the time of day goes on.
    fn restart(&self) -> Arc<Self> {
        let ran = self.monotonic.load(Ordering::SeqCst);
        let ahead = AtomicI64::new(self.ahead.load(Ordering::SeqCst) + ran);
        Arc::new(Self { ahead, ..Self::default() })
    }
}

impl Clock for SetClock {
    fn now(&self) -> Time {
        let passed = self.monotonic.load(Ordering::SeqCst) + self.ahead.load(Ordering::SeqCst);
        Time::from_unix(1_800_000_000 + passed, 0)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(1000 + u64::try_from(self.monotonic.load(Ordering::SeqCst)).unwrap())
    }
}

struct Server {
    world: TestServer,
    clock: Arc<SetClock>,
    storage: Storage,
}

impl Server {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let (clock, storage) = (Arc::new(SetClock::default()), Storage::start(Memory::new()).unwrap());
        let core = core_by(storage.clone(), settings, Arc::clone(&clock) as _);
        Self { world: TestServer::unsealed(core).await, clock, storage }
    }

    /// Another process on the same storage, on a clock that was set by so much in between. The first one has not been
    /// sealed: it was killed.
    async fn killed_and_started(self, set_by: i64) -> Self {
        let clock = self.clock.restart();
        clock.set_by(set_by);
        let core = core_by(self.storage.clone(), Settings::default(), Arc::clone(&clock) as _);
        let world = TestServer { core, ..self.world };
        world.core.unseal(&world.key).await.unwrap();
        Self { world, clock, storage: self.storage }
    }

    async fn token(&self, ttl: &str) -> String {
        let made = self.world.root("POST", "auth/token/create", Some(json!({"ttl": ttl}))).await;
        made.body["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// What `lookup-self` says of a token: its status, and its data.
    async fn look_up(&self, token: &str) -> (u16, Value) {
        let said = self.world.send(ask("GET", "auth/token/lookup-self").token(token)).await;
        (said.status, said.body["data"].clone())
    }

    async fn is_refused(&self, token: &str) -> bool {
        self.look_up(token).await.0 == 403
    }
}

#[tokio::test]
async fn an_expired_token_stays_expired_when_the_clock_is_set_back() {
    let server = Server::new().await;
    let token = server.token("60s").await;
    let accessor = server.look_up(&token).await.1["accessor"].clone();
    server.clock.pass(61);
    assert!(server.is_refused(&token).await);
    for _ in 0..3 {
        server.clock.set_by(-3600);
        assert!(server.is_refused(&token).await);
        let by_accessor = json!({"accessor": accessor});
        let said = server.world.root("POST", "auth/token/lookup-accessor", Some(by_accessor)).await;
        assert_eq!(said.status, 400, "{}", said.text);
    }
}

#[tokio::test]
async fn a_token_lives_no_longer_because_the_clock_is_set_back() {
    let server = Server::new().await;
    let token = server.token("60s").await;
    server.clock.pass(20);
    server.clock.set_by(-3600);
    let (status, data) = server.look_up(&token).await;
    assert_eq!((status, &data["ttl"]), (200, &json!(40)));
    server.clock.pass(39);
    assert_eq!(server.look_up(&token).await.1["ttl"], 1);
    server.clock.pass(2);
    assert!(server.is_refused(&token).await);
}

#[tokio::test]
async fn a_refused_token_stays_expired_after_a_kill_and_a_start_on_a_clock_that_was_set_back() {
    let server = Server::new().await;
    let (parent, other) = (server.token("60s").await, server.token("1000s").await);
    let child =
        server.world.send(ask("POST", "auth/token/create").token(&parent).json(&json!({"ttl": "50s"})));
    let child = child.await.body["auth"]["client_token"].as_str().map(str::to_owned);
    server.clock.pass(61);
    assert!(server.is_refused(&parent).await);
    let server = server.killed_and_started(-3600).await;
    assert!(server.is_refused(&parent).await);
    if let Some(child) = child {
        assert!(server.is_refused(&child).await);
    }
    let (status, data) = server.look_up(&other).await;
    assert_eq!(status, 200);
    assert!(data["ttl"].as_i64().unwrap() <= 1000 - 61, "{data}");
}

#[tokio::test]
async fn what_expired_unseen_stays_expired_after_a_seal_and_after_the_minute_of_maintenance() {
    let server = Server::new().await;
    let token = server.token("60s").await;
    server.clock.pass(61);
    server.world.core.seal(Duration::from_secs(10)).await;
    let server = server.killed_and_started(-3600).await;
    assert!(server.is_refused(&token).await);
    let token = server.token("60s").await;
    server.clock.pass(61);
    server.world.core.maintain().await;
    let server = server.killed_and_started(-3600).await;
    assert!(server.is_refused(&token).await);
}

#[tokio::test]
async fn a_deleted_version_stays_deleted_when_the_clock_is_set_back() {
    let server = Server::new().await;
    let world = &server.world;
    let mount = json!({"type": "kv", "options": {"version": "2"}});
    assert_eq!(world.root("POST", "sys/mounts/kv", Some(mount)).await.status, 204);
    for key in ["deleted", "timed"] {
        let metadata = (key == "timed").then(|| json!({"delete_version_after": "60s"}));
        if let Some(metadata) = metadata {
            assert_eq!(world.root("POST", "kv/metadata/timed", Some(metadata)).await.status, 204);
        }
        let path = format!("kv/data/{key}");
        assert_eq!(world.root("POST", &path, Some(json!({"data": {"a": "b"}}))).await.status, 200);
    }
    assert_eq!(world.root("DELETE", "kv/data/deleted", None).await.status, 204);
    server.clock.pass(61);
    for _ in 0..2 {
        for key in ["deleted", "timed"] {
            assert_eq!(world.root("GET", &format!("kv/data/{key}"), None).await.status, 404, "{key}");
        }
        server.clock.set_by(-3600);
    }
}

#[tokio::test]
async fn a_clock_that_was_years_ahead_leaves_a_server_that_works() {
    let server = Server::new().await;
    let old = server.token("768h").await;
    server.clock.set_by(10 * YEAR);
    assert!(server.is_refused(&old).await, "its time is over, as far as anybody can tell");
    server.clock.set_by(-10 * YEAR);
    assert!(server.is_refused(&old).await, "and stays so");
    assert_eq!(server.look_up(&server.world.root).await.0, 200);
    let new = server.token("60s").await;
    assert_eq!(server.look_up(&new).await.1["ttl"], 60);
    server.clock.pass(61);
    assert!(server.is_refused(&new).await, "it does not live for ten years");
    // Time that passes while no server runs counts, too.
    let new = server.token("60s").await;
    server.world.core.seal(Duration::from_secs(10)).await;
    server.clock.pass(61);
    let server = server.killed_and_started(0).await;
    assert!(server.is_refused(&new).await);
    assert_eq!(server.look_up(&server.token("60s").await).await.1["ttl"], 60);
}

#[tokio::test]
async fn entries_devices_and_snapshots_show_the_time_of_a_machine_whose_clock_was_years_ahead() {
    let settings = Settings { unauthenticated_rate_limit: 1, ..Settings::default() };
    let server = Server::with(settings).await;
    let world = &server.world;
    let device = world.device("memory/", true).await;
    server.clock.set_by(10 * YEAR);
    assert_eq!(server.look_up(&world.root).await.0, 200);
    server.clock.set_by(-10 * YEAR);
    let now = "2027-01-15T08:00:00Z";

    while world.send(ask("GET", "cubbyhole/a")).await.status != 429 {}
    world.core.keep_record().await;
    let find = || entries(&device).into_iter().find(|entry| entry["refused"].is_object());
    eventually(|| find().is_some()).await;
    let refused = &find().unwrap()["refused"];
    assert_eq!((&refused["since"], &refused["until"]), (&json!(now), &json!(now)));

    let discard = json!({"type": "file", "options": {"file_path": "discard"}});
    assert_eq!(world.root("PUT", "sys/audit/file", Some(discard)).await.status, 204);
    assert_eq!(world.root("POST", "sys/audit-rotate-salt/file", None).await.status, 200);
    assert_eq!(world.root("DELETE", "sys/audit/file", None).await.status, 204);
    let salts = world.root("GET", "sys/audit-salts", None).await.body["data"].clone();
    let salts = salts.as_object().unwrap();
    assert_eq!(salts.len(), 2);
    for salt in salts.values() {
        assert_eq!((&salt["from"], &salt["to"]), (&json!(now), &json!(now)), "{salt}");
    }

    let begun = world.root("POST", "sys/storage/snapshot", None).await;
    assert_eq!(begun.body["data"]["created_time"], now, "{}", begun.text);
}
