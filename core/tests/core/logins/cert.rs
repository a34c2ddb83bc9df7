//! Login with a TLS client certificate. The certificates are made by openssl: two authorities, an intermediate one, and
//! certificates of clients, valid from 2020 to 2099 unless their name says otherwise.

use bytes::Bytes;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::{assert_absent, last, look_up, root, with};
use crate::kit::{Reply, TestServer, ask};

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("certificates/", $name, ".pem"))
    };
}

const AUTHORITY: &str = pem!("authority");
const CLIENT: &str = pem!("client");
const CERT: &str = "auth/in/certs/web";
const REFUSED: &str = "invalid certificate or no client certificate supplied";

/// Logs in over a connection whose client has shown certificates.
async fn log_in(world: &TestServer, shown: &[&str], body: Value) -> Reply {
    let der = |pem: &&str| Bytes::from(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec());
    let request = ask("POST", "auth/in/login").json(&body).certificates(shown.iter().map(der).collect());
    world.send(request).await
}

async fn write(world: &TestServer, status: u16, body: Value) -> Reply {
    root(world, status, "POST", CERT, body).await
}

#[tokio::test]
async fn a_client_logs_in_with_a_certificate_of_the_authority_of_a_role() {
    let world = with("cert").await;
    let role = json!({"certificate": AUTHORITY, "token_policies": "reader", "token_ttl": "1h", "allowed_metadata_extensions": "1.2.3.45"});
    write(&world, 204, role).await;
    for body in [json!({}), json!({"name": "web"}), json!({"name": "WEB"})] {
        let said = log_in(&world, &[CLIENT], body).await;
        assert_eq!(said.status, 200, "{}", said.text);
        let auth = &said.body["auth"];
        assert_eq!(
            (&auth["policies"], &auth["lease_duration"]),
            (&json!(["default", "reader"]), &json!(3600))
        );
        let metadata = &auth["metadata"];
        assert_eq!(
            (&metadata["cert_name"], &metadata["common_name"]),
            (&json!("web"), &json!("web.example.com"))
        );
        assert_eq!(metadata["1-2-3-45"], "team blue");
        assert!(metadata["subject_key_id"].as_str().unwrap().contains(':'), "{metadata}");
        assert!(metadata["serial_number"].as_str().unwrap().bytes().all(|digit| digit.is_ascii_digit()));
        assert_eq!(look_up(&world, &said).await["display_name"], "in-web");
    }
    let through = [pem!("below-intermediate"), pem!("intermediate")];
    assert_eq!(log_in(&world, &through, json!({})).await.status, 200);
    write(&world, 204, json!({"display_name": "shop"})).await;
    assert_eq!(look_up(&world, &log_in(&world, &[CLIENT], json!({})).await).await["display_name"], "in-shop");
}

#[tokio::test]
async fn what_no_role_trusts_is_refused_alike() {
    let world = with("cert").await;
    let none = log_in(&world, &[CLIENT], json!({})).await;
    assert_eq!((none.status, none.error()), (400, REFUSED), "there is no role");
    write(&world, 204, json!({"certificate": AUTHORITY})).await;
    root(
        &world,
        204,
        "POST",
        "auth/in/certs/far",
        json!({"certificate": AUTHORITY, "bound_cidrs": "192.0.2.0/24"}),
    )
    .await;
    for (shown, body) in [
        (&[][..], json!({})),
        (&[pem!("stranger")], json!({})),
        (&[pem!("stranger"), AUTHORITY], json!({})),
        (&[pem!("expired")], json!({})),
        (&[pem!("server-only")], json!({})),
        (&[pem!("below-intermediate")], json!({})),
        (&[CLIENT], json!({"name": "unknown"})),
        (&[CLIENT], json!({"name": "far"})),
    ] {
        let said = log_in(&world, shown, body).await;
        assert_eq!((said.status, said.error()), (400, REFUSED), "{}", said.text);
    }
    let broken = ask("POST", "auth/in/login").certificates(vec![Bytes::from_static(b"no certificate")]);
    assert_eq!(world.send(broken.json(&json!({}))).await.error(), REFUSED);
}

#[tokio::test]
async fn the_certificate_of_a_client_can_be_trusted_itself() {
    let world = with("cert").await;
    write(&world, 204, json!({"certificate": pem!("pinned")})).await;
    assert_eq!(log_in(&world, &[pem!("pinned")], json!({})).await.status, 200);
    assert_eq!(log_in(&world, &[CLIENT], json!({})).await.status, 400);
    write(&world, 204, json!({"certificate": pem!("expired")})).await;
    assert_eq!(log_in(&world, &[pem!("expired")], json!({})).await.status, 400);
    write(&world, 204, json!({"certificate": format!("{}{AUTHORITY}", pem!("pinned"))})).await;
    assert_eq!(log_in(&world, &[CLIENT], json!({})).await.status, 200, "the second of two");
}

#[tokio::test]
async fn a_role_wants_names_and_extensions() {
    let world = with("cert").await;
    for (constraint, fits) in [
        (json!({"allowed_common_names": "web.*"}), true),
        (json!({"allowed_common_names": ["api.example.com", "db.example.com"]}), false),
        (json!({"allowed_dns_sans": "*.example.com"}), true),
        (json!({"allowed_dns_sans": "*.example.org"}), false),
        (json!({"allowed_email_sans": "web@example.com"}), true),
        (json!({"allowed_email_sans": "web@example.org"}), false),
        (json!({"allowed_uri_sans": "spiffe://example.com/*"}), true),
        (json!({"allowed_uri_sans": "spiffe://example.org/*"}), false),
        (json!({"allowed_organizational_units": "engineering"}), true),
        (json!({"allowed_organizational_units": "sales"}), false),
        (json!({"allowed_names": "web@*"}), true),
        (json!({"allowed_names": "nobody"}), false),
        (json!({"required_extensions": "1.2.3.45:team *"}), true),
        (json!({"required_extensions": ["1.2.3.45:team *", "1.2.3.46:x"]}), false),
        (json!({"required_extensions": "hex:1.2.3.45:0c09*"}), true),
        (json!({"required_extensions": "1.2.3.45:team red"}), false),
    ] {
        let mut role = json!({"certificate": AUTHORITY});
        role.as_object_mut().unwrap().extend(constraint.as_object().unwrap().clone());
        write(&world, 204, role).await;
        let status = log_in(&world, &[CLIENT], json!({})).await.status;
        assert_eq!(status, if fits { 200 } else { 400 }, "{constraint}");
        root(&world, 204, "DELETE", CERT, Value::Null).await;
    }
}

#[tokio::test]
async fn a_revoked_certificate_logs_nobody_in() {
    let world = with("cert").await;
    write(&world, 204, json!({"certificate": AUTHORITY})).await;
    assert_eq!(log_in(&world, &[pem!("revoked")], json!({})).await.status, 200);
    root(&world, 204, "POST", "auth/in/crls/all", json!({"crl": pem!("revoked-list")})).await;
    assert_eq!(log_in(&world, &[pem!("revoked")], json!({})).await.status, 400);
    assert_eq!(log_in(&world, &[CLIENT], json!({})).await.status, 200);
    let read = root(&world, 200, "GET", "auth/in/crls/all", Value::Null).await;
    assert_eq!(read.body["data"]["serials"].as_object().unwrap().len(), 1, "{}", read.text);
    let listed = root(&world, 200, "LIST", "auth/in/crls", Value::Null).await;
    assert_eq!(listed.body["data"]["keys"], json!(["all"]));
    root(&world, 204, "DELETE", "auth/in/crls/all", Value::Null).await;
    assert_eq!(log_in(&world, &[pem!("revoked")], json!({})).await.status, 200);
    for (body, text) in [
        (json!({"url": "http://example.com/crl"}), "fetches no revocation lists"),
        (json!({"crl": "no list"}), "failed to parse"),
        (json!({}), "missing crl"),
    ] {
        let said = root(&world, 400, "POST", "auth/in/crls/x", body).await;
        assert!(said.error().contains(text), "{}", said.text);
    }
}

#[tokio::test]
async fn a_role_is_read_changed_and_deleted() {
    let world = with("cert").await;
    write(&world, 204, json!({"certificate": AUTHORITY, "policies": "one", "ttl": 60})).await;
    let data = root(&world, 200, "GET", CERT, Value::Null).await.body["data"].clone();
    assert_eq!((&data["display_name"], &data["certificate"]), (&json!("web"), &json!(AUTHORITY)));
    assert_eq!(
        (&data["policies"], &data["ttl"], &data["ocsp_enabled"]),
        (&json!(["one"]), &json!(60), &json!(false))
    );
    let listed = root(&world, 200, "LIST", "auth/in/certs", Value::Null).await;
    assert_eq!(listed.body["data"]["keys"], json!(["web"]));
    root(&world, 204, "POST", "auth/in/config", json!({"enable_identity_alias_metadata": true})).await;
    let config = root(&world, 200, "GET", "auth/in/config", Value::Null).await;
    assert_eq!(
        config.body["data"],
        json!({"disable_binding": false, "enable_identity_alias_metadata": true})
    );
    for (body, text) in [
        (json!({"certificate": "no certificate"}), "certificate: "),
        (json!({"certificate": pem!("revoked-list")}), "certificate: "),
        (json!({"ocsp_enabled": true}), "does not ask OCSP servers"),
        (json!({"required_extensions": "nothing"}), "is not OID:VALUE"),
    ] {
        let said = write(&world, 400, body).await;
        assert!(said.error().contains(text), "{}", said.text);
    }
    root(&world, 400, "POST", "auth/in/certs/new", json!({"policies": "x"})).await;
    root(&world, 204, "DELETE", CERT, Value::Null).await;
    root(&world, 404, "GET", CERT, Value::Null).await;
}

#[tokio::test]
async fn a_login_with_a_certificate_is_on_record_with_its_names() {
    let world = with("cert").await;
    write(&world, 204, json!({"certificate": AUTHORITY})).await;
    let device = world.device("test/", false).await;
    log_in(&world, &[CLIENT], json!({"name": "web"})).await;
    let response = last(&device);
    assert_eq!(response["response"]["auth"]["metadata"]["common_name"], "web.example.com");
    assert!(response["request"]["data"]["name"].as_str().unwrap().starts_with("hmac-sha256:"), "{response}");
    log_in(&world, &[pem!("stranger")], json!({"name": "canary-role"})).await;
    assert_eq!(last(&device)["error"], "1 error occurred:\n\t* invalid credentials\n\n");
    assert_absent(&device, &["canary-role"]);
}

#[tokio::test]
async fn a_client_whose_certificate_is_trusted_itself_vouches_for_no_other_client() {
    let world = with("cert").await;
    write(&world, 204, json!({"certificate": pem!("client-that-signs")})).await;
    assert_eq!(log_in(&world, &[pem!("client-that-signs")], json!({})).await.status, 200);
    let said = log_in(&world, &[pem!("signed-by-client")], json!({})).await;
    assert_eq!((said.status, said.error()), (400, REFUSED), "{}", said.text);
    let with_issuer = [pem!("signed-by-client"), pem!("client-that-signs")];
    assert_eq!(log_in(&world, &with_issuer, json!({})).await.status, 400);
}
