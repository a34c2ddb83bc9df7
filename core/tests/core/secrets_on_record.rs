//! Secrets where audit systems have let them through: beside a raw device, in what an answer issues, in headers, in bodies
//! too large to hash. docs/SECURITY.md names the advisories.
//! Never in it: each field of the register (properties of `entry`), wrong values in bodies (`canary`).

use std::collections::BTreeSet;

use onrecord_audit::device::faulty::FaultControl;
use serde_json::{Value, json};

use crate::kit::{Reply, TestRequest, TestServer, ask, entries};

async fn with_kv() -> TestServer {
    let world = TestServer::new().await;
    assert_eq!(world.root("POST", "sys/mounts/kv", Some(json!({"type": "kv"}))).await.status, 204);
    world
}

fn text(device: &FaultControl) -> String {
    String::from_utf8(device.lines().concat()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn raw_devices_share_nothing_with_hashing_ones_under_load() {
    for raw in [[true, false, false, true], [false, true, true, false], [false, false, true, true]] {
        let world = with_kv().await;
        let mut devices = Vec::new();
        for (number, raw) in raw.into_iter().enumerate() {
            devices.push((raw, world.device(&format!("{number}/"), raw).await));
        }
        let clients: Vec<_> = (0..4)
            .map(|client| {
                let world = world.clone();
                tokio::spawn(async move {
                    let mut tokens = Vec::new();
                    for number in 0..25 {
                        let body =
                            json!({"a": format!("canary-{client}-{number}"), "b": ["canary-in-a-list"]});
                        let path = format!("kv/{client}");
                        assert_eq!(world.root("POST", &path, Some(body)).await.status, 204);
                        assert_eq!(world.root("GET", &path, None).await.status, 200);
                        let made = world.root("POST", "auth/token/create", Some(json!({}))).await;
                        tokens.push(made.body["auth"]["client_token"].as_str().unwrap().to_owned());
                    }
                    tokens
                })
            })
            .collect();
        let mut secrets = vec!["canary-".to_owned(), world.root.clone()];
        for client in clients {
            secrets.extend(client.await.unwrap());
        }
        for (raw, device) in devices {
            // The rule is met by one of them: the others may still be writing.
            device.wait_for_lines(4 * 25 * 3 * 2);
            let text = text(&device);
            for secret in &secrets {
                assert_eq!(text.contains(secret), raw, "raw: {raw}, {secret}");
            }
        }
    }
}

/// Adds the texts at keys that hold tokens and accessors.
fn collect(value: &Value, found: &mut BTreeSet<String>) {
    let Some(object) = value.as_object() else { return };
    for (key, value) in object {
        match (key.as_str(), value) {
            ("client_token" | "accessor" | "id", Value::String(text)) if !text.is_empty() => {
                found.insert(text.clone());
            }
            ("keys", Value::Array(keys)) => {
                found.extend(keys.iter().map(|key| key.as_str().unwrap().to_owned()));
            }
            _ => collect(value, found),
        }
    }
}

#[tokio::test]
async fn tokens_and_accessors_that_an_answer_holds_are_on_record_as_hashes() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    let mut secrets = BTreeSet::from([world.root.clone()]);
    let made = async |path: &str, body: Value| world.root("POST", path, Some(body)).await;
    let of = |reply: &Reply, key: &str| reply.body["auth"][key].as_str().unwrap().to_owned();
    let first = made("auth/token/create", json!({"ttl": "1h", "display_name": "x"})).await;
    let orphan = made("auth/token/create-orphan", json!({"ttl": "1h"})).await;
    let chosen = made("auth/token/create", json!({"ttl": "1h", "id": "a-chosen-word"})).await;
    let mut replies = vec![];
    for reply in [&first, &orphan, &chosen] {
        let (token, accessor) = (of(reply, "client_token"), of(reply, "accessor"));
        for (path, body) in [
            ("auth/token/lookup".to_owned(), json!({"token": token})),
            (format!("auth/token/lookup/{token}"), json!({})),
            ("auth/token/lookup-accessor".to_owned(), json!({"accessor": accessor})),
            (format!("auth/token/lookup-accessor/{accessor}"), json!({})),
            ("auth/token/renew".to_owned(), json!({"token": token})),
            (format!("auth/token/renew/{token}"), json!({})),
            ("auth/token/renew-accessor".to_owned(), json!({"accessor": accessor})),
            (format!("auth/token/renew-accessor/{accessor}"), json!({})),
            ("sys/capabilities".to_owned(), json!({"token": token, "paths": ["kv/a"]})),
            ("sys/capabilities-accessor".to_owned(), json!({"accessor": accessor, "paths": ["kv/a"]})),
        ] {
            replies.push(made(&path, body).await);
        }
        for own in [
            ask("GET", "auth/token/lookup-self").token(&token),
            ask("POST", "auth/token/renew-self").json(&json!({})).token(&token),
            ask("GET", "auth/token/lookup-self").header("Authorization", &format!("Bearer {token}")),
        ] {
            replies.push(world.send(own).await);
        }
    }
    replies.push(world.root("LIST", "auth/token/accessors", None).await);
    for reply in replies.iter().chain([&first, &orphan, &chosen]) {
        assert_eq!(reply.status, 200, "{}", reply.text);
        collect(&reply.body, &mut secrets);
    }
    assert_eq!(secrets.len(), 8, "root and three tokens, and an accessor of each: {secrets:?}");
    let text = text(&device);
    for secret in &secrets {
        assert!(!text.contains(secret), "{secret}");
    }
    let issuing = |entry: &&Value| entry["response"]["auth"].is_object();
    let all = entries(&device);
    let issued: Vec<&Value> = all.iter().filter(issuing).collect();
    assert_eq!(issued.len(), 3 + 3 * 5, "tokens that were made or renewed");
    for entry in issued {
        for key in ["client_token", "accessor"] {
            let written = entry["response"]["auth"][key].as_str().unwrap_or_default();
            assert!(written.is_empty() || written.starts_with("hmac-sha256:"), "{entry}");
        }
    }
}

#[tokio::test]
async fn headers_are_recorded_alike_for_every_kind_of_caller_and_outcome() {
    let world = with_kv().await;
    for (name, hmac) in [("X-Plain", false), ("X-Hashed", true)] {
        let path = format!("sys/config/auditing/request-headers/{name}");
        assert_eq!(world.root("PUT", &path, Some(json!({"hmac": hmac}))).await.status, 204);
    }
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["default"]}))).await;
    let weak = made.body["auth"]["client_token"].as_str().unwrap();
    let device = world.device("test/", false).await;
    let bearer = |token: &str| ask("GET", "kv/x").header("Authorization", &format!("Bearer {token}"));
    let mut broken = ask("POST", "kv/x").token(&world.root);
    broken.body = b"{\"a\":".to_vec();
    let requests: Vec<(TestRequest, u16)> = vec![
        (ask("GET", "kv/x").token(&world.root), 404),
        (bearer(&world.root), 404),
        (bearer("s.not-a-token"), 403),
        (ask("GET", "kv/x").token(weak), 403),
        (ask("GET", "kv/x").token("s.not-a-token"), 403),
        (ask("GET", "kv/x"), 403),
        (ask("GET", "sys/internal/ui/mounts"), 200),
        (ask("GET", "sys/mounts").query("help=1").token(&world.root), 200),
        (ask("GET", "kv/x").header("X-Vault-Namespace", "a/").token(&world.root), 400),
        (ask("GET", "nowhere").token(&world.root), 404),
        (ask("GET", "//nowhere"), 404),
        (ask("BREW", "kv/x").token(&world.root), 405),
        (broken, 400),
    ];
    for (request, status) in requests {
        let what = format!("{} {} {status}", request.method, request.path);
        let request = request
            .header("X-Plain", "plain-value")
            .header("X-Hashed", "hidden-value")
            .header("X-Other", "other-value");
        let before = device.lines().len();
        assert_eq!(world.send(request).await.status, status, "{what}");
        check_headers(&entries(&device)[before..], &what);
    }
    let request = ask("PUT", "kv/x")
        .header("X-Plain", "plain-value")
        .header("X-Hashed", "hidden-value")
        .header("X-Other", "other-value")
        .too_large();
    let before = device.lines().len();
    assert_eq!(world.send(request).await.status, 413);
    check_headers(&entries(&device)[before..], "a body that is too large");
    let text = text(&device);
    assert!(!text.contains("hidden-value") && !text.contains("other-value"));
}

fn check_headers(pair: &[Value], what: &str) {
    assert_eq!(pair.len(), 2, "{what}");
    for entry in pair {
        let headers = entry["request"]["headers"].as_object().unwrap_or_else(|| panic!("{what}: {entry}"));
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-hashed", "x-plain"], "{what}");
        assert_eq!(headers["x-plain"], json!(["plain-value"]), "{what}");
        assert!(headers["x-hashed"][0].as_str().unwrap().starts_with("hmac-sha256:"), "{what}");
    }
}

#[tokio::test]
async fn a_body_of_many_small_texts_is_done_and_recorded_by_its_digest() {
    let world = with_kv().await;
    let (hashing, raw) = (world.device("hashing/", false).await, world.device("raw/", true).await);
    let count = 100_500;
    let texts: Vec<String> = (0..count).map(|number| format!("canary-{number}")).collect();
    let body = json!({"texts": texts});
    let size = body.to_string().len();
    assert_eq!(world.root("POST", "kv/x", Some(body)).await.status, 204);
    assert_eq!(world.root("GET", "kv/x", None).await.body["data"]["texts"].as_array().unwrap().len(), count);
    for (device, digest, limit) in [(&hashing, "hmac-sha256:", "hash_calls"), (&raw, "sha256:", "nodes")] {
        let lines = device.wait_for_lines(4);
        assert!(!text(device).contains("canary-"));
        for line in lines {
            assert!(line.len() < 2500, "{} bytes", line.len());
        }
        let all = entries(device);
        assert_eq!(all.len(), 4);
        for holder in [&all[0]["request"], &all[1]["request"], &all[3]["response"]] {
            let data = &holder["data"];
            assert_eq!(holder["data_over_limit"], limit, "{holder}");
            assert_eq!((&data["bytes"], &data["nodes"]), (&json!(size), &json!(count + 2)), "{holder}");
            assert!(data["digest"].as_str().unwrap().starts_with(digest), "{holder}");
        }
    }
}

/// A request that asks about another path has that path in its own, or among the keys of its answer.
#[tokio::test]
async fn a_secret_in_a_path_that_is_only_asked_about_is_not_on_record() {
    let world = with_kv().await;
    let device = world.device("test/", false).await;
    let made = world.root("POST", "auth/token/create", Some(json!({"id": "a-chosen-word"}))).await;
    let accessor = made.body["auth"]["accessor"].as_str().unwrap().to_owned();
    let secret_paths = [
        "auth/token/lookup/a-chosen-word".to_owned(),
        format!("auth/token/lookup-accessor/{accessor}"),
        format!("/auth/token/renew-accessor//{accessor}/"),
        format!("auth/token/lokup/{accessor}"),
    ];
    let mut capabilities = vec![json!({"paths": secret_paths})];
    capabilities.extend(secret_paths.iter().map(|path| json!({"path": path})));
    for body in capabilities {
        for (route, field, value) in
            [("", "token", "a-chosen-word"), ("-self", "x", ""), ("-accessor", "accessor", &accessor)]
        {
            let mut body = body.clone();
            body[field] = json!(value);
            let said = world.root("POST", &format!("sys/capabilities{route}"), Some(body)).await;
            assert_eq!(said.status, 200, "{}", said.text);
            let asked_about = said.body["data"].as_object().unwrap().keys();
            assert!(asked_about.filter(|key| key.contains("auth/token")).count() > 0, "{}", said.text);
        }
    }
    for path in &secret_paths {
        let preflight = format!("sys/internal/ui/mounts/{}", path.trim_start_matches('/'));
        assert_eq!(world.root("GET", &preflight, None).await.status, 200);
        let preview = json!({"method": "GET", "path": path});
        assert_eq!(world.root("POST", "sys/audit-preview", Some(preview)).await.status, 200);
    }
    for line in device.lines() {
        let line = String::from_utf8(line).unwrap();
        assert!(!line.contains("a-chosen-word") && !line.contains(&accessor), "{line}");
    }
    let answers = entries(&device).into_iter().filter(|entry| entry["type"] == "response");
    let capabilities = answers.filter(|entry| entry["request"]["path"] == "sys/capabilities-self");
    let keys = capabilities.flat_map(|entry| {
        let data = entry["response"]["data"].as_object().unwrap();
        data.keys().cloned().collect::<Vec<_>>()
    });
    let keys: BTreeSet<String> = keys.collect();
    assert!(keys.contains("auth/token/lookup/{secret}"), "what was asked about can be told: {keys:?}");
}
