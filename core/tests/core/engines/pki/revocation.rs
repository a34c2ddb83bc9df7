//! Revocation, revocation lists and tidying.

use std::collections::BTreeSet;

use serde_json::json;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, RevokedCertificate};

use super::super::server::Server;
use super::{number, server, text};

/// The serial numbers on the list, and its number.
async fn listed(server: &Server) -> (BTreeSet<String>, u64) {
    let (status, _, der) = server.bytes("pki/crl").await;
    assert_eq!(status, 200);
    let (_, list) = CertificateRevocationList::from_der(&der).unwrap();
    let serials = list.iter_revoked_certificates().map(RevokedCertificate::raw_serial_as_string).collect();
    let number = list.crl_number().unwrap().to_string().parse().unwrap();
    (serials, number)
}

#[tokio::test]
async fn what_is_revoked_is_on_the_list_until_it_ends() {
    let server = server().await;
    server.root_ca().await;
    server.role(json!({})).await;
    let (serials, first) = listed(&server).await;
    assert!(serials.is_empty());
    let issued = server.issue("a.example.com").await;
    let serial = text(&issued, "serial_number").to_owned();
    let revoked = server.pki(200, "revoke", json!({"serial_number": serial.replace(':', "-")})).await;
    assert_eq!(text(&revoked, "state"), "revoked");
    let (serials, second) = listed(&server).await;
    assert!(serials.contains(&serial) && second > first);
    server.advance(60);
    let again = server.pki(200, "revoke", json!({"serial_number": serial})).await;
    assert_eq!(number(&again, "revocation_time"), number(&revoked, "revocation_time"));
    let shown = server.expect(200, "GET", &format!("pki/cert/{serial}"), "").await;
    assert_eq!(number(&shown, "revocation_time"), number(&revoked, "revocation_time"));
    server.pki(200, "config/crl", json!({"disable": true})).await;
    assert!(listed(&server).await.0.is_empty());
    server.pki(200, "config/crl", json!({"disable": false, "expiry": "24h"})).await;
    let (serials, third) = listed(&server).await;
    assert!(serials.contains(&serial) && third > second);
    server.expect(200, "GET", "pki/crl/rotate", "").await;
    let (_, fourth) = listed(&server).await;
    assert!(fourth > third);
    // The list is made again before it ends; what has ended is not on it.
    server.advance(101 * 3600);
    let (serials, fifth) = listed(&server).await;
    assert!(serials.is_empty() && fifth > fourth);
    for (body, expected) in [
        (json!({}), "one of serial_number and certificate must be provided, and none is"),
        (json!({"serial_number": "1", "certificate": "x"}), "one of serial_number and certificate"),
        (json!({"serial_number": "x"}), "serial_number is \"x\""),
        (json!({"serial_number": "aa:bb"}), "certificate with serial aa:bb not found"),
        (json!({"certificate": "x"}), "certificate: it is not one certificate in PEM"),
    ] {
        let said = server.pki(400, "revoke", body).await;
        assert!(said.error().starts_with(expected), "{}", said.error());
    }
    server.pki(400, "config/crl", json!({"expiry": "1s"})).await;
}

#[tokio::test]
async fn many_revocations_at_once_are_all_on_the_list() {
    let server = server().await;
    server.root_ca().await;
    server.role(json!({})).await;
    let mut serials = BTreeSet::new();
    for _ in 0..20 {
        serials.insert(text(&server.issue("a.example.com").await, "serial_number").to_owned());
    }
    let tasks: Vec<_> = serials
        .iter()
        .cloned()
        .map(|serial| {
            let server = server.clone();
            tokio::spawn(async move {
                server.pki(200, "revoke", json!({"serial_number": serial})).await;
                // It is there when its own revocation is answered.
                assert!(listed(&server).await.0.contains(&serial));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (on_list, number) = listed(&server).await;
    assert_eq!((on_list, number), (serials, 20));
}

#[tokio::test]
async fn a_certificate_that_was_not_stored_is_revoked_by_itself() {
    let server = server().await;
    server.root_ca().await;
    server.role(json!({"no_store": true})).await;
    let issued = server.issue("a.example.com").await;
    let serial = text(&issued, "serial_number").to_owned();
    server.expect(404, "GET", &format!("pki/cert/{serial}"), "").await;
    server.pki(400, "revoke", json!({"serial_number": serial})).await;
    server.pki(200, "revoke", json!({"certificate": text(&issued, "certificate")})).await;
    assert!(listed(&server).await.0.contains(&serial));
    server.expect(204, "POST", "sys/mounts/other", r#"{"type":"pki"}"#).await;
    let body = json!({"common_name": "Test root", "key_type": "ec"}).to_string();
    let foreign = server.expect(200, "POST", "other/root/generate/internal", &body).await;
    let said = server.pki(400, "revoke", json!({"certificate": text(&foreign, "certificate")})).await;
    assert_eq!(said.error(), "certificate: it is not signed by an issuer of this mount");
}

#[tokio::test]
async fn a_leased_certificate_is_revoked_with_its_lease() {
    let server = server().await;
    server.root_ca().await;
    server.role(json!({"generate_lease": true, "ttl": "1h"})).await;
    let issued = server.issue("a.example.com").await;
    let lease = issued.body.str("lease_id").unwrap();
    assert!(lease.starts_with("pki/issue/web/"), "{lease}");
    assert_eq!(issued.body.get("lease_duration").and_then(onrecord_value::Value::as_i64), Some(3600));
    let body = json!({"lease_id": lease, "sync": true}).to_string();
    assert!(server.ask("POST", "sys/leases/revoke", &body).await.status < 300);
    assert!(listed(&server).await.0.contains(text(&issued, "serial_number")));
}

#[tokio::test]
async fn tidying_removes_what_ended_longer_ago_than_the_buffer() {
    let server = server().await;
    server.root_ca().await;
    server.role(json!({"ttl": "1h"})).await;
    let revoked = text(&server.issue("a.example.com").await, "serial_number").to_owned();
    server.issue("b.example.com").await;
    server.pki(200, "revoke", json!({"serial_number": revoked})).await;
    let state = server.expect(200, "GET", "pki/tidy-status", "").await;
    assert_eq!(text(&state, "state"), "Inactive");
    let both = json!({"tidy_cert_store": true, "tidy_revoked_certs": true, "safety_buffer": "2h"});
    let count = async |expected: usize| {
        let certs = server.expect(200, "LIST", "pki/certs", "").await;
        assert_eq!(certs.keys().len(), expected);
    };
    server.advance(2 * 3600);
    assert!(server.pki(202, "tidy", both.clone()).await.text.contains("tidy-status"));
    count(3).await;
    server.advance(2 * 3600);
    server.pki(202, "tidy", json!({})).await;
    count(3).await;
    server.pki(202, "tidy", both).await;
    count(1).await;
    let state = server.expect(200, "GET", "pki/tidy-status", "").await;
    assert_eq!(text(&state, "state"), "Finished");
    assert_eq!(
        (number(&state, "cert_store_deleted_count"), number(&state, "revoked_cert_deleted_count")),
        (1, 1)
    );
    server.pki(400, "tidy", json!({"safety_buffer": 0})).await;
}
