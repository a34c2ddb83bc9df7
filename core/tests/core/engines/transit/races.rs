//! Changes of a key and operations with it at the same time.

use serde_json::json;

use super::{base64, number, server, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_rotations_beside_encryptions_none_is_lost() {
    let server = server().await;
    server.key("k", json!({})).await;
    let rotations: Vec<_> = (0..50)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move {
                let made = number(&server.post(200, "keys/k/rotate", json!({})).await, "latest_version");
                // What has been answered is seen by every request that comes later.
                let said = server.post(200, "encrypt/k", json!({"plaintext": base64("x")})).await;
                assert!(number(&said, "key_version") >= made, "{} after {made}", said.text);
                made
            })
        })
        .collect();
    let encryptions: Vec<_> = (0..50)
        .map(|round| {
            let server = server.clone();
            tokio::spawn(async move { server.encrypt("k", &round.to_string()).await })
        })
        .collect();
    let mut versions = Vec::new();
    for rotation in rotations {
        versions.push(rotation.await.unwrap());
    }
    versions.sort_unstable();
    assert_eq!(versions, (2..=51).collect::<Vec<_>>());
    for (round, sealed) in encryptions.into_iter().enumerate() {
        assert_eq!(server.decrypt("k", &sealed.await.unwrap()).await, round.to_string());
    }
    let said = server.expect(200, "GET", "transit/keys/k", "").await;
    assert_eq!((number(&said, "latest_version"), said.data().object("keys").unwrap().len()), (51, 51));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_first_encryptions_one_makes_the_key() {
    let server = server().await;
    for round in 0..10 {
        let name = format!("k{round}");
        let first: Vec<_> = (0..20)
            .map(|number: u32| {
                let (server, name) = (server.clone(), name.clone());
                tokio::spawn(async move { server.encrypt(&name, &number.to_string()).await })
            })
            .collect();
        for (number, sealed) in first.into_iter().enumerate() {
            let sealed = sealed.await.unwrap();
            assert_eq!(server.decrypt(&name, &sealed).await, number.to_string());
        }
        let said = server.expect(200, "GET", &format!("transit/keys/{name}"), "").await;
        assert_eq!(number(&said, "latest_version"), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_was_deleted_or_replaced_is_not_used_any_more() {
    let server = server().await;
    for _ in 0..30 {
        server.key("k", json!({})).await;
        server.post(200, "keys/k/config", json!({"deletion_allowed": true})).await;
        let sealed = server.encrypt("k", "x").await;
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (server, sealed) = (server.clone(), sealed.clone());
                tokio::spawn(async move {
                    let body = json!({"ciphertext": sealed}).to_string();
                    server.ask("POST", "transit/decrypt/k", &body).await.status
                })
            })
            .collect();
        server.expect(204, "DELETE", "transit/keys/k", "").await;
        let said = server.post(400, "decrypt/k", json!({"ciphertext": sealed})).await;
        assert_eq!(said.error(), "encryption key not found");
        server.key("k", json!({})).await;
        for reader in readers {
            assert!([200, 400].contains(&reader.await.unwrap()));
        }
        let said = server.post(400, "decrypt/k", json!({"ciphertext": sealed})).await;
        assert_eq!(
            said.error(),
            "invalid ciphertext: unable to decrypt",
            "{}",
            text(&server.key("k", json!({})).await, "name")
        );
        server.post(200, "keys/k/config", json!({"deletion_allowed": true})).await;
        server.expect(204, "DELETE", "transit/keys/k", "").await;
    }
}
