//! The client over TLS and over a Unix socket. The certificates are test data, valid for a hundred years, for `server.test`.

use super::kit::config;
use onrecord_client::{Client, ConfigError};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\nConnection: close\r\n\r\n{\"data\":{\"hash\":\"h\"}}    \n";

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let mut got = vec![0; 4096];
    if stream.read(&mut got).await.is_ok() {
        stream.write_all(ANSWER).await.ok();
        stream.shutdown().await.ok();
    }
}

/// Serves TLS until the test is over, and gives its URL.
async fn tls_server() -> String {
    let chain = vec![CertificateDer::from_pem_file(data("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(data("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                answer(stream).await;
            }
        }
    });
    url
}

#[tokio::test]
async fn a_server_is_trusted_by_its_authority_and_name() {
    let url = tls_server().await;
    let mut config = config(&url);
    config.tls.ca_cert = Some(data("ca.pem"));
    config.tls.server_name = Some("server.test".into());
    assert_eq!(Client::new(config).unwrap().audit_hash("file", "x").await.unwrap(), "h");
}

#[tokio::test]
async fn an_unknown_authority_and_a_wrong_name_are_refused() {
    let url = tls_server().await;
    let mut unknown = config(&url);
    unknown.tls.server_name = Some("server.test".into());
    let mut wrong = config(&url);
    wrong.tls.ca_cert = Some(data("ca.pem"));
    for (config, text) in [
        (unknown, "x509: certificate signed by unknown authority"),
        (wrong, "x509: certificate not valid for name \"127.0.0.1\""),
    ] {
        let error = Client::new(config).unwrap().audit_hash("file", "x").await.unwrap_err().to_string();
        assert!(error.contains(&format!("tls: failed to verify certificate: {text}")), "{error}");
    }
}

#[tokio::test]
async fn without_verification_any_certificate_is_accepted() {
    let mut config = config(&tls_server().await);
    config.tls.skip_verify = true;
    assert_eq!(Client::new(config).unwrap().audit_hash("file", "x").await.unwrap(), "h");
}

#[test]
fn half_of_a_client_certificate_and_wrong_files_are_refused() {
    let mut half = config("https://h");
    half.tls.client_cert = Some(data("server.pem"));
    assert!(matches!(Client::new(half), Err(ConfigError::HalfPair)));
    let mut wrong = config("https://h");
    wrong.tls.ca_cert = Some(data("server.key"));
    assert!(matches!(Client::new(wrong), Err(ConfigError::Pem { purpose: "CA File", .. })));
    let mut pair = config("https://h");
    pair.tls.client_cert = Some(data("server.pem"));
    pair.tls.client_key = Some(data("server.key"));
    assert!(Client::new(pair).is_ok());
}

#[tokio::test]
async fn a_unix_socket_works() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move { answer(listener.accept().await.unwrap().0).await });
    let config = config(&format!("unix://{}", path.display()));
    assert_eq!(Client::new(config).unwrap().audit_hash("file", "x").await.unwrap(), "h");
}
