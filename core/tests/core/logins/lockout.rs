//! Failed logins lock an account for a while.

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_core::Settings;
use onrecord_value::Time;
use serde_json::{Value, json};

use super::{accessor, assert_absent, last, log_in, root, with};
use crate::kit::TestServer;

const LOGIN: &str = "auth/in/login/bob";

async fn wrong(world: &TestServer) -> u16 {
    log_in(world, LOGIN, json!({"password": "wrong"})).await.status
}

/// A server with a user, and the clock that its test moves. Two failed logins lock: hashing takes its time.
async fn with_bob() -> (TestServer, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Time::from_unix(1_700_000_000, 0)));
    let world = TestServer::by(Arc::clone(&clock) as _, Settings::default()).await;
    let config = json!({"user_lockout_config": {"lockout_threshold": "2", "lockout_duration": "10m"}});
    root(&world, 204, "POST", "sys/auth/in", json!({"type": "userpass", "config": config})).await;
    root(&world, 204, "POST", "auth/in/users/bob", json!({"password": "right"})).await;
    (world, clock)
}

#[tokio::test]
async fn a_locked_account_refuses_the_right_password_until_its_time_is_over() {
    let (world, clock) = with_bob().await;
    let device = world.device("test/", false).await;
    assert_eq!(wrong(&world).await, 400);
    assert_eq!(last(&device)["error"], "1 error occurred:\n\t* invalid credentials\n\n");
    assert_eq!(wrong(&world).await, 400);
    assert!(last(&device)["error"].as_str().unwrap().contains("the account is locked now"));
    let said = log_in(&world, LOGIN, json!({"password": "right"})).await;
    assert_eq!((said.status, said.error()), (403, "permission denied"));
    let response = last(&device);
    assert!(response["error"].as_str().unwrap().contains("the account is locked after"), "{response}");
    assert_eq!(response["request"]["path"], LOGIN);
    let locked = root(&world, 200, "GET", "sys/locked-users", Value::Null).await;
    let mount = accessor(&world).await;
    assert_eq!(
        locked.body["data"],
        json!({"by_namespace": [{"counts": 1, "namespace_id": "root", "namespace_path": "", "mount_accessors": [
            {"mount_accessor": mount, "counts": 1, "alias_identifiers": ["bob"]}]}], "total": 1})
    );
    clock.advance(Duration::from_secs(599));
    assert_eq!(log_in(&world, LOGIN, json!({"password": "right"})).await.status, 403);
    clock.advance(Duration::from_secs(1));
    assert_eq!(log_in(&world, LOGIN, json!({"password": "right"})).await.status, 200);
    let locked = root(&world, 200, "GET", "sys/locked-users", Value::Null).await;
    assert_eq!(locked.body["data"], json!({"by_namespace": [], "total": 0}));
    assert_absent(&device, &["right"]);
}

#[tokio::test]
async fn an_operator_unlocks_an_account_and_an_unknown_name_locks_alike() {
    let (world, _clock) = with_bob().await;
    for _ in 0..2 {
        assert_eq!(log_in(&world, "auth/in/login/nobody", json!({"password": "x"})).await.status, 400);
        assert_eq!(wrong(&world).await, 400);
    }
    assert_eq!(log_in(&world, "auth/in/login/nobody", json!({"password": "x"})).await.status, 403);
    assert_eq!(log_in(&world, "auth/in/login/BOB", json!({"password": "right"})).await.status, 403);
    let mount = accessor(&world).await;
    root(&world, 400, "POST", "sys/locked-users/auth_userpass_0/unlock/bob", json!({})).await;
    root(&world, 204, "POST", &format!("sys/locked-users/{mount}/unlock/Bob"), json!({})).await;
    root(&world, 204, "POST", &format!("sys/locked-users/{mount}/unlock/never-locked"), json!({})).await;
    assert_eq!(log_in(&world, LOGIN, json!({"password": "right"})).await.status, 200);
    let listed = root(&world, 200, "GET", "sys/locked-users", Value::Null).await;
    assert_eq!(listed.body["data"]["total"], 1, "{}", listed.text);
}

#[tokio::test]
async fn the_settings_of_a_mount_say_when_its_accounts_are_locked() {
    let (world, _clock) = with_bob().await;
    let read = root(&world, 200, "GET", "sys/auth/in/tune", Value::Null).await;
    assert_eq!(read.body["data"]["user_lockout_threshold"], 2, "{}", read.text);
    assert_eq!(read.body["data"]["user_lockout_duration"], 600);
    let off = json!({"user_lockout_config": {"lockout_disable": true}});
    root(&world, 204, "POST", "sys/auth/in/tune", off).await;
    for _ in 0..4 {
        assert_eq!(wrong(&world).await, 400);
    }
    let on = json!({"user_lockout_config": {"lockout_disable": false, "lockout_threshold": 1, "lockout_counter_reset": "1m"}});
    root(&world, 204, "POST", "sys/auth/in/tune", on).await;
    assert_eq!((wrong(&world).await, wrong(&world).await), (400, 403));
    let refused = json!({"user_lockout_config": {"lockout_threshold": 3}});
    let said = root(&world, 400, "POST", "sys/auth/token/tune", refused).await;
    assert!(said.error().contains("not allowed"), "{}", said.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_wrong_logins_at_once_no_more_are_tried_than_the_threshold() {
    let world = with("userpass").await;
    root(&world, 204, "POST", "auth/in/users/bob", json!({"password": "right"})).await;
    let logins: Vec<_> = (0..50)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { wrong(&world).await })
        })
        .collect();
    let mut statuses = Vec::new();
    for login in logins {
        statuses.push(login.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 45, "{statuses:?}");
    assert_eq!(log_in(&world, LOGIN, json!({"password": "right"})).await.status, 403);
}

#[tokio::test]
async fn an_account_at_which_more_logins_failed_than_a_new_threshold_allows_is_locked_and_no_login_hangs() {
    let (world, _clock) = with_bob().await;
    let tune = async |threshold: u64| {
        let config = json!({"user_lockout_config": {"lockout_threshold": threshold}});
        root(&world, 204, "POST", "sys/auth/in/tune", config).await;
    };
    tune(5).await;
    for _ in 0..3 {
        assert_eq!(wrong(&world).await, 400);
    }
    tune(2).await;
    let login = log_in(&world, LOGIN, json!({"password": "right"}));
    let said = tokio::time::timeout(Duration::from_secs(20), login).await.expect("it does not hang");
    assert_eq!(said.status, 403, "{}", said.text);
    let locked = root(&world, 200, "GET", "sys/locked-users", Value::Null).await;
    assert_eq!(locked.body["data"]["total"], 1, "{}", locked.text);
}
