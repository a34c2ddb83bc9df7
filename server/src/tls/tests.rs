//! The certificates of clients across sessions, with test data that is valid until 2119.

use std::path::Path;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConnection};

use super::*;

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../e2e/certificates").join(name)
}

fn server(authority: Option<&str>) -> Arc<ServerConfig> {
    let settings = Settings {
        certificate: certificate("server.pem"),
        key: certificate("server.key"),
        client_authorities: authority.map(certificate),
        client_ignored: false,
        client_required: false,
        only_1_3: false,
    };
    let certificates = Arc::new(Certificates::load(settings).unwrap());
    Arc::new(certificates.server_config().unwrap())
}

fn client(version: &'static rustls::SupportedProtocolVersion, name: &str) -> Arc<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let key = PrivateKeyDer::from_pem_file(certificate(&format!("{name}.key"))).unwrap();
    let mut config = builder
        .with_root_certificates(authorities(&certificate("authority.pem")).unwrap())
        .with_client_auth_cert(certificates(&certificate(&format!("{name}.pem"))).unwrap(), key)
        .unwrap();
    config.resumption = Resumption::in_memory_sessions(8);
    Arc::new(config)
}

/// Connects, and lets each side read all that the other has sent.
fn connect(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Result<ServerConnection, rustls::Error> {
    let name = ServerName::try_from("before.test").unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    for _ in 0..8 {
        let mut sent = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut sent).unwrap();
        }
        server.read_tls(&mut &*sent).unwrap();
        server.process_new_packets()?;
        sent.clear();
        while server.wants_write() {
            server.write_tls(&mut sent).unwrap();
        }
        client.read_tls(&mut &*sent).unwrap();
        client.process_new_packets().unwrap();
    }
    Ok(server)
}

#[test]
fn a_session_that_is_resumed_has_the_certificate_of_the_first() {
    for (version, authority, name) in [
        (&rustls::version::TLS13, None, "foreign"),
        (&rustls::version::TLS12, None, "foreign"),
        (&rustls::version::TLS13, Some("authority.pem"), "client"),
        (&rustls::version::TLS12, Some("authority.pem"), "client"),
    ] {
        let (client, server) = (client(version, name), server(authority));
        let wanted = certificates(&certificate(&format!("{name}.pem"))).unwrap();
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let connection = connect(&client, &server).unwrap();
            assert_eq!(connection.peer_certificates(), Some(wanted.as_slice()), "{version:?}");
            kinds.push(connection.handshake_kind());
        }
        assert_eq!(kinds[1], Some(HandshakeKind::Resumed), "{version:?}: {kinds:?}");
    }
}

#[test]
fn a_certificate_without_its_key_is_refused_although_no_authority_is_asked() {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = [&rustls::version::TLS13];
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&versions).unwrap();
    let key = PrivateKeyDer::from_pem_file(certificate("foreign.key")).unwrap();
    let chain = certificates(&certificate("client.pem")).unwrap();
    // The client's own library refuses to hold the two together, so the signing key is put beside the chain.
    let signing = aws_lc_rs::default_provider().key_provider.load_private_key(key).unwrap();
    let stolen = Arc::new(CertifiedKey::new(chain, signing));
    let roots = authorities(&certificate("authority.pem")).unwrap();
    let config = builder
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(stolen)));
    let refused = connect(&Arc::new(config), &server(None)).unwrap_err();
    assert!(matches!(refused, rustls::Error::InvalidCertificate(_)), "{refused:?}");
}
