//! Certificates by roles: names, times, kinds of key and formats.

use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{NOW, certificate, number, server, text, texts, verify};

#[tokio::test]
async fn keys_of_each_type_issue_and_are_issued() {
    let server = server().await;
    for (number, (root_type, bits)) in
        [("rsa", 2048), ("ec", 384), ("ec", 521), ("ed25519", 0)].into_iter().enumerate()
    {
        let mount = format!("pki{number}");
        server.expect(204, "POST", &format!("sys/mounts/{mount}"), r#"{"type":"pki"}"#).await;
        let body = json!({"common_name": "Root", "key_type": root_type, "key_bits": bits});
        let root =
            server.expect(200, "POST", &format!("{mount}/root/generate/internal"), &body.to_string()).await;
        for (key_type, label) in
            [("rsa", "RSA PRIVATE KEY"), ("ec", "EC PRIVATE KEY"), ("ed25519", "PRIVATE KEY")]
        {
            let body = json!({"allow_any_name": true, "key_type": key_type});
            server.expect(200, "POST", &format!("{mount}/roles/r"), &body.to_string()).await;
            let body = json!({"common_name": "a.test", "private_key_format": "der"}).to_string();
            let issued = server.expect(200, "POST", &format!("{mount}/issue/r"), &body).await;
            let key = text(&issued, "private_key");
            assert!(key.starts_with(&format!("-----BEGIN {label}-----")), "{label}");
            assert!(PrivateKeyDer::from_pem_slice(key.as_bytes()).is_ok());
            assert_eq!(text(&issued, "private_key_type"), key_type);
            let found = verify(text(&issued, "certificate"), "a.test", &[], text(&root, "certificate"), None);
            assert_eq!(found, Ok(()), "{key_type} by {root_type}");
        }
    }
}

#[tokio::test]
async fn a_name_that_the_role_does_not_allow_is_refused_with_a_text_that_names_it() {
    let server = server().await;
    server.root_ca().await;
    server.role(json!({"allow_ip_sans": false})).await;
    for (body, expected) in [
        (json!({}), "the common_name field is required"),
        (json!({"common_name": "example.com"}), "common name example.com not allowed by this role"),
        (
            json!({"common_name": "www.example.com.evil.test"}),
            "common name www.example.com.evil.test not allowed",
        ),
        (
            json!({"common_name": "a.example.com", "alt_names": "b.test"}),
            "subject alternate name b.test not allowed",
        ),
        (
            json!({"common_name": "a.example.com", "alt_names": "a@b.test"}),
            "email address a@b.test not allowed",
        ),
        (
            json!({"common_name": "a.example.com", "ip_sans": "1.2.3.4"}),
            "IP Subject Alternative Names are not allowed",
        ),
        (
            json!({"common_name": "a.example.com", "ip_sans": "1.2.3"}),
            "the value \"1.2.3\" of ip_sans is not a valid IP",
        ),
        (
            json!({"common_name": "a.example.com", "uri_sans": "a://b"}),
            "URI Subject Alternative Names are not allowed",
        ),
        (json!({"common_name": "a.example.com", "other_sans": "1.2;UTF8:x"}), "other_sans are not supported"),
        (json!({"common_name": "a.example.com", "format": "text"}), "the format is \"text\""),
        (json!({"common_name": "a.example.com", "alt_names": vec!["a.example.com"; 300]}), ""),
    ] {
        let status = if expected.is_empty() { 200 } else { 400 };
        let said = server.pki(status, "issue/web", body.clone()).await;
        if status == 400 {
            assert!(said.error().starts_with(expected), "{body}: {}", said.error());
        }
    }
    let many: Vec<String> = (0..300).map(|number| format!("a{number}.example.com")).collect();
    let said = server.pki(400, "issue/web", json!({"common_name": "a.example.com", "alt_names": many})).await;
    assert!(said.error().contains("too many"), "{}", said.error());
    assert_eq!(
        server.pki(400, "issue/nobody", json!({"common_name": "a.test"})).await.error(),
        "unknown role: nobody"
    );
}

#[tokio::test]
async fn no_certificate_lives_beyond_its_role_its_mount_or_its_issuer() {
    let server = server().await;
    let said = server.pki(400, "issue/web", json!({"common_name": "a.example.com"})).await;
    assert_eq!(said.error(), "unknown role: web");
    server.role(json!({"ttl": "10h"})).await;
    let said = server.pki(400, "issue/web", json!({"common_name": "a.example.com"})).await;
    assert_eq!(said.error(), "backend must be configured with a CA certificate/key");
    server
        .pki(200, "root/generate/internal", json!({"common_name": "Root", "key_type": "ec", "ttl": "50h"}))
        .await;
    let hours = |said: &super::Reply| (number(said, "expiration") - i64::try_from(NOW).unwrap()) / 3600;
    assert_eq!(hours(&server.issue("a.example.com").await), 10);
    let asked = |ttl: &str| json!({"common_name": "a.example.com", "ttl": ttl});
    assert_eq!(hours(&server.pki(200, "issue/web", asked("20h")).await), 20);
    let said = server.pki(400, "issue/web", asked("51h")).await;
    assert!(
        said.error().starts_with("cannot satisfy request, as TTL would result in notAfter of "),
        "{}",
        said.error()
    );
    server.role(json!({"max_ttl": "30h"})).await;
    let capped = server.pki(200, "issue/web", asked("40h")).await;
    assert_eq!((hours(&capped), capped.text.contains("was limited to 30h0m0s")), (30, true));
    // What was not asked for ends with the issuer.
    server.role(json!({"ttl": "90h"})).await;
    let capped = server.issue("a.example.com").await;
    assert_eq!(
        (hours(&capped), capped.text.contains("the certificate ends with that of its issuer")),
        (50, true)
    );
    server.advance(51 * 3600);
    let said = server.pki(400, "issue/web", asked("1h")).await;
    assert!(said.error().starts_with("the certificate of the issuer has ended at "), "{}", said.error());
}

#[tokio::test]
async fn an_answer_is_written_as_the_client_asks() {
    let server = server().await;
    let root = server.root_ca().await;
    server.role(json!({"ou": "Web", "organization": ["A", "B"], "country": "DE"})).await;
    let ask = |format: &str, key: &str| json!({"common_name": "a.example.com", "format": format, "private_key_format": key});
    let said = server.pki(200, "issue/web", ask("pem", "pkcs8")).await;
    assert!(text(&said, "private_key").starts_with("-----BEGIN PRIVATE KEY-----"));
    let said = server.pki(200, "issue/web", ask("pem_bundle", "")).await;
    let bundle = text(&said, "certificate");
    assert!(bundle.starts_with(text(&said, "private_key")) && bundle.ends_with(&root), "{bundle}");
    assert_eq!(bundle.matches("-----BEGIN").count(), 3);
    let said = server.pki(200, "issue/web", ask("der", "")).await;
    assert!(!said.text.contains("-----BEGIN"));
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text(&said, "certificate"))
        .unwrap();
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    assert_eq!(parsed.subject().to_string(), "C=DE, O=A, O=B, OU=Web, CN=a.example.com");
    assert_eq!(parsed.tbs_certificate.raw_serial_as_string(), text(&said, "serial_number"));
    assert!(!parsed.is_ca());
    assert_eq!(texts(&said, "ca_chain").len(), 1);
}

#[tokio::test]
async fn a_role_says_what_keys_are_for() {
    let server = server().await;
    server.root_ca().await;
    server.role(json!({"server_flag": false, "client_flag": false, "ext_key_usage": "CodeSigning", "key_usage": "CertSign", "basic_constraints_valid_for_non_ca": true})).await;
    let said = server.issue("a.example.com").await;
    let der = certificate(text(&said, "certificate"));
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    let extended = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.code_signing && !extended.server_auth && !extended.client_auth);
    let usage = parsed.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && !usage.digital_signature());
    assert!(!parsed.basic_constraints().unwrap().unwrap().value.ca);
    let shown = server.expect(200, "GET", "pki/roles/web", "").await;
    assert_eq!(text(&shown, "key_type"), "ec");
    assert_eq!(server.expect(200, "LIST", "pki/roles", "").await.keys(), ["web"]);
    server.expect(204, "DELETE", "pki/roles/web", "").await;
    server.expect(404, "GET", "pki/roles/web", "").await;
}
