//! I6: every route is recorded, or stands in the list of exempt ones with its reason.

use onrecord_core::Operation;
use onrecord_core::engine::{Access, Captured, Recording, Role, Route};
use onrecord_core::engine::{Builtin, EngineKind, Mounting};
use onrecord_core::kinds;
use serde_json::json;

use crate::kit::{TestRequest, TestServer, ask, entries, outline};

fn asked(at: &str, route: &Route, operation: Operation) -> TestRequest {
    let path = format!("{at}{}", route.template().0.replace('{', "x").replace('}', ""));
    match operation {
        Operation::Update => ask("POST", &path).json(&json!({"x": "y"})),
        Operation::List => ask("LIST", &path),
        Operation::Delete => ask("DELETE", &path),
        Operation::Header => ask("HEAD", &path),
        Operation::Patch => ask("PATCH", &path).json(&json!({"x": "y"})),
        Operation::Read => ask("GET", &path),
        _ => panic!("no row names it"),
    }
}

/// Where a kind of engine is mounted; a test mounts what is not part of the server.
fn place(kind: &EngineKind) -> &'static str {
    match &kind.mounting {
        Mounting::Builtin(Builtin { path, .. }) => path,
        Mounting::Secrets => "secret/",
        Mounting::Login => "auth/login/",
    }
}

#[tokio::test]
async fn r_allpaths_every_route_of_every_kind_is_recorded_or_in_the_exempt_list() {
    for kind in kinds::builtin().iter() {
        for route in kind.routes() {
            for operation in route.operations() {
                for token in [true, false] {
                    check(kind, route, operation, token).await;
                }
            }
        }
    }
}

/// Mounts a kind of engine that is not part of the server.
async fn mount(world: &TestServer, kind: &EngineKind) {
    let path = match kind.mounting {
        Mounting::Secrets => "sys/mounts/secret",
        Mounting::Login => "sys/auth/login",
        Mounting::Builtin(_) => return,
    };
    let mount = json!({"type": kind.name, "options": {"version": kind.version}});
    assert_eq!(world.root("POST", path, Some(mount)).await.status, 204);
}

/// In a world of its own: some routes revoke, or seal.
async fn check(kind: &EngineKind, route: &Route, operation: Operation, token: bool) {
    let world = TestServer::new().await;
    mount(&world, kind).await;
    let device = world.device("test/", false).await;
    let mut ask = asked(place(kind), route, operation);
    let path = ask.path.clone();
    if operation == Operation::Update && path.ends_with('/') {
        return;
    }
    ask.token = token.then(|| world.root.clone());
    let status = world.send(ask).await.status;
    let entries = entries(&device);
    let what = format!("{operation:?} {path} with a token: {token}: {status}");
    let expected = match route.recording {
        Recording::Exempt(reason, _) => {
            assert!(!reason.is_empty());
            0
        }
        Recording::RequestOnly(reason) => {
            assert!(!reason.is_empty());
            if token { 1 } else { 2 }
        }
        Recording::Both => 2,
        Recording::ListenerMayExempt(reason, _) => {
            assert!(!reason.is_empty());
            2
        }
    };
    assert_eq!(entries.len(), expected, "{what}");
    if let [request, response] = &entries[..] {
        assert_eq!((&request["type"], &response["type"]), (&json!("request"), &json!("response")), "{what}");
        assert_eq!(request["request"]["id"], response["request"]["id"], "{what}");
        assert_eq!(response["response"]["status_code"], status, "{what}");
    }
    for entry in &entries {
        assert!(entry["request"]["id"].as_str().is_some_and(|id| id.len() == 36), "{what}");
        let recorded = entry["request"]["path"].as_str().unwrap();
        let same = if matches!(route.captured, Captured::Secret | Captured::SecretEnd) {
            recorded.contains("hmac-sha256:")
        } else {
            recorded.trim_end_matches('/') == path.trim_end_matches('/')
        };
        assert!(same, "{what}: {recorded}");
    }
    if !token && route.access != Access::Anybody {
        // Where a wrapping token is exchanged, the lack of one has an answer of its own.
        let refused = if route.role == Role::NamesWrappingToken { 400 } else { 403 };
        assert_eq!(status, refused, "{what}");
    }
}

/// The response entry cannot be recorded: no byte of what the handler made reaches the client, at any route.
#[tokio::test]
async fn no_route_answers_before_its_response_is_on_record() {
    let mut checked = 0;
    for kind in kinds::builtin().iter() {
        for route in kind.routes() {
            let recorded = matches!(route.recording, Recording::Both | Recording::ListenerMayExempt(..));
            for operation in route.operations().filter(|_| recorded) {
                for token in [true, false] {
                    let world = TestServer::new().await;
                    mount(&world, kind).await;
                    world
                        .device_that("test/", |line| line.starts_with(b"{\"time\"") && !is_response(line))
                        .await;
                    let mut ask = asked(place(kind), route, operation);
                    let what = format!("{operation:?} {} with a token: {token}", ask.path);
                    ask.token = token.then(|| world.root.clone());
                    let said = world.send(ask).await;
                    assert_eq!(said.status, 500, "{what}: {}", said.text);
                    assert!(said.error().starts_with("internal error"), "{what}: {}", said.text);
                    assert_eq!(said.body.as_object().unwrap().len(), 1, "{what}: {}", said.text);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 150, "{checked}");
}

fn is_response(line: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(line).unwrap()["type"] == "response"
}

/// Routes that open something to callers without a token, on servers that have them.
#[tokio::test]
async fn ceremonies_that_are_not_built_are_refused_on_record() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    let paths = [
        "sys/rekey/backup",
        "sys/rekey/recovery-key-backup",
        "sys/rekey-recovery-key/init",
        "sys/rotate/recovery/init",
        "sys/generate-recovery-token/attempt",
        "sys/decode-token",
        "sys/step-down",
    ];
    let mut asked = 0;
    for path in paths {
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let mut ask = ask(method, path);
            if method.starts_with('P') {
                ask = ask.json(&json!({"key": "x", "nonce": "x"}));
            }
            let said = world.send(ask).await;
            assert_eq!(said.status, 403, "{method} {path}: {}", said.text);
            asked += 1;
            let entries = entries(&device);
            assert_eq!(entries.len(), 2 * asked, "{method} {path}");
            for entry in &entries[2 * asked - 2..] {
                assert_eq!(entry["request"]["path"], path);
                assert!(entry["error"].is_string(), "{entry}");
            }
        }
    }
}

#[tokio::test]
async fn what_no_route_takes_is_recorded_too() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    let cases = [
        ("GET", "sys/nothing", 404),
        ("GET", "sys/audit/x", 405),
        ("POST", "sys/audit", 405),
        ("LIST", "sys/audit", 404),
        ("GET", "sys/audit/", 404),
        ("GET", "nowhere/at/all", 404),
        ("GET", "auth/token/nothing", 404),
        ("GET", "sys", 404),
        ("GET", "sys/init/", 404),
        ("GET", "SYS/health", 404),
        ("GET", "", 404),
    ];
    for (number, (method, path, status)) in cases.into_iter().enumerate() {
        assert_eq!(world.root(method, path, None).await.status, status, "{method} {path}");
        assert_eq!(entries(&device).len(), 2 * number + 2, "{method} {path}");
    }
}

#[tokio::test]
async fn a_refused_request_is_recorded_with_the_operation_of_its_method() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    let cases = [
        ("DELETE", "//elsewhere", 404, "delete /elsewhere"),
        ("TRACE", "//elsewhere", 405, "trace /elsewhere"),
        ("CONNECT", "sys/mounts", 405, "connect sys/mounts"),
        ("get", "sys/mounts", 405, "unknown sys/mounts"),
    ];
    for (number, (method, path, status, recorded)) in cases.into_iter().enumerate() {
        assert_eq!(world.root(method, path, None).await.status, status, "{method} {path}");
        assert_eq!(
            outline(&device)[2 * number..],
            ["request", "response"].map(|kind| format!("{kind} {recorded}"))
        );
    }
    let unsupported = ask("PATCH", "sys/mounts").header("X-Vault-MFA", "x").token(&world.root);
    assert_eq!(world.send(unsupported).await.status, 400);
    assert_eq!(outline(&device)[8..], ["request patch sys/mounts", "response patch sys/mounts"]);
}

#[tokio::test]
async fn routes_that_need_sudo_are_denied_without_it() {
    let world = TestServer::new().await;
    let policy = json!({"policy": "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }"});
    world.root("PUT", "sys/policies/acl/all", Some(policy)).await;
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["all"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap();
    let mut checked = 0;
    for kind in kinds::builtin().iter() {
        mount(&world, kind).await;
        for route in kind.routes().filter(|route| route.access == Access::Sudo) {
            for operation in route.operations() {
                let said = world.send(asked(place(kind), route, operation).token(token)).await;
                assert_eq!(said.status, 403, "{operation:?} {}", route.pattern());
                checked += 1;
            }
        }
        let mounted = match kind.mounting {
            Mounting::Secrets => "sys/mounts/secret",
            Mounting::Login => "sys/auth/login",
            Mounting::Builtin(_) => continue,
        };
        assert_eq!(world.root("DELETE", mounted, None).await.status, 204);
    }
    assert!(checked > 20, "{checked}");
}

#[tokio::test]
async fn help_is_answered_from_the_rows_and_recorded_as_help() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    for (path, part) in [
        ("sys", "sys/audit-hash/{path}"),
        ("cubbyhole/", "cubbyhole/{path}"),
        ("sys/mounts", "List the secrets engines."),
        ("auth/token/lookup-self", "Operations: read, update"),
        ("sys/audit/file", "Needs: a policy that allows it with sudo"),
        ("sys/health/x", ""),
        ("cubbyhole/x", "it ends with the token"),
    ] {
        let said = world.send(ask("GET", path).query("help=1").token(&world.root)).await;
        if part.is_empty() {
            assert_eq!(said.status, 404, "{path}");
            assert!(said.error().contains("unsupported path"), "{path}: {}", said.error());
        } else {
            assert_eq!(said.status, 200, "{path}");
            let keys: Vec<&String> = said.body.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["help", "see_also"], "{path}: no envelope");
            assert!(said.body["help"].as_str().unwrap().contains(part), "{path}: {}", said.text);
        }
        let last = entries(&device).pop().unwrap();
        assert_eq!(
            (&last["request"]["operation"], &last["type"]),
            (&json!("help"), &json!("response")),
            "{path}"
        );
        let recorded = last["response"]["data"]["help"].as_str().unwrap_or("hmac-sha256:");
        assert!(recorded.starts_with("hmac-sha256:"), "{path}: {recorded}");
    }
    let see_also = world.send(ask("GET", "auth/token").query("help=1").token(&world.root)).await;
    let see_also = see_also.body["see_also"].as_array().unwrap().clone();
    assert!(see_also.contains(&json!("auth/token/revoke/{token}")), "{see_also:?}");
    assert_eq!(world.send(ask("GET", "sys/mounts").query("help=1")).await.status, 403, "without a token");
}

#[tokio::test]
async fn the_openapi_document_has_every_route_of_every_mount_that_the_caller_sees() {
    let world = TestServer::new().await;
    let mount = json!({"type": "kv-v2"});
    assert_eq!(world.root("POST", "sys/mounts/secret", Some(mount)).await.status, 204);
    let said = world.root("GET", "sys/internal/specs/openapi", None).await;
    assert_eq!((said.status, &said.body["openapi"]), (200, &json!("3.0.2")));
    for (path, method) in [
        ("/secret/data/{path}", "patch"),
        ("/secret/metadata", "get"),
        ("/sys/audit/{path}", "delete"),
        ("/auth/token/lookup-self", "get"),
        ("/cubbyhole/{path}", "post"),
    ] {
        assert!(said.body["paths"][path][method].is_object(), "{path} {method}");
    }
    // Each operation has a name of its own, and declares its answers, its token and its body.
    let mut ids = std::collections::BTreeSet::new();
    for (path, described) in said.body["paths"].as_object().unwrap() {
        let parameters = described["parameters"].as_array().map_or(0, Vec::len);
        assert_eq!(parameters, path.matches('{').count(), "{path}");
        for method in ["get", "post", "patch", "delete", "head"] {
            let Some(operation) = described.get(method) else { continue };
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
            for status in ["200", "204", "400", "403", "404", "405", "500", "503"] {
                assert!(
                    operation["responses"][status]["description"].is_string(),
                    "{method} {path} {status}"
                );
            }
            assert_eq!(
                operation.get("requestBody").is_some(),
                matches!(method, "post" | "patch"),
                "{method} {path}"
            );
            let open = described["x-vault-unauthenticated"] == true;
            assert_eq!(operation["security"].as_array().unwrap().is_empty(), open, "{method} {path}");
        }
    }
    assert_eq!(said.body["paths"]["/sys/seal"]["x-vault-sudo"], true);
    assert_eq!(said.body["paths"]["/sys/health"]["x-vault-unauthenticated"], true);
    let policy = json!({"policy": "path \"sys/internal/specs/openapi\" { capabilities = [\"read\"] }"});
    world.root("PUT", "sys/policies/acl/docs", Some(policy)).await;
    let made = world
        .root("POST", "auth/token/create", Some(json!({"policies": ["docs"], "no_default_policy": true})))
        .await;
    let token = made.body["auth"]["client_token"].as_str().unwrap();
    let said = world.send(ask("GET", "sys/internal/specs/openapi").token(token)).await;
    assert!(said.body["paths"]["/sys/mounts"].is_object(), "sys/ is in sight");
    assert!(said.body["paths"].get("/secret/config").is_none(), "secret/ is not");
}
