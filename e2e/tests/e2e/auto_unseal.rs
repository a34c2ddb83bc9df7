//! Auto-unseal of the real binary by the transit engine of another server: here one that is scripted, and away at first.
//! Never in it: encryption; the scripted engine keeps what it is given.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Server, binary};
use serde_json::{Value, json};

/// A scripted transit engine.
#[derive(Default)]
struct Engine {
    /// Whether its server is sealed.
    is_away: AtomicBool,
    /// The path and the token of each request.
    asked: Mutex<Vec<(String, String)>>,
}

/// Answers each connection's one request on a thread, until the process ends.
fn engine() -> (Arc<Engine>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let engine = Arc::<Engine>::default();
    let serving = Arc::clone(&engine);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, &serving);
        }
    });
    (engine, address)
}

fn answer(mut stream: TcpStream, engine: &Engine) -> Option<()> {
    let (mut request, mut block) = (Vec::new(), [0; 4096]);
    let (head, body) = loop {
        let count = stream.read(&mut block).ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&block[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = header(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let path = head.split(' ').nth(1)?.to_owned();
    let body: Value = serde_json::from_str(&body).ok()?;
    let token = header(&head, "x-vault-token").unwrap_or_default();
    let said = match path.as_str() {
        "/v1/keys/encrypt/unseal" => {
            json!({"data": {"ciphertext": format!("vault:v1:{}", body["plaintext"].as_str()?)}})
        }
        "/v1/keys/decrypt/unseal" => {
            json!({"data": {"plaintext": body["ciphertext"].as_str()?.rsplit(':').next()?}})
        }
        _ => json!({"auth": {"client_token": "t", "lease_duration": 0, "renewable": false}}),
    };
    engine.asked.lock().expect("no panic while held").push((path, token));
    let (status, said) = if engine.is_away.load(Ordering::Relaxed) {
        ("503 Service Unavailable", json!({"errors": ["Vault is sealed"]}).to_string())
    } else {
        ("200 OK", said.to_string())
    };
    let length = said.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{said}"
    );
    stream.write_all(answer.as_bytes()).ok()
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

fn configure(place: &Place, engine: SocketAddr) {
    place.configure(&format!(
        "seal \"transit\" {{\n address = \"http://{engine}\"\n token = \"a-token\"\n key_name = \"unseal\"\n mount_path = \
         \"keys\"\n}}\n"
    ));
}

#[test]
fn a_server_is_unsealed_by_another_ones_transit_engine_as_soon_as_that_answers() {
    let place = Place::new();
    let (engine, address) = engine();
    configure(&place, address);
    let mut server = place.start();
    let made =
        server.call("PUT", "sys/init", Some(json!({"recovery_shares": 2, "recovery_threshold": 2}))).json();
    assert_eq!(
        (made["recovery_keys"].as_array().map(Vec::len), &made["keys"]),
        (Some(2), &json!([])),
        "{made}"
    );
    server.token = made["root_token"].as_str().expect("a token").to_owned();
    assert_eq!(server.call("GET", "sys/health", None).status, 200, "it is unsealed at once");
    assert_eq!(server.call("GET", "auth/token/lookup-self", None).status, 200);
    let token = server.token.clone();
    assert!(server.stop());
    for (path, sent) in engine.asked.lock().expect("no panic while held").iter() {
        assert_eq!(sent, "a-token", "{path}");
    }
    engine.is_away.store(true, Ordering::Relaxed);
    // The start goes on, sealed, and says what it waits for.
    let mut server = place.start();
    server.wait_for_log("its seal could not unseal it, and is tried again");
    assert_eq!(server.call("GET", "sys/health", None).status, 503);
    engine.is_away.store(false, Ordering::Relaxed);
    server.eventually("it is unsealed", || server.call("GET", "sys/health", None).status == 200);
    server.token = token;
    assert_eq!(server.call("GET", "auth/token/lookup-self", None).status, 200);
    assert!(!server.stderr().contains("a-token"));
    assert!(server.stop());
}

#[test]
fn data_that_another_seal_has_initialised_is_refused_with_what_to_do() {
    let place = Place::new();
    let (_engine, address) = engine();
    configure(&place, address);
    let mut server = place.start();
    assert_eq!(
        server.call("PUT", "sys/init", Some(json!({"recovery_shares": 1, "recovery_threshold": 1}))).status,
        200
    );
    assert!(server.stop());
    place.configure("");
    let config = format!("-config={}", place.config().display());
    let refused = Command::new(binary()).args(["server", &config]).output().expect("the binary runs");
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        text.contains("the data was initialised with the seal \"transit\": configure that seal"),
        "{text}"
    );
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn a_server_is_unsealed_by_another_server_of_its_kind() {
    let other = Server::dev(&["-dev-audit=off"]);
    assert_eq!(other.call("POST", "sys/mounts/keys", Some(json!({"type": "transit"}))).status, 204);
    assert!(other.call("POST", "keys/keys/unseal", Some(json!({}))).status < 300);
    let place = Place::new();
    place.configure(&format!(
        "seal \"transit\" {{\n address = \"http://{}\"\n token = \"root\"\n key_name = \"unseal\"\n mount_path = \"keys/\"\n}}\n",
        other.addr
    ));
    let server = place.start();
    let wanted = json!({"recovery_shares": 1, "recovery_threshold": 1});
    let made = server.call("PUT", "sys/init", Some(wanted));
    assert_eq!(made.status, 200, "{}", made.error());
    let mut server = server;
    assert!(server.stop());
    let server = place.start();
    server.eventually("it is unsealed", || server.call("GET", "sys/health", None).status == 200);
    let seal = server.call("GET", "sys/seal-status", None).json();
    assert_eq!((&seal["type"], &seal["recovery_seal"]), (&json!("transit"), &json!(true)));
}
