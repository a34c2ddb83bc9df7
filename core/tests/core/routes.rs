//! I6: every route is recorded, or stands in the list of exempt ones with its reason.

use onrecord_core::operation::Operation;
use onrecord_core::routes::{Access, Recording, Route, TABLE};
use serde_json::json;

use crate::kit::{TestRequest, TestServer, ask, entries};

fn asked(route: &Route, operation: Operation) -> TestRequest {
    let path = route.pattern.trim_end_matches("/?").replace(['*', ':'], "x");
    match operation {
        Operation::Update => ask("POST", &path).json(&json!({"x": "y"})),
        Operation::List => ask("LIST", &path),
        Operation::Delete => ask("DELETE", &path),
        Operation::Header => ask("HEAD", &path),
        _ => ask("GET", &path),
    }
}

#[tokio::test]
async fn r_allpaths_every_route_is_recorded_or_in_the_exempt_list() {
    for route in TABLE {
        for operation in route.operations {
            for token in [true, false] {
                // A world for each: some of them revoke, or seal.
                let world = TestServer::new().await;
                let device = world.device("test/", false).await;
                let mut ask = asked(route, *operation);
                let path = ask.path.clone();
                ask.token = token.then(|| world.root.clone());
                let status = world.send(ask).await.status;
                let entries = entries(&device);
                let what = format!("{operation:?} {} with a token: {token}: {status}", route.pattern);
                let expected = match route.recording {
                    Recording::Exempt(reason) => {
                        assert!(!reason.is_empty());
                        0
                    }
                    Recording::RequestOnly(reason) => {
                        assert!(!reason.is_empty());
                        if token { 1 } else { 2 }
                    }
                    Recording::Both => 2,
                    Recording::ListenerMayExempt(reason) => {
                        assert!(!reason.is_empty());
                        2
                    }
                };
                assert_eq!(entries.len(), expected, "{what}");
                for entry in &entries {
                    let recorded = entry["request"]["path"].as_str().unwrap().trim_end_matches('/');
                    let same =
                        if route.sensitive { recorded.contains("hmac-sha256:") } else { recorded == path };
                    assert!(same, "{what}: {recorded}");
                }
                if !token && route.access != Access::Anybody {
                    assert_eq!(status, 403, "{what}");
                }
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
async fn routes_that_need_sudo_are_denied_without_it() {
    let world = TestServer::new().await;
    let policy = json!({"policy": "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }"});
    world.root("PUT", "sys/policies/acl/all", Some(policy)).await;
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["all"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap();
    for route in TABLE.iter().filter(|route| route.access == Access::Sudo) {
        for operation in route.operations {
            let said = world.send(asked(route, *operation).token(token)).await;
            assert_eq!(said.status, 403, "{operation:?} {}", route.pattern);
        }
    }
}

#[tokio::test]
async fn help_is_refused_with_where_it_is_and_recorded_as_help() {
    let world = TestServer::new().await;
    let device = world.device("test/", false).await;
    for path in ["sys/mounts", "sys/nowhere", "auth/token/lookup-self", "cubbyhole/x"] {
        let said = world.send(ask("GET", path).query("help=1").token(&world.root)).await;
        assert_eq!(said.status, 405, "{path}");
        assert!(said.error().contains("its command line has"), "{path}: {}", said.error());
        let last = entries(&device).pop().unwrap();
        assert_eq!(
            (&last["request"]["operation"], &last["type"]),
            (&json!("help"), &json!("response")),
            "{path}"
        );
    }
}
