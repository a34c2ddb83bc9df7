//! Token roles, batch tokens and tokens that are bound to addresses, asked through the whole pipeline.

use base64::Engine as _;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_core::Settings;
use onrecord_core::engine::Unsealed;
use serde_json::{Value, json};
use std::sync::Arc;

use super::clock;
use crate::kit::{Reply, TestServer, ask, entries};

struct Server {
    world: TestServer,
    clock: Arc<ManualClock>,
}

impl Server {
    async fn new() -> Self {
        let clock = clock();
        let world = TestServer::by(Arc::clone(&clock) as _, Settings::default()).await;
        for name in ["dev-a", "dev-b", "ops"] {
            let text = json!({"policy": "path \"tk/*\" { capabilities = [\"read\"] }"});
            assert_eq!(world.root("PUT", &format!("sys/policies/acl/{name}"), Some(text)).await.status, 204);
        }
        Self { world, clock }
    }

    async fn post(&self, token: &str, path: &str, body: Value) -> Reply {
        self.world.send(ask("POST", path).token(token).json(&body)).await
    }

    async fn root(&self, path: &str, body: Value) -> Reply {
        self.post(&self.world.root, path, body).await
    }

    async fn role(&self, name: &str, body: Value) {
        let said = self.root(&format!("auth/token/roles/{name}"), body).await;
        assert_eq!(said.status, 204, "{}", said.text);
    }

    /// A token that may create tokens by every role, and nothing else.
    async fn maker(&self) -> String {
        let text =
            json!({"policy": "path \"auth/token/create/*\" { capabilities = [\"create\", \"update\"] }"});
        assert_eq!(self.world.root("PUT", "sys/policies/acl/maker", Some(text)).await.status, 204);
        let made = self.root("auth/token/create", json!({"policies": ["maker"]})).await;
        text_of(&made)
    }

    async fn look_up(&self, token: &str) -> Reply {
        self.root("auth/token/lookup", json!({"token": token})).await
    }

    async fn is_refused(&self, token: &str) -> bool {
        self.world.send(ask("GET", "auth/token/lookup-self").token(token)).await.status == 403
    }

    fn unsealed(&self) -> Arc<Unsealed> {
        self.world.core.unsealed().unwrap()
    }
}

fn text_of(made: &Reply) -> String {
    assert_eq!(made.status, 200, "{}", made.text);
    made.body["auth"]["client_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_role_is_written_read_listed_and_deleted() {
    let server = Server::new().await;
    let world = &server.world;
    assert_eq!(world.root("LIST", "auth/token/roles", None).await.status, 404);
    assert_eq!(world.root("GET", "auth/token/roles/ci", None).await.status, 404);
    server.role("ci", json!({"allowed_policies": "ops, Dev-a", "token_period": "1h", "orphan": true})).await;
    server
        .role("ci", json!({"token_bound_cidrs": ["127.0.0.0/8"], "path_suffix": "x.y", "renewable": null}))
        .await;
    let said = world.root("GET", "auth/token/roles/ci", None).await;
    assert_eq!(
        said.body["data"],
        json!({
            "allowed_entity_aliases": [], "allowed_policies": ["dev-a", "ops"], "allowed_policies_glob": [],
            "bound_cidrs": ["127.0.0.0/8"], "disallowed_policies": [], "disallowed_policies_glob": [],
            "explicit_max_ttl": 0, "name": "ci", "orphan": true, "path_suffix": "x.y", "period": 3600,
            "renewable": true, "token_bound_cidrs": ["127.0.0.0/8"], "token_explicit_max_ttl": 0,
            "token_no_default_policy": false, "token_period": 3600, "token_type": "default-service",
        })
    );
    assert_eq!(world.root("LIST", "auth/token/roles", None).await.body["data"]["keys"], json!(["ci"]));
    // The store of roles outlives the seal.
    world.core.seal(Duration::from_secs(5)).await;
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(world.root("DELETE", "auth/token/roles/ci", None).await.status, 204);
    assert_eq!(world.root("LIST", "auth/token/roles", None).await.status, 404);
    assert_eq!(server.root("auth/token/create/ci", json!({})).await.error(), "unknown role ci");
}

#[tokio::test]
async fn what_a_role_cannot_be_is_refused_by_its_name() {
    let server = Server::new().await;
    for (body, text) in [
        (json!({"token_type": "odd"}), "invalid 'token_type' value"),
        (json!({"token_bound_cidrs": "here"}), "token_bound_cidrs: \"here\" is not an IP address"),
        (json!({"token_period": "-1s"}), "token_period must be positive"),
        (json!({"token_num_uses": -1}), "must not be negative"),
        (json!({"path_suffix": ".."}), "path_suffix may have letters"),
        (json!({"path_suffix": "a/b"}), "path_suffix may have letters"),
        (json!({"token_type": "batch", "token_period": "1h"}), "batch tokens have none"),
        (json!({"token_type": "default-batch", "token_num_uses": 2}), "token_num_uses"),
    ] {
        let said = server.root("auth/token/roles/ci", body).await;
        assert_eq!(said.status, 400, "{}", said.text);
        assert!(said.error().contains(text), "{}", said.error());
    }
    assert_eq!(server.world.root("LIST", "auth/token/roles", None).await.status, 404, "nothing is stored");
}

#[tokio::test]
async fn a_role_allows_policies_that_its_caller_does_not_hold_and_no_others() {
    let server = Server::new().await;
    let maker = server.maker().await;
    server.role("ci", json!({"allowed_policies": ["ops"], "allowed_policies_glob": "dev-*"})).await;
    server.role("no", json!({"disallowed_policies_glob": "mak*,default"})).await;
    let create = |role: &'static str, body| server.post(&maker, role, body);
    let made = create("auth/token/create/ci", json!({})).await;
    assert_eq!(made.body["auth"]["policies"], json!(["default", "ops"]), "{}", made.text);
    let made = create("auth/token/create/ci", json!({"policies": ["dev-a", "ops"]})).await;
    assert_eq!(made.body["auth"]["policies"], json!(["default", "dev-a", "ops"]));
    let made =
        create("auth/token/create/ci", json!({"policies": ["dev-a"], "no_default_policy": true})).await;
    assert_eq!(made.body["auth"]["policies"], json!(["dev-a"]));
    for policy in ["maker", "root", "devops"] {
        let said = create("auth/token/create/ci", json!({"policies": [policy]})).await;
        assert!(said.status == 400 && said.error().contains("not among"), "{policy}: {}", said.text);
    }
    let said = create("auth/token/create/no", json!({})).await;
    assert_eq!(said.error(), "token policy \"maker\" is disallowed by this role");
    let said = create("auth/token/create/no", json!({"policies": ["ops"]})).await;
    assert_eq!(
        said.error(),
        "child policies must be subset of parent",
        "what is not disallowed is not granted"
    );
    server.role("root", json!({"allowed_policies": "root"})).await;
    let said = create("auth/token/create/root", json!({})).await;
    assert_eq!(said.error(), "root tokens may not be created without parent token being root");
    // A role of one name only is not a way to another.
    assert_eq!(create("auth/token/create/absent", json!({})).await.error(), "unknown role absent");
}

#[tokio::test]
async fn a_role_gives_its_tokens_what_it_has_for_them() {
    let server = Server::new().await;
    let maker = server.maker().await;
    server
        .role(
            "ci",
            json!({
                "allowed_policies": "ops", "orphan": true, "path_suffix": "build", "token_explicit_max_ttl": "2h",
                "token_num_uses": 5, "token_no_default_policy": true, "renewable": false,
            }),
        )
        .await;
    let made = server.post(&maker, "auth/token/create/ci", json!({"ttl": "10h", "num_uses": 9})).await;
    let data = server.look_up(&text_of(&made)).await.body["data"].clone();
    assert_eq!(
        (&data["orphan"], &data["renewable"], &data["num_uses"]),
        (&json!(true), &json!(false), &json!(5))
    );
    assert_eq!((&data["path"], &data["role"]), (&json!("auth/token/create/ci/build"), &json!("ci")));
    assert_eq!((&data["policies"], &data["explicit_max_ttl"]), (&json!(["ops"]), &json!(7200)));
    assert_eq!(data["ttl"], 7200);
    server.role("periodic", json!({"token_period": "1h"})).await;
    let made = server.root("auth/token/create/periodic", json!({"policies": ["ops"]})).await;
    assert_eq!(server.look_up(&text_of(&made)).await.body["data"]["period"], 3600);
}

#[tokio::test]
async fn a_token_that_is_bound_to_addresses_is_refused_from_elsewhere_and_on_record() {
    let server = Server::new().await;
    let device = server.world.device("test/", false).await;
    server.role("here", json!({"allowed_policies": "default", "token_bound_cidrs": "127.0.0.0/8"})).await;
    server.role("there", json!({"allowed_policies": "default", "token_bound_cidrs": "10.0.0.0/8"})).await;
    let here = text_of(&server.root("auth/token/create/here", json!({})).await);
    let there = text_of(&server.root("auth/token/create/there", json!({"num_uses": 3})).await);
    assert!(!server.is_refused(&here).await);
    let before = entries(&device).len();
    assert!(server.is_refused(&there).await);
    let recorded = entries(&device)[before..].to_vec();
    assert_eq!(recorded.len(), 2);
    for entry in &recorded {
        assert_eq!(
            entry["error"].as_str().map(|text| text.contains("permission denied")),
            Some(true),
            "{entry}"
        );
        assert!(entry["request"]["client_token"].as_str().unwrap().starts_with("hmac-sha256:"));
    }
    assert_eq!(recorded[1]["response"]["status_code"], 403);
    let data = server.look_up(&there).await.body["data"].clone();
    assert_eq!(
        (&data["bound_cidrs"], &data["num_uses"]),
        (&json!(["10.0.0.0/8"]), &json!(3)),
        "no use was spent"
    );
}

async fn batch(server: &Server, body: Value) -> String {
    let mut all = json!({"type": "batch", "policies": ["ops", "default"], "ttl": "1h"});
    all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let made = server.root("auth/token/create", all).await;
    let auth = &made.body["auth"];
    assert_eq!((&auth["token_type"], &auth["accessor"]), (&json!("batch"), &json!("")), "{}", made.text);
    assert_eq!((&auth["renewable"], &auth["num_uses"]), (&json!(false), &json!(0)));
    text_of(&made)
}

#[tokio::test]
async fn a_batch_token_is_stored_nowhere_and_works_until_its_time_is_over() {
    let server = Server::new().await;
    let unsealed = server.unsealed();
    let keys = async || {
        let mut all = Vec::new();
        for prefix in ["token/", "lease/", "cubbyhole/"] {
            all.extend(unsealed.barrier.view(prefix).unwrap().keys("", "", usize::MAX).await.unwrap());
        }
        all
    };
    let before = keys().await;
    let token = batch(&server, json!({"display_name": "job"})).await;
    assert!(token.starts_with("b.") && token.len() < 1000, "{token}");
    assert_eq!(keys().await, before);
    let data = server.look_up(&token).await.body["data"].clone();
    assert_eq!(
        (&data["type"], &data["accessor"], &data["renewable"]),
        (&json!("batch"), &json!(""), &json!(false))
    );
    assert_eq!(
        (&data["display_name"], &data["ttl"], &data["orphan"]),
        (&json!("token-job"), &json!(3600), &json!(false))
    );
    let own = server.world.send(ask("GET", "auth/token/lookup-self").token(&token)).await;
    assert_eq!(own.body["data"], data);
    // Under another key, and after a restart, it is the same token.
    assert_eq!(server.world.root("POST", "sys/rotate", None).await.status, 204);
    server.world.core.seal(Duration::from_secs(5)).await;
    server.world.core.unseal(&server.world.key).await.unwrap();
    assert!(!server.is_refused(&token).await);
    server.clock.advance(Duration::from_hours(1));
    assert!(server.is_refused(&token).await);
    assert_eq!(server.look_up(&token).await.error(), "bad token");
}

#[tokio::test]
async fn a_batch_token_that_was_changed_or_cut_is_none() {
    let server = Server::new().await;
    let token = batch(&server, json!({"no_parent": true})).await;
    assert!(!server.is_refused(&token).await);
    let letters: Vec<char> = token.chars().collect();
    for at in (2..letters.len()).step_by(7) {
        let mut other = letters.clone();
        other[at] = if other[at] == 'A' { 'B' } else { 'A' };
        assert!(server.is_refused(&other.iter().collect::<String>()).await, "changed at {at}");
        assert!(server.is_refused(&token[..at]).await, "cut at {at}");
    }
    // What another server made, and what is encrypted for something else.
    let other = Server::new().await;
    assert!(server.is_refused(&batch(&other, json!({"no_parent": true})).await).await);
    let unsealed = server.unsealed();
    let record = unsealed.barrier.seal_outside("another", b"{}").unwrap();
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(record);
    assert!(server.is_refused(&format!("b.{text}")).await);
    let record = unsealed.barrier.seal_outside("batch-token", b"{}").unwrap();
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(record);
    assert!(server.is_refused(&format!("b.{text}")).await, "the facts must be there");
}

#[tokio::test]
async fn a_batch_token_ends_with_its_parent_and_an_orphan_does_not() {
    let server = Server::new().await;
    let text =
        json!({"policy": "path \"auth/token/*\" { capabilities = [\"create\", \"update\", \"sudo\"] }"});
    server.world.root("PUT", "sys/policies/acl/maker", Some(text)).await;
    let parent = text_of(&server.root("auth/token/create", json!({"policies": ["maker"]})).await);
    let made = |body| server.post(&parent, "auth/token/create", body);
    let child = text_of(&made(json!({"type": "batch"})).await);
    let unseen = text_of(&made(json!({"type": "batch"})).await);
    let orphan = text_of(&made(json!({"type": "batch", "no_parent": true})).await);
    for token in [&child, &orphan] {
        assert!(!server.is_refused(token).await);
    }
    assert_eq!(server.root("auth/token/revoke", json!({"token": parent})).await.status, 204);
    assert!(server.is_refused(&child).await && server.is_refused(&unseen).await);
    assert!(!server.is_refused(&orphan).await);
}

#[tokio::test]
async fn what_a_batch_token_cannot_do_or_have_is_refused() {
    let server = Server::new().await;
    let token = batch(&server, json!({"policies": ["ops", "default", "all"]})).await;
    let all = json!({"policy": "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"list\"] }"});
    server.world.root("PUT", "sys/policies/acl/all", Some(all)).await;
    let by_root = json!({"token": token});
    for (token, path, body, text) in [
        (&server.world.root, "auth/token/revoke", by_root.clone(), "batch tokens cannot be revoked"),
        (&server.world.root, "auth/token/revoke-orphan", by_root.clone(), "batch tokens cannot be revoked"),
        (&server.world.root, "auth/token/renew", by_root, "batch tokens cannot be renewed"),
        (&token, "auth/token/revoke-self", json!({}), "batch tokens cannot be revoked"),
        (&token, "auth/token/renew-self", json!({}), "batch tokens cannot be renewed"),
        (&token, "auth/token/create", json!({}), "batch tokens cannot create more tokens"),
        (
            &token,
            "cubbyhole/a",
            json!({"a": "b"}),
            "cubbyhole operations are only supported by \"service\" type tokens",
        ),
    ] {
        let said = server.post(token, path, body).await;
        assert_eq!((said.status, said.error()), (400, text), "{path}");
    }
    assert!(!server.is_refused(&token).await);
    for (field, value) in [
        ("num_uses", json!(3)),
        ("period", json!("1h")),
        ("explicit_max_ttl", json!("1h")),
        ("id", json!("b.mine")),
    ] {
        let said = server
            .root("auth/token/create", json!({"type": "batch", "policies": ["ops"], field: value}))
            .await;
        assert_eq!((said.status, said.error()), (400, &*format!("batch tokens cannot have {field:?} set")));
    }
    let said = server.root("auth/token/create", json!({"type": "batch"})).await;
    assert_eq!(said.error(), "batch tokens cannot be root tokens");
    let meta: std::collections::BTreeMap<_, _> =
        (0..20).map(|key| (format!("k{key}"), "x".repeat(400))).collect();
    let said =
        server.root("auth/token/create", json!({"type": "batch", "policies": ["ops"], "meta": meta})).await;
    assert!(said.status == 400 && said.error().contains("less metadata"), "{}", said.text);
    // A stored token may have a text that looks like one.
    let chosen =
        server.root("auth/token/create", json!({"id": "b.chosen", "policies": ["ops", "default"]})).await;
    assert!(!server.is_refused(&text_of(&chosen)).await);
}

#[tokio::test]
async fn a_batch_token_is_hashed_on_record_and_has_no_accessor_there() {
    let server = Server::new().await;
    let device = server.world.device("test/", false).await;
    let token = batch(&server, json!({})).await;
    assert!(!server.is_refused(&token).await);
    let all = entries(&device);
    let issued = &all[1]["response"]["auth"];
    assert!(issued["client_token"].as_str().unwrap().starts_with("hmac-sha256:"), "{issued}");
    assert_eq!((issued.get("accessor"), &issued["token_type"]), (None, &json!("batch")));
    let used = &all[2];
    assert_eq!(
        (&used["auth"]["client_token"], &used["auth"]["token_type"]),
        (&issued["client_token"], &json!("batch"))
    );
    assert!(used["auth"].get("accessor").is_none() && used["request"].get("client_token_accessor").is_none());
    for line in device.lines() {
        assert!(!String::from_utf8_lossy(&line).contains(&token[2..]));
    }
}

#[tokio::test]
async fn a_child_of_a_token_that_is_bound_to_addresses_is_bound_to_them_too() {
    let server = Server::new().await;
    let all = json!({"policy": "path \"*\" { capabilities = [\"create\", \"read\", \"update\"] }"});
    assert_eq!(server.world.root("PUT", "sys/policies/acl/all", Some(all)).await.status, 204);
    server.role("here", json!({"allowed_policies": "all", "token_bound_cidrs": "127.0.0.0/8"})).await;
    let bound = text_of(&server.root("auth/token/create/here", json!({})).await);
    for body in [json!({}), json!({"type": "batch", "ttl": "1h"})] {
        let child = text_of(&server.post(&bound, "auth/token/create", body).await);
        let data = server.look_up(&child).await.body["data"].clone();
        assert_eq!(data["bound_cidrs"], json!(["127.0.0.0/8"]), "{data}");
    }
}
