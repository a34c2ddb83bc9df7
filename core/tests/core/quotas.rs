//! Quotas of requests and of leases, asked through the whole pipeline. Their headers are the server's (`server`).

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_core::Settings;
use onrecord_value::Time;
use serde_json::{Value, json};

use crate::kit::{Reply, TestServer, ask, entries, eventually};

async fn server() -> (TestServer, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Time::from_unix(1_700_000_000, 0)));
    let world = TestServer::by(Arc::clone(&clock) as _, Settings::default()).await;
    assert_eq!(world.root("POST", "sys/mounts/test", Some(json!({"type": "kv"}))).await.status, 204);
    assert_eq!(world.root("POST", "test/a", Some(json!({"a": "b"}))).await.status, 204);
    (world, clock)
}

async fn quota(world: &TestServer, path: &str, body: Value) -> Reply {
    world.root("POST", &format!("sys/quotas/{path}"), Some(body)).await
}

#[tokio::test]
async fn quotas_are_written_read_listed_and_deleted_as_clients_expect() {
    let (world, _) = server().await;
    let body = json!({
        "name": "test-quota", "path": "test/*", "rate": 100, "interval": "600", "block_interval": "600", "role": null,
        "inheritable": null,
    });
    assert_eq!(quota(&world, "rate-limit/test-quota", body).await.status, 204);
    let read = async || world.root("GET", "sys/quotas/rate-limit/test-quota", None).await;
    assert_eq!(
        read().await.body["data"],
        json!({
            "block_interval": 600, "interval": 600, "name": "test-quota", "path": "test/*", "rate": 100, "role": "",
            "type": "rate-limit",
        })
    );
    assert_eq!(quota(&world, "rate-limit/test-quota", json!({"rate": "2.5"})).await.status, 204);
    assert_eq!(read().await.body["data"]["rate"], 2.5);
    assert_eq!(
        world.root("LIST", "sys/quotas/rate-limit", None).await.body["data"]["keys"],
        json!(["test-quota"])
    );
    assert_eq!(world.root("LIST", "sys/quotas/lease-count", None).await.status, 404);
    assert_eq!(
        quota(&world, "lease-count/q", json!({"path": "auth/token", "max_leases": 3})).await.status,
        204
    );
    assert_eq!(
        world.root("GET", "sys/quotas/lease-count/q", None).await.body["data"],
        json!({"counter": 0, "max_leases": 3, "name": "q", "path": "auth/token/", "role": "", "type": "lease-count"})
    );
    let config =
        json!({"rate_limit_exempt_paths": ["sys/mounts"], "enable_rate_limit_response_headers": true});
    assert_eq!(quota(&world, "config", config).await.status, 204);
    world.core.seal(Duration::from_secs(5)).await;
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(
        world.root("GET", "sys/quotas/config", None).await.body["data"],
        json!({
            "enable_rate_limit_audit_logging": false, "enable_rate_limit_response_headers": true,
            "rate_limit_exempt_paths": ["sys/mounts"],
        })
    );
    assert_eq!(read().await.status, 200);
    assert_eq!(world.root("DELETE", "sys/quotas/rate-limit/test-quota", None).await.status, 204);
    assert_eq!(read().await.status, 404);
}

#[tokio::test]
async fn what_a_quota_cannot_be_is_refused_by_its_name() {
    let (world, _) = server().await;
    quota(&world, "rate-limit/first", json!({"rate": 5, "path": "test"})).await;
    for (path, body, text) in [
        ("rate-limit/q", json!({"rate": 101, "path": "/not-exist"}), "path: no mount is at or above"),
        ("rate-limit/q", json!({"rate": 101, "path": "not-exist/a"}), "path: no mount is at or above"),
        ("rate-limit/q", json!({"rate": 1, "path": "test/*/a"}), "path may have one '*'"),
        ("lease-count/q", json!({"max_leases": 1, "path": "test/*"}), "path may have one '*'"),
        ("rate-limit/q", json!({"rate": 0}), "'rate' must be a number greater than 0"),
        ("rate-limit/q", json!({"rate": -1}), "'rate' must be a number greater than 0"),
        ("rate-limit/q", json!({"rate": "NaN"}), "'rate' must be a number greater than 0"),
        ("rate-limit/q", json!({}), "'rate' must be a number greater than 0"),
        ("rate-limit/q", json!({"rate": 1, "interval": "-1s"}), "interval must be from 0"),
        ("rate-limit/q", json!({"rate": 1, "interval": "10ms"}), "interval must be whole seconds"),
        (
            "rate-limit/q",
            json!({"rate": 1, "role": "web"}),
            "role: quotas for logins with a role are not supported",
        ),
        ("rate-limit/q", json!({"rate": 1, "path": "test/"}), "there is another rate-limit quota"),
        ("lease-count/q", json!({"max_leases": 0}), "'max_leases' must be a whole number greater than 0"),
    ] {
        let said = quota(&world, path, body).await;
        assert!(said.status == 400 && said.error().contains(text), "{text}: {}", said.text);
    }
    assert_eq!(world.root("LIST", "sys/quotas/lease-count", None).await.status, 404);
}

#[tokio::test]
async fn a_client_beyond_a_rate_limit_is_told_when_to_ask_again_and_is_counted_on_record() {
    let (world, clock) = server().await;
    let device = world.device("test/", false).await;
    quota(&world, "rate-limit/all", json!({"rate": 1000})).await;
    quota(&world, "rate-limit/q", json!({"rate": 3, "interval": "60s", "path": "test"})).await;
    let read = async || world.start(ask("GET", "test/a").token(&world.root)).await;
    for _ in 0..3 {
        assert_eq!(read().await.status(), 200);
    }
    let before = entries(&device).len();
    let refused = read().await;
    assert_eq!((refused.status(), refused.retry_after(), refused.rate_limit()), (429, Some(20), None));
    let said = crate::kit::said(refused);
    assert_eq!(said.error(), "request path \"test/a\": rate limit quota exceeded");
    assert_eq!(world.root("GET", "sys/mounts", None).await.status, 200, "another path");
    assert_eq!(entries(&device).len(), before + 2, "it has no entries of its own");
    clock.advance(Duration::from_secs(2));
    world.core.keep_record().await;
    let find = || entries(&device).into_iter().find(|entry| entry["refused"].is_object());
    eventually(|| find().is_some()).await;
    let counted = find().unwrap();
    assert_eq!(
        (&counted["refused"]["count"], &counted["request"]["remote_address"]),
        (&json!(1), &json!("127.0.0.1"))
    );
    assert!(counted["refused"]["reason"].as_str().unwrap().contains("rate limit quota"), "{counted}");
    clock.advance(Duration::from_secs(20));
    assert_eq!(read().await.status(), 200);
    quota(&world, "config", json!({"enable_rate_limit_response_headers": true})).await;
    clock.advance(Duration::from_mins(1));
    let limit = read().await.rate_limit().unwrap();
    assert_eq!((limit.limit, limit.remaining, limit.reset), (3, 2, 20));
    quota(&world, "config", json!({"rate_limit_exempt_paths": "test/*"})).await;
    for _ in 0..10 {
        assert_eq!(read().await.status(), 200, "exempt");
    }
}

#[tokio::test]
async fn another_spelling_of_a_path_counts_for_the_same_quota() {
    let (world, _) = server().await;
    assert_eq!(world.root("POST", "sys/auth/userpass", Some(json!({"type": "userpass"}))).await.status, 204);
    let quota_path = "auth/userpass/login/Bob";
    let body = json!({"rate": 3, "interval": "1h", "path": quota_path});
    assert_eq!(quota(&world, "rate-limit/q", body).await.status, 204);
    let shown = world.root("GET", "sys/quotas/rate-limit/q", None).await;
    assert_eq!(shown.body["data"]["path"], "auth/userpass/login/bob", "names of users are without case");
    let login = async |name: &str| {
        let request = ask("POST", &format!("auth/userpass/login/{name}")).json(&json!({"password": "wrong"}));
        world.send(request).await.status
    };
    for name in ["bob", "BOB", "bOb"] {
        assert_eq!(login(name).await, 400, "{name}");
    }
    for name in ["bob", "BOB", "boB", "Bob"] {
        assert_eq!(login(name).await, 429, "{name}");
    }
    assert_eq!(login("alice").await, 400, "another user");
    // The keys of an engine are names with case.
    quota(&world, "rate-limit/kv", json!({"rate": 1, "interval": "1h", "path": "test/a"})).await;
    assert_eq!(world.root("GET", "test/a", None).await.status, 200);
    assert_eq!(world.root("GET", "test/a", None).await.status, 429);
    assert_eq!(world.root("GET", "test/A", None).await.status, 404);
}

#[tokio::test]
async fn a_quota_that_is_too_small_can_be_removed_and_goes_with_its_mount() {
    let (world, _) = server().await;
    quota(&world, "rate-limit/all", json!({"rate": 1, "interval": "1h", "block_interval": "1h"})).await;
    while world.root("GET", "sys/mounts", None).await.status != 429 {}
    assert_eq!(world.send(ask("GET", "sys/quotas/config")).await.status, 429, "without a token");
    assert_eq!(world.root("DELETE", "sys/quotas/rate-limit/all", None).await.status, 204);
    assert_eq!(world.root("GET", "sys/mounts", None).await.status, 200);
    quota(&world, "rate-limit/q", json!({"rate": 5, "path": "test/a"})).await;
    assert_eq!(world.root("DELETE", "sys/mounts/test", None).await.status, 204);
    assert_eq!(world.root("GET", "sys/quotas/rate-limit/q", None).await.status, 404);
}

#[tokio::test]
async fn there_are_never_more_leases_than_a_quota_allows() {
    let (world, _) = server().await;
    let create = async || world.root("POST", "auth/token/create", Some(json!({"ttl": "1h"}))).await;
    let first = create().await;
    let device = world.device("test/", false).await;
    quota(&world, "lease-count/q", json!({"path": "auth/token/", "max_leases": 8})).await;
    let count =
        async || world.root("GET", "sys/quotas/lease-count/q", None).await.body["data"]["counter"].clone();
    assert_eq!(count().await, 1, "those that there are count");
    let mut answers = Vec::new();
    for _ in 0..50 {
        let asked = ask("POST", "auth/token/create").token(&world.root).json(&json!({"ttl": "1h"}));
        answers.push(tokio::spawn(world.start(asked)));
    }
    let mut made = 0;
    for answer in answers {
        match answer.await.unwrap().status() {
            200 => made += 1,
            status => assert_eq!(status, 429),
        }
    }
    assert_eq!((made, count().await), (7, json!(8)));
    let said = create().await;
    assert_eq!(said.error(), "request path \"auth/token/create\": lease count quota exceeded");
    let last = entries(&device).pop().unwrap();
    assert_eq!(
        (&last["error"], &last["response"]["status_code"]),
        (&json!("lease count quota exceeded"), &json!(429))
    );
    let batch = world
        .root("POST", "auth/token/create", Some(json!({"type": "batch", "policies": ["default"]})))
        .await;
    assert_eq!(batch.status, 200, "batch tokens have no leases");
    let token = first.body["auth"]["client_token"].clone();
    assert_eq!(world.root("POST", "auth/token/revoke", Some(json!({"token": token}))).await.status, 204);
    assert_eq!(create().await.status, 200);
    world.core.seal(Duration::from_secs(5)).await;
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!((count().await, create().await.status), (json!(8), 429), "counted again from what is stored");
}
