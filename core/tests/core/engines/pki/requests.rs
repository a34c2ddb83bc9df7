//! Signing requests, hostile ones too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::super::server::Server;
use super::{certificate, server, text, verify};

/// A signing request that asks for an authority, with a name.
async fn request(server: &Server, key_type: &str, name: &str) -> String {
    server.ask("POST", "sys/mounts/requests", r#"{"type":"pki"}"#).await;
    let body = json!({"common_name": name, "alt_names": "b.example.com", "key_type": key_type, "add_basic_constraints": true});
    let made = server.expect(200, "POST", "requests/intermediate/generate/internal", &body.to_string()).await;
    text(&made, "csr").to_owned()
}

#[tokio::test]
async fn a_request_is_signed_with_the_names_that_the_role_says() {
    let server = server().await;
    let root = server.root_ca().await;
    server.role(json!({"key_type": "any"})).await;
    let csr = request(&server, "ed25519", "a.example.com").await;
    let said = server.pki(200, "sign/web", json!({"csr": csr, "common_name": "ignored.example.com"})).await;
    assert_eq!(said.data().get("private_key"), None);
    for host in ["a.example.com", "b.example.com"] {
        assert_eq!(verify(text(&said, "certificate"), host, &[], &root, None), Ok(()), "{host}");
    }
    server.role(json!({"key_type": "any", "use_csr_common_name": false, "use_csr_sans": false})).await;
    let said = server.pki(200, "sign/web", json!({"csr": csr, "common_name": "c.example.com"})).await;
    assert_eq!(verify(text(&said, "certificate"), "c.example.com", &[], &root, None), Ok(()));
    assert!(verify(text(&said, "certificate"), "b.example.com", &[], &root, None).is_err());
    server.role(json!({"key_type": "rsa"})).await;
    let said = server.pki(400, "sign/web", json!({"csr": csr})).await;
    assert_eq!(said.error(), "role requires keys of type rsa");
    server.role(json!({"key_type": "ec", "key_bits": 384})).await;
    let small = request(&server, "ec", "a.example.com").await;
    let said = server.pki(400, "sign/web", json!({"csr": small})).await;
    assert!(said.error().starts_with("role requires a minimum of a 384-bit key"), "{}", said.error());
}

#[tokio::test]
async fn no_request_makes_an_authority_of_its_holder() {
    let server = server().await;
    server.root_ca().await;
    server.role(json!({"key_type": "any"})).await;
    let csr = request(&server, "ec", "a.example.com").await;
    for path in ["sign/web", "sign-verbatim", "sign-verbatim/web"] {
        let said = server.pki(200, path, json!({"csr": csr})).await;
        let der = certificate(text(&said, "certificate"));
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        assert!(!parsed.is_ca(), "{path}");
        assert!(!parsed.key_usage().unwrap().unwrap().value.key_cert_sign(), "{path}");
    }
}

#[tokio::test]
async fn a_request_that_is_not_signed_by_its_key_is_refused() {
    let server = server().await;
    server.root_ca().await;
    server.role(json!({"key_type": "any"})).await;
    let csr = request(&server, "ec", "a.example.com").await;
    let body: String = csr.lines().filter(|line| !line.starts_with("---")).collect();
    let der = STANDARD.decode(body).unwrap();
    let pem = |der: &[u8]| {
        let text = STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")
    };
    server.pki(200, "sign/web", json!({"csr": pem(&der)})).await;
    // Every byte matters: no changed or cut request is signed, and none makes a panic.
    for at in (0..der.len()).step_by(3) {
        let mut changed = der.clone();
        changed[at] ^= 1;
        for hostile in [&changed[..], &der[..at]] {
            for path in ["pki/sign/web", "pki/sign-verbatim"] {
                let said = server.ask("POST", path, &json!({"csr": pem(hostile)}).to_string()).await;
                assert_eq!(said.status, 400, "{at}: {}", said.text);
                assert!(
                    said.error().starts_with("csr: ") || said.error().contains("alternative name"),
                    "{}",
                    said.error()
                );
            }
        }
    }
    for hostile in ["", "hello", &"x".repeat(100_000)] {
        let said = server.pki(400, "sign/web", json!({"csr": hostile})).await;
        assert!(said.error().starts_with("csr: it "), "{}", said.error());
    }
}
