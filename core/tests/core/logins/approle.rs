//! Login with a role id and a secret id.

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_core::Settings;
use onrecord_value::Time;
use serde_json::{Value, json};

use super::{accessor, assert_absent, last, log_in, look_up, root, with};
use crate::kit::{Reply, TestServer};

const ROLE: &str = "auth/in/role/app";
const LOGIN: &str = "auth/in/login";

async fn write(world: &TestServer, status: u16, path: &str, body: Value) -> Reply {
    root(world, status, "POST", &format!("{ROLE}{path}"), body).await
}

async fn read(world: &TestServer, status: u16, path: &str) -> Reply {
    root(world, status, "GET", &format!("{ROLE}{path}"), Value::Null).await
}

/// The credentials of a role with a new secret id.
async fn credentials(world: &TestServer, body: Value) -> Value {
    let role_id = read(world, 200, "/role-id").await.body["data"]["role_id"].clone();
    let secret_id = write(world, 200, "/secret-id", body).await.body["data"]["secret_id"].clone();
    json!({"role_id": role_id, "secret_id": secret_id})
}

/// How many keys are stored below the mount's folder of a kind.
async fn secret_ids(world: &TestServer) -> usize {
    let listed = world.root("LIST", &format!("{ROLE}/secret-id"), None).await;
    listed.body["data"]["keys"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn a_machine_logs_in_with_role_id_and_secret_id() {
    let world = with("approle").await;
    let role =
        json!({"token_policies": "reader", "token_ttl": "20m", "token_max_ttl": "30m", "token_num_uses": 5});
    write(&world, 204, "", role).await;
    let made = write(
        &world,
        200,
        "/secret-id",
        json!({"metadata": "{\"team\": \"blue\"}", "ttl": 600, "num_uses": 3}),
    )
    .await;
    let data = &made.body["data"];
    assert_eq!((&data["secret_id_ttl"], &data["secret_id_num_uses"]), (&json!(600), &json!(3)));
    let role_id = &read(&world, 200, "/role-id").await.body["data"]["role_id"];
    let said = log_in(&world, LOGIN, json!({"role_id": role_id, "secret_id": data["secret_id"]})).await;
    assert_eq!(said.status, 200, "{}", said.text);
    let auth = &said.body["auth"];
    assert_eq!(auth["metadata"], json!({"role_name": "app", "team": "blue"}));
    assert_eq!((&auth["policies"], &auth["lease_duration"]), (&json!(["default", "reader"]), &json!(1200)));
    let token = look_up(&world, &said).await;
    assert_eq!((&token["display_name"], &token["num_uses"]), (&json!("in"), &json!(4)));
    // One use is spent.
    let known = write(&world, 200, "/secret-id/lookup", json!({"secret_id": data["secret_id"]})).await;
    assert_eq!(known.body["data"]["secret_id_num_uses"], 2, "{}", known.text);
}

#[tokio::test]
async fn whatever_is_wrong_a_refused_login_is_answered_alike() {
    let world = with("approle").await;
    write(&world, 204, "", json!({})).await;
    root(
        &world,
        204,
        "POST",
        "auth/in/role/far",
        json!({"secret_id_bound_cidrs": ["192.0.2.0/24"], "role_id": "far-id"}),
    )
    .await;
    let far = root(&world, 200, "POST", "auth/in/role/far/secret-id", json!({})).await;
    let right = credentials(&world, json!({})).await;
    let elsewhere =
        write(&world, 200, "/secret-id", json!({"cidr_list": "192.0.2.0/24", "num_uses": 1})).await;
    let elsewhere = &elsewhere.body["data"]["secret_id"];
    for body in [
        json!({"role_id": right["role_id"], "secret_id": "wrong"}),
        json!({"role_id": right["role_id"]}),
        json!({"role_id": "wrong", "secret_id": right["secret_id"]}),
        json!({"role_id": "far-id", "secret_id": right["secret_id"]}),
        json!({"role_id": "far-id", "secret_id": far.body["data"]["secret_id"]}),
        json!({"role_id": right["role_id"], "secret_id": elsewhere}),
    ] {
        let said = log_in(&world, LOGIN, body).await;
        assert_eq!((said.status, said.error()), (400, "invalid role or secret ID"), "{}", said.text);
    }
    assert_eq!(log_in(&world, LOGIN, json!({"secret_id": "x"})).await.error(), "missing role_id");
    assert_eq!(log_in(&world, LOGIN, right).await.status, 200);
    let kept = write(&world, 200, "/secret-id/lookup", json!({"secret_id": elsewhere})).await;
    assert_eq!(kept.body["data"]["secret_id_num_uses"], 1, "a login from elsewhere spends nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_secret_id_with_one_use_logs_in_once_of_fifty_at_once() {
    // A login that fails is a refused request: a server takes a limited number of those a second from one address.
    let world = TestServer::with(Settings { unauthenticated_rate_limit: 0, ..Settings::default() }).await;
    root(&world, 204, "POST", "sys/auth/in", json!({"type": "approle"})).await;
    let open = json!({"user_lockout_config": {"lockout_disable": true}});
    root(&world, 204, "POST", "sys/auth/in/tune", open).await;
    write(&world, 204, "", json!({"secret_id_num_uses": 1})).await;
    for round in 0..40 {
        let right = credentials(&world, json!({})).await;
        let logins: Vec<_> = (0..50)
            .map(|_| {
                let (world, right) = (world.clone(), right.clone());
                tokio::spawn(async move { log_in(&world, LOGIN, right).await.status })
            })
            .collect();
        let mut won = 0;
        for login in logins {
            let status = login.await.unwrap();
            assert!(matches!(status, 200 | 400), "{status}");
            won += usize::from(status == 200);
        }
        assert_eq!(won, 1, "round {round}");
    }
    assert_eq!(secret_ids(&world).await, 0, "what is used up is gone");
}

#[tokio::test]
async fn a_role_is_read_changed_by_its_fields_and_deleted_with_its_secret_ids() {
    let world = with("approle").await;
    write(&world, 204, "", json!({"policies": "one", "period": "1h"})).await;
    let data = read(&world, 200, "").await.body["data"].clone();
    assert_eq!((&data["policies"], &data["token_policies"]), (&json!(["one"]), &json!(["one"])));
    assert_eq!(
        (&data["period"], &data["token_period"], &data["token_type"]),
        (&json!(3600), &json!(3600), &json!("default"))
    );
    assert_eq!((&data["bind_secret_id"], &data["secret_id_bound_cidrs"]), (&json!(true), &Value::Null));
    for (path, body, name, value, unset) in [
        ("policies", json!({"policies": "two,three"}), "token_policies", json!(["three", "two"]), json!([])),
        ("secret-id-num-uses", json!({"secret_id_num_uses": 7}), "secret_id_num_uses", json!(7), json!(0)),
        ("secret-id-ttl", json!({"secret_id_ttl": "1m"}), "secret_id_ttl", json!(60), json!(0)),
        ("token-ttl", json!({"token_ttl": 90}), "token_ttl", json!(90), json!(0)),
        ("token-max-ttl", json!({"token_max_ttl": 120}), "token_max_ttl", json!(120), json!(0)),
        ("token-num-uses", json!({"token_num_uses": 3}), "token_num_uses", json!(3), json!(0)),
        ("period", json!({"token_period": 30}), "period", json!(30), json!(0)),
        (
            "token-bound-cidrs",
            json!({"token_bound_cidrs": ["10.0.0.0/8"]}),
            "token_bound_cidrs",
            json!(["10.0.0.0/8"]),
            json!([]),
        ),
        (
            "secret-id-bound-cidrs",
            json!({"secret_id_bound_cidrs": "10.0.0.0/8"}),
            "secret_id_bound_cidrs",
            json!(["10.0.0.0/8"]),
            Value::Null,
        ),
        (
            "bound-cidr-list",
            json!({"bound_cidr_list": "10.0.0.0/8"}),
            "bound_cidr_list",
            json!(["10.0.0.0/8"]),
            Value::Null,
        ),
        ("bind-secret-id", json!({"bind_secret_id": true}), "bind_secret_id", json!(true), json!(true)),
    ] {
        let path = format!("/{path}");
        write(&world, 204, &path, body).await;
        assert_eq!(read(&world, 200, &path).await.body["data"][name], value, "{path}");
        root(&world, 204, "DELETE", &format!("{ROLE}{path}"), Value::Null).await;
        assert_eq!(read(&world, 200, &path).await.body["data"][name], unset, "{path}");
        let missing = write(&world, 400, &path, json!({"other": 1})).await;
        assert!(missing.error().starts_with("missing "), "{path}: {}", missing.text);
    }
    assert_eq!(read(&world, 200, "/local-secret-ids").await.body["data"], json!({"local_secret_ids": false}));
    let listed = root(&world, 200, "LIST", "auth/in/role", Value::Null).await;
    assert_eq!(listed.body["data"]["keys"], json!(["app"]));
    let right = credentials(&world, json!({})).await;
    root(&world, 204, "DELETE", ROLE, Value::Null).await;
    read(&world, 404, "").await;
    read(&world, 404, "/policies").await;
    write(&world, 404, "/token-ttl", json!({"token_ttl": 1})).await;
    assert_eq!(log_in(&world, LOGIN, right.clone()).await.status, 400);
    // A role that is made again does not take the old one's secret ids.
    write(&world, 204, "", json!({"role_id": right["role_id"]})).await;
    assert_eq!(log_in(&world, LOGIN, right).await.status, 400);
}

#[tokio::test]
async fn role_ids_are_chosen_and_belong_to_one_role() {
    let world = with("approle").await;
    write(&world, 204, "", json!({})).await;
    let old = credentials(&world, json!({})).await;
    write(&world, 204, "/role-id", json!({"role_id": "chosen"})).await;
    assert_eq!(read(&world, 200, "/role-id").await.body["data"]["role_id"], "chosen");
    assert_eq!(log_in(&world, LOGIN, old.clone()).await.status, 400, "the old role id");
    assert_eq!(
        log_in(&world, LOGIN, json!({"role_id": "chosen", "secret_id": old["secret_id"]})).await.status,
        200
    );
    root(&world, 204, "POST", "auth/in/role/other", json!({})).await;
    let taken = root(&world, 400, "POST", "auth/in/role/other/role-id", json!({"role_id": "chosen"})).await;
    assert!(taken.error().contains("another role"), "{}", taken.text);
    // Names have no case.
    assert_eq!(
        root(&world, 200, "GET", "auth/in/role/APP/role-id", Value::Null).await.body["data"]["role_id"],
        "chosen"
    );
}

#[tokio::test]
async fn secret_ids_are_looked_up_and_destroyed_by_themselves_and_by_their_accessors() {
    let world = with("approle").await;
    write(&world, 204, "", json!({})).await;
    let made = write(
        &world,
        200,
        "/custom-secret-id",
        json!({"secret_id": "custom", "cidr_list": ["127.0.0.1/32"]}),
    )
    .await;
    let data = &made.body["data"];
    assert_eq!(data["secret_id"], "custom");
    let accessor = &data["secret_id_accessor"];
    write(&world, 400, "/custom-secret-id", json!({"secret_id": "custom"})).await;
    assert_eq!(write(&world, 400, "/custom-secret-id", json!({})).await.error(), "missing secret_id");
    for (path, body) in [
        ("/secret-id/lookup", json!({"secret_id": "custom"})),
        ("/secret-id-accessor/lookup", json!({"secret_id_accessor": accessor})),
    ] {
        let known = write(&world, 200, path, body).await;
        let known = &known.body["data"];
        assert_eq!((&known["secret_id_accessor"], &known["cidr_list"]), (accessor, &json!(["127.0.0.1/32"])));
        assert_eq!(
            (&known["expiration_time"], &known["metadata"]),
            (&json!("0001-01-01T00:00:00Z"), &json!({}))
        );
    }
    let listed = root(&world, 200, "LIST", &format!("{ROLE}/secret-id"), Value::Null).await;
    assert_eq!(listed.body["data"]["keys"], json!([accessor]));
    write(&world, 204, "/secret-id-accessor/destroy", json!({"secret_id_accessor": accessor})).await;
    write(&world, 404, "/secret-id-accessor/lookup", json!({"secret_id_accessor": accessor})).await;
    write(&world, 204, "/secret-id/lookup", json!({"secret_id": "custom"})).await;
    let right = credentials(&world, json!({})).await;
    write(&world, 204, "/secret-id/destroy", json!({"secret_id": right["secret_id"]})).await;
    write(&world, 204, "/secret-id/destroy", json!({"secret_id": right["secret_id"]})).await;
    assert_eq!(log_in(&world, LOGIN, right).await.status, 400);
    assert_eq!(secret_ids(&world).await, 0);
}

#[tokio::test]
async fn a_secret_id_asks_for_no_more_than_its_role_allows() {
    let world = with("approle").await;
    let role = json!({
        "secret_id_num_uses": 5, "secret_id_ttl": "10m", "secret_id_bound_cidrs": "127.0.0.0/8", "token_bound_cidrs": "127.0.0.0/8",
    });
    write(&world, 204, "", role).await;
    for (body, text) in [
        (json!({"num_uses": 6}), "num_uses cannot be higher"),
        (json!({"num_uses": 0}), "num_uses cannot be higher"),
        (json!({"ttl": "11m"}), "ttl cannot be higher"),
        (json!({"ttl": 0}), "ttl cannot be higher"),
        (json!({"cidr_list": "0.0.0.0/0"}), "cidr_list is not within"),
        (json!({"token_bound_cidrs": "10.0.0.0/8"}), "token_bound_cidrs is not within"),
        (json!({"cidr_list": "nowhere"}), "cidr_list: \"nowhere\" is not an IP address"),
        (json!({"metadata": "no json"}), "metadata is not a JSON object"),
        (json!({"metadata": {"a": "\u{202e}"}}), "metadata must not contain"),
    ] {
        let said = write(&world, 400, "/secret-id", body).await;
        assert!(said.error().contains(text), "{}", said.text);
    }
    for (body, text) in [
        (
            json!({"bind_secret_id": false, "secret_id_bound_cidrs": "", "token_bound_cidrs": ""}),
            "at least one constraint",
        ),
        (json!({"local_secret_ids": true}), "can only be set when the role is created"),
    ] {
        let said = write(&world, 400, "", body).await;
        assert!(said.error().contains(text), "{}", said.text);
    }
    write(&world, 204, "", json!({"bind_secret_id": false})).await;
    assert!(write(&world, 400, "/secret-id", json!({})).await.error().contains("bind_secret_id is not set"));
    let role_id = read(&world, 200, "/role-id").await.body["data"]["role_id"].clone();
    assert_eq!(
        log_in(&world, LOGIN, json!({"role_id": role_id})).await.status,
        200,
        "bound by address alone"
    );
}

#[tokio::test]
async fn an_expired_secret_id_logs_nobody_in_and_is_tidied_away() {
    let clock = Arc::new(ManualClock::at(Time::from_unix(1_700_000_000, 0)));
    let world = TestServer::by(Arc::clone(&clock) as _, Settings::default()).await;
    root(&world, 204, "POST", "sys/auth/in", json!({"type": "approle"})).await;
    write(&world, 204, "", json!({"secret_id_ttl": "1m"})).await;
    let right = credentials(&world, json!({})).await;
    assert_eq!(log_in(&world, LOGIN, right.clone()).await.status, 200);
    clock.advance(Duration::from_mins(1));
    assert_eq!(log_in(&world, LOGIN, right.clone()).await.status, 400);
    write(&world, 204, "/secret-id/lookup", json!({"secret_id": right["secret_id"]})).await;
    assert_eq!(secret_ids(&world).await, 0);
    let young = credentials(&world, json!({})).await;
    root(&world, 204, "POST", "auth/in/tidy/secret-id", json!({})).await;
    assert_eq!(log_in(&world, LOGIN, young).await.status, 200);
    // What is tidied away could be chosen again.
    write(&world, 200, "/custom-secret-id", json!({"secret_id": right["secret_id"]})).await;
}

#[tokio::test]
async fn role_ids_secret_ids_and_accessors_are_in_no_line_and_a_failed_login_is_on_record() {
    let world = with("approle").await;
    let keys = ["role_id", "secret_id", "secret_id_accessor", "keys"];
    let tune = json!({"audit_non_hmac_request_keys": keys, "audit_non_hmac_response_keys": &keys[..3]});
    root(&world, 204, "POST", "sys/auth/in/tune", tune).await;
    let device = world.device("test/", false).await;
    write(&world, 204, "", json!({"role_id": "canary-role-id", "secret_id_num_uses": 2})).await;
    write(&world, 204, "/role-id", json!({"role_id": "canary-role-id-2"})).await;
    let made = write(&world, 200, "/custom-secret-id", json!({"secret_id": "canary-secret-id"})).await;
    let accessor_of = made.body["data"]["secret_id_accessor"].as_str().unwrap().to_owned();
    let random = credentials(&world, json!({"metadata": {"team": "blue"}})).await;
    for (path, body) in [
        ("/secret-id/lookup", json!({"secret_id": "canary-secret-id"})),
        ("/secret-id-accessor/lookup", json!({"secret_id_accessor": accessor_of})),
    ] {
        write(&world, 200, path, body).await;
    }
    let said = log_in(&world, LOGIN, random.clone()).await;
    assert_eq!(said.status, 200);
    assert_eq!(last(&device)["response"]["auth"]["metadata"], json!({"role_name": "app", "team": "blue"}));
    let wrong = json!({"role_id": "canary-role-id-2", "secret_id": "canary-wrong"});
    for _ in 0..6 {
        log_in(&world, LOGIN, wrong.clone()).await;
    }
    let response = last(&device);
    assert!(response["error"].as_str().unwrap().contains("the account is locked"), "{response}");
    for key in ["role_id", "secret_id"] {
        assert!(response["request"]["data"][key].as_str().unwrap().starts_with("hmac-sha256:"), "{response}");
    }
    let locked = root(&world, 200, "GET", "sys/locked-users", Value::Null).await;
    assert!(locked.text.contains("canary-role-id-2"), "{}", locked.text);
    let unlock = format!("sys/locked-users/{}/unlock/canary-role-id-2", accessor(&world).await);
    root(&world, 204, "POST", &unlock, json!({})).await;
    write(&world, 204, "/secret-id-accessor/destroy", json!({"secret_id_accessor": accessor_of})).await;
    root(&world, 200, "LIST", &format!("{ROLE}/secret-id"), Value::Null).await;
    let random_secret = random["secret_id"].as_str().unwrap();
    assert_absent(&device, &["canary-", random_secret, &accessor_of]);
}
