//! Response wrapping: who gets what is wrapped, how often, and what is on record of it.

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_core::Settings;
use onrecord_value::Time;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::kit::{Reply, TestRequest, TestServer, ask, entries, outline};

const GONE: &str = "wrapping token is not valid or does not exist";
const CANARY: &str = "cAnArY9d2";

/// A server with a secret at `kv/app`.
async fn with_secret() -> TestServer {
    // Those that come too late are refused: here all of them get their own answers.
    let world = TestServer::with(Settings { unauthenticated_rate_limit: 0, ..Settings::default() }).await;
    world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await;
    assert_eq!(world.root("POST", "kv/app", Some(json!({"password": CANARY}))).await.status, 204);
    world
}

impl TestServer {
    async fn wrapped(&self, request: TestRequest, ttl: &str) -> Reply {
        let said = self.send(request.token(&self.root).header("X-Vault-Wrap-TTL", ttl)).await;
        assert_eq!(said.status, 200, "{}", said.text);
        said
    }

    /// A wrapping token with the secret in it.
    async fn wrapped_secret(&self) -> String {
        token(&self.wrapped(ask("GET", "kv/app"), "60").await)
    }

    async fn stored_tokens(&self) -> usize {
        let unsealed = self.core.unsealed().unwrap();
        unsealed.tokens.accessors(unsealed.host.clock.now()).await.unwrap().len()
    }
}

fn token(said: &Reply) -> String {
    said.body["wrap_info"]["token"].as_str().unwrap_or_else(|| panic!("{}", said.text)).to_owned()
}

fn unwrap() -> TestRequest {
    ask("POST", "sys/wrapping/unwrap").json(&json!({}))
}

fn unwrap_named(token: &str) -> TestRequest {
    ask("POST", "sys/wrapping/unwrap").json(&json!({"token": token}))
}

#[tokio::test]
async fn a_wrapped_answer_is_exchanged_for_its_token_once() {
    let world = with_secret().await;
    let plain = world.root("GET", "kv/app", None).await;
    for (way, request) in [
        ("as the client token", (|token: &str| unwrap().token(token)) as fn(&str) -> TestRequest),
        ("in the body, without a client token", unwrap_named),
    ] {
        let said = world.wrapped(ask("GET", "kv/app"), "5m").await;
        assert!(!said.text.contains(CANARY) && !said.text.contains("password"), "{}", said.text);
        let info = &said.body["wrap_info"];
        assert_eq!((&info["ttl"], &info["creation_path"]), (&json!(300), &json!("kv/app")));
        assert_eq!(info.get("wrapped_accessor"), None);
        assert_eq!((&said.body["data"], &said.body["request_id"]), (&Value::Null, &json!("")));
        let token = token(&said);
        let opened = world.send(request(&token)).await;
        assert_eq!(opened.status, 200, "{way}: {}", opened.text);
        for key in ["data", "lease_duration", "auth", "wrap_info"] {
            assert_eq!(opened.body[key], plain.body[key], "{way}: {key}");
        }
        let again = world.send(request(&token)).await;
        assert_eq!((again.status, again.error()), (400, GONE), "{way}");
    }
    let token = world.wrapped_secret().await;
    let opened = world.send(unwrap_named(&token).token(&world.root)).await;
    assert_eq!(opened.body["data"]["password"], CANARY, "in the body, beside another client token");
    assert_eq!(world.send(unwrap_named(&token).token(&world.root)).await.error(), GONE);
    assert_eq!(world.stored_tokens().await, 1, "what was spent is gone, with its cubbyhole");
}

#[tokio::test]
async fn a_wrapping_token_opens_nothing_else() {
    let world = with_secret().await;
    for (method, path) in [
        ("GET", "kv/app"),
        ("GET", "auth/token/lookup-self"),
        ("POST", "auth/token/renew-self"),
        ("POST", "auth/token/create"),
        ("POST", "cubbyhole/response"),
        ("LIST", "cubbyhole/"),
        ("POST", "sys/wrapping/wrap"),
        ("POST", "sys/wrapping/rewrap"),
    ] {
        let token = world.wrapped_secret().await;
        let said = world.send(ask(method, path).json(&json!({})).token(&token)).await;
        assert_eq!(said.status, 403, "{method} {path}: {}", said.text);
        assert_eq!(world.send(unwrap().token(&token)).await.error(), GONE, "{method} {path}: a use is a use");
    }
    let renewal = json!({"token": world.wrapped_secret().await});
    let said = world.root("POST", "auth/token/renew", Some(renewal)).await;
    assert_eq!((said.status, said.error()), (400, "lease is not renewable"));
}

#[tokio::test]
async fn an_old_client_reads_the_wrapped_answer_as_a_text() {
    let world = with_secret().await;
    let token = world.wrapped_secret().await;
    let said = world.send(ask("GET", "cubbyhole/response").token(&token)).await;
    let inside: Value = serde_json::from_str(said.body["data"]["response"].as_str().unwrap()).unwrap();
    assert_eq!(inside["data"]["password"], CANARY);
    assert_eq!(world.send(unwrap().token(&token)).await.error(), GONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_that_unwrap_at_once_exactly_one_gets_the_answer() {
    let world = with_secret().await;
    for round in 0..40 {
        let token = world.wrapped_secret().await;
        let mut asked = JoinSet::new();
        for number in 0..50 {
            let (world, token) = (world.clone(), token.clone());
            asked.spawn(async move {
                let request = match (round + number) % 3 {
                    0 => unwrap().token(&token),
                    1 => unwrap_named(&token),
                    _ => unwrap_named(&token).token(&world.root),
                };
                world.send(request).await
            });
        }
        let answers = asked.join_all().await;
        let won = answers.iter().filter(|said| said.status == 200).count();
        assert_eq!(won, 1, "round {round}");
        assert!(answers.iter().all(|said| said.status == 200 || (said.status, said.error()) == (400, GONE)));
    }
}

#[tokio::test]
async fn the_lives_of_wrapping_tokens_end_by_the_clock_and_by_revocation() {
    let clock = Arc::new(ManualClock::at(Time::from_unix(1_700_000_000, 0)));
    let world = TestServer::by(Arc::clone(&clock) as _, Settings::default()).await;
    let wrap = || ask("POST", "sys/wrapping/wrap").json(&json!({"a": "b"}));
    let expiring = token(&world.wrapped(wrap(), "60").await);
    let revoked = world.wrapped(wrap(), "1h").await;
    let lasting = token(&world.wrapped(wrap(), "1h").await);
    clock.advance(Duration::from_mins(1));
    let accessor = json!({"accessor": revoked.body["wrap_info"]["accessor"]});
    assert_eq!(world.root("POST", "auth/token/revoke-accessor", Some(accessor)).await.status, 204);
    for gone in [&expiring, &token(&revoked), "s.never0was0a0wrapping0token", &world.root] {
        for path in ["unwrap", "lookup", "rewrap"] {
            let request = ask("POST", &format!("sys/wrapping/{path}")).json(&json!({"token": gone}));
            let said = world.send(request.token(&world.root)).await;
            assert_eq!((said.status, said.error()), (400, GONE), "{path} {gone}");
        }
    }
    assert_eq!(world.send(unwrap().token(&lasting)).await.body["data"], json!({"a": "b"}));
}

#[tokio::test]
async fn a_look_up_uses_nothing_and_needs_no_other_token() {
    let world = with_secret().await;
    let token = world.wrapped_secret().await;
    let lookup = |method: &str| ask(method, "sys/wrapping/lookup");
    for request in [
        lookup("POST").json(&json!({"token": token})),
        lookup("POST").json(&json!({})).token(&token),
        lookup("GET").token(&token),
    ] {
        let said = world.send(request).await;
        let data = said.body["data"].as_object().unwrap_or_else(|| panic!("{}", said.text));
        assert_eq!((&data["creation_ttl"], &data["creation_path"]), (&json!(60), &json!("kv/app")));
        assert!(data["creation_time"].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(world.send(unwrap().token(&token)).await.status, 200);
}

#[tokio::test]
async fn a_rewrapped_answer_has_a_new_token_and_the_old_one_is_spent() {
    let world = with_secret().await;
    let old = world.wrapped_secret().await;
    let request = |token: &str| ask("POST", "sys/wrapping/rewrap").json(&json!({"token": token}));
    let said = world.send(request(&old).token(&world.root)).await;
    let info = &said.body["wrap_info"];
    assert_eq!((&info["ttl"], &info["creation_path"]), (&json!(60), &json!("kv/app")), "{}", said.text);
    let new = token(&said);
    assert_ne!(old, new);
    assert_eq!(world.send(unwrap().token(&old)).await.error(), GONE);
    assert_eq!(world.send(unwrap().token(&new)).await.body["data"]["password"], CANARY);
    let mut asked = JoinSet::new();
    let shared = world.wrapped_secret().await;
    for _ in 0..50 {
        let (world, request) = (world.clone(), request(&shared).token(&world.root));
        asked.spawn(async move { world.send(request).await.status });
    }
    let statuses = asked.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert!(statuses.iter().all(|status| [200, 400].contains(status)));
}

#[tokio::test]
async fn a_token_that_is_wrapped_is_named_by_its_accessor() {
    let world = with_secret().await;
    let create = ask("POST", "auth/token/create").json(&json!({"policies": ["default"]}));
    let said = world.wrapped(create, "60").await;
    let accessor = said.body["wrap_info"]["wrapped_accessor"].clone();
    let opened = world.send(unwrap().token(&token(&said))).await;
    assert_eq!(opened.body["auth"]["accessor"], accessor);
    let inside = opened.body["auth"]["client_token"].as_str().unwrap();
    assert_eq!(world.send(ask("GET", "auth/token/lookup-self").token(inside)).await.status, 200);
}

#[tokio::test]
async fn refusals_and_answers_without_a_body_are_not_wrapped() {
    let world = with_secret().await;
    let send = async |request: TestRequest| {
        world.send(request.token(&world.root).header("X-Vault-Wrap-TTL", "60")).await
    };
    let stored = world.stored_tokens().await;
    assert_eq!(send(ask("GET", "kv/nothing")).await.status, 404);
    assert_eq!(send(ask("GET", "nowhere")).await.status, 404);
    assert_eq!(send(ask("POST", "kv/b").json(&json!({"a": "b"}))).await.status, 204);
    assert_eq!(world.stored_tokens().await, stored);
    let not_wrapped = "the answer of this path cannot be wrapped: send the request without X-Vault-Wrap-TTL";
    for request in [
        unwrap_named(&world.wrapped_secret().await),
        ask("POST", "sys/wrapping/lookup").json(&json!({"token": "x"})),
        ask("GET", "sys/metrics").query("format=prometheus"),
        ask("GET", "sys/mounts").query("help=1"),
    ] {
        let path = request.path.clone();
        let said = send(request).await;
        assert_eq!((said.status, said.error()), (400, not_wrapped), "{path}");
    }
    let said = world.root("POST", "sys/wrapping/wrap", Some(json!({"a": "b"}))).await;
    assert_eq!((said.status, said.error()), (400, "endpoint requires response wrapping to be used"));
    let unbounded = send(ask("GET", "kv/app")).await;
    assert_eq!(unbounded.status, 200);
}

#[tokio::test]
async fn policies_bound_how_long_an_answer_may_stay_wrapped() {
    let world = with_secret().await;
    let rule = r#"path "kv/*" { capabilities = ["create", "read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "1h" }"#;
    world.root("PUT", "sys/policies/acl/wrapped", Some(json!({"policy": rule}))).await;
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["wrapped"]}))).await;
    let client = made.body["auth"]["client_token"].as_str().unwrap();
    for (ttl, status) in [("", 403), ("59", 403), ("60", 200), ("1h", 200), ("3601s", 403)] {
        let said = world.send(ask("GET", "kv/app").token(client).header("X-Vault-Wrap-TTL", ttl)).await;
        assert_eq!(said.status, status, "{ttl}: {}", said.text);
    }
    let write = ask("POST", "kv/new").json(&json!({"a": "b"})).token(client);
    assert_eq!(world.send(write.header("X-Vault-Wrap-TTL", "60")).await.status, 204);
}

#[tokio::test]
async fn the_policy_of_wrapping_tokens_is_for_them_alone() {
    let world = TestServer::new().await;
    let said = world
        .root("PUT", "sys/policies/acl/response-wrapping", Some(json!({"policy": "path \"*\" {}"})))
        .await;
    assert_eq!((said.status, said.error()), (400, "cannot update \"response-wrapping\" policy"));
    let said = world.root("DELETE", "sys/policies/acl/response-wrapping", None).await;
    assert_eq!((said.status, said.error()), (400, "cannot delete \"response-wrapping\" policy"));
    let names = world.root("LIST", "sys/policies/acl", None).await;
    assert_eq!(names.body["data"]["keys"], json!(["default", "root"]));
    let asked = json!({"policies": ["response-wrapping", "default"]});
    let said = world.root("POST", "auth/token/create", Some(asked)).await;
    assert_eq!(said.status, 400);
    assert!(
        said.error().starts_with("the policy \"response-wrapping\" is for wrapping tokens alone"),
        "{}",
        said.text
    );
}

#[tokio::test]
async fn the_entries_of_a_wrapped_answer_say_who_has_it_and_nothing_of_it() {
    let world = with_secret().await;
    let device = world.device("test/", false).await;
    let said = world.wrapped(ask("GET", "kv/app"), "90").await;
    let token = token(&said);
    assert_eq!(world.send(unwrap_named(&token)).await.status, 200);
    assert_eq!(world.send(unwrap_named(&token)).await.status, 400);
    let lines = entries(&device);
    let all = String::from_utf8(device.lines().concat()).unwrap();
    assert!(!all.contains(CANARY) && !all.contains(&token), "neither the secret nor the token");
    assert_eq!(
        outline(&device)[2..],
        ["request", "response", "request", "response"]
            .map(|kind| format!("{kind} update sys/wrapping/unwrap"))
    );
    let [request, response, opening, opened, refused, refusal] = lines.as_slice() else { panic!("{all}") };
    assert_eq!(request["request"]["wrap_ttl"], 90);
    let info = &response["response"]["wrap_info"];
    assert_eq!((&info["ttl"], &info["creation_path"]), (&json!(90), &json!("kv/app")));
    let hash = info["token"].as_str().unwrap();
    assert!(hash.starts_with("hmac-sha256:") && response["response"].get("data").is_none(), "{response}");
    // The request that opens it has the same hash, and so has one that tries again.
    for entry in [opening, opened] {
        assert_eq!(entry["auth"]["client_token"], hash);
        assert_eq!(entry["auth"]["policies"], json!(["response-wrapping"]));
        assert_eq!(entry["request"]["data"]["token"], hash);
    }
    assert_eq!(opened["response"]["data"]["http_raw_body"]["data"]["password"].as_str().unwrap().len(), 76);
    for entry in [refused, refusal] {
        assert_eq!((&entry["error"], &entry["request"]["client_token"]), (&json!(GONE), &json!(hash)));
    }
    assert_eq!(refusal["response"]["status_code"], 400);
}

#[tokio::test]
async fn what_is_secret_in_a_path_is_neither_in_a_look_up_nor_in_the_entry_of_its_wrapped_answer() {
    let world = with_secret().await;
    let device = world.device("test/", false).await;
    let named = json!({"id": "a-chosen-token", "ttl": "1h"});
    assert_eq!(world.root("POST", "auth/token/create", Some(named)).await.status, 200);
    let said = world.wrapped(ask("GET", "auth/token/lookup/a-chosen-token"), "60").await;
    assert_eq!(said.body["wrap_info"]["creation_path"], "auth/token/lookup/{secret}");
    assert!(!String::from_utf8(device.lines().concat()).unwrap().contains("a-chosen-token"));
}

#[tokio::test]
async fn a_wrapped_answer_that_is_not_on_record_leaves_neither_the_wrapping_token_nor_what_is_inside() {
    let world = with_secret().await;
    let before = world.stored_tokens().await;
    world.device_that("test/", |line| !String::from_utf8_lossy(line).contains("\"type\":\"response\"")).await;
    for request in [ask("GET", "kv/app"), ask("POST", "auth/token/create").json(&json!({"ttl": "1h"}))] {
        let said = world.send(request.token(&world.root).header("X-Vault-Wrap-TTL", "60")).await;
        assert_eq!(said.status, 500, "{}", said.text);
        assert!(said.error().contains("is withheld"), "{}", said.text);
        assert_eq!(world.stored_tokens().await, before);
    }
}
