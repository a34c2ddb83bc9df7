//! The walks of docs/EXTENDING.md: a secrets engine and a login method, each one file and one row, through a whole server.

mod engine_notes;
pub(crate) mod login_pin;

use crate::kit::{TestServer, ask, entries};
use onrecord_audit::device::faulty::{Fault, FaultControl};
use onrecord_core::{Settings, kinds};
use serde_json::{Value, json};

/// A server whose table of kinds has two rows more, with an audit device.
async fn extended() -> (TestServer, FaultControl) {
    let kinds = kinds::builtin().with(&engine_notes::KIND).with(&login_pin::KIND);
    let world = TestServer::with_kinds(Settings::default(), kinds).await;
    let device = world.device("test/", false).await;
    (world, device)
}

fn last(device: &FaultControl) -> Value {
    entries(device).pop().unwrap()
}

#[tokio::test]
async fn a_secrets_engine_is_one_file_and_one_row() {
    let (world, device) = extended().await;
    assert_eq!(world.root("POST", "sys/mounts/diary", Some(json!({"type": "notes"}))).await.status, 204);
    let listed = world.root("GET", "sys/mounts/diary", None).await;
    assert_eq!(listed.body["data"]["type"], "notes");
    assert!(listed.body["data"]["accessor"].as_str().unwrap().starts_with("notes_"));
    for line in ["one", "two"] {
        let said = world.root("POST", "diary/notes/today", Some(json!({"line": line}))).await;
        assert_eq!((said.status, &said.body["data"]["name"]), (200, &json!("today")));
    }
    let said = world.root("GET", "diary/notes/today", None).await;
    assert_eq!(said.body["data"]["lines"], json!(["one", "two"]));
    let response = last(&device);
    assert_eq!(
        (&response["request"]["mount_type"], &response["type"]),
        (&json!("notes"), &json!("response"))
    );
    let lines = response["response"]["data"]["lines"].as_array().unwrap();
    assert!(lines.iter().all(|line| line.as_str().unwrap().starts_with("hmac-sha256:")), "{response}");
    let said = world.root("LIST", "diary/notes", None).await;
    assert_eq!(said.body["data"]["keys"], json!(["today"]));
    assert_eq!(world.root("PATCH", "diary/notes/today", Some(json!({}))).await.status, 405);
    assert_eq!(world.root("GET", "diary/nothing", None).await.status, 404);
    assert_eq!(world.send(ask("GET", "diary/notes/today")).await.status, 403, "without a token");
    let help = world.send(ask("GET", "diary/notes/x").query("help=1").token(&world.root)).await;
    assert!(help.body["help"].as_str().unwrap().contains("add a line to it"), "{help:?}");
    let openapi = world.root("GET", "sys/internal/specs/openapi", None).await;
    assert!(openapi.body["paths"]["/diary/notes/{name}"]["delete"].is_object());
    assert_eq!(world.root("DELETE", "diary/notes/today", None).await.status, 204);
    assert_eq!(world.root("GET", "diary/notes/today", None).await.status, 404);
    // The table outlives the seal.
    world.core.seal(std::time::Duration::from_secs(5)).await;
    world.core.unseal(&world.key).await.unwrap();
    assert_eq!(world.root("DELETE", "sys/mounts/diary", None).await.status, 204);
    assert_eq!(world.root("GET", "diary/notes/today", None).await.status, 404);
}

/// A login method at `auth/door/` with one card, and the path of its login.
async fn with_a_card(world: &TestServer) -> &'static str {
    assert_eq!(world.root("POST", "sys/auth/door", Some(json!({"type": "pin"}))).await.status, 204);
    let policy = json!({"policy": "path \"cubbyhole/*\" { capabilities = [\"read\"] }"});
    assert_eq!(world.root("PUT", "sys/policies/acl/visitor", Some(policy)).await.status, 204);
    let card = json!({"pin": "secret-pin", "policies": ["visitor"]});
    assert_eq!(world.root("POST", "auth/door/cards/4711-canary", Some(card)).await.status, 204);
    "auth/door/login/4711-canary"
}

#[tokio::test]
async fn a_login_method_is_one_file_and_one_row() {
    let (world, device) = extended().await;
    let login = with_a_card(&world).await;
    let listed = world.root("GET", "sys/auth", None).await;
    assert_eq!(listed.body["data"]["door/"]["type"], "pin");
    assert!(listed.body["data"]["door/"]["accessor"].as_str().unwrap().starts_with("auth_pin_"));
    // The settings of the mount cannot uncover a secret field.
    let tune = json!({"audit_non_hmac_request_keys": ["pin"]});
    assert_eq!(world.root("POST", "sys/auth/door/tune", Some(tune)).await.status, 204);
    let refused = world.send(ask("POST", login).json(&json!({"pin": "wrong-pin"}))).await;
    assert_eq!((refused.status, refused.error()), (400, "unknown card, or wrong PIN"));
    let said = world.send(ask("POST", login).json(&json!({"pin": "secret-pin"}))).await;
    assert_eq!(said.status, 200, "{said:?}");
    let auth = &said.body["auth"];
    assert_eq!(auth["policies"], json!(["default", "visitor"]));
    assert_eq!((&auth["renewable"], &auth["orphan"]), (&json!(true), &json!(true)));
    let token = auth["client_token"].as_str().unwrap();
    let own = world.send(ask("GET", "auth/token/lookup-self").token(token)).await;
    assert_eq!((&own.body["data"]["display_name"], own.status), (&json!("door-card"), 200));
    // On record: the login without a token, the secrets hashed, the token that it issued.
    let all = entries(&device);
    let pair: Vec<&Value> = all.iter().filter(|entry| entry["request"]["mount_type"] == "pin").collect();
    let [.., request, response] = pair.as_slice() else { panic!("{all:?}") };
    for entry in [request, response] {
        let path = entry["request"]["path"].as_str().unwrap();
        assert!(path.starts_with("auth/door/login/hmac-sha256:"), "{path}");
        assert!(entry["request"]["data"]["pin"].as_str().unwrap().starts_with("hmac-sha256:"), "{entry}");
        assert!(entry["request"].get("client_token").is_none(), "{entry}");
        assert_eq!(entry["request"]["mount_class"], "auth");
    }
    assert_eq!(request["auth"]["policy_results"]["allowed"], true);
    for auth in [&response["auth"], &response["response"]["auth"]] {
        assert_eq!(auth["display_name"], "door-card", "{response}");
        assert!(auth["client_token"].as_str().unwrap().starts_with("hmac-sha256:"), "{response}");
    }
    for line in device.lines() {
        let line = String::from_utf8_lossy(&line).into_owned();
        for canary in ["4711-canary", "secret-pin", "wrong-pin", token] {
            assert!(!line.contains(canary), "{canary}: {line}");
        }
    }
    // The path of the token's lease is in the clear in storage: it has not the secret of the path.
    let leases = world.core.unsealed().unwrap().barrier.view("lease/").unwrap();
    let keys = leases.keys("", "", usize::MAX).await.unwrap();
    assert!(keys.iter().any(|key| key.starts_with("id/auth/door/login/h")), "{keys:?}");
    assert!(!keys.iter().any(|key| key.contains("canary")), "{keys:?}");
    // Help is for those whom a policy lets in, except where no token is needed.
    let help = world.send(ask("GET", login).query("help=1")).await;
    assert!(help.body["help"].as_str().unwrap().contains("Needs: no token"), "{help:?}");
    assert_eq!(world.send(ask("POST", "auth/door/cards/1").json(&json!({"pin": "12345"}))).await.status, 403);
}

#[tokio::test]
async fn a_login_method_is_disabled_where_it_was_enabled() {
    let (world, _device) = extended().await;
    let login = with_a_card(&world).await;
    let again = world.root("POST", "sys/auth/door", Some(json!({"type": "pin"}))).await;
    assert_eq!((again.status, again.error()), (400, "path is already in use at door/"));
    let wrong = world.root("POST", "sys/mounts/door", Some(json!({"type": "pin"}))).await;
    assert_eq!((wrong.status, wrong.error()), (400, "plugin not found in the catalog: pin"));
    let wrong = world.root("POST", "sys/auth/kv", Some(json!({"type": "kv"}))).await;
    assert_eq!((wrong.status, wrong.error()), (400, "plugin not found in the catalog: kv"));
    let wrong = world.root("DELETE", "sys/mounts/auth/door", None).await;
    assert_eq!((wrong.status, wrong.error()), (400, "cannot unmount \"auth/door/\""));
    let logged_in = world.send(ask("POST", login).json(&json!({"pin": "secret-pin"}))).await;
    let token = logged_in.body["auth"]["client_token"].as_str().unwrap();
    let own = async || world.send(ask("GET", "auth/token/lookup-self").token(token)).await.status;
    assert_eq!(own().await, 200);
    assert_eq!(world.root("DELETE", "sys/auth/door", None).await.status, 204);
    assert_eq!(own().await, 403, "the tokens that it let in have ended");
    assert_eq!(world.send(ask("POST", login).json(&json!({"pin": "secret-pin"}))).await.status, 403);
}

#[tokio::test]
async fn a_login_that_cannot_be_recorded_leaves_no_token() {
    let (world, device) = extended().await;
    let login = with_a_card(&world).await;
    let unsealed = world.core.unsealed().unwrap();
    let tokens = async || unsealed.tokens.accessors(unsealed.host.clock.now()).await.unwrap().len();
    let before = tokens().await;
    let log_in = || world.send(ask("POST", login).json(&json!({"pin": "secret-pin"})));
    let before = before + 1;
    let first = device.lines().len();
    assert_eq!(log_in().await.status, 200);
    let lines = device.lines();
    // Room for a request entry like the first, and not for its response.
    let taken: usize = lines.iter().map(Vec::len).sum();
    device.set(Fault::Room(taken + lines[first].len() + 40));
    let said = log_in().await;
    assert_eq!(said.status, 500, "{said:?}");
    assert!(!said.text.contains("client_token"), "{said:?}");
    assert_eq!(tokens().await, before);
}
