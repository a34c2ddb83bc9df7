//! What an entry says of its request: who was denied and by which policy, the status, the duration, the trace.

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_audit::device::faulty::FaultControl;
use onrecord_core::Settings;
use onrecord_storage::Storage;
use onrecord_storage::far::Far;
use serde_json::{Value, json};

use crate::kit::{TestRequest, TestServer, ask, core_by, entries, eventually, said};

const POLICIES: [(&str, &str); 2] = [
    (
        "team",
        r#"path "kv/*" { capabilities = ["create", "read"] }
           path "kv/bounded" { capabilities = ["update"] denied_parameters = { "colour" = [] } }
           path "sys/seal" { capabilities = ["update"] }"#,
    ),
    ("strict", r#"path "kv/closed" { capabilities = ["deny"] }"#),
];

/// A server with an engine at `kv/`, a device, and the policies above.
async fn world() -> (TestServer, FaultControl) {
    let world = TestServer::new().await;
    assert_eq!(world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await.status, 204);
    for (name, policy) in POLICIES {
        let path = format!("sys/policies/acl/{name}");
        assert_eq!(world.root("PUT", &path, Some(json!({"policy": policy}))).await.status, 204);
    }
    let device = world.device("test/", false).await;
    (world, device)
}

/// Sends a request; its status and its two entries.
async fn sent(world: &TestServer, device: &FaultControl, ask: TestRequest) -> (u16, [Value; 2]) {
    let before = entries(device).len();
    let status = world.send(ask).await.status;
    let [request, response] = &entries(device)[before..] else { panic!("two entries") };
    assert_eq!((&request["type"], &response["type"]), (&json!("request"), &json!("response")));
    assert_eq!(request["request"]["id"], response["request"]["id"]);
    (status, [request.clone(), response.clone()])
}

#[tokio::test]
async fn r_deny_a_denied_request_has_who_asked_and_the_policies_that_decided() {
    let (world, device) = world().await;
    let made = json!({"policies": ["team", "strict"], "display_name": "app", "meta": {"team": "a"}});
    let made = world.root("POST", "auth/token/create", Some(made)).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap();
    let cases: [(&str, &str, Value, Option<&str>); 6] = [
        ("GET", "kv/closed", Value::Null, Some("strict")),
        // Another spelling does not lead around a rule.
        ("LIST", "kv/closed/", Value::Null, Some("strict")),
        ("DELETE", "kv/app", Value::Null, Some("team")),
        ("POST", "kv/bounded", json!({"colour": "red"}), Some("team")),
        // The rule has the capability, and not sudo.
        ("PUT", "sys/seal", json!({}), Some("team")),
        ("GET", "sys/policies/acl", Value::Null, None),
    ];
    for (method, path, body, policy) in cases {
        let (status, recorded) = sent(&world, &device, ask(method, path).token(token).json(&body)).await;
        assert_eq!(status, 403, "{method} {path}");
        for entry in recorded {
            let auth = &entry["auth"];
            assert_eq!(auth["display_name"], "token-app", "{entry}");
            assert_eq!(auth["policies"], json!(["default", "strict", "team"]));
            assert_eq!(auth["metadata"], json!({"team": "a"}));
            assert_eq!(auth["token_type"], "service");
            for key in ["client_token", "accessor"] {
                assert!(auth[key].as_str().unwrap().starts_with("hmac-sha256:"), "{entry}");
            }
            let mut expected = json!({"allowed": false});
            if let Some(name) = policy {
                expected["denying_policies"] = json!([{"name": name, "namespace_id": "root", "type": "acl"}]);
            }
            assert_eq!(auth["policy_results"], expected, "{method} {path}");
            assert!(entry["error"].as_str().unwrap().contains("permission denied"), "{entry}");
            assert!(entry["request"]["client_id"].is_string());
        }
    }
    // Without a valid token there is nobody, and no policy was asked.
    let (status, recorded) = sent(&world, &device, ask("GET", "kv/app").token("s.unknown")).await;
    assert_eq!(status, 403);
    for entry in recorded {
        assert_eq!(entry["auth"], json!({"token_type": "default"}));
        assert!(entry["error"].as_str().unwrap().contains("permission denied"), "{entry}");
    }
}

#[tokio::test]
async fn r_deny_a_person_who_logged_in_is_named_in_the_entries_of_a_denied_request() {
    let (world, device) = world().await;
    assert_eq!(world.root("POST", "sys/auth/in", Some(json!({"type": "userpass"}))).await.status, 204);
    let user = json!({"password": "right", "token_policies": ["team"]});
    assert_eq!(world.root("POST", "auth/in/users/bob", Some(user)).await.status, 204);
    let login = world.send(ask("POST", "auth/in/login/bob").json(&json!({"password": "right"}))).await;
    let token = login.body["auth"]["client_token"].as_str().unwrap();
    let (status, recorded) = sent(&world, &device, ask("DELETE", "kv/app").token(token)).await;
    assert_eq!(status, 403);
    for entry in recorded {
        assert_eq!(entry["auth"]["entity_id"], login.body["auth"]["entity_id"]);
        assert_eq!(entry["auth"]["display_name"], "in-bob");
        assert_eq!(entry["auth"]["metadata"], json!({"username": "bob"}));
        assert_eq!(entry["auth"]["policy_results"]["denying_policies"][0]["name"], "team");
    }
}

#[tokio::test]
async fn r_status_the_response_entry_has_the_status_that_the_client_got() {
    let (world, device) = world().await;
    world.root("POST", "kv/app", Some(json!({"a": "b"}))).await;
    let root = &world.root;
    let cases = [
        (ask("GET", "kv/app").token(root), 200),
        (ask("POST", "kv/app").token(root).json(&json!({"a": "c"})), 204),
        (ask("POST", "auth/token/create").token(root).json(&json!({"ttl": "soon"})), 400),
        (ask("GET", "kv/app"), 403),
        (ask("GET", "kv/absent").token(root), 404),
        (ask("POST", "sys/audit").token(root), 405),
        (ask("PUT", "kv/app").token(root).too_large(), 413),
        (ask("PUT", "kv/app").token(root).header("Content-Encoding", "gzip"), 415),
        (ask("GET", "kv/app").token(root).header("X-Vault-Wrap-TTL", "60"), 200),
    ];
    for (ask, expected) in cases {
        let what = format!("{} {}", ask.method, ask.path);
        let (status, [request, response]) = sent(&world, &device, ask).await;
        assert_eq!((status, &response["response"]["status_code"]), (expected, &json!(expected)), "{what}");
        assert!(request.get("response").is_none(), "{request}");
    }
}

#[tokio::test]
async fn r_duration_the_response_entry_has_the_time_from_arrival_to_answer() {
    let clock = Arc::new(ManualClock::default());
    let far = Far::new(Duration::ZERO).unwrap();
    let storage = Storage::start(far.clone()).unwrap();
    let world = TestServer::unsealed(core_by(storage, Settings::default(), Arc::clone(&clock) as _)).await;
    assert_eq!(world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await.status, 204);
    let device = world.device("test/", false).await;
    for millis in [0, 1, 2500] {
        far.hold();
        let journey = world.start(ask("GET", "kv/app").token(&world.root));
        let asked = tokio::spawn(async move { said(journey.await).status });
        eventually(|| far.waiting() > 0).await;
        clock.advance(Duration::from_millis(millis));
        far.answer();
        assert_eq!(asked.await.unwrap(), 404);
        let [.., request, response] = &entries(&device)[..] else { panic!("two entries") };
        assert!(request.get("duration_ns").is_none(), "{request}");
        // A duration of zero is left out, as every number that is zero.
        let duration = response.get("duration_ns").map_or(0, |found| found.as_u64().unwrap());
        assert_eq!(duration, millis * 1_000_000);
    }
}

#[tokio::test]
async fn r_trace_the_trace_that_a_request_belongs_to_is_in_both_entries() {
    let (world, device) = world().await;
    let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let header = format!("00-{trace}-{span}-01");
    for token in [Some(world.root.as_str()), None] {
        let mut asked = ask("GET", "kv/app").header("Traceparent", &header);
        asked.token = token.map(str::to_owned);
        for entry in sent(&world, &device, asked).await.1 {
            let request = &entry["request"];
            assert_eq!(
                (&request["trace_id"], &request["parent_id"]),
                (&json!(trace), &json!(span)),
                "{entry}"
            );
        }
    }
    // What is not a trace's is a client's text.
    let secret = "hunter2";
    for header in [secret.to_owned(), format!("{header}-{secret}"), format!("00-{secret}-{span}-01")] {
        let asked = ask("GET", "kv/app").header("traceparent", &header).header("tracestate", secret);
        for entry in sent(&world, &device, asked.token(&world.root)).await.1 {
            assert!(
                entry["request"].get("trace_id").is_none() && entry["request"].get("parent_id").is_none()
            );
        }
    }
    assert!(!String::from_utf8(device.lines().concat()).unwrap().contains(secret));
}
