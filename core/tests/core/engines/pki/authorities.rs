//! Roots, intermediates and imports.

use serde_json::json;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, RevokedCertificate, X509Certificate};

use super::{certificate, number, server, text, texts, verify};

#[tokio::test]
async fn what_is_public_needs_no_token_and_answers_bytes() {
    let server = server().await;
    for path in ["ca", "ca/pem", "ca_chain", "crl", "crl/pem", "cert/ca/raw"] {
        assert_eq!(server.bytes(&format!("pki/{path}")).await.0, 404, "{path}");
    }
    let root = server.root_ca().await;
    let der = certificate(&root).to_vec();
    let crl = server.bytes("pki/crl").await.2;
    for (path, media, body) in [
        ("ca", "application/pkix-cert", der.clone()),
        ("ca/pem", "application/pem-certificate-chain", root.clone().into_bytes()),
        ("ca_chain", "application/pem-certificate-chain", root.clone().into_bytes()),
        ("cert/ca/raw", "application/pkix-cert", der),
        ("cert/ca/raw/pem", "application/pem-certificate-chain", root.clone().into_bytes()),
        ("crl", "application/pkix-crl", crl.clone()),
        ("cert/crl/raw", "application/pkix-crl", crl),
    ] {
        assert_eq!(server.bytes(&format!("pki/{path}")).await, (200, media, body), "{path}");
    }
    let said = server.ask_as(None, "GET", "pki/cert/ca_chain", "").await;
    assert_eq!((said.status, text(&said, "ca_chain")), (200, &*root));
    for path in ["pki/certs", "pki/roles/web", "pki/issuer/default"] {
        assert_eq!(server.ask_as(None, "GET", path, "").await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn the_first_issuer_is_the_default_until_another_is_chosen() {
    let server = server().await;
    let first = server.root_ca().await;
    let body = json!({"common_name": "Second", "key_type": "ec", "issuer_name": "second"});
    let second = server.pki(200, "root/generate/internal", body).await;
    assert_eq!(server.bytes("pki/ca/pem").await.2, first.into_bytes());
    assert_eq!(server.expect(200, "LIST", "pki/issuers", "").await.keys().len(), 2);
    server.pki(400, "config/issuers", json!({"default": "third"})).await;
    server.pki(200, "config/issuers", json!({"default": "second"})).await;
    assert_eq!(server.bytes("pki/ca/pem").await.2, text(&second, "certificate").as_bytes());
    let shown = server.expect(200, "GET", "pki/issuer/default", "").await;
    assert_eq!(text(&shown, "issuer_id"), text(&second, "issuer_id"));
    let said = server.pki(400, "revoke", json!({"serial_number": text(&second, "serial_number")})).await;
    assert!(said.error().starts_with("the certificate of an issuer"), "{}", said.error());
    server.expect(204, "DELETE", "pki/root", "").await;
    assert_eq!(server.bytes("pki/ca/pem").await.0, 404);
    server.expect(404, "LIST", "pki/issuers", "").await;
}

#[tokio::test]
async fn an_issuer_is_renamed_and_deleted() {
    let server = server().await;
    server.root_ca().await;
    let made = |name: &str| json!({"common_name": "Other", "key_type": "ec", "issuer_name": name});
    server.pki(200, "root/generate/internal", made("second")).await;
    let twice = server.pki(400, "root/generate/internal", made("second")).await;
    assert!(twice.error().starts_with("issuer_name is \"second\"; the issuer "), "{}", twice.error());
    server.pki(400, "issuer/default", json!({"issuer_name": "second"})).await;
    let renamed = server.pki(200, "issuer/second", json!({"issuer_name": "third"})).await;
    assert_eq!(text(&renamed, "issuer_name"), "third");
    server.expect(404, "GET", "pki/issuer/second", "").await;
    let other = server.pki(400, "issuer/third", json!({"usage": "read-only"})).await;
    assert!(other.error().starts_with("usage is read-only; this server has "), "{}", other.error());
    let same =
        json!({"usage": "read-only,issuing-certificates,crl-signing", "leaf_not_after_behavior": "err"});
    assert_eq!(text(&server.pki(200, "issuer/third", same).await, "issuer_name"), "third");

    server.expect(204, "DELETE", "pki/issuer/third", "").await;
    server.expect(400, "DELETE", "pki/issuer/third", "").await;
    let last = server.expect(200, "DELETE", "pki/issuer/default", "").await;
    assert!(last.text.contains("it was the default issuer"), "{}", last.text);
    server.expect(404, "LIST", "pki/issuers", "").await;
    let said = server.pki(400, "root/sign-intermediate", json!({"csr": "x", "common_name": "y"})).await;
    assert!(!said.error().is_empty());
}

#[tokio::test]
async fn a_bundle_is_imported_and_issues() {
    let server = server().await;
    server.expect(204, "POST", "sys/mounts/other", r#"{"type":"pki"}"#).await;
    for (key_type, key_format) in [("rsa", ""), ("ec", ""), ("ed25519", ""), ("ec", "pkcs8")] {
        let body = json!({"common_name": "Old", "key_type": key_type, "private_key_format": key_format});
        let old = server.expect(200, "POST", "other/root/generate/exported", &body.to_string()).await;
        let root = text(&old, "certificate").to_owned();
        let bundle = format!("{}\n{root}", text(&old, "private_key"));
        server.expect(204, "DELETE", "pki/root", "").await;
        let said = server.pki(200, "config/ca", json!({"pem_bundle": bundle})).await;
        assert_eq!(texts(&said, "imported_issuers").len(), 1);
        assert_eq!(
            texts(&server.pki(200, "config/ca", json!({"pem_bundle": bundle})).await, "existing_issuers")
                .len(),
            1
        );
        server.role(json!({})).await;
        let issued = server.issue("a.example.com").await;
        assert_eq!(
            verify(text(&issued, "certificate"), "a.example.com", &[], &root, None),
            Ok(()),
            "{key_type}"
        );
    }
    server.root_ca().await;
    let leaf =
        server.pki(200, "issue/web", json!({"common_name": "a.example.com", "format": "pem_bundle"})).await;
    for (bundle, expected) in [
        (text(&leaf, "certificate"), "the certificate is not that of an authority"),
        (text(&leaf, "private_key"), "pem_bundle: none of its certificates"),
        (text(&leaf, "issuing_ca"), "pem_bundle: it must have one private key"),
        ("nothing", "pem_bundle: it has no block"),
    ] {
        let said = server.pki(400, "config/ca", json!({"pem_bundle": bundle})).await;
        assert!(said.error().starts_with(expected), "{}", said.error());
    }
    let leaf = server.issue("a.example.com").await;
    let said =
        server.pki(400, "intermediate/set-signed", json!({"certificate": text(&leaf, "certificate")})).await;
    assert!(said.error().starts_with("certificate: none of the certificates"), "{}", said.error());
}

#[tokio::test]
async fn path_lengths_and_permitted_domains_bind_what_is_below() {
    let server = server().await;
    let body = json!({"common_name": "Root", "key_type": "ec", "max_path_length": 0, "permitted_dns_domains": "example.com"});
    let root = server.pki(200, "root/generate/internal", body).await;
    let root = text(&root, "certificate").to_owned();
    let made = json!({"common_name": "Below", "key_type": "ec"});
    let csr = text(&server.pki(200, "intermediate/generate/internal", made).await, "csr").to_owned();
    let said = server.pki(400, "root/sign-intermediate", json!({"csr": csr, "common_name": "Below"})).await;
    assert!(said.error().starts_with("the issuer may have no authority below it"), "{}", said.error());
    server.role(json!({"allow_any_name": true})).await;
    let verified =
        async |host: &str| verify(text(&server.issue(host).await, "certificate"), host, &[], &root, None);
    assert_eq!(verified("a.example.com").await, Ok(()));
    assert_eq!(verified("a.other.test").await, Err(webpki::Error::NameConstraintViolation));
    let said = server.pki(400, "root/generate/kms", json!({"common_name": "Root"})).await;
    assert!(said.error().contains("it must be internal or exported"), "{}", said.error());
    server.pki(400, "root/generate/internal", json!({})).await;
    server.pki(400, "root/generate/internal", json!({"common_name": "R", "max_path_length": -2})).await;
}

#[tokio::test]
async fn another_authority_is_signed_as_it_is() {
    let server = server().await;
    let root = server.root_ca().await;
    server.expect(204, "POST", "sys/mounts/other", r#"{"type":"pki"}"#).await;
    let body = json!({"common_name": "Other", "key_type": "ec", "ttl": "10h"}).to_string();
    let other = server.expect(200, "POST", "other/root/generate/internal", &body).await;
    let said =
        server.pki(200, "root/sign-self-issued", json!({"certificate": text(&other, "certificate")})).await;
    let (old, new) = (certificate(text(&other, "certificate")), certificate(text(&said, "certificate")));
    let (old, new) = (X509Certificate::from_der(&old).unwrap().1, X509Certificate::from_der(&new).unwrap().1);
    assert_eq!((new.subject(), new.public_key(), new.is_ca()), (old.subject(), old.public_key(), true));
    assert_eq!(new.issuer().to_string(), "CN=Test root");
    let role = json!({"allow_any_name": true, "key_type": "ec"}).to_string();
    server.expect(200, "POST", "other/roles/r", &role).await;
    let leaf = server.expect(200, "POST", "other/issue/r", r#"{"common_name":"a.test","ttl":"1h"}"#).await;
    assert_eq!(
        verify(text(&leaf, "certificate"), "a.test", &[text(&said, "certificate")], &root, None),
        Ok(())
    );
    server.role(json!({})).await;
    let issued = server.issue("a.example.com").await;
    let said =
        server.pki(400, "root/sign-self-issued", json!({"certificate": text(&issued, "certificate")})).await;
    assert!(said.error().starts_with("certificate: it is not self-issued"), "{}", said.error());
}

#[tokio::test]
async fn what_is_not_built_is_refused_with_what_to_use_instead() {
    let server = server().await;
    for (path, expected) in [
        ("acme/directory", "ACME is not supported"),
        ("ocsp", "OCSP is not supported"),
        ("intermediate/cross-sign", "cross-signing is not supported"),
        ("revoke-with-key", "revocation by the key"),
        ("config/auto-tidy", "tidying by itself"),
    ] {
        let said = server.pki(400, path, json!({})).await;
        assert!(said.error().contains(expected), "{path}: {}", said.error());
    }
}

#[tokio::test]
async fn a_revoked_issuer_issues_nothing_and_is_on_the_list_of_the_one_above_it() {
    let server = server().await;
    server.root_ca().await;
    let root_id = text(&server.expect(200, "GET", "pki/issuer/default", "").await, "issuer_id").to_owned();
    let body = json!({"common_name": "Between", "key_type": "ec"});
    let request = server.pki(200, "intermediate/generate/internal", body).await;
    let body = json!({"csr": text(&request, "csr"), "common_name": "Between", "ttl": "600h"});
    let signed = server.pki(200, "root/sign-intermediate", body).await;
    let serial = text(&signed, "serial_number").to_owned();
    server.pki(200, "intermediate/set-signed", json!({"certificate": text(&signed, "certificate")})).await;
    let mut ids = server.expect(200, "LIST", "pki/issuers", "").await;
    let between = ids.keys().into_iter().find(|id| *id != root_id).unwrap().to_owned();
    server.pki(200, "config/issuers", json!({"default": between})).await;
    server.role(json!({})).await;
    server.issue("a.example.com").await;

    let revoked = server.pki(200, &format!("issuer/{between}/revoke"), json!({})).await;
    assert_eq!(revoked.data().get("revoked"), Some(&true.into()), "{}", revoked.text);
    server.advance(60);
    let again = server.pki(200, "issuer/default/revoke", json!({})).await;
    assert_eq!(number(&again, "revocation_time"), number(&revoked, "revocation_time"));
    let shown = server.expect(200, "GET", "pki/issuer/default", "").await;
    assert_eq!(text(&shown, "revocation_time_rfc3339"), text(&revoked, "revocation_time_rfc3339"));
    let shown = server.expect(200, "GET", &format!("pki/cert/{serial}"), "").await;
    assert_eq!(number(&shown, "revocation_time"), number(&revoked, "revocation_time"));
    let refused = server.pki(400, "issue/web", json!({"common_name": "b.example.com"})).await;
    assert!(refused.error().starts_with("the default issuer was revoked"), "{}", refused.error());

    server.pki(200, "config/issuers", json!({"default": root_id})).await;
    let (status, _, der) = server.bytes("pki/crl").await;
    assert_eq!(status, 200);
    let (_, list) = CertificateRevocationList::from_der(&der).unwrap();
    let listed: Vec<String> =
        list.iter_revoked_certificates().map(RevokedCertificate::raw_serial_as_string).collect();
    assert_eq!(listed, [serial]);
    // No list has a root: no issuer is above it.
    let body = json!({"common_name": "Other", "key_type": "ec", "issuer_name": "other"});
    server.pki(200, "root/generate/internal", body).await;
    server.pki(200, "issuer/other/revoke", json!({})).await;
    let unknown = server.pki(400, "issuer/none/revoke", json!({})).await;
    assert!(unknown.error().starts_with("there is no issuer"), "{}", unknown.error());
    server.expect(204, "DELETE", &format!("pki/issuer/{between}"), "").await;
    ids = server.expect(200, "LIST", "pki/issuers", "").await;
    assert_eq!(ids.keys().len(), 2);
    server.issue("c.example.com").await;
}
