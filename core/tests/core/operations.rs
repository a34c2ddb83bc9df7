//! The endpoints of operators: mounts that move, when keys are rotated, settings for browsers, what is built in, what is
//! refused and why.

use std::time::Duration;

use onrecord_core::engine::Recording;
use onrecord_core::{Operation, kinds};
use serde_json::{Value, json};

use crate::kit::{TestServer, ask, outline};

async fn with_kv() -> TestServer {
    let world = TestServer::new().await;
    assert_eq!(world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await.status, 204);
    world
}

#[tokio::test]
async fn a_mount_that_moves_keeps_its_data_and_is_judged_and_recorded_by_its_new_path() {
    let world = with_kv().await;
    assert_eq!(world.root("POST", "kv/a", Some(json!({"k": "v"}))).await.status, 204);
    let policy = json!({"policy": "path \"team/kv/*\" { capabilities = [\"read\"] }"});
    world.root("PUT", "sys/policies/acl/team", Some(policy)).await;
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["team"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    let before = world.root("GET", "sys/mounts/kv", None).await.body["data"]["accessor"].clone();
    let device = world.device("test/", false).await;
    let moved = world.root("POST", "sys/remount", Some(json!({"from": "kv", "to": "team/kv/"}))).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    let id = moved.body["migration_id"].as_str().unwrap();
    let status = world.root("GET", &format!("sys/remount/status/{id}"), None).await;
    let info = json!({"source_mount": "kv/", "target_mount": "team/kv/", "status": "success"});
    assert_eq!(status.body["data"]["migration_info"], info);
    assert_eq!(world.root("GET", "sys/remount/status/x", None).await.status, 404);
    assert_eq!(world.root("GET", "kv/a", None).await.status, 404);
    let read = world.send(ask("GET", "team/kv/a").token(&token)).await;
    assert_eq!(read.body["data"], json!({"k": "v"}));
    assert_eq!(outline(&device).last().unwrap(), "response read team/kv/a");
    world.core.seal(Duration::from_secs(10)).await;
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(world.root("GET", "team/kv/a", None).await.body["data"], json!({"k": "v"}));
    assert_eq!(world.root("GET", "sys/mounts/team/kv", None).await.body["data"]["accessor"], before);
}

#[tokio::test]
async fn a_mount_does_not_move_where_it_cannot_be() {
    let world = with_kv().await;
    world.root("POST", "sys/mounts/other", Some(json!({"type": "kv"}))).await;
    for (from, to, text) in [
        ("none", "x", "no matching mount at \"none/\""),
        ("kv", "other", "path is already in use at other/"),
        ("kv", "other/below", "path is already in use at other/"),
        ("kv", "sys/x", "cannot mount \"sys/x/\""),
        ("kv", "auth/x", "cannot mount \"auth/x/\""),
        ("kv", "a//b", "\"a//b/\" is not a path that can be mounted at"),
        ("cubbyhole", "x", "cannot remount \"cubbyhole/\": it is part of the server"),
        ("auth/token", "auth/x", "cannot remount \"auth/token/\": it is part of the server"),
        ("", "x", "both 'from' and 'to' path must be specified: from is missing"),
    ] {
        let said = world.root("POST", "sys/remount", Some(json!({"from": from, "to": to}))).await;
        assert_eq!((said.status, said.error()), (400, text), "{from} to {to}");
    }
    // A part of its own path, or a part of itself, is free.
    for (from, to) in [("kv", "kv/deeper"), ("kv/deeper", "kv")] {
        let said = world.root("POST", "sys/remount", Some(json!({"from": from, "to": to}))).await;
        assert_eq!(said.status, 200, "{}", said.text);
    }
}

#[tokio::test]
async fn a_key_is_rotated_when_it_is_as_old_or_as_used_as_was_set() {
    let world = TestServer::new().await;
    let read = async || world.root("GET", "sys/rotate/config", None).await.body["data"].clone();
    assert_eq!(read().await, json!({"enabled": true, "interval": 0, "max_operations": 1_u64 << 31}));
    let set = async |body: Value| {
        let said = world.root("POST", "sys/rotate/config", Some(body)).await;
        (said.status, said.error().to_owned())
    };
    assert_eq!(set(json!({"interval": "48h", "max_operations": 2_000_000, "enabled": false})).await.0, 204);
    assert_eq!(read().await, json!({"enabled": false, "interval": 172_800, "max_operations": 2_000_000}));
    assert_eq!(set(json!({"interval": "1h"})).await, (400, "interval must be 0, or at least 24h".to_owned()));
    assert_eq!(set(json!({"max_operations": 5})).await.0, 400);
    assert_eq!(world.root("GET", "sys/rotate/keyring/config", None).await.body["data"], read().await);
}

#[tokio::test]
async fn the_origins_of_browsers_are_kept_and_their_server_learns_of_them_at_once() {
    let world = TestServer::new().await;
    let allows = |origin: &str| world.core.cors().unwrap().allows(origin);
    assert_eq!(world.root("GET", "sys/config/cors", None).await.body["data"], json!({"enabled": false}));
    for wrong in [
        json!({}),
        json!({"allowed_origins": ["*", "https://a.example"]}),
        json!({"allowed_origins": "a\nb"}),
    ] {
        assert_eq!(world.root("POST", "sys/config/cors", Some(wrong)).await.status, 400);
    }
    let set =
        json!({"allowed_origins": "https://a.example, https://b.example", "allowed_headers": ["X-Own"]});
    assert_eq!(world.root("POST", "sys/config/cors", Some(set)).await.status, 204);
    assert!(allows("https://b.example") && !allows("https://c.example"));
    world.core.seal(Duration::from_secs(10)).await;
    assert!(world.core.cors().is_none());
    world.core.unseal(&world.key).await.unwrap();
    let read = world.root("GET", "sys/config/cors", None).await.body["data"].clone();
    let expected = json!({"enabled": true, "allowed_origins": ["https://a.example", "https://b.example"],
        "allowed_headers": ["X-Own"]});
    assert_eq!(read, expected);
    assert_eq!(world.root("DELETE", "sys/config/cors", None).await.status, 204);
    assert!(!allows("https://b.example"));
}

#[tokio::test]
async fn the_catalog_lists_what_is_built_in_and_takes_nothing() {
    let world = TestServer::new().await;
    let all = world.root("GET", "sys/plugins/catalog", None).await.body["data"].clone();
    assert!(all["secret"].as_array().unwrap().contains(&json!("kv")), "{all}");
    assert_eq!(all["database"], json!([]));
    let kv = |plugin: &&Value| plugin["name"] == "kv";
    assert_eq!(all["detailed"].as_array().unwrap().iter().filter(kv).count(), 1);
    assert!(world.root("LIST", "sys/plugins/catalog/secret", None).await.text.contains("kv"));
    assert_eq!(
        world.root("GET", "sys/plugins/catalog/secret/kv", None).await.body["data"]["builtin"],
        json!(true)
    );
    assert_eq!(world.root("GET", "sys/plugins/catalog/secret/none", None).await.status, 404);
    assert_eq!(world.root("GET", "sys/plugins/catalog/other/kv", None).await.status, 400);
    let own = json!({"sha256": "x", "command": "x"});
    assert_eq!(world.root("PUT", "sys/plugins/catalog/secret/own", Some(own)).await.status, 400);
}

#[tokio::test]
async fn a_server_says_what_it_is() {
    let world = TestServer::new().await;
    let get = async |path: &str| {
        let said = world.root("GET", path, None).await;
        assert_eq!(said.status, 200, "{path}: {}", said.text);
        said.body["data"].clone()
    };
    assert_eq!(get("sys/ha-status").await["nodes"][0]["active_node"], json!(true));
    assert_eq!(world.root("PUT", "sys/step-down", None).await.status, 204);
    assert_eq!(world.root("GET", "sys/mounts", None).await.status, 200, "it stays active");
    assert_eq!(get("sys/replication/status").await["dr"]["mode"], "disabled");
    assert_eq!(get("sys/seal-backend-status").await["healthy"], json!(true));
    assert_eq!(get("sys/config/state/sanitized").await["max_lease_ttl"], json!(2_764_800));
    assert_eq!(get("sys/internal/counters/tokens").await["counters"]["service_tokens"]["total"], json!(1));
    let versions = world.root("LIST", "sys/version-history", None).await.body["data"].clone();
    let version = versions["keys"][0].as_str().unwrap();
    assert!(versions["key_info"][version]["timestamp_installed"].is_string(), "{versions}");
    assert_eq!(
        world.root("GET", "sys/host-info", None).await.status,
        400,
        "the host of this test knows nothing"
    );
}

#[tokio::test]
async fn what_is_refused_says_why_and_only_to_those_whose_policies_allow_it() {
    let world = TestServer::new().await;
    let mut checked = 0;
    let sys = kinds::builtin().iter().find(|kind| kind.name == "system").unwrap();
    for route in sys.routes().filter(|route| route.refused.is_some()) {
        assert_eq!(route.recording, Recording::Both);
        for operation in route.operations() {
            let path = format!("sys/{}", route.template().0.replace(['{', '}'], ""));
            let method = match operation {
                Operation::Update => "POST",
                Operation::List => "LIST",
                Operation::Delete => "DELETE",
                Operation::Patch => "PATCH",
                _ => "GET",
            };
            let said = world.root(method, &path, None).await;
            assert_eq!((said.status, said.error()), (400, route.refused.unwrap()), "{method} {path}");
            assert_eq!(world.send(ask(method, &path)).await.status, 403, "{method} {path}");
            checked += 1;
        }
    }
    assert!(checked > 80, "{checked}");
}
