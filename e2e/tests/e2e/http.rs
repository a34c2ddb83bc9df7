//! What HTTP clients trip over, asked with curl: HTTP/2, HEAD, bearer tokens, Unix sockets, proxies, client certificates.
//! Never in it: what a request means.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use serde_json::Value;

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("certificates").join(name)
}

/// Runs curl, which must be content. Its standard output.
fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl").args(["-sS", "--max-time", "20"]).args(arguments).output();
    let output = output.expect("curl is there");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A server with these listeners, of which the first is of kind tcp; initialised and unsealed, with a log.
fn server(place: &Place, listeners: &str) -> Server {
    let config = format!("storage \"inmem\" {{}}\ndisable_mlock = true\n{listeners}\n");
    fs::write(place.config(), config).expect("a file");
    let mut server = place.start();
    server.open_up();
    server.enable_file("log", &place.path("audit.log"));
    server
}

/// A plain listener on a free port, with more in its stanza.
fn plain(more: &str) -> String {
    format!("listener \"tcp\" {{\n address = \"127.0.0.1:0\"\n tls_disable = true\n {more}\n}}\n")
}

/// The request entries of a path.
fn requests(place: &Place, path: &str) -> Vec<Value> {
    let all = log::lines(&place.path("audit.log"));
    let of_path = |entry: &Value| entry["request"]["path"] == path && entry["type"] == "request";
    all.iter().filter(|entry| of_path(entry)).map(|entry| entry["request"].clone()).collect()
}

#[test]
fn a_unix_socket_serves_who_may_open_it_beside_other_listeners() {
    let place = Place::new();
    let socket = place.path("o.sock");
    let unix =
        format!("listener \"unix\" {{\n address = \"{}\"\n socket_mode = \"600\"\n}}\n", socket.display());
    let mut server = server(&place, &(plain("") + &unix));
    let path = socket.to_str().expect("UTF-8");
    let token = format!("Authorization: Bearer {}", server.token);
    let answer = curl(&["--unix-socket", path, "-H", &token, "http://o/v1/auth/token/lookup-self"]);
    assert!(answer.contains("\"display_name\":\"root\""), "{answer}");
    let request = &requests(&place, "auth/token/lookup-self")[0];
    assert!(request.get("remote_address").is_none() && request["client_token"].is_string(), "{request}");
    assert!(server.stdout().contains(&format!("unix (addr: \"{path}\"")), "{}", server.stdout());
    assert!(server.stop());
    assert!(!socket.exists(), "it goes with the server");
}

#[test]
fn a_client_behind_a_trusted_proxy_is_on_record_beside_the_proxy() {
    let place = Place::new();
    let rules =
        "x_forwarded_for_authorized_addrs = \"127.0.0.1\"\n x_forwarded_for_reject_not_present = false";
    let server = server(&place, &plain(rules));
    let url = format!("http://{}/v1/auth/token/lookup-self", server.addr);
    let token = format!("X-Vault-Token: {}", server.token);
    curl(&["-H", &token, "-H", "X-Forwarded-For: 198.51.100.7, 192.0.2.9", &url]);
    curl(&["-H", &token, &url]);
    let requests = requests(&place, "auth/token/lookup-self");
    assert_eq!(
        (&requests[0]["remote_address"], &requests[0]["client_address"]),
        (&"127.0.0.1".into(), &"192.0.2.9".into())
    );
    assert_eq!(
        (&requests[1]["remote_address"], &requests[1]["client_address"]),
        (&"127.0.0.1".into(), &Value::Null)
    );
}

#[test]
fn the_proxy_protocol_states_the_client_where_the_peer_is_believed() {
    for (behaviour, authorized, client) in [
        ("use_always", "", true),
        ("allow_authorized", "127.0.0.1/32", true),
        ("allow_authorized", "192.0.2.1", false),
    ] {
        let place = Place::new();
        let list = match authorized {
            "" => String::new(),
            list => format!("proxy_protocol_authorized_addrs = \"{list}\""),
        };
        let server = server(&place, &plain(&format!("proxy_protocol_behavior = \"{behaviour}\"\n {list}")));
        let url = format!("http://{}/v1/auth/token/lookup-self", server.addr);
        let token = format!("X-Vault-Token: {}", server.token);
        curl(&["--haproxy-protocol", "-H", &token, &url]);
        let request = &requests(&place, "auth/token/lookup-self")[0];
        assert_eq!(request["client_address"].is_string(), client, "{behaviour} {authorized}: {request}");
        assert_eq!(request["remote_address"], "127.0.0.1");
    }
    let place = Place::new();
    fs::write(
        place.config(),
        "storage \"inmem\" {}\ndisable_mlock = true\n".to_owned()
            + &plain("proxy_protocol_behavior = \"deny_unauthorized\"\n proxy_protocol_authorized_addrs = \"192.0.2.1\""),
    )
    .expect("a file");
    let server = place.start();
    let refused =
        Command::new("curl").args(["-sS", &format!("http://{}/v1/sys/health", server.addr)]).output();
    assert!(!refused.expect("curl is there").status.success());
    server.wait_for_log("proxy_protocol_authorized_addrs does not name the peer");
}

/// A server with TLS.
fn tls(place: &Place, more: &str) -> Server {
    let listener = format!(
        "storage \"inmem\" {{}}\ndisable_mlock = true\nlistener \"tcp\" {{\n address = \"127.0.0.1:0\"\n tls_cert_file = \"{}\"\n \
         tls_key_file = \"{}\"\n {more}\n}}\n",
        certificate("server.pem").display(),
        certificate("server.key").display()
    );
    fs::write(place.config(), listener).expect("a file");
    place.start()
}

#[test]
fn http_2_is_spoken_over_tls_to_those_who_ask_for_it() {
    let place = Place::new();
    let server = tls(&place, "");
    let authority = certificate("authority.pem");
    let authority = authority.to_str().expect("UTF-8");
    let url = |path: &str| format!("https://{}/v1/{path}", server.addr);
    let health = url("sys/health");
    let facts = ["-o", "/dev/null", "-w", "%{http_version} %{http_code}"];
    for (asks, wanted) in [("--http2", "2 501"), ("--http1.1", "1.1 501")] {
        let said = curl(&[&[asks, "--cacert", authority][..], &facts, &[health.as_str()]].concat());
        assert_eq!(said, wanted);
    }
    assert_eq!(
        curl(&["--http2", "-I", "--cacert", authority, "-w", "%{http_code}", "-o", "/dev/null", &health]),
        "501"
    );
    let init =
        ["--http2", "--cacert", authority, "-X", "PUT", "-d", "{\"secret_shares\":1,\"secret_threshold\":1}"];
    let init_url = url("sys/init");
    let made: Value = serde_json::from_str(&curl(&[&init[..], &[init_url.as_str()]].concat())).expect("JSON");
    let unseal = format!("{{\"key\":\"{}\"}}", made["keys"][0].as_str().expect("a share"));
    let unsealed = curl(&["--http2", "--cacert", authority, "-X", "PUT", "-d", &unseal, &url("sys/unseal")]);
    assert!(unsealed.contains("\"sealed\":false"), "{unsealed}");
    let token = format!("X-Vault-Token: {}", made["root_token"].as_str().expect("a token"));
    let device = format!(
        "{{\"type\":\"file\",\"options\":{{\"file_path\":\"{}\"}}}}",
        place.path("audit.log").display()
    );
    curl(&[
        "--http2",
        "--cacert",
        authority,
        "-H",
        &token,
        "-X",
        "PUT",
        "-d",
        &device,
        &url("sys/audit/log"),
    ]);
    let mount = "{\"type\":\"kv\",\"options\":{\"version\":\"1\"}}";
    curl(&["--http2", "--cacert", authority, "-H", &token, "-d", mount, &url("sys/mounts/kv")]);
    let large = place.path("large.json");
    fs::write(&large, format!("{{\"a\":\"{}\"}}", "x".repeat(3 << 20))).expect("a file");
    let at_large = format!("@{}", large.display());
    curl(&["--http2", "--cacert", authority, "-H", &token, "-d", &at_large, &url("kv/large")]);
    let read = curl(&["--http2", "--cacert", authority, "-H", &token, &url("kv/large")]);
    assert!(read.len() > 3 << 20, "{}", read.len());
    assert_eq!(requests(&place, "kv/large").len(), 2);
}

#[test]
fn without_an_authority_a_clients_certificate_is_taken_unjudged_and_with_one_it_must_be_its_own() {
    let authority = certificate("authority.pem");
    let authority = authority.to_str().expect("UTF-8");
    let with = |server: &Server, name: &str| {
        let (cert, key) = (certificate(&format!("{name}.pem")), certificate(&format!("{name}.key")));
        let url = format!("https://{}/v1/sys/health", server.addr);
        let mut command = Command::new("curl");
        command.args([
            "-sS",
            "--max-time",
            "20",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--cacert",
            authority,
        ]);
        if !name.is_empty() {
            command.arg("--cert").arg(cert).arg("--key").arg(key);
        }
        let output = command.arg(url).output().expect("curl is there");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let strict = format!("tls_client_ca_file = \"{authority}\"\n tls_require_and_verify_client_cert = true");
    for (more, answers) in [
        ("", ["501", "501", "501"]),
        ("tls_disable_client_certs = true", ["501", "501", "501"]),
        (&strict, ["000", "501", "000"]),
    ] {
        let place = Place::new();
        let server = tls(&place, more);
        let said = ["", "client", "foreign"].map(|name| with(&server, name));
        assert_eq!(said, answers, "{more}");
    }
}
