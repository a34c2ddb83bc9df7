//! Many of anything (connections, devices, mounts, policies, names) is bounded, and the refusal names the bound.
//! Never in it: requests at once, and what they hold.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use onrecord_e2e::attacker::{ADDRESS, Attacker, allow_open_files};
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use serde_json::{Value, json};

fn with_listener(place: &Place, more: &str) -> Server {
    let config = format!(
        "listener \"tcp\" {{\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n{more}}}\ndisable_mlock = true\nstorage \"inmem\" {{}}\n"
    );
    std::fs::write(place.config(), config).expect("written");
    let mut server = place.start();
    server.open_up();
    server
}

#[test]
fn idle_connections_of_one_address_leave_room_for_others() {
    allow_open_files(4096);
    let place = Place::new();
    let server = with_listener(&place, "  max_connections = 400\n");
    let before = server.memory_kib();
    let mut idle: Vec<_> = (0..500).map(|_| Attacker::connect(server.addr)).collect();
    // All that were not refused are idle now: the refusals come after the accepted ones.
    let told = String::from_utf8(idle.pop().expect("one").rest()).expect("text");
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("max_connections_per_address"), "{told:?}");
    let began = Instant::now();
    assert_eq!(server.call("GET", "sys/health", None).status, 200);
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let grown = server.memory_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "100 idle connections take {grown} KiB");
    server.wait_for_log("max_connections_per_address is reached");
    drop(idle);
    server.eventually("the address may connect again", || {
        let mut again = Attacker::connect(server.addr);
        again.send(b"GET /v1/sys/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        again.status() == 200
    });
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let place = Place::new();
    let server = with_listener(&place, "  http_read_header_timeout = \"1s\"\n");
    for (what, sent) in [
        ("nothing", ""),
        ("half a head", "GET /v1/sys/health HTTP/1.1\r\nHost:"),
        ("a request, and then nothing", "GET /v1/sys/health HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        let mut client = Attacker::connect(server.addr);
        client.send(sent.as_bytes());
        let began = Instant::now();
        // Reads until the server closes the connection.
        drop(client.rest());
        assert!(began.elapsed() < Duration::from_secs(20), "{what}: {:?}", began.elapsed());
    }
}

#[test]
fn an_address_may_have_the_connections_that_the_configuration_says() {
    let place = Place::new();
    let server = with_listener(&place, "  max_connections_per_address = 3\n");
    let ask = |client: &mut Attacker| {
        client.send(b"GET /v1/sys/health HTTP/1.1\r\nHost: a\r\n\r\n");
        client.status()
    };
    let mut three: Vec<_> = (0..3).map(|_| Attacker::connect(server.addr)).collect();
    assert!(three.iter_mut().all(|client| ask(client) == 200));
    assert_eq!(Attacker::connect(server.addr).status(), 503);
    assert_eq!(ask(&mut Attacker::from(Ipv4Addr::new(127, 0, 0, 69), server.addr)), 200);
    assert_ne!(ADDRESS, Ipv4Addr::new(127, 0, 0, 69));
}

#[test]
fn the_error_about_too_many_devices_names_the_bound() {
    let place = Place::new();
    let server = place.in_memory("");
    let enable = |number: u32| {
        let file = place.path(format!("{number}.log"));
        server.try_enable(&format!("d{number}"), "file", &json!({ "file_path": file }))
    };
    let before = server.memory_kib();
    for number in 0..64 {
        let answer = enable(number);
        assert_eq!(answer.status, 204, "{number}: {}", answer.error());
    }
    let each = server.memory_kib().saturating_sub(before) / 64;
    assert!(each < 2048, "an idle device takes {each} KiB");
    for number in 64..200 {
        let answer = enable(number);
        assert_eq!(answer.status, 400, "{}", answer.error());
        assert!(answer.error().contains("64 audit devices are enabled"), "{}", answer.error());
        assert!(!place.path(format!("{number}.log")).exists(), "nothing is left of a device that is refused");
    }
}

/// What the server says to a request that asks for too much.
fn refused(server: &Server, path: &str, body: Value) -> String {
    let answer = server.call("POST", path, Some(body));
    assert_eq!(answer.status, 400, "{path}: {}", answer.error());
    answer.error()
}

#[test]
fn policies_and_mounts_and_tokens_have_bounds_that_the_errors_name() {
    let place = Place::new();
    let server = place.in_memory("");
    server.enable_file("log", &place.path("audit.log"));
    let text =
        |bytes: usize| format!("# {}\npath \"a\" {{ capabilities = [\"read\"] }}\n", "x".repeat(bytes));
    let policy = |name: &str, bytes: usize| {
        let body = json!({ "policy": text(bytes) });
        server.call("POST", &format!("sys/policies/acl/{name}"), Some(body))
    };
    let long = refused(&server, "sys/policies/acl/long", json!({ "policy": text(1 << 20) }));
    assert!(long.contains("it may have 1048576"), "{long}");
    let named =
        refused(&server, &format!("sys/policies/acl/{}", "n".repeat(257)), json!({"policy": text(1)}));
    assert!(named.contains("it may have 256"), "{named}");
    for number in 0..16 {
        let answer = policy(&format!("p{number}"), 1_040_000);
        assert_eq!(answer.status, 204, "{number}: {}", answer.error());
    }
    let full = policy("more", 1_040_000);
    assert_eq!(full.status, 400, "{}", full.error());
    assert!(full.error().contains("they may have 16777216"), "{}", full.error());
    assert_eq!(policy("p1", 100).status, 204, "shorter is always possible");
    assert_eq!(policy("more", 1_000_000).status, 204);
    for number in 0..16 {
        server.call("DELETE", &format!("sys/policies/acl/p{number}"), None);
    }

    let described = json!({"type": "kv", "description": "d".repeat(9 << 20)});
    let mount = refused(&server, "sys/mounts/kv", described);
    assert!(mount.contains("it may have 8388608"), "{mount}");
    server.mount_kv(1);
    let tuned = refused(&server, "sys/mounts/kv/tune", json!({"description": "d".repeat(9 << 20)}));
    assert!(tuned.contains("it may have 8388608"), "{tuned}");
    assert_eq!(server.call("DELETE", "sys/mounts/kv", None).status, 204);

    let names: Vec<String> = (0..257).map(|number| format!("n{number}")).collect();
    let pairs = |count: usize, value: usize| {
        (0..count)
            .map(|key| (format!("k{key}"), Value::from("v".repeat(value))))
            .collect::<serde_json::Map<_, _>>()
    };
    for (what, body, bound) in [
        ("policies", json!({ "policies": names }), "it may have 256"),
        ("pairs", json!({ "meta": pairs(65, 1) }), "64 pairs"),
        ("a value", json!({ "meta": pairs(1, 513) }), "512 bytes"),
        ("a key", json!({"meta": {"k".repeat(129): "v"}}), "128 bytes"),
        ("a display name", json!({"display_name": "d".repeat(513)}), "it may have 512"),
        ("an id", json!({"id": "i".repeat(513)}), "it may have 512"),
    ] {
        let error = refused(&server, "auth/token/create", body);
        assert!(error.contains(bound), "{what}: {error}");
    }
    let most =
        json!({"meta": pairs(64, 512), "policies": names[..256].to_vec(), "display_name": "d".repeat(500)});
    assert_eq!(server.call("POST", "auth/token/create", Some(most)).status, 200);
}
