//! Of several last shares at once, exactly one ends a ceremony.
//! Never in it: a single caller.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Shared, shared, texts};
use crate::kit::{ask, said};

/// 50 at once give the last share needed; the answers that end the attempt.
async fn race(server: &Shared, path: &str, nonce: &str, key: &str) -> usize {
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let body = json!({"key": key, "nonce": nonce});
            tokio::spawn(server.world.start(ask("PUT", path).json(&body)))
        })
        .collect();
    let mut winners = 0;
    for client in clients {
        let said = said(client.await.unwrap());
        assert!(matches!(said.status, 200 | 400), "{}", said.text);
        winners += usize::from(said.body["complete"] == true);
    }
    winners
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_last_shares_at_once_one_ends_a_rekey() {
    let mut server = shared(2, 2).await;
    for round in 0..40 {
        let nonce = server.begin_rekey(json!({"secret_shares": 2, "secret_threshold": 2})).await;
        let first = server.share("sys/rekey/update", &server.keys[0], &nonce).await;
        assert_eq!(first.body["progress"], json!(1), "{}", first.text);
        // One of the racers is told the new shares; the rest find no attempt.
        let body = json!({"key": server.keys[1], "nonce": nonce});
        let clients: Vec<_> = (0..50)
            .map(|_| tokio::spawn(server.world.start(ask("PUT", "sys/rekey/update").json(&body))))
            .collect();
        let mut new = Vec::new();
        for client in clients {
            let said = said(client.await.unwrap());
            if said.body["complete"] == true {
                new.push(texts(&said.body["keys"]));
            } else {
                assert_eq!((said.status, said.error()), (400, "no rekey in progress"), "{round}");
            }
        }
        assert_eq!(new.len(), 1, "{round}");
        server.keys = new.remove(0);
    }
    assert!(server.opens_with(&server.keys).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_last_shares_at_once_one_makes_a_root_token() {
    let server = shared(2, 2).await;
    let mut accessors = BTreeSet::new();
    for round in 0..40 {
        let nonce = server.get_nonce("sys/generate-root/attempt", json!({})).await;
        server.share("sys/generate-root/update", &server.keys[0], &nonce).await;
        assert_eq!(race(&server, "sys/generate-root/update", &nonce, &server.keys[1]).await, 1, "{round}");
        let listed = server.world.root("LIST", "auth/token/accessors", None).await;
        let now: BTreeSet<String> = texts(&listed.body["data"]["keys"]).into_iter().collect();
        assert_eq!(now.len(), round + 2, "one more than before");
        accessors = now;
    }
    assert_eq!(accessors.len(), 41);
}
