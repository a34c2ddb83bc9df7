//! A token's private store.

use super::server::Server;

const POLICY: &str =
    r#"path "cubbyhole/*" { capabilities = ["create", "read", "update", "delete", "list"] }"#;

#[tokio::test]
async fn each_token_has_its_own() {
    let server = Server::new().await;
    let (one, other) = (server.token(POLICY).await, server.token(POLICY).await);
    let ask = async |token: &str, method: &str, path: &str, body: &str| {
        server.ask_as(Some(token), method, path, body).await
    };
    assert_eq!(ask(&one, "POST", "cubbyhole/mine", r#"{"k":"v"}"#).await.status, 204);
    assert_eq!(ask(&one, "POST", "cubbyhole/deep/er", r#"{"k":"v"}"#).await.status, 204);
    let said = ask(&one, "GET", "cubbyhole/mine", "").await;
    assert_eq!(said.data().str("k"), Some("v"));
    assert!(said.text.contains(r#""lease_duration":0"#));
    assert_eq!(ask(&one, "LIST", "cubbyhole", "").await.keys(), ["deep/", "mine"]);
    assert_eq!(ask(&other, "GET", "cubbyhole/mine", "").await.status, 404);
    assert_eq!(ask(&other, "LIST", "cubbyhole", "").await.status, 404);
    assert_eq!(ask(&other, "DELETE", "cubbyhole/mine", "").await.status, 204);
    assert_eq!(ask(&one, "GET", "cubbyhole/mine", "").await.status, 200);
    assert_eq!(ask(&one, "POST", "cubbyhole/mine", "{}").await.error(), "missing data fields");
    assert_eq!(ask(&one, "DELETE", "cubbyhole/mine", "").await.status, 204);
    assert_eq!(ask(&one, "GET", "cubbyhole/mine", "").await.status, 404);
}

#[tokio::test]
async fn it_ends_with_its_token() {
    let server = Server::new().await;
    let token = server.token(POLICY).await;
    server.ask_as(Some(&token), "POST", "cubbyhole/mine", r#"{"k":"v"}"#).await;
    assert_eq!(server.stored("cubbyhole/"), 1);
    server.expect(204, "POST", "auth/token/revoke", &format!(r#"{{"token":"{token}"}}"#)).await;
    assert_eq!(server.stored("cubbyhole/"), 0);
}

#[tokio::test]
async fn no_dots_lead_out_of_it() {
    let server = Server::new().await;
    let token = server.token(POLICY).await;
    for path in ["cubbyhole/../x", "cubbyhole/a/../../x"] {
        assert_eq!(server.ask_as(Some(&token), "POST", path, r#"{"k":"v"}"#).await.status, 400);
    }
}
