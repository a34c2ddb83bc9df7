//! Login with a name and a password.

use serde_json::{Value, json};

use super::{assert_absent, last, log_in, look_up, root, with};
use crate::kit::ask;

const LOGIN: &str = "auth/in/login/bob";

#[tokio::test]
async fn a_user_logs_in_with_name_and_password_and_gets_its_policies() {
    let world = with("userpass").await;
    let user = json!({"password": "canary-one", "token_policies": ["reader"], "token_ttl": "10m", "token_max_ttl": "1h"});
    root(&world, 204, "POST", "auth/in/users/Bob", user).await;
    let said = log_in(&world, LOGIN, json!({"password": "canary-one"})).await;
    assert_eq!(said.status, 200, "{}", said.text);
    let auth = &said.body["auth"];
    assert_eq!((&auth["policies"], &auth["lease_duration"]), (&json!(["default", "reader"]), &json!(600)));
    assert_eq!((&auth["metadata"], &auth["renewable"]), (&json!({"username": "bob"}), &json!(true)));
    let token = look_up(&world, &said).await;
    assert_eq!((&token["display_name"], &token["path"]), (&json!("in-bob"), &json!("auth/in/login/bob")));
    // Names have no case.
    assert_eq!(log_in(&world, "auth/in/login/BOB", json!({"password": "canary-one"})).await.status, 200);
    let listed = root(&world, 200, "LIST", "auth/in/users", Value::Null).await;
    assert_eq!(listed.body["data"]["keys"], json!(["bob"]));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_answered_alike() {
    let world = with("userpass").await;
    root(&world, 204, "POST", "auth/in/users/bob", json!({"password": "right"})).await;
    let cidrs = json!({"password": "right", "token_bound_cidrs": "192.0.2.0/24"});
    root(&world, 204, "POST", "auth/in/users/far", cidrs).await;
    let too_long = "x".repeat(100);
    for (path, password) in [
        (LOGIN, "wrong"),
        (LOGIN, too_long.as_str()),
        ("auth/in/login/nobody", "right"),
        ("auth/in/login/far", "right"),
        ("auth/in/login/far", "wrong"),
    ] {
        let said = log_in(&world, path, json!({"password": password})).await;
        assert_eq!((said.status, said.error()), (400, "invalid username or password"), "{path}");
    }
    let said = log_in(&world, LOGIN, json!({})).await;
    assert_eq!((said.status, said.error()), (400, "missing password"));
    let near = json!({"token_bound_cidrs": "127.0.0.1/32"});
    root(&world, 204, "POST", "auth/in/users/far", near).await;
    assert_eq!(log_in(&world, "auth/in/login/far", json!({"password": "right"})).await.status, 200);
}

#[tokio::test]
async fn a_user_is_read_changed_and_deleted() {
    let world = with("userpass").await;
    let missing = root(&world, 400, "POST", "auth/in/users/bob", json!({"policies": "a"})).await;
    assert_eq!(missing.error(), "missing password");
    root(
        &world,
        204,
        "POST",
        "auth/in/users/bob",
        json!({"password": "one", "policies": "not_root", "ttl": "10s"}),
    )
    .await;
    let read = root(&world, 200, "GET", "auth/in/users/bob", Value::Null).await;
    let data = &read.body["data"];
    assert_eq!((&data["policies"], &data["token_policies"]), (&json!(["not_root"]), &json!(["not_root"])));
    assert_eq!((&data["token_ttl"], &data["token_type"]), (&json!(10), &json!("default")));
    assert!(data.get("password").is_none() && data.get("password_hash").is_none(), "{}", read.text);
    // What is not named stays, the password too.
    root(&world, 204, "POST", "auth/in/users/bob", json!({"policies": "other"})).await;
    let said = log_in(&world, LOGIN, json!({"password": "one"})).await;
    assert_eq!(
        (&said.body["auth"]["policies"], &said.body["auth"]["lease_duration"]),
        (&json!(["default", "other"]), &json!(10))
    );
    root(&world, 204, "POST", "auth/in/users/bob/password", json!({"password": "two"})).await;
    assert_eq!(log_in(&world, LOGIN, json!({"password": "one"})).await.status, 400);
    root(&world, 204, "POST", "auth/in/users/bob/policies", json!({"token_policies": ["third"]})).await;
    let said = log_in(&world, LOGIN, json!({"password": "two"})).await;
    assert_eq!(said.body["auth"]["policies"], json!(["default", "third"]));
    for (path, body) in [
        ("auth/in/users/nobody/password", json!({"password": "x"})),
        ("auth/in/users/nobody/policies", json!({"policies": "x"})),
    ] {
        assert_eq!(root(&world, 400, "POST", path, body).await.error(), "username does not exist");
    }
    root(&world, 204, "DELETE", "auth/in/users/bob", Value::Null).await;
    root(&world, 404, "GET", "auth/in/users/bob", Value::Null).await;
    root(&world, 404, "LIST", "auth/in/users", Value::Null).await;
    assert_eq!(log_in(&world, LOGIN, json!({"password": "two"})).await.status, 400);
}

#[tokio::test]
async fn users_outlive_the_seal_and_an_imported_hash_logs_in() {
    let world = with("userpass").await;
    let hash = "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i";
    root(&world, 204, "POST", "auth/in/users/bob", json!({"password_hash": hash})).await;
    world.core.seal(std::time::Duration::from_secs(5)).await;
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(log_in(&world, LOGIN, json!({"password": "abc"})).await.status, 200);
    assert_eq!(log_in(&world, LOGIN, json!({"password": "abd"})).await.status, 400);
}

#[tokio::test]
async fn what_a_user_cannot_have_is_refused_by_name() {
    let world = with("userpass").await;
    for (path, body, text) in [
        ("auth/in/users/bob", json!({"password": "x", "password_hash": "y"}), "mutually exclusive"),
        ("auth/in/users/bob", json!({"password_hash": "y"}), "not a bcrypt hash"),
        ("auth/in/users/bob", json!({"password": "x".repeat(73)}), "at most 72 bytes"),
        (
            "auth/in/users/bob",
            json!({"password": "x", "token_policies": "root"}),
            "cannot grant the policy root",
        ),
        ("auth/in/users/-bob", json!({"password": "x"}), "the name of a user"),
        ("auth/in/users/bob.", json!({"password": "x"}), "the name of a user"),
        ("auth/in/users/böb", json!({"password": "x"}), "the name of a user"),
    ] {
        let said = root(&world, 400, "POST", path, body).await;
        assert!(said.error().contains(text), "{}", said.text);
    }
    let said =
        root(&world, 200, "POST", "auth/in/users/bob", json!({"password": "x", "colour": "red"})).await;
    assert!(said.body["warnings"][0].as_str().unwrap().contains("[colour]"), "{}", said.text);
}

#[tokio::test]
async fn a_policy_tells_a_new_user_from_a_changed_one() {
    let world = with("userpass").await;
    let policy = json!({"policy": "path \"auth/in/users/*\" { capabilities = [\"create\"] }"});
    root(&world, 204, "PUT", "sys/policies/acl/adder", policy).await;
    let made = root(&world, 200, "POST", "auth/token/create", json!({"policies": ["adder"]})).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap();
    let write = || world.send(ask("POST", "auth/in/users/bob").json(&json!({"password": "x"})).token(token));
    assert_eq!(write().await.status, 204);
    assert_eq!(write().await.status, 403);
    let other_case = ask("POST", "auth/in/users/BOB").json(&json!({"password": "x"})).token(token);
    assert_eq!(world.send(other_case).await.status, 403);
}

#[tokio::test]
async fn a_password_is_in_no_line_and_a_failed_login_is_on_record_with_the_users_name() {
    let world = with("userpass").await;
    let tune = json!({"audit_non_hmac_request_keys": ["password", "password_hash"]});
    root(&world, 204, "POST", "sys/auth/in/tune", tune).await;
    let device = world.device("test/", false).await;
    let hash = "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i";
    root(&world, 204, "POST", "auth/in/users/bob", json!({"password": "canary-one"})).await;
    root(&world, 204, "POST", "auth/in/users/eve", json!({"password_hash": hash})).await;
    root(&world, 204, "POST", "auth/in/users/bob/password", json!({"password": "canary-two"})).await;
    assert_eq!(log_in(&world, LOGIN, json!({"password": "canary-two"})).await.status, 200);
    let response = last(&device);
    assert_eq!(response["response"]["auth"]["metadata"], json!({"username": "bob"}));
    assert_eq!(log_in(&world, LOGIN, json!({"password": "canary-wrong"})).await.status, 400);
    let response = last(&device);
    assert_eq!(response["request"]["path"], LOGIN);
    assert_eq!(response["error"], "1 error occurred:\n\t* invalid credentials\n\n");
    assert!(
        response["request"]["data"]["password"].as_str().unwrap().starts_with("hmac-sha256:"),
        "{response}"
    );
    // Beside a field that the route does not know, all is one digest.
    log_in(&world, LOGIN, json!({"password": "canary-wrong", "other": "canary-other"})).await;
    assert_eq!(last(&device)["request"]["data_over_limit"], "unauthenticated");
    assert_absent(&device, &["canary-", hash, "If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf"]);
}

#[tokio::test]
async fn a_token_is_renewed_within_the_bounds_of_the_mount_that_let_its_client_in() {
    let world = with("userpass").await;
    root(&world, 204, "POST", "sys/auth/in/tune", json!({"max_lease_ttl": "1h", "default_lease_ttl": "10m"}))
        .await;
    root(&world, 204, "POST", "auth/in/users/bob", json!({"password": "right"})).await;
    let said = log_in(&world, "auth/in/login/bob", json!({"password": "right"})).await;
    let token = said.body["auth"]["client_token"].as_str().unwrap();
    let renew = ask("POST", "auth/token/renew-self").token(token).json(&json!({"increment": "48h"}));
    let renewed = world.send(renew).await;
    assert_eq!(renewed.status, 200, "{}", renewed.text);
    let seconds = renewed.body["auth"]["lease_duration"].as_u64().unwrap();
    assert!(seconds <= 3600, "{}", renewed.text);
}
