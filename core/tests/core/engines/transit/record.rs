//! What requests to the engine leave on record.

use serde_json::{Value, json};

use super::base64;
use crate::kit::{TestServer, entries};

const CANARY: &str = "cAnArY-of-transit";

#[tokio::test]
async fn no_setting_of_the_mount_shows_plaintexts_inputs_keys_or_backups() {
    let world = TestServer::new().await;
    let post = async |path: &str, body: Value| world.root("POST", path, Some(body)).await;
    assert_eq!(post("sys/mounts/transit", json!({"type": "transit"})).await.status, 204);
    let names = json!([
        "plaintext",
        "ciphertext",
        "context",
        "input",
        "batch_input",
        "batch_results",
        "backup",
        "keys",
        "associated_data"
    ]);
    let tune = json!({"audit_non_hmac_request_keys": names, "audit_non_hmac_response_keys": names});
    assert_eq!(post("sys/mounts/transit/tune", tune).await.status, 204);
    let device = world.device("test/", false).await;
    let made = post(
        "transit/keys/k",
        json!({"exportable": true, "allow_plaintext_backup": true, "derived": true, "type": "aes256-gcm96"}),
    );
    assert_eq!(made.await.status, 200);
    let secret = base64(CANARY);
    let item = json!({"plaintext": secret, "context": secret, "associated_data": secret});
    let said = post("transit/encrypt/k", item.clone()).await;
    let ciphertext = said.body["data"]["ciphertext"].as_str().unwrap().to_owned();
    let opened = json!({"ciphertext": ciphertext, "context": secret, "associated_data": secret});
    assert_eq!(post("transit/decrypt/k", opened.clone()).await.body["data"]["plaintext"], secret.as_str());
    assert_eq!(post("transit/encrypt/k", json!({"batch_input": [item.clone()]})).await.status, 200);
    let mixed = json!({"batch_input": [opened, {"ciphertext": secret}]});
    let failed = post("transit/decrypt/k", mixed).await;
    assert_eq!((failed.status, failed.text.contains(&secret)), (400, true));
    let data_key = post("transit/datakey/plaintext/k", json!({"context": secret})).await;
    for path in ["transit/sign/k", "transit/hmac/k", "transit/verify/k", "transit/hash"] {
        post(path, json!({"input": secret, "hmac": "vault:v1:AAAA"})).await;
    }
    let export = world.root("GET", "transit/export/encryption-key/k", None).await;
    let backup = world.root("GET", "transit/backup/k", None).await;
    let backup_text = backup.body["data"]["backup"].as_str().unwrap().to_owned();
    assert_eq!(post("transit/restore/other", json!({"backup": backup_text})).await.status, 204);
    post("transit/restore/other", json!({"backup": secret})).await;
    post("transit/keys/imported/import", json!({"ciphertext": secret, "type": "hmac"})).await;
    let secrets = [
        secret.as_str(),
        CANARY,
        &ciphertext,
        &backup_text,
        data_key.body["data"]["plaintext"].as_str().unwrap(),
        export.body["data"]["keys"]["1"].as_str().unwrap(),
    ];
    let lines = String::from_utf8(device.lines().concat()).unwrap();
    for secret in secrets {
        let line = lines.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
    // Both entries of each request are there, with the name of the key in the clear.
    let encrypted: Vec<Value> = entries(&device)
        .into_iter()
        .filter(|entry| entry["request"]["path"] == "transit/encrypt/k")
        .collect();
    assert_eq!(encrypted.len(), 4, "{encrypted:?}");
    assert!(encrypted[0]["request"]["data"]["plaintext"].as_str().unwrap().starts_with("hmac-sha256:"));
    assert!(encrypted[1]["response"]["data"]["ciphertext"].as_str().unwrap().starts_with("hmac-sha256:"));
}

#[tokio::test]
async fn a_batch_of_which_a_part_fails_is_on_record_with_its_status() {
    let world = TestServer::new().await;
    let post = async |path: &str, body: Value| world.root("POST", path, Some(body)).await;
    assert_eq!(post("sys/mounts/transit", json!({"type": "transit"})).await.status, 204);
    assert_eq!(post("transit/keys/k", json!({})).await.status, 200);
    let device = world.device("test/", false).await;
    let batch =
        json!({"batch_input": [{"plaintext": base64("x")}, {}], "partial_failure_response_code": 206});
    assert_eq!(post("transit/encrypt/k", batch).await.status, 206);
    let response = entries(&device).pop().unwrap();
    let data = &response["response"]["data"];
    assert_eq!((&data["http_status_code"], &response["response"]["status_code"]), (&json!(206), &json!(206)));
    assert!(data["http_raw_body"].as_str().unwrap().starts_with("hmac-sha256:"), "{response}");
}
