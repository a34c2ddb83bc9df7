//! The client against a scripted server: what it sends, how it parses responses, and its errors.

use super::kit::config;
use onrecord_client::scripted::{Reply, Scripted};
use onrecord_client::{AuditDevice, Client, Config, ConfigError, Error, Token};
use onrecord_value::object;
use std::future::Future;
use std::time::Duration;

fn client(url: &str, change: impl FnOnce(&mut Config)) -> Client {
    let mut config = config(url);
    config.token = Some(Token::new("t0k"));
    change(&mut config);
    Client::new(config).unwrap()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn enabling_a_device_sends_all_four_fields_and_our_headers() {
    let server = Scripted::start(vec![Reply::new(204, "")]).unwrap();
    let device = AuditDevice {
        kind: "file".into(),
        options: [("file_path".into(), "/x".into())].into(),
        ..Default::default()
    };
    let client = client(&server.url(), |config| {
        config.namespace = Some("ns1".into());
        config.headers = vec![("X-Test".into(), "a".into())];
    });
    wait(client.audit_enable("file/", &device)).unwrap();
    let sent = &server.sent()[0];
    assert_eq!(sent.line(), "PUT /v1/sys/audit/file");
    assert_eq!(sent.body, r#"{"description":"","local":false,"options":{"file_path":"/x"},"type":"file"}"#);
    for (name, value) in [
        ("x-vault-token", "t0k"),
        ("x-vault-request", "true"),
        ("x-vault-namespace", "ns1/"),
        ("x-test", "a"),
    ] {
        assert_eq!(sent.header(name), Some(value), "{name}");
    }
    assert_eq!(sent.header("content-type"), None);
}

#[test]
fn calls_share_one_connection() {
    let body = r#"{"data":{"hash":"h"}}"#;
    let server = Scripted::start(vec![Reply::new(200, body), Reply::new(200, body)]).unwrap();
    let client = client(&server.url(), |_| {});
    wait(async {
        assert_eq!(client.audit_hash("file", "a").await.unwrap(), "h");
        assert_eq!(client.audit_hash("file", "b").await.unwrap(), "h");
    });
    assert_eq!(server.sent().len(), 2);
}

#[test]
fn a_refusal_is_printed_in_the_known_layout() {
    let server = Scripted::start(vec![
        Reply::new(400, r#"{"errors":["path already in use"]}"#).header("X-Vault-Namespace", "ns1/"),
        Reply::new(502, "Bad gateway"),
        Reply::new(403, r#"{"errors":["a","b"]}"#),
    ])
    .unwrap();
    let url = server.url();
    let client = client(&url, |_| {});
    wait(async {
        for expected in [
            format!(
                "Error making API request.\n\nNamespace: ns1/\nURL: GET {url}/v1/sys/audit\nCode: 400. Errors:\n\n* path already in use"
            ),
            format!(
                "Error making API request.\n\nURL: GET {url}/v1/sys/audit\nCode: 502. Raw Message:\n\nBad gateway"
            ),
            format!("Error making API request.\n\nURL: GET {url}/v1/sys/audit\nCode: 403. Errors:\n\n* a* b"),
        ] {
            assert_eq!(client.audit_list().await.unwrap_err().to_string(), expected);
        }
    });
}

#[test]
fn an_unreachable_server_is_a_dial_error() {
    let address = free_address();
    let error = wait(client(&format!("http://{address}"), |_| {}).audit_list()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Get \"http://{address}/v1/sys/audit\": dial tcp {address}: connect: connection refused")
    );
}

#[test]
fn a_plain_server_is_recognised_by_a_tls_client() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let plain = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        std::io::Read::read_to_end(&mut stream, &mut Vec::new()).ok();
    });
    let error = wait(client(&plain, |_| {}).audit_list()).unwrap_err().to_string();
    assert!(error.ends_with(": http: server gave HTTP response to HTTPS client"), "{error}");
}

#[test]
fn a_response_that_never_arrives_is_a_time_out() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let error =
        wait(client(&url, |config| config.timeout = Duration::from_millis(20)).audit_list()).unwrap_err();
    assert_eq!(error.to_string(), format!("Get \"{url}/v1/sys/audit\": context deadline exceeded"));
}

#[test]
fn a_missing_secret_is_none_and_a_deleted_version_keeps_its_data() {
    let server = Scripted::start(vec![
        Reply::new(404, r#"{"errors":[]}"#),
        Reply::new(404, r#"{"data":{"data":null,"metadata":{"version":1}}}"#),
        Reply::new(204, ""),
    ])
    .unwrap();
    let client = client(&server.url(), |_| {});
    wait(async {
        assert!(client.read("secret/data/x", &[]).await.unwrap().is_none());
        let deleted = client.read("secret/data/x", &[]).await.unwrap().unwrap();
        assert!(deleted.data.unwrap().object("metadata").is_some());
        assert!(client.write("secret/x", &object! { "a" => 1 }.into()).await.unwrap().is_none());
    });
    assert_eq!(server.sent()[2].body, r#"{"a":1}"#);
}

#[test]
fn one_redirect_is_followed_with_token_and_body() {
    let target = Scripted::start(vec![Reply::new(204, "")]).unwrap();
    let first = Scripted::start(vec![
        Reply::new(307, "").header("Location", &format!("{}/v1/other?x=1", target.url())),
    ])
    .unwrap();
    wait(client(&first.url(), |_| {}).policy_write("p", "path \"a\" {}")).unwrap();
    let sent = &target.sent()[0];
    assert_eq!(sent.line(), "PUT /v1/other?x=1");
    assert_eq!(sent.header("x-vault-token"), Some("t0k"));
    assert!(sent.body.contains("path"));
}

#[test]
fn a_dry_run_sends_nothing_and_returns_the_request() {
    let client = client(&format!("http://{}", free_address()), |_| {}).dry_run();
    let Err(Error::NotSent(request)) = wait(client.audit_disable("a b/")) else { panic!("it was sent") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("DELETE", "sys/audit/a b"));
    assert!(request.url.ends_with("/v1/sys/audit/a%20b"));
    assert!(request.has_token);
}

#[test]
fn an_invalid_configuration_is_refused_before_any_call() {
    let mut reserved = config("https://h");
    reserved.headers = vec![("x-vault-token".into(), "x".into())];
    assert!(matches!(Client::new(reserved), Err(ConfigError::ReservedHeader(_))));
    let mut absent = config("https://h");
    absent.tls.ca_cert = Some("/nonexistent/f".into());
    assert_eq!(
        Client::new(absent).unwrap_err().to_string(),
        "Error loading CA File: open /nonexistent/f: no such file or directory"
    );
    let client = client("http://h", |config| config.token = Some(Token::new("a\nb")));
    assert_eq!(
        wait(client.audit_list()).unwrap_err().to_string(),
        "configured Vault token contains non-printable characters and cannot be used"
    );
}

#[test]
fn the_debug_text_of_a_client_has_no_secrets() {
    let client = client("http://h", |config| config.token = Some(Token::new("canary")));
    assert!(!format!("{client:?} {:?}", client.token()).contains("canary"));
}

#[test]
fn a_path_with_dot_segments_is_never_sent() {
    let client = client("http://h", |_| {});
    for path in ["../x", "a/./b", "secret/.."] {
        let error = wait(client.read(path, &[])).unwrap_err();
        assert!(matches!(error, Error::DotSegments(_)), "{path}: {error}");
    }
}
