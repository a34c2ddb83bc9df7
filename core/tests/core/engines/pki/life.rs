//! From a root to a revoked certificate.

use std::process::Command;

use serde_json::json;

use super::{server, text, texts, verify};

#[tokio::test]
async fn a_root_an_intermediate_a_role_a_certificate_and_its_revocation() {
    let server = server().await;
    server.expect(204, "POST", "sys/mounts/int", r#"{"type":"pki"}"#).await;
    let root = server.root_ca().await;
    let made = json!({"common_name": "Test intermediate", "key_type": "ec"});
    let made = server.expect(200, "POST", "int/intermediate/generate/internal", &made.to_string()).await;
    assert_eq!(made.data().get("private_key"), None);
    let csr = json!({"csr": text(&made, "csr"), "common_name": "Test intermediate", "ttl": "600h", "max_path_length": 0});
    let signed = server.pki(200, "root/sign-intermediate", csr).await;
    assert_eq!(text(&signed, "issuing_ca"), root);
    let intermediate = text(&signed, "certificate").to_owned();
    let bundle = json!({"certificate": format!("{intermediate}\n{root}\n")});
    let set = server.expect(200, "POST", "int/intermediate/set-signed", &bundle.to_string()).await;
    assert_eq!(texts(&set, "imported_issuers").len(), 1);
    let role = json!({"allowed_domains": "example.com", "allow_subdomains": true, "key_type": "ec"});
    server.expect(200, "POST", "int/roles/web", &role.to_string()).await;
    let urls = json!({
        "issuing_certificates": "http://pki.test/v1/int/ca", "crl_distribution_points": "http://pki.test/v1/int/crl",
    });
    server.expect(200, "POST", "int/config/urls", &urls.to_string()).await;
    let body = json!({"common_name": "www.example.com", "alt_names": "api.example.com", "ip_sans": "10.0.0.7", "ttl": "24h"});
    let issued = server.expect(200, "POST", "int/issue/web", &body.to_string()).await;
    let leaf = text(&issued, "certificate").to_owned();
    assert_eq!(texts(&issued, "ca_chain"), [intermediate.clone(), root.clone()]);
    assert_eq!(text(&issued, "private_key_type"), "ec");
    assert!(text(&issued, "private_key").starts_with("-----BEGIN EC PRIVATE KEY-----"));
    let (_, _, crl) = server.bytes("int/crl/pem").await;
    let crl = String::from_utf8(crl).unwrap();
    for host in ["www.example.com", "api.example.com", "10.0.0.7"] {
        assert_eq!(verify(&leaf, host, &[&intermediate], &root, Some(&crl)), Ok(()), "{host}");
    }
    assert!(verify(&leaf, "other.example.com", &[&intermediate], &root, None).is_err());
    assert!(verify(&leaf, "www.example.com", &[], &root, None).is_err());
    let serial = text(&issued, "serial_number").to_owned();
    let stored = server.expect(200, "GET", &format!("int/cert/{serial}"), "").await;
    assert_eq!(text(&stored, "certificate"), leaf);
    let revoked = json!({"serial_number": serial}).to_string();
    server.expect(200, "POST", "int/revoke", &revoked).await;
    let server = server.restarted().await;
    let (_, _, crl) = server.bytes("int/crl/pem").await;
    let crl = String::from_utf8(crl).unwrap();
    let found = verify(&leaf, "www.example.com", &[&intermediate], &root, Some(&crl));
    assert_eq!(found, Err(webpki::Error::CertRevoked));
    openssl_agrees(&leaf, &intermediate, &root, &crl);
}

/// Where it is installed: the chain holds, the list is signed by the intermediate, and the certificate is revoked.
fn openssl_agrees(leaf: &str, intermediate: &str, root: &str, crl: &str) {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (leaf, between, root) = (file("leaf", leaf), file("between", intermediate), file("root", root));
    let list = file("crl", crl);
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let common =
        ["verify", "-x509_strict", "-attime", "1700000000", "-CAfile", &root, "-untrusted", &between];
    let (holds, said) = run(&[
        &common[..],
        &["-purpose", "sslserver", "-verify_hostname", "api.example.com", &leaf],
    ]
    .concat());
    assert!(holds, "{said}");
    let (holds, said) = run(&[&common[..], &["-crl_check", "-CRLfile", &list, &leaf]].concat());
    assert!(!holds && said.contains("certificate revoked"), "{said}");
    let (_, said) = run(&["crl", "-in", &list, "-noout", "-CAfile", &between]);
    assert!(said.contains("verify OK"), "{said}");
}
