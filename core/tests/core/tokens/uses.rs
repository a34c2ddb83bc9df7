//! Tokens with a number of uses, under many requests at once.

use onrecord_core::Settings;
use serde_json::json;

use crate::kit::{TestServer, ask};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_with_one_use_is_good_for_one_request_of_fifty_at_once() {
    // A request with a token that is used up is refused: a server takes a limited number of those a second from one address.
    let world = TestServer::with(Settings { unauthenticated_rate_limit: 0, ..Settings::default() }).await;
    for round in 0..40 {
        let made = world.root("POST", "auth/token/create", Some(json!({"num_uses": 1}))).await;
        let token = made.body["auth"]["client_token"].as_str().unwrap().to_owned();
        let clients: Vec<_> = (0..50)
            .map(|_| {
                let (world, token) = (world.clone(), token.clone());
                tokio::spawn(async move {
                    world.send(ask("GET", "auth/token/lookup-self").token(&token)).await.status
                })
            })
            .collect();
        let mut statuses = Vec::new();
        for client in clients {
            statuses.push(client.await.unwrap());
        }
        let count = |status| statuses.iter().filter(|found| **found == status).count();
        assert_eq!((count(200), count(403)), (1, 49), "round {round}: {statuses:?}");
    }
}
