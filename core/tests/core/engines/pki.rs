//! PKI, asked through the whole pipeline. What it makes is judged by another implementation (webpki), and by `openssl` where
//! that is installed.

mod authorities;
mod issuing;
mod life;
mod record;
mod requests;
mod revocation;

use std::time::Duration;

use onrecord_value::Value;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use serde_json::json;
use webpki::{
    ALL_VERIFICATION_ALGS, CertRevocationList, EndEntityCert, KeyUsage, OwnedCertRevocationList,
    RevocationOptionsBuilder, anchor_from_trusted_cert,
};

use super::server::{Reply, Server};

/// The time of the server's clock.
const NOW: u64 = 1_700_000_000;

/// A server with the engine at `pki/`.
async fn server() -> Server {
    let server = Server::new().await;
    server.expect(204, "POST", "sys/mounts/pki", r#"{"type":"pki"}"#).await;
    server
}

/// A text of the answer's data.
fn text<'a>(said: &'a Reply, field: &str) -> &'a str {
    said.data().str(field).unwrap_or_else(|| panic!("no {field} in {}", said.text))
}

fn number(said: &Reply, field: &str) -> i64 {
    said.data().get(field).and_then(Value::as_i64).unwrap_or_else(|| panic!("no {field} in {}", said.text))
}

fn texts(said: &Reply, field: &str) -> Vec<String> {
    let list = said
        .data()
        .get(field)
        .and_then(Value::as_array)
        .unwrap_or_else(|| panic!("no {field} in {}", said.text));
    list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// Whether webpki takes a certificate for a host, up to a root.
fn verify(
    leaf: &str,
    host: &str,
    between: &[&str],
    root: &str,
    crl: Option<&str>,
) -> Result<(), webpki::Error> {
    let (leaf, root) = (certificate(leaf), certificate(root));
    let between: Vec<_> = between.iter().map(|pem| certificate(pem)).collect();
    let anchor = anchor_from_trusted_cert(&root).unwrap();
    let parsed = EndEntityCert::try_from(&leaf)?;
    parsed.verify_is_valid_for_subject_name(&ServerName::try_from(host).unwrap())?;
    let list = crl.map(|pem| {
        let der = CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).unwrap();
        CertRevocationList::from(OwnedCertRevocationList::from_der(&der).unwrap())
    });
    let lists: Vec<&CertRevocationList<'_>> = list.iter().collect();
    let revocation = RevocationOptionsBuilder::new(&lists)
        .ok()
        .map(|options| options.with_depth(webpki::RevocationCheckDepth::EndEntity).build());
    let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    let anchors = [anchor];
    parsed
        .verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &anchors,
            &between,
            time,
            KeyUsage::server_auth(),
            revocation,
            None,
        )
        .map(|_| ())
}

impl Server {
    async fn pki(&self, status: u16, path: &str, body: serde_json::Value) -> Reply {
        self.expect(status, "POST", &format!("pki/{path}"), &body.to_string()).await
    }

    /// A root with a key that is made quickly; its certificate.
    async fn root_ca(&self) -> String {
        let body = json!({"common_name": "Test root", "key_type": "ec", "ttl": "700h"});
        text(&self.pki(200, "root/generate/internal", body).await, "certificate").to_owned()
    }

    /// A role for names below example.com, of EC keys.
    async fn role(&self, more: serde_json::Value) {
        let mut body = json!({"allowed_domains": "example.com", "allow_subdomains": true, "key_type": "ec", "max_ttl": "100h"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.pki(200, "roles/web", body).await;
    }

    async fn issue(&self, name: &str) -> Reply {
        self.pki(200, "issue/web", json!({"common_name": name})).await
    }
}
