//! Key-value, version 1, as the recordings have it.

use onrecord_value::Value;

use super::server::Server;

#[tokio::test]
async fn the_life_of_a_secret() {
    let server = Server::new().await;
    server.expect(204, "POST", "sys/mounts/kv1", r#"{"type":"kv","description":"first"}"#).await;
    let odd = r#"{"big":12345678901234567890,"exp":1e+21,"flag":true,"list":["a",1,{"k":"v"}],"none":null,"obj":{"empty":""},"price":1.50,"ttl":3600,"user":"<admin> & \"co\""}"#;
    server.expect(204, "POST", "kv1/odd", odd).await;
    let said = server.expect(200, "GET", "kv1/odd", "").await;
    let wanted = odd.replace('<', r"\u003c").replace('>', r"\u003e").replace('&', r"\u0026");
    assert!(said.text.contains(&format!(r#""data":{wanted}"#)), "{}", said.text);
    assert_eq!(said.body.get("lease_duration").and_then(Value::as_i64), Some(3600));
    assert_eq!(said.body.str("lease_id"), Some(""));
    server.expect(204, "PUT", "kv1/odd", r#"{"a":"b"}"#).await;
    let said = server.expect(200, "GET", "kv1/odd", "").await;
    assert_eq!(said.data().len(), 1);
    assert_eq!(said.body.get("lease_duration").and_then(Value::as_i64), Some(2_764_800));
    server.expect(204, "DELETE", "kv1/odd", "").await;
    server.expect(204, "DELETE", "kv1/odd", "").await;
    assert_eq!(server.expect(404, "GET", "kv1/odd", "").await.text, "{\"errors\":[]}\n");
}

#[tokio::test]
async fn lists_show_one_level() {
    let server = Server::new().await;
    server.mount("kv1", 1).await;
    assert_eq!(server.expect(404, "LIST", "kv1/none", "").await.text, "{\"errors\":[]}\n");
    for key in ["odd", "dir/inner", "dir/deep/er", "dir"] {
        server.expect(204, "POST", &format!("kv1/{key}"), r#"{"a":"b"}"#).await;
    }
    assert_eq!(server.expect(200, "LIST", "kv1", "").await.keys(), ["dir", "dir/", "odd"]);
    assert_eq!(server.expect(200, "GET", "kv1/?list=true", "").await.keys(), ["dir", "dir/", "odd"]);
    assert_eq!(server.expect(200, "LIST", "kv1/dir", "").await.keys(), ["deep/", "inner"]);
}

#[tokio::test]
async fn a_write_without_data_is_refused() {
    let server = Server::new().await;
    server.mount("kv1", 1).await;
    assert_eq!(server.expect(400, "POST", "kv1/empty", "{}").await.error(), "missing data fields");
    assert_eq!(server.expect(400, "POST", "kv1", r#"{"a":1}"#).await.error(), "missing path");
    server.expect(404, "GET", "kv1", "").await;
}

#[tokio::test]
async fn the_mounts_default_lease_counts_before_the_servers() {
    let server = Server::new().await;
    server.mount("kv1", 1).await;
    server.expect(204, "POST", "sys/mounts/kv1/tune", r#"{"default_lease_ttl":"30m"}"#).await;
    server.expect(204, "POST", "kv1/a", r#"{"a":"b"}"#).await;
    let said = server.expect(200, "GET", "kv1/a", "").await;
    assert_eq!(said.body.get("lease_duration").and_then(Value::as_i64), Some(1800));
}

#[tokio::test]
async fn a_path_that_is_no_key_is_the_clients_error() {
    let server = Server::new().await;
    server.mount("kv1", 1).await;
    server.expect(400, "POST", "kv1/a/../b", r#"{"a":"b"}"#).await;
    server.expect(400, "POST", &format!("kv1/{}", "a".repeat(20_000)), r#"{"a":"b"}"#).await;
}
