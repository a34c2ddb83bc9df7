//! Create or update: what was decided about a write holds at the moment of the change, under concurrency too.

use onrecord_audit::device::faulty::{Fault, FaultControl};
use serde_json::{Value, json};

use crate::kit::{TestServer, ask, eventually, said};

/// A server with both versions of the key-value engine, and a token with these capabilities on them.
async fn world(capabilities: &str) -> (TestServer, FaultControl, String) {
    let world = TestServer::new().await;
    let device = world.device("file/", false).await;
    for (path, version) in [("one", "1"), ("two", "2")] {
        let body = json!({"type": "kv", "options": {"version": version}});
        assert_eq!(world.root("POST", &format!("sys/mounts/{path}"), Some(body)).await.status, 204);
    }
    let text = format!(
        "path \"one/*\" {{ capabilities = [{capabilities}] }}\npath \"two/*\" {{ capabilities = [{capabilities}] }}"
    );
    assert_eq!(world.root("PUT", "sys/policies/acl/some", Some(json!({"policy": text}))).await.status, 204);
    let made = world.root("POST", "auth/token/create", Some(json!({"policies": ["some"]}))).await;
    let token = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
    (world, device, token)
}

const WRITES: [(&str, &str); 3] = [
    ("one/key", r#"{"a": "b"}"#),
    ("two/data/key", r#"{"data": {"a": "b"}}"#),
    ("two/metadata/other", r#"{"max_versions": 3}"#),
];

fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Two writes of one key, both decided before either is carried out.
async fn two_at_once(
    world: &TestServer,
    device: &FaultControl,
    token: &str,
    write: (&str, &str),
) -> Vec<u16> {
    device.set(Fault::Hang);
    let start = |_| tokio::spawn(world.start(ask("POST", write.0).token(token).json(&body(write.1))));
    let writes: Vec<_> = (0..2).map(start).collect();
    let unsealed = world.core.unsealed().unwrap();
    eventually(|| unsealed.broker.status()[0].queue.entries == 2).await;
    device.set(Fault::None);
    let mut statuses = Vec::new();
    for write in writes {
        statuses.push(said(write.await.unwrap()).status);
    }
    statuses.sort_unstable();
    statuses
}

#[tokio::test]
async fn who_may_only_create_overwrites_nothing_not_even_in_a_race() {
    let (world, device, token) = world("\"create\"").await;
    for write in WRITES {
        let statuses = two_at_once(&world, &device, &token, write).await;
        assert!(statuses[0] / 100 == 2 && statuses[1] == 403, "{}: {statuses:?}", write.0);
    }
    assert_eq!(world.root("GET", "two/metadata/key", None).await.body["data"]["current_version"], 1);
}

#[tokio::test]
async fn who_may_create_and_update_succeeds_in_a_race() {
    let (world, device, token) = world("\"create\", \"update\"").await;
    for write in WRITES {
        let statuses = two_at_once(&world, &device, &token, write).await;
        assert!(statuses.iter().all(|status| status / 100 == 2), "{}: {statuses:?}", write.0);
    }
    assert_eq!(world.root("GET", "two/metadata/key", None).await.body["data"]["current_version"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_creations_of_one_key_one_succeeds() {
    let (world, _device, token) = world("\"create\"").await;
    for round in 0..20 {
        let path = format!("two/data/key-{round}");
        let start = |number: u64| {
            let body = json!({"data": {"number": number}});
            tokio::spawn(world.start(ask("POST", &path).token(&token).json(&body)))
        };
        let writes: Vec<_> = (0..8).map(start).collect();
        let mut done = 0;
        for write in writes {
            match said(write.await.unwrap()).status {
                200 => done += 1,
                403 => {}
                other => panic!("{other}"),
            }
        }
        assert_eq!(done, 1);
        let found = world.root("GET", &format!("two/metadata/key-{round}"), None).await;
        assert_eq!(found.body["data"]["current_version"], 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_one_key_without_a_pause_are_all_answered() {
    let (world, _device, token) = world("\"create\", \"update\"").await;
    let world = std::sync::Arc::new(world);
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (world, token) = (std::sync::Arc::clone(&world), token.clone());
            tokio::spawn(async move {
                for _ in 0..400 {
                    let write = ask("POST", "two/data/key").token(&token);
                    let answer = world.send(write.json(&json!({"data": {"a": "b"}}))).await;
                    assert_eq!(answer.status, 200, "{}", answer.body);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}
