//! One request from capture to release: what it leaves on record, and what happens when it cannot be recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use onrecord_audit::device::faulty::{Fault, FaultControl};
use onrecord_audit::{ManualClock, Rules};
use onrecord_core::{Core, Host, Settings, Target};
use onrecord_seal::{Entropy, EntropyError, OsEntropy};
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use onrecord_value::Time;
use serde_json::{Value, json};

use crate::kit::{TestServer, ask, entries, eventually, host, outline, while_answered};

async fn with_kv() -> (TestServer, FaultControl) {
    let world = TestServer::new().await;
    assert_eq!(world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await.status, 204);
    let device = world.device("test/", false).await;
    (world, device)
}

#[tokio::test]
async fn a_write_leaves_two_entries_with_all_that_is_known() {
    let (world, device) = with_kv().await;
    let said = world.root("POST", "kv/app", Some(json!({"password": "hunter2", "port": 5432}))).await;
    assert_eq!((said.status, said.text.as_str()), (204, ""));
    let entries = entries(&device);
    assert_eq!(outline(&device), ["request create kv/app", "response create kv/app"]);
    let (request, response) = (&entries[0], &entries[1]);
    assert_eq!(request["request"]["id"], response["request"]["id"]);
    for entry in &entries {
        let asked = &entry["request"];
        assert_eq!(asked["mount_point"], "kv/");
        assert_eq!(asked["mount_type"], "kv");
        assert_eq!(asked["mount_class"], "secret");
        assert!(asked["mount_accessor"].as_str().unwrap().starts_with("kv_"));
        assert_eq!(asked["namespace"], json!({"id": "root"}));
        assert_eq!(asked["remote_address"], "127.0.0.1");
        assert_eq!(asked["remote_port"], 4321);
        assert_eq!(asked["client_id"], "0DHqvq2D77kL2/JTPSZkTMJbkFVmUu0TzMi0jiXcFy8=");
        assert_eq!(asked["data"]["port"], 5432);
        assert!(asked["data"]["password"].as_str().unwrap().starts_with("hmac-sha256:"));
        assert!(asked["client_token"].as_str().unwrap().starts_with("hmac-sha256:"));
        let auth = &entry["auth"];
        assert_eq!(auth["display_name"], "root");
        assert_eq!(auth["policies"], json!(["root"]));
        assert_eq!(auth["token_type"], "service");
        assert_eq!(
            auth["policy_results"],
            json!({"allowed": true, "granting_policies": [{"name": "root", "namespace_id": "root", "type": "acl"}]})
        );
    }
    assert_eq!(response["response"]["status_code"], 204);
    assert_eq!(response["response"]["mount_type"], "kv");
    assert!(response["duration_ns"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_read_has_its_mount_accessor_in_the_response_entry_only() {
    let (world, device) = with_kv().await;
    world.root("POST", "kv/app", Some(json!({"a": "b"}))).await;
    let said = world.root("GET", "kv/app", None).await;
    assert_eq!((said.status, &said.body["data"]), (200, &json!({"a": "b"})));
    let entries = entries(&device);
    assert_eq!(entries[2]["request"].get("mount_accessor"), None);
    assert!(entries[3]["request"]["mount_accessor"].is_string());
    assert_eq!(entries[3]["response"]["secret"], json!({}));
    assert_eq!(said.body["request_id"], entries[3]["request"]["id"]);
}

#[tokio::test]
async fn what_is_not_on_record_is_not_done() {
    let (world, device) = with_kv().await;
    device.set(Fault::Refuse);
    let said = world.root("POST", "kv/app", Some(json!({"a": "b"}))).await;
    assert_eq!((said.status, said.text.as_str()), (500, "{\"errors\":[\"internal error\"]}\n"));
    device.set(Fault::None);
    // The device is tried again only after its rest.
    let read = async || world.root("GET", "kv/app", None).await.status;
    assert_eq!(while_answered(500, read).await, 404);
}

#[tokio::test]
async fn a_response_that_is_not_on_record_is_withheld_and_its_token_dies() {
    let (world, device) = with_kv().await;
    let create = || world.root("POST", "auth/token/create", Some(json!({"policies": ["default"]})));
    assert_eq!(create().await.status, 200);
    let lines = device.lines();
    let unsealed = world.core.unsealed().unwrap();
    let tokens = async || unsealed.tokens.accessors(unsealed.host.clock.now()).await.unwrap().len();
    let before = tokens().await;
    // Room for a request entry like the first, and not for its response.
    let taken: usize = lines.iter().map(Vec::len).sum();
    device.set(Fault::Room(taken + lines[0].len() + 40));
    let said = create().await;
    assert_eq!(said.status, 500);
    assert!(said.error().starts_with("internal error: the request was carried out"), "{}", said.text);
    assert_eq!(outline(&device).len(), 3, "{:?}", outline(&device));
    assert_eq!(tokens().await, before);
}

#[tokio::test]
async fn a_denied_request_is_on_record_and_has_no_effect() {
    let (world, device) = with_kv().await;
    let made =
        world.root("POST", "auth/token/create", Some(json!({"policies": ["default"], "num_uses": 2}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    let said = world.send(ask("POST", "kv/app").token(&token).json(&json!({"a": "b"}))).await;
    assert_eq!((said.status, said.error()), (403, "1 error occurred:\n\t* permission denied\n\n"));
    let entries = entries(&device);
    assert_eq!(entries[2]["auth"]["policy_results"], json!({"allowed": false}));
    assert_eq!(entries[2]["auth"]["remaining_uses"], 2);
    assert_eq!(entries[2]["error"], "1 error occurred:\n\t* permission denied\n\n");
    assert!(entries[3]["response"]["data"]["error"].as_str().unwrap().starts_with("hmac-sha256:"));
    assert_eq!(world.root("GET", "kv/app", None).await.status, 404);
    // It cost a use all the same; the second is the last.
    assert_eq!(
        world.send(ask("GET", "auth/token/lookup-self").token(&token)).await.body["data"]["num_uses"],
        0
    );
    assert_eq!(world.send(ask("GET", "auth/token/lookup-self").token(&token)).await.status, 403);
}

#[tokio::test]
async fn a_request_without_a_valid_token_says_so_on_record() {
    let (world, device) = with_kv().await;
    for (token, hashed) in [(None, false), (Some("s.nonsense"), true)] {
        let mut ask = ask("POST", "kv/app").json(&json!({"a": "b"}));
        ask.token = token.map(str::to_owned);
        let said = world.send(ask).await;
        assert_eq!((said.status, said.error()), (403, "permission denied"));
        let entries = entries(&device);
        let (request, response) = (&entries[entries.len() - 2], &entries[entries.len() - 1]);
        assert_eq!(request["auth"], json!({"token_type": "default"}));
        assert_eq!(request["error"], "permission denied");
        assert_eq!(request["request"]["client_token"].is_string(), hashed);
        assert_eq!(request["request"].get("mount_accessor"), None);
        assert_eq!(response["error"], "1 error occurred:\n\t* permission denied\n\n");
    }
}

#[tokio::test]
async fn what_is_refused_while_capturing_is_on_record_too() {
    let (world, device) = with_kv().await;
    let mut slashed = ask("POST", "kv/x/");
    slashed.body = b"{\"a\":\"canary\"}".to_vec();
    let raw = |text: &str| {
        let mut ask = ask("POST", "kv/x");
        ask.body = text.as_bytes().to_vec();
        ask
    };
    let cases = [
        (raw("{not json canary"), 400, "failed to decode JSON input: invalid character 'n'"),
        (
            raw("[\"canary\"]"),
            400,
            "failed to decode JSON input: json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
        (raw("{\"canary\":"), 400, "failed to decode JSON input: unexpected EOF"),
        (slashed, 400, "cannot write to a path ending in '/'"),
        (ask("GET", "kv/../sys/mounts"), 400, "the path contains a relative component"),
        (ask("TRACE", "kv/x"), 405, ""),
        (
            ask("GET", "kv/x").header("X-Vault-Wrap-TTL", "canary"),
            400,
            "error parsing X-Vault-Wrap-TTL header: time: invalid duration \"canary\"; it is seconds, or a number with a unit, \
             such as 90s, 5m or 1h",
        ),
        (
            ask("GET", "kv/x").header("X-Vault-Wrap-Format", "jwt"),
            400,
            "this server does not support X-Vault-Wrap-Format: send the request without this header",
        ),
        (
            ask("GET", "kv/x").header("X-Vault-Namespace", "canary/"),
            400,
            "this server does not support X-Vault-Namespace: send the request without this header",
        ),
        (
            ask("GET", "kv/x").header("X-Vault-MFA", "canary"),
            400,
            "this server does not support X-Vault-MFA: send the request without this header",
        ),
        (ask("GET", "//nothing"), 404, ""),
    ];
    for (number, (ask, status, text)) in cases.into_iter().enumerate() {
        let said = world.send(ask.token(&world.root)).await;
        assert_eq!((said.status, said.error()), (status, text), "{number}");
        let entries = entries(&device);
        assert_eq!(entries.len(), 2 * number + 2, "{text}");
        let (request, response) = (&entries[2 * number], &entries[2 * number + 1]);
        assert_eq!(request["request"]["id"], response["request"]["id"]);
        assert_eq!(request["auth"]["display_name"], "root");
        assert!(request["error"].is_string() && response["error"].is_string());
        assert_eq!(response["response"]["status_code"], status);
    }
    let all = device.lines().concat();
    assert!(!String::from_utf8(all).unwrap().contains("canary"));
}

#[tokio::test]
async fn an_oversized_body_is_refused_and_recorded() {
    let (world, device) = with_kv().await;
    let said = world.send(ask("PUT", "kv/x").token(&world.root).too_large()).await;
    assert_eq!((said.status, said.error()), (413, "http: request body too large"));
    assert_eq!(outline(&device), ["request update kv/x", "response update kv/x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_changes_nothing() {
    let (world, device) = with_kv().await;
    device.set(Fault::Hang);
    let mut journey =
        Box::pin(world.start(ask("POST", "kv/app").token(&world.root).json(&json!({"a": "b"}))));
    // Polled until its request entry waits for the device, and then left.
    std::future::poll_fn(|context| {
        assert!(journey.as_mut().poll(context).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    std::future::poll_fn(|context| {
        assert!(journey.as_mut().poll(context).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    let hanging = device.clone();
    tokio::task::spawn_blocking(move || hanging.wait_until_hanging()).await.unwrap();
    drop(journey);
    device.set(Fault::None);
    let waiting = device.clone();
    tokio::task::spawn_blocking(move || waiting.wait_for_lines(2)).await.unwrap();
    assert_eq!(outline(&device), ["request create kv/app", "response create kv/app"]);
    assert_eq!(world.root("GET", "kv/app", None).await.body["data"], json!({"a": "b"}));
}

#[tokio::test]
async fn without_room_a_request_is_refused_and_health_is_not() {
    let world =
        TestServer::with(Settings { requests_in_flight: 1, request_memory: 200, ..Settings::default() })
            .await;
    let held = world.start(ask("GET", "kv/x").token(&world.root));
    let refused = world.start(ask("GET", "kv/x").token(&world.root)).await;
    assert_eq!((refused.status(), refused.retry_after()), (503, Some(1)));
    assert_eq!(world.send(ask("GET", "sys/health")).await.status, 200);
    assert_eq!(world.core.admission().refused(), 1);
    drop(held);
    assert_ne!(world.root("GET", "kv/x", None).await.status, 503);
    let body = world.core.arrive(&world.core.account(None), &Target::Api("kv/x".to_owned()));
    assert!(body.grow(95).is_err(), "half of the memory, but for what is kept for operators");
    assert!(body.grow(94).is_ok());
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_refused_at_every_route() {
    let world = TestServer::new().await;
    for path in ["kv/x", "sys/unseal", "sys/mounts/kv"] {
        let mut ask = ask("POST", path).token(&world.root);
        ask.body = b"{\"key\":\"\xff\"}".to_vec();
        let said = world.send(ask).await;
        assert_eq!((said.status, said.error()), (400, "the request body is not UTF-8"), "{path}");
    }
}

#[tokio::test]
async fn audited_headers_are_recorded_as_configured_and_tokens_never() {
    let (world, device) = with_kv().await;
    for (name, hmac) in [("X-Plain", false), ("X-Hashed", true), ("X-Vault-Token", false)] {
        let path = format!("sys/config/auditing/request-headers/{name}");
        assert_eq!(world.root("PUT", &path, Some(json!({"hmac": hmac}))).await.status, 204);
    }
    let ask = |token: &str| {
        ask("GET", "kv/x")
            .header("x-plain", "one")
            .header("X-PLAIN", "two")
            .header("X-Hashed", "hidden")
            .header("X-Other", "never")
            .token(token)
    };
    world.send(ask(&world.root)).await;
    let last = || entries(&device).pop().unwrap();
    let headers = last()["request"]["headers"].clone();
    assert_eq!(headers["x-plain"], json!(["one", "two"]));
    assert!(headers["x-hashed"][0].as_str().unwrap().starts_with("hmac-sha256:"));
    assert_eq!(headers.as_object().unwrap().len(), 2, "{headers}");
    world.send(ask("s.not-a-token")).await;
    let refused = last()["request"]["headers"].clone();
    assert!(refused["x-vault-token"][0].as_str().unwrap().starts_with("hmac-sha256:"), "{refused}");
    let list = world.root("GET", "sys/config/auditing/request-headers", None).await;
    assert_eq!(list.body["headers"]["x-hashed"], json!({"hmac": true}));
    let one = world.root("GET", "sys/config/auditing/request-headers/X-Hashed", None).await;
    assert_eq!(one.body["data"], json!({"X-Hashed": {"hmac": true}}));
    assert_eq!(world.root("DELETE", "sys/config/auditing/request-headers/x-hashed", None).await.status, 204);
    let gone = world.root("GET", "sys/config/auditing/request-headers/X-Hashed", None).await;
    assert_eq!((gone.status, gone.error()), (400, "Could not find header in config"));
}

#[tokio::test]
async fn a_second_device_that_hangs_fails_no_request() {
    let (world, device) = with_kv().await;
    let hung = world.device("hung/", false).await;
    hung.set(Fault::Hang);
    for number in 0..20 {
        let said = world.root("POST", &format!("kv/{number}"), Some(json!({"a": "b"}))).await;
        assert_eq!(said.status, 204);
    }
    assert_eq!(device.lines().len(), 40);
    hung.set(Fault::None);
}

#[tokio::test]
async fn a_token_in_a_path_is_hashed_on_record() {
    let (world, device) = with_kv().await;
    let made = world.root("POST", "auth/token/create", Some(json!({}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    let accessor = made.body["auth"]["accessor"].as_str().unwrap().to_owned();
    for path in [format!("auth/token/lookup/{token}"), format!("auth/token/lookup-accessor/{accessor}")] {
        world.root("POST", &path, Some(json!({}))).await;
    }
    let all = String::from_utf8(device.lines().concat()).unwrap();
    assert!(!all.contains(&token) && !all.contains(&accessor), "{all}");
    assert!(all.contains("\"path\":\"auth/token/lookup/hmac-sha256:"), "{all}");
}

#[tokio::test]
async fn a_request_that_the_rule_refuses_costs_no_use_and_the_log_says_that_nothing_was_done() {
    let rules = Rules { minimum: 2, ..Rules::default() };
    let world = TestServer::with(Settings {
        audit: onrecord_core::AuditSettings { rules, ..Default::default() },
        ..Settings::default()
    })
    .await;
    let made =
        world.root("POST", "auth/token/create", Some(json!({"num_uses": 1, "policies": ["default"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    let (one, two) = (world.device("one/", false).await, world.device("two/", false).await);
    two.set(Fault::Refuse);
    let said = world.send(ask("GET", "auth/token/lookup-self").token(&token)).await;
    assert_eq!((said.status, said.error()), (500, "internal error"));
    // The first device may have begun with the request entry or not; what it has last says that nothing was done.
    let nothing_was_done =
        |entry: &Value| entry["error"] == "the request could not be put on record; nothing was done";
    eventually(|| entries(&one).iter().any(nothing_was_done)).await;
    let told = entries(&one).into_iter().find(nothing_was_done).unwrap();
    assert_eq!(told["response"]["status_code"], 500);
    assert_eq!(told["request"]["path"], "auth/token/lookup-self");
    two.set(Fault::None);
    let lookup = async || world.send(ask("GET", "auth/token/lookup-self").token(&token)).await.status;
    assert_eq!(while_answered(500, &lookup).await, 200, "the one use is still there");
    assert_eq!(lookup().await, 403);
}

#[tokio::test]
async fn mixed_entries_are_all_json_with_our_record_at_the_end() {
    let (world, device) = with_kv().await;
    world.root("GET", "sys/mounts", None).await;
    for line in device.lines() {
        let entry: Value = serde_json::from_slice(&line).unwrap();
        assert!(entry["record"]["seq"].is_u64() && entry["record"]["salt"].is_string(), "{entry}");
        assert!(onrecord_entry::decode(&line).is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_revoked_while_its_entry_is_waited_for_has_no_effect() {
    let (world, device) = with_kv().await;
    let made = world.root("POST", "auth/token/create", Some(json!({}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    device.set(Fault::Hang);
    let write = tokio::spawn(world.start(ask("POST", "kv/late").token(&token).json(&json!({"a": "b"}))));
    let hanging = device.clone();
    tokio::task::spawn_blocking(move || hanging.wait_until_hanging()).await.unwrap();
    let unsealed = world.core.unsealed().unwrap();
    let found = unsealed.tokens.find(&token, unsealed.host.clock.now()).await.unwrap().unwrap();
    unsealed.tokens.revoke(&found).await.unwrap();
    device.set(Fault::None);
    assert_eq!(write.await.unwrap().status(), 403);
    assert_eq!(world.root("GET", "kv/late", None).await.status, 404);
}

#[tokio::test]
async fn another_spelling_of_a_name_leads_around_no_rule() {
    let (world, _device) = with_kv().await;
    let rules = r#"
        path "sys/policies/acl/*" { capabilities = ["create", "read", "update"] }
        path "sys/policies/acl/admin" { capabilities = ["deny"] }
        path "sys/mounts/*" { capabilities = ["read", "delete"] }
        path "sys/mounts/kv" { capabilities = ["read"] }
        path "sys/mounts/own/" { capabilities = ["delete"] }
        path "sys/audit/*" { capabilities = ["delete", "sudo"] }
        path "sys/audit/kept" { capabilities = ["delete"] }
    "#;
    assert_eq!(world.root("PUT", "sys/policies/acl/p", Some(json!({"policy": rules}))).await.status, 204);
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["p"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap();
    for (method, path, status) in [
        ("GET", "sys/policies/acl/admin", 403),
        ("GET", "sys/policies/acl/ADMIN", 403),
        ("GET", "sys/policies/acl/P", 200),
        ("DELETE", "sys/mounts/kv/", 403),
        ("DELETE", "sys/mounts//kv", 403),
        ("DELETE", "sys/mounts/own/", 204),
        ("DELETE", "sys/mounts/other/", 204),
        ("DELETE", "sys/audit/kept/", 403),
        ("DELETE", "sys/audit/other/", 204),
    ] {
        assert_eq!(world.send(ask(method, path).token(token)).await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn the_path_of_a_device_has_no_control_characters() {
    let (world, _device) = with_kv().await;
    let body = json!({"type": "file", "options": {"file_path": "discard"}});
    let said = world.root("PUT", "sys/audit/a\nb", Some(body)).await;
    assert_eq!(
        (said.status, said.error()),
        (400, "backend path must not contain control characters (U+000A)")
    );
}

#[tokio::test]
async fn no_token_is_endless_because_a_server_has_no_time_to_live() {
    use std::time::Duration;
    let none = Duration::ZERO;
    let world =
        TestServer::with(Settings { default_lease_ttl: none, max_lease_ttl: none, ..Settings::default() })
            .await;
    for body in [json!({"policies": ["default"]}), json!({"policies": ["default"], "period": "1h"})] {
        let made = world.root("POST", "auth/token/create", Some(body)).await;
        assert_eq!(made.body["auth"]["lease_duration"], 1, "{}", made.text);
    }
}

/// Counts how often it was asked.
struct CountedEntropy(OsEntropy, AtomicUsize);

impl Entropy for CountedEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.fill(out)
    }
}

#[tokio::test]
async fn a_request_without_a_token_of_a_peer_over_its_rate_is_refused_unread_and_counted() {
    let entropy = Arc::new(CountedEntropy(OsEntropy::new(), AtomicUsize::new(0)));
    let settings = Settings { unauthenticated_rate_limit: 1, ..Settings::default() };
    let clock = Arc::new(ManualClock::at(Time::from_unix(1_700_000_000, 0)));
    let host = Host { entropy: Arc::clone(&entropy) as _, ..host(Arc::clone(&clock) as _) };
    let core = Core::new(Storage::start(Memory::new()).unwrap(), host, settings);
    let world = TestServer::unsealed(core).await;
    let device = world.device("test/", false).await;
    let send = async || world.send(ask("POST", "kv/a").json(&json!({"a": "b"}))).await.status;
    while send().await != 429 {}
    // Each request that is read gets an id.
    let read = entropy.1.load(Ordering::Relaxed);
    for _ in 0..20 {
        assert_eq!(send().await, 429);
    }
    assert_eq!(entropy.1.load(Ordering::Relaxed), read);
    // What has a token, in whichever place, is looked at.
    assert_eq!(world.root("GET", "sys/mounts", None).await.status, 200);
    let wrapped = ask("GET", "sys/mounts").token(&world.root).header("X-Vault-Wrap-TTL", "60");
    let token = world.send(wrapped).await.body["wrap_info"]["token"].clone();
    assert_eq!(
        world.send(ask("POST", "sys/wrapping/unwrap").json(&json!({"token": token}))).await.status,
        200
    );
    clock.advance(Duration::from_secs(5));
    world.core.keep_record().await;
    let counted = || entries(&device).into_iter().filter_map(|entry| entry["refused"]["count"].as_u64());
    eventually(|| counted().sum::<u64>() >= 21).await;
}
