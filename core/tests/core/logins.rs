//! The login methods, each through a whole server.

mod approle;
mod cert;
mod jwt;
mod lockout;
mod userpass;

use onrecord_audit::device::faulty::FaultControl;
use serde_json::{Value, json};

use crate::kit::{Reply, TestServer, ask, entries};

/// Asks as root and expects a status.
async fn root(world: &TestServer, status: u16, method: &'static str, path: &str, body: Value) -> Reply {
    let said = world.root(method, path, Some(body).filter(|body| !body.is_null())).await;
    assert_eq!(said.status, status, "{method} {path}: {}", said.text);
    said
}

/// A server with a login method at `auth/in/`.
async fn with(kind: &str) -> TestServer {
    let world = TestServer::new().await;
    root(&world, 204, "POST", "sys/auth/in", json!({"type": kind})).await;
    world
}

/// Logs in, without a token.
async fn log_in(world: &TestServer, path: &str, body: Value) -> Reply {
    world.send(ask("POST", path).json(&body)).await
}

/// The token of an answer, looked up by itself.
async fn look_up(world: &TestServer, login: &Reply) -> Value {
    let token = login.body["auth"]["client_token"].as_str().unwrap_or_else(|| panic!("{}", login.text));
    let own = world.send(ask("GET", "auth/token/lookup-self").token(token)).await;
    own.body["data"].clone()
}

/// The accessor of the mount.
async fn accessor(world: &TestServer) -> String {
    let read = root(world, 200, "GET", "sys/auth/in", Value::Null).await;
    read.body["data"]["accessor"].as_str().unwrap().to_owned()
}

/// No line of a device that hashes has one of the texts.
fn assert_absent(device: &FaultControl, canaries: &[&str]) {
    let lines = device.lines();
    assert!(!lines.is_empty());
    for line in lines {
        let line = String::from_utf8(line).unwrap();
        for canary in canaries {
            assert!(!line.contains(canary), "{canary}: {line}");
        }
    }
}

fn last(device: &FaultControl) -> Value {
    entries(device).pop().unwrap()
}
