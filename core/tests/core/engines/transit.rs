//! Transit, asked through the whole pipeline.

mod batches;
mod imports;
mod keys;
mod races;
mod record;
mod signatures;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_value::Value;
use serde_json::json;

use super::server::{Reply, Server};

/// A server with the engine at `transit/`.
async fn server() -> Server {
    let server = Server::new().await;
    server.expect(204, "POST", "sys/mounts/transit", r#"{"type":"transit"}"#).await;
    server
}

fn base64(text: impl AsRef<[u8]>) -> String {
    STANDARD.encode(text)
}

/// A text of the answer's data.
fn text<'a>(said: &'a Reply, field: &str) -> &'a str {
    said.data().str(field).unwrap_or_else(|| panic!("no {field} in {}", said.text))
}

fn number(said: &Reply, field: &str) -> i64 {
    said.data().get(field).and_then(Value::as_i64).unwrap_or_else(|| panic!("no {field} in {}", said.text))
}

impl Server {
    async fn post(&self, status: u16, path: &str, body: serde_json::Value) -> Reply {
        self.expect(status, "POST", &format!("transit/{path}"), &body.to_string()).await
    }

    async fn key(&self, name: &str, body: serde_json::Value) -> Reply {
        self.post(200, &format!("keys/{name}"), body).await
    }

    async fn encrypt(&self, name: &str, plaintext: &str) -> String {
        let said = self.post(200, &format!("encrypt/{name}"), json!({"plaintext": base64(plaintext)})).await;
        text(&said, "ciphertext").to_owned()
    }

    async fn decrypt(&self, name: &str, ciphertext: &str) -> String {
        let said = self.post(200, &format!("decrypt/{name}"), json!({"ciphertext": ciphertext})).await;
        String::from_utf8(STANDARD.decode(text(&said, "plaintext")).unwrap()).unwrap()
    }
}
