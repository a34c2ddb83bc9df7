//! Leases of secrets and of tokens, asked through the whole pipeline: an engine of this file lends desks.
//! Never in it: what a stored lease looks like (beside the record).

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_audit::device::faulty::Fault;
use onrecord_core::engine::leases::{LeaseDraft, NewLease, Revocation};
use onrecord_core::engine::{Call, Engine, EngineKind, Handled, Mounting, Path, Space, Unsealed};
use onrecord_core::outcome::{Outcome, Refusal, Reply as Handed};
use onrecord_core::{Core, Settings, kinds};
use onrecord_storage::memory::Memory;
use onrecord_storage::{Read, Storage};
use onrecord_value::{Time, object};
use serde_json::{Value, json};

use crate::kit::{Reply, TestServer, ask, entries, host};

/// Lends desks: `desks/NAME` is the number of times that a desk was given back. While there is `stuck`, none can be.
struct Desks(Arc<Space>);

static KIND: EngineKind = EngineKind::new::<Desks>("desks", Mounting::Secrets, "Lends desks");

impl Engine for Desks {
    const PATHS: &'static [Path<Self>] = &[
        Path::<Self>::new("stuck", "Let no desk be given back.")
            .write(|desks, _, call| Handled::pending(desks.put("stuck", call)))
            .delete(|desks, _, call| Handled::pending(desks.remove("stuck", call))),
        Path::<Self>::new("lend/{name}", "Lend a desk.")
            .write(|desks, unsealed, call| Handled::pending(desks.lend(unsealed, call))),
        Path::<Self>::new("desks/{name}", "Read how often a desk was given back.")
            .read(|desks, _, call| Handled::pending(desks.returns(call))),
    ];

    async fn open(space: Arc<Space>) -> Result<Self, Refusal> {
        Ok(Self(space))
    }

    fn revoke_lease<'a>(
        &'a self,
        _: &'a Unsealed,
        told: &'a Revocation<'a>,
    ) -> Read<'a, Result<(), Refusal>> {
        Read::pending(async move {
            if self.0.get("stuck").await?.is_some() {
                return Err(Refusal::internal());
            }
            let key = format!("desks/{}", told.lease.data.str("name").unwrap_or_default());
            let change = self.0.change(&key, None, told.permit, |old, draft| {
                let returns = old.map_or(0, |old| old.expose().len());
                draft.put(&key, &vec![b'x'; returns + 1])
            });
            change.await
        })
    }
}

impl Desks {
    async fn put(&self, key: &str, call: &Call<'_>) -> Result<(), Refusal> {
        self.0.change(key, None, call.permit, |_, draft| draft.put(key, b"x")).await
    }

    async fn remove(&self, key: &str, call: &Call<'_>) -> Result<(), Refusal> {
        self.0.change(key, None, call.permit, |_, draft| draft.delete(key)).await
    }

    async fn lend(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Handed, Refusal> {
        let number =
            |field| call.data.get(field).and_then(onrecord_value::Value::as_i64).unwrap_or(0).unsigned_abs();
        let data = object! { "name" => call.captured };
        let draft = LeaseDraft { ttl: number("ttl"), max_ttl: number("max_ttl"), renewable: true, data };
        let lease = NewLease::of(unsealed, call, draft)?;
        let key = format!("lent/{}", call.captured);
        let change = |_: Option<&_>, draft: &mut onrecord_core::engine::ChangeBatch<'_>| {
            lease.add(unsealed, draft)?;
            draft.put(&key, b"x")
        };
        self.0.change(&key, None, call.permit, change).await?;
        Ok(Handed {
            data: Some(object! { "desk" => "7b" }),
            lease: Some(lease.stored()),
            ..Handed::default()
        })
    }

    async fn returns(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let stored = self.0.get(&format!("desks/{}", call.captured)).await?;
        Ok(Outcome::data(object! { "returns" => stored.map_or(0, |stored| stored.expose().len()) }))
    }
}

struct Server {
    world: TestServer,
    clock: Arc<ManualClock>,
    storage: Storage,
}

impl Server {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Time::from_unix(1_700_000_000, 0)));
        let storage = Storage::start(Memory::new()).unwrap();
        let world = TestServer::unsealed(core(&storage, &clock)).await;
        let server = Self { world, clock, storage };
        assert_eq!(server.root("POST", "sys/mounts/office", json!({"type": "desks"})).await.status, 204);
        server
    }

    /// Another process on the same storage: the first one was killed.
    async fn restarted(self) -> Self {
        let world = TestServer { core: core(&self.storage, &self.clock), ..self.world };
        world.core.unseal(&world.key).await.unwrap();
        Self { world, clock: self.clock, storage: self.storage }
    }

    async fn root(&self, method: &'static str, path: &str, body: Value) -> Reply {
        self.world.root(method, path, (!body.is_null()).then_some(body)).await
    }

    async fn post(&self, token: &str, path: &str, body: Value) -> Reply {
        self.world.send(ask("POST", path).token(token).json(&body)).await
    }

    /// A new token with the policy `all`.
    async fn token(&self) -> String {
        let all = json!({"policy": "path \"*\" { capabilities = [\"create\", \"read\", \"update\"] }"});
        self.root("PUT", "sys/policies/acl/all", all).await;
        let made = self.root("POST", "auth/token/create", json!({"policies": ["all"], "ttl": "2h"})).await;
        made.body["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// Lends a desk to a token: the id of the lease.
    async fn lend(&self, token: &str, name: &str, ttl: u64) -> String {
        let said = self.post(token, &format!("office/lend/{name}"), json!({"ttl": ttl})).await;
        assert_eq!(said.status, 200, "{}", said.text);
        said.body["lease_id"].as_str().unwrap().to_owned()
    }

    async fn look_up(&self, id: &str) -> Reply {
        self.root("PUT", "sys/leases/lookup", json!({"lease_id": id})).await
    }

    async fn is_gone(&self, id: &str) -> bool {
        let said = self.look_up(id).await;
        said.status == 400 && said.error() == "invalid lease"
    }

    async fn returns(&self, name: &str) -> u64 {
        let said = self.root("GET", &format!("office/desks/{name}"), Value::Null).await;
        said.body["data"]["returns"].as_u64().unwrap()
    }

    /// All keys of the lease store.
    async fn keys(&self) -> Vec<String> {
        let view = self.world.core.unsealed().unwrap().barrier.view("lease/").unwrap();
        view.keys("", "", usize::MAX).await.unwrap()
    }

    async fn lease_of(&self, token: &str) -> String {
        let listed = self.root("LIST", "sys/leases/lookup/auth/token/create", Value::Null).await;
        let data = self.root("POST", "auth/token/lookup", json!({"token": token})).await.body["data"].clone();
        for key in listed.body["data"]["keys"].as_array().unwrap() {
            let id = format!("auth/token/create/{}", key.as_str().unwrap());
            if self.look_up(&id).await.body["data"]["expire_time"] == data["expire_time"] {
                return id;
            }
        }
        panic!("{}", listed.text);
    }
}

fn core(storage: &Storage, clock: &Arc<ManualClock>) -> Core {
    let kinds = kinds::builtin().with(&KIND);
    Core::with_kinds(storage.clone(), host(Arc::clone(clock) as _), Settings::default(), kinds)
}

#[tokio::test]
async fn a_leased_secret_is_looked_up_renewed_and_revoked_by_its_id() {
    let server = Server::new().await;
    let device = server.world.device("test/", false).await;
    let said = server.root("POST", "office/lend/ann", json!({"ttl": 60})).await;
    let id = said.body["lease_id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("office/lend/ann/"), "{id}");
    assert_eq!((&said.body["lease_duration"], &said.body["renewable"]), (&json!(60), &json!(true)));
    assert_eq!(entries(&device)[1]["response"]["secret"]["lease_id"], json!(id));
    server.clock.advance(Duration::from_secs(20));
    let looked = server.look_up(&id).await;
    assert_eq!(
        looked.body["data"],
        json!({
            "id": id, "path": "office/lend/ann", "issue_time": "2023-11-14T22:13:20Z",
            "expire_time": "2023-11-14T22:14:20Z", "last_renewal": null, "renewable": true, "ttl": 40,
        })
    );
    for (path, body) in [
        ("sys/leases/renew".to_owned(), json!({"lease_id": id, "increment": 100})),
        (format!("sys/leases/renew/{id}"), json!({"increment": "100s"})),
        ("sys/renew".to_owned(), json!({"lease_id": id, "increment": 100})),
        (format!("sys/renew/{id}"), json!({"increment": 100})),
    ] {
        let renewed = server.root("PUT", &path, body).await;
        assert_eq!(
            (&renewed.body["lease_id"], &renewed.body["lease_duration"]),
            (&json!(id), &json!(100)),
            "{path}"
        );
        assert_eq!((&renewed.body["renewable"], &renewed.body["data"]), (&json!(true), &Value::Null));
    }
    assert_eq!(server.look_up(&id).await.body["data"]["last_renewal"], "2023-11-14T22:13:40Z");
    for (path, body) in [
        ("sys/leases/revoke".to_owned(), json!({"lease_id": id})),
        (format!("sys/leases/revoke/{id}"), json!({"sync": true})),
        ("sys/revoke".to_owned(), json!({"lease_id": id})),
        (format!("sys/revoke/{id}"), json!({})),
    ] {
        assert_eq!(server.root("PUT", &path, body).await.status, 204, "{path}: also one that is gone");
    }
    assert!(server.is_gone(&id).await);
    assert_eq!(server.returns("ann").await, 1);
    assert_eq!(
        server.root("PUT", "sys/leases/renew", json!({"lease_id": id})).await.error(),
        "lease not found"
    );
    assert_eq!(server.keys().await, ["indexed"]);
    assert_eq!(
        server.root("PUT", "sys/leases/lookup", json!({})).await.error(),
        "lease_id must be specified"
    );
    let data =
        &entries(&device).into_iter().find(|entry| entry["request"]["path"] == "sys/leases/lookup").unwrap();
    assert!(data["request"]["data"]["lease_id"].as_str().unwrap().starts_with("hmac-sha256:"));
}

#[tokio::test]
async fn a_renewal_stays_within_what_the_issue_the_mount_and_the_server_allow() {
    let server = Server::new().await;
    let renew = async |id: &str, seconds: u64| {
        server.root("PUT", "sys/leases/renew", json!({"lease_id": id, "increment": seconds})).await
    };
    let said = server.root("POST", "office/lend/ann", json!({"ttl": 60, "max_ttl": 100})).await;
    let id = said.body["lease_id"].as_str().unwrap().to_owned();
    server.clock.advance(Duration::from_secs(30));
    assert_eq!(renew(&id, 0).await.body["lease_duration"], 60, "its first time to live");
    assert_eq!(renew(&id, 1000).await.body["lease_duration"], 70);
    server.root("POST", "sys/mounts/office/tune", json!({"max_lease_ttl": "50s"})).await;
    assert_eq!(renew(&id, 1000).await.body["lease_duration"], 20, "the mount's");
    server.root("POST", "sys/mounts/office/tune", json!({"max_lease_ttl": "30s"})).await;
    assert_eq!(renew(&id, 1000).await.error(), "past the max TTL, cannot renew");
    server.root("POST", "sys/mounts/office/tune", json!({"max_lease_ttl": "0"})).await;
    let long = server.root("POST", "office/lend/bob", json!({"ttl": 100_000_000})).await;
    assert_eq!(long.body["lease_duration"], 32 * 24 * 3600, "the server's");
    assert_eq!(renew(&id, 10).await.status, 200);
    let said = server.root("PUT", "sys/leases/renew", json!({"lease_id": id, "increment": -1})).await;
    assert_eq!(said.status, 400);
}

#[tokio::test]
async fn expiry_is_a_fact_of_the_clock_and_survives_a_restart() {
    let server = Server::new().await;
    let (short, long) =
        (server.lend(&server.world.root, "ann", 60).await, server.lend(&server.world.root, "bob", 600).await);
    server.clock.advance(Duration::from_secs(61));
    assert!(server.is_gone(&short).await);
    assert_eq!(
        server.root("PUT", "sys/leases/renew", json!({"lease_id": short})).await.error(),
        "lease not found"
    );
    assert_eq!(server.returns("ann").await, 0, "nothing was cleaned up for that");
    let server = server.restarted().await;
    assert!(server.is_gone(&short).await);
    assert_eq!(server.look_up(&long).await.body["data"]["ttl"], 539);
    server.world.core.maintain().await;
    assert_eq!((server.returns("ann").await, server.returns("bob").await), (1, 0));
    server.clock.advance(Duration::from_mins(9));
    server.world.core.maintain().await;
    assert_eq!((server.returns("bob").await, server.keys().await), (1, vec!["indexed".to_owned()]));
}

#[tokio::test]
async fn what_a_token_has_leased_ends_with_it() {
    let server = Server::new().await;
    let (token, other) = (server.token().await, server.token().await);
    let id = server.lend(&token, "ann", 600).await;
    let kept = server.lend(&other, "bob", 600).await;
    assert_eq!(server.look_up(&id).await.status, 200);
    assert_eq!(server.root("POST", "auth/token/revoke", json!({"token": token})).await.status, 204);
    assert!(server.is_gone(&id).await, "at once");
    while server.returns("ann").await == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((server.look_up(&kept).await.status, server.returns("bob").await), (200, 0));
    // A token whose time is over ends what it has leased as well.
    server.clock.advance(Duration::from_secs(2 * 3600 - 1));
    let last = server.lend(&other, "cid", 600).await;
    server.clock.advance(Duration::from_secs(1));
    assert!(server.is_gone(&last).await);
    server.world.core.tidy().await;
    server.world.core.maintain().await;
    assert_eq!((server.returns("cid").await, server.returns("ann").await), (1, 1));
}

#[tokio::test]
async fn what_is_left_of_a_token_that_ended_before_a_kill_is_taken_back_after_the_start() {
    let server = Server::new().await;
    let token = server.token().await;
    server.lend(&token, "ann", 600).await;
    server.root("POST", "office/stuck", json!({})).await;
    assert_eq!(server.root("POST", "auth/token/revoke", json!({"token": token})).await.status, 204);
    server.root("DELETE", "office/stuck", Value::Null).await;
    let server = server.restarted().await;
    // It may have failed once before the start, and is tried again after a pause then.
    server.clock.advance(Duration::from_mins(10));
    server.world.core.maintain().await;
    assert_eq!(server.returns("ann").await, 1);
    assert!(server.keys().await.iter().all(|key| !key.contains("office")), "{:?}", server.keys().await);
}

#[tokio::test]
async fn a_tokens_lease_is_that_token() {
    let server = Server::new().await;
    let token = server.token().await;
    let id = server.lease_of(&token).await;
    let data = server.look_up(&id).await.body["data"].clone();
    assert_eq!(
        (&data["id"], &data["path"], &data["ttl"]),
        (&json!(id), &json!("auth/token/create"), &json!(7200))
    );
    let said = server.root("PUT", "sys/leases/renew", json!({"lease_id": id})).await;
    assert_eq!(said.error(), "tokens cannot be renewed through this endpoint");
    let elsewhere = id.replace("auth/token/create", "auth/other");
    assert!(server.is_gone(&elsewhere).await, "the path belongs to the id");
    assert_eq!(server.root("PUT", "sys/leases/revoke", json!({"lease_id": elsewhere})).await.status, 204);
    let lives = async || server.world.send(ask("GET", "auth/token/lookup-self").token(&token)).await.status;
    assert_eq!(lives().await, 200);
    assert_eq!(server.root("PUT", "sys/leases/revoke", json!({"lease_id": id})).await.status, 204);
    assert_eq!(lives().await, 403);
    assert!(server.is_gone(&id).await);
    assert_eq!(server.root("LIST", "sys/leases/lookup/auth/token/create", Value::Null).await.status, 404);
}

#[tokio::test]
async fn leases_are_listed_and_revoked_by_their_paths() {
    let server = Server::new().await;
    let token = server.token().await;
    let (one, two) = (server.lend(&token, "ann", 600).await, server.lend(&token, "ann", 600).await);
    let other = server.lend(&token, "annabel", 600).await;
    let list =
        async |path: &str| server.root("LIST", &format!("sys/leases/lookup/{path}"), Value::Null).await;
    assert_eq!(list("").await.body["data"]["keys"], json!(["auth/", "office/"]));
    assert_eq!(list("office").await.body["data"]["keys"], json!(["lend/"]));
    assert_eq!(list("office/lend/").await.body["data"]["keys"], json!(["ann/", "annabel/"]));
    assert_eq!(list("office/lend/ann/").await.body["data"]["keys"].as_array().unwrap().len(), 2);
    assert_eq!(list("nowhere").await.status, 404);
    let denied = server.world.send(ask("LIST", "sys/leases/lookup/office").token(&token)).await;
    assert_eq!(denied.status, 403, "it needs sudo");
    assert_eq!(server.post(&token, "sys/leases/revoke-prefix/office", json!({})).await.status, 403);
    assert_eq!(server.root("PUT", "sys/leases/revoke-prefix/office/lend/ann", json!({})).await.status, 204);
    assert!(server.is_gone(&one).await && server.is_gone(&two).await);
    assert_eq!(server.look_up(&other).await.status, 200, "a name that begins alike is another");
    assert_eq!(server.root("PUT", &format!("sys/revoke-prefix/{other}"), json!({})).await.status, 204);
    assert!(server.is_gone(&other).await, "an id is a prefix of itself");
    assert_eq!(server.root("PUT", "sys/leases/revoke-prefix/auth/token/create", json!({})).await.status, 204);
    assert_eq!(server.world.send(ask("GET", "auth/token/lookup-self").token(&token)).await.status, 403);
    assert_eq!(
        server.world.send(ask("GET", "auth/token/lookup-self").token(&server.world.root)).await.status,
        200
    );
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_tried_again_and_listed_and_can_be_forced() {
    let server = Server::new().await;
    let id = server.lend(&server.world.root, "ann", 600).await;
    server.root("POST", "office/stuck", json!({})).await;
    assert_eq!(server.root("PUT", "sys/leases/revoke", json!({"lease_id": id})).await.status, 500);
    assert_eq!(server.look_up(&id).await.status, 200, "it is still there");
    let irrevocable = async || server.root("GET", "sys/leases/count", json!({"type": "irrevocable"})).await;
    let count = async || {
        let said = server
            .world
            .send(ask("GET", "sys/leases/count").query("type=irrevocable").token(&server.world.root));
        said.await.body["data"].clone()
    };
    assert_eq!(irrevocable().await.status, 400, "a read takes its parameters from the query");
    assert_eq!(count().await, json!({"counts": {}, "lease_count": 0}));
    for _ in 0..8 {
        server.clock.advance(Duration::from_hours(2));
        server.world.core.maintain().await;
    }
    assert_eq!(count().await, json!({"counts": {"office/": 1}, "lease_count": 1}));
    let listed =
        server.world.send(ask("GET", "sys/leases").query("type=irrevocable").token(&server.world.root)).await;
    assert_eq!(listed.body["data"]["leases"][0]["lease_id"], json!(id));
    assert_eq!(server.root("PUT", "sys/leases/revoke-prefix/office", json!({})).await.status, 500);
    assert_eq!(server.root("PUT", "sys/leases/revoke-force/office", json!({})).await.status, 204);
    assert_eq!(count().await, json!({"counts": {}, "lease_count": 0}));
    assert_eq!((server.keys().await, server.returns("ann").await), (vec!["indexed".to_owned()], 0));
}

#[tokio::test]
async fn disabling_a_mount_ends_its_leases() {
    let server = Server::new().await;
    let id = server.lend(&server.world.root, "ann", 600).await;
    server.root("POST", "office/stuck", json!({})).await;
    assert_eq!(
        server.root("DELETE", "sys/mounts/office", Value::Null).await.status,
        500,
        "it is still there"
    );
    assert_eq!(server.look_up(&id).await.status, 200);
    server.root("DELETE", "office/stuck", Value::Null).await;
    assert_eq!(server.root("DELETE", "sys/mounts/office", Value::Null).await.status, 204);
    assert!(server.is_gone(&id).await);
    assert_eq!(server.keys().await, ["indexed"]);
}

#[tokio::test]
async fn disabling_what_is_no_mount_ends_nothing() {
    let server = Server::new().await;
    assert_eq!(server.root("POST", "sys/mounts/deep/office", json!({"type": "desks"})).await.status, 204);
    let token = server.token().await;
    let said = server.post(&token, "deep/office/lend/ann", json!({"ttl": 600})).await;
    let id = said.body["lease_id"].as_str().unwrap().to_owned();
    for path in
        ["sys/mounts/auth", "sys/mounts/deep", "sys/auth/token", "sys/mounts/auth/token", "sys/mounts/sys"]
    {
        server.root("DELETE", path, Value::Null).await;
    }
    assert_eq!(server.look_up(&id).await.status, 200);
    assert_eq!(server.world.send(ask("GET", "auth/token/lookup-self").token(&token)).await.status, 200);
}

#[tokio::test]
async fn a_lease_whose_response_is_not_on_record_is_taken_back() {
    let server = Server::new().await;
    let device = server.world.device("test/", false).await;
    let id = server.lend(&server.world.root, "ann", 600).await;
    let lines = device.lines();
    let taken: usize = lines.iter().map(Vec::len).sum();
    device.set(Fault::Room(taken + lines[0].len() + 40));
    let said = server.root("POST", "office/lend/bob", json!({"ttl": 600})).await;
    assert_eq!(said.status, 500, "{}", said.text);
    device.set(Fault::None);
    assert!(server.keys().await.iter().all(|key| !key.contains("lend/bob")));
    assert!(server.keys().await.contains(&format!("id/{id}")));
}

#[tokio::test]
async fn of_fifty_revocations_and_renewals_at_once_the_first_revocation_wins() {
    let server = Server::new().await;
    for round in 0..10 {
        let name = format!("desk{round}");
        let id = server.lend(&server.world.root, &name, 600).await;
        let (mut revoked, mut renewed) = (Vec::new(), Vec::new());
        for number in 0..50 {
            let path = if number % 2 == 0 { "sys/leases/revoke" } else { "sys/leases/renew" };
            let asked = ask("PUT", path).token(&server.world.root).json(&json!({"lease_id": id}));
            let answer = tokio::spawn(server.world.start(asked));
            if number % 2 == 0 { revoked.push(answer) } else { renewed.push(answer) }
        }
        for answer in revoked {
            assert_eq!(answer.await.unwrap().status(), 204);
        }
        for answer in renewed {
            assert!(matches!(answer.await.unwrap().status(), 200 | 400));
        }
        assert!(server.is_gone(&id).await, "no renewal brings it back");
        assert_eq!(server.returns(&name).await, 1, "it was given back once");
    }
    assert_eq!(server.keys().await, ["indexed"]);
}

#[tokio::test]
async fn a_batch_tokens_leases_end_with_it_and_with_its_parent() {
    let server = Server::new().await;
    let parent = server.token().await;
    let made = server.post(&parent, "auth/token/create", json!({"type": "batch", "ttl": "100s"})).await;
    let batch = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    let said = server.post(&batch, "office/lend/ann", json!({"ttl": 600})).await;
    assert_eq!(said.body["lease_duration"], 100, "no longer than the token: {}", said.text);
    let id = said.body["lease_id"].as_str().unwrap().to_owned();
    assert_eq!(server.root("POST", "auth/token/revoke", json!({"token": parent})).await.status, 204);
    assert!(server.is_gone(&id).await);
}

#[tokio::test]
async fn tokens_of_a_version_without_leases_have_them_after_the_next_unsealing() {
    let server = Server::new().await;
    let token = server.token().await;
    let before = server.keys().await;
    let barrier = server.world.core.unsealed().unwrap().barrier.clone();
    let mut batch = onrecord_storage::Batch::new();
    for key in &before {
        batch.delete(format!("lease/{key}"));
    }
    barrier.commit(batch).await.unwrap();
    assert_eq!(server.root("LIST", "sys/leases/lookup/auth/token/create", Value::Null).await.status, 404);
    let server = server.restarted().await;
    assert_eq!(server.keys().await, before);
    assert_eq!(server.look_up(&server.lease_of(&token).await).await.status, 200);
}

#[tokio::test]
async fn what_a_batch_token_has_leased_is_not_renewed_beyond_its_end() {
    let server = Server::new().await;
    let parent = server.token().await;
    let made = server.post(&parent, "auth/token/create", json!({"type": "batch", "ttl": "100s"})).await;
    let batch = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    let said = server.post(&batch, "office/lend/ann", json!({"ttl": 60})).await;
    let id = said.body["lease_id"].as_str().unwrap().to_owned();
    server.clock.advance(Duration::from_secs(40));
    let renew = json!({"lease_id": id, "increment": 3600});
    let renewed = server.post(&parent, "sys/leases/renew", renew.clone()).await;
    assert_eq!(renewed.body["lease_duration"], 60, "{}", renewed.text);
    server.clock.advance(Duration::from_secs(61));
    assert_eq!(server.post(&parent, "sys/leases/renew", renew).await.status, 400);
    assert!(server.is_gone(&id).await);
}

#[tokio::test]
async fn what_is_leased_in_a_wrapped_answer_ends_with_its_own_time_or_token_whether_it_was_unwrapped_or_not()
{
    let server = Server::new().await;
    let token = server.token().await;
    let lend = async |name: &str| {
        let request = ask("POST", &format!("office/lend/{name}")).token(&token).json(&json!({"ttl": 600}));
        let said = server.world.send(request.header("X-Vault-Wrap-TTL", "60")).await;
        assert!(said.status == 200 && said.body["wrap_info"]["token"].is_string(), "{}", said.text);
    };
    lend("ann").await;
    server.clock.advance(Duration::from_secs(61));
    server.world.core.maintain().await;
    server.world.core.tidy().await;
    assert_eq!(server.returns("ann").await, 0, "the wrapping token has ended, and the lease has time left");
    server.clock.advance(Duration::from_mins(10));
    server.world.core.maintain().await;
    assert_eq!(server.returns("ann").await, 1);
    lend("bob").await;
    assert_eq!(server.root("POST", "auth/token/revoke", json!({"token": token})).await.status, 204);
    server.world.core.maintain().await;
    assert_eq!(server.returns("bob").await, 1, "nobody has opened it");
}
