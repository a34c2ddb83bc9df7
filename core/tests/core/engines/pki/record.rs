//! What requests to the engine leave on record.

use serde_json::{Value, json};

use crate::kit::{TestServer, entries};

#[tokio::test]
async fn no_private_key_is_in_any_line_whatever_the_mount_shows() {
    let world = TestServer::new().await;
    let post = async |path: &str, body: Value| {
        let said = world.root("POST", path, Some(body)).await;
        assert!(said.status < 300, "{path}: {}", said.text);
        said
    };
    post("sys/mounts/pki", json!({"type": "pki"})).await;
    let names = json!(["private_key", "certificate", "pem_bundle", "csr"]);
    let tune = json!({"audit_non_hmac_request_keys": names, "audit_non_hmac_response_keys": names});
    post("sys/mounts/pki/tune", tune).await;
    let device = world.device("test/", false).await;
    let root = post("pki/root/generate/exported", json!({"common_name": "Root", "key_type": "ec"})).await;
    let below =
        post("pki/intermediate/generate/exported", json!({"common_name": "Below", "key_type": "ec"})).await;
    post("pki/roles/web", json!({"allow_any_name": true, "key_type": "ec"})).await;
    let issued = post("pki/issue/web", json!({"common_name": "a.test", "format": "pem_bundle"})).await;
    let der = post("pki/issue/web", json!({"common_name": "a.test", "format": "der"})).await;
    let key = |said: &crate::kit::Reply| said.body["data"]["private_key"].as_str().unwrap().to_owned();
    let bundle = format!("{}\n{}", key(&root), root.body["data"]["certificate"].as_str().unwrap());
    post("pki/config/ca", json!({"pem_bundle": bundle})).await;
    let refused = json!({"pem_bundle": format!("{}\n{}", key(&issued), key(&below))});
    assert_eq!(world.root("POST", "pki/config/ca", Some(refused)).await.status, 400);
    let refused = json!({"private_key": key(&issued), "certificate": "x"});
    assert_eq!(world.root("POST", "pki/revoke-with-key", Some(refused)).await.status, 400);
    let lines = String::from_utf8(device.lines().concat()).unwrap();
    for said in [&root, &below, &issued, &der] {
        // A line of the middle of the key, as it stands in any PEM or base64.
        let key = key(said);
        let body = key.lines().filter(|line| !line.starts_with("---")).collect::<String>();
        let middle = &body[40..60];
        assert_eq!(lines.lines().find(|line| line.contains(middle)), None);
    }
    let of_issue: Vec<Value> =
        entries(&device).into_iter().filter(|entry| entry["request"]["path"] == "pki/issue/web").collect();
    assert_eq!(of_issue.len(), 4);
    assert!(of_issue[1]["response"]["data"]["private_key"].as_str().unwrap().starts_with("hmac-sha256:"));
    assert!(of_issue[0]["request"]["data"]["common_name"].as_str().unwrap().starts_with("hmac-sha256:"));
}
