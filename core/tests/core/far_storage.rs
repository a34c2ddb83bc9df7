//! A server whose storage is far away: requests wait for their reads beside each other, and read nothing twice.
use std::collections::BTreeMap;
use std::time::Duration;

use crate::kit::{Reply, TestRequest, TestServer, ask, eventually, said};
use onrecord_core::Settings;
use onrecord_storage::Storage;
use onrecord_storage::far::Far;
use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};

/// A server over a store that answers each read after 5 ms, with an audit device and both versions of the key-value
/// engine.
async fn far_world() -> (TestServer, Far) {
    let far = Far::new(Duration::from_millis(5)).unwrap();
    let world = TestServer::on(Storage::start(far.clone()).unwrap(), Settings::default()).await;
    world.device("file/", false).await;
    for (path, version) in [("one", "1"), ("two", "2")] {
        let body = json!({"type": "kv", "options": {"version": version}});
        assert_eq!(world.root("POST", &format!("sys/mounts/{path}"), Some(body)).await.status, 204);
    }
    let body = json!({"data": {"a": "value"}});
    assert_eq!(world.root("POST", "two/data/key", Some(body)).await.status, 200);
    assert_eq!(world.root("POST", "one/key", Some(json!({"a": "value"}))).await.status, 204);
    far.take_counts();
    (world, far)
}

fn spawn(world: &TestServer, ask: TestRequest) -> JoinHandle<Reply> {
    let journey = world.start(ask);
    tokio::spawn(async move { said(journey.await) })
}

async fn until_waiting(far: &Far, count: usize) {
    eventually(|| far.waiting() >= count).await;
}

#[tokio::test]
async fn other_requests_go_on_while_one_waits_for_the_store() {
    let (world, far) = far_world().await;
    far.hold();
    let waiting = spawn(&world, ask("GET", "two/data/key").token(&world.root));
    until_waiting(&far, 1).await;
    for _ in 0..10 {
        assert_eq!(world.root("GET", "auth/token/lookup-self", None).await.status, 200);
        assert_eq!(world.root("GET", "sys/mounts", None).await.status, 200);
    }
    assert!(!waiting.is_finished() && far.waiting() == 1);
    far.answer();
    assert_eq!(waiting.await.unwrap().body["data"]["data"]["a"], "value");
}

#[tokio::test]
async fn many_reads_of_one_thread_are_under_way_at_once() {
    let (world, far) = far_world().await;
    far.hold();
    let mut reads = JoinSet::new();
    for _ in 0..64 {
        let journey = world.start(ask("GET", "two/data/key").token(&world.root));
        reads.spawn(async move { said(journey.await) });
    }
    until_waiting(&far, 64).await;
    far.answer();
    for read in reads.join_all().await {
        assert_eq!(read.status, 200);
    }
    assert_eq!(far.most_waiting(), 64);
}

#[tokio::test]
async fn writes_of_many_keys_are_under_way_at_once_and_those_of_one_key_lose_nothing() {
    let (world, far) = far_world().await;
    far.hold();
    let mut writes = JoinSet::new();
    for number in 0..64 {
        let path = if number < 32 { "two/data/same".to_owned() } else { format!("two/data/key{number}") };
        let ask = ask("POST", &path).token(&world.root).json(&json!({"data": {"number": number}}));
        let journey = world.start(ask);
        writes.spawn(async move { said(journey.await) });
    }
    // Each key has one writer at a time.
    until_waiting(&far, 33).await;
    far.answer();
    let mut versions = Vec::new();
    for written in writes.join_all().await {
        assert_eq!(written.status, 200, "{}", written.text);
        versions.push(written.body["data"]["version"].as_u64().unwrap());
    }
    versions.sort_unstable();
    let expected = std::iter::repeat_n(1, 33).chain(2..=32).collect::<Vec<u64>>();
    assert_eq!(versions, expected);
    assert!(far.most_waiting() >= 33);
}

/// The most reads of a key by a request, and all of them.
async fn reads(
    world: &TestServer,
    far: &Far,
    ask: TestRequest,
    status: u16,
) -> (usize, BTreeMap<String, usize>) {
    far.take_counts();
    let said = world.send(ask).await;
    assert_eq!(said.status, status, "{}", said.text);
    let counts = far.take_counts();
    (counts.values().copied().max().unwrap_or_default(), counts)
}

#[tokio::test]
async fn a_request_reads_no_key_twice() {
    let (world, far) = far_world().await;
    let token = world.root("POST", "auth/token/create", Some(json!({"policies": ["root"]}))).await;
    let token = token.body["auth"]["client_token"].as_str().unwrap().to_owned();
    let accessor = json!({"accessor": "unknown"});
    let data = json!({"data": {"a": "other"}});
    let plain = json!({"a": "other"});
    // The first request with a token reads it into memory; what it asks for is one read more.
    let requests = [
        (ask("GET", "two/data/key").token(&token), 200, 2),
        (ask("GET", "two/data/key").token(&token), 200, 1),
        (ask("GET", "two/data/absent").token(&token), 404, 1),
        (ask("GET", "two/metadata/key").token(&token), 200, 1),
        (ask("GET", "two/subkeys/key").token(&token), 200, 1),
        (ask("LIST", "two/metadata/").token(&token), 200, 1),
        (ask("POST", "two/data/key").token(&token).json(&data), 200, 1),
        (ask("POST", "two/data/new").token(&token).json(&data), 200, 1),
        (ask("POST", "two/metadata/new").token(&token).json(&json!({"max_versions": 3})), 204, 1),
        (ask("DELETE", "two/data/key").token(&token), 204, 1),
        (ask("GET", "one/key").token(&token), 200, 1),
        (ask("POST", "one/key").token(&token).json(&plain), 204, 1),
        (ask("POST", "one/new").token(&token).json(&plain), 204, 1),
        (ask("DELETE", "one/key").token(&token), 204, 1),
        (ask("POST", "cubbyhole/mine").token(&token).json(&plain), 204, 1),
        (ask("GET", "cubbyhole/mine").token(&token), 200, 1),
        (ask("GET", "auth/token/lookup-self").token(&token), 200, 0),
        (ask("POST", "auth/token/lookup-accessor").token(&token).json(&accessor), 400, 1),
        (ask("GET", "two/data/key").token("s.unknown"), 403, 1),
        (ask("GET", "sys/mounts").token(&token), 200, 0),
    ];
    for (ask, status, expected) in requests {
        let what = format!("{} {}", ask.method, ask.path);
        let (most, counts) = reads(&world, &far, ask, status).await;
        assert!(most <= 1, "{what}: {counts:?}");
        assert_eq!(counts.values().sum::<usize>(), expected, "{what}: {counts:?}");
    }
}
