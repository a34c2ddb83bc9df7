//! The `listener` stanza.
//! Never in it: sockets.

use std::path::PathBuf;

use onrecord_hcl::{Block, Body};

use super::reader::Reader;
use crate::error::FileError;
use crate::http::Bounds;
use crate::tls;
use crate::transfer::LeastRate;

/// The address of a listener that names none.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8200";

/// Keys that are read.
const KEYS: [&str; 17] = [
    "address",
    "cluster_address",
    "http_read_header_timeout",
    "http_read_timeout",
    "http_write_timeout",
    "max_connections",
    "max_connections_per_address",
    "max_request_size",
    "min_transfer_rate",
    "telemetry",
    "tls_cert_file",
    "tls_client_ca_file",
    "tls_disable",
    "tls_key_file",
    "tls_min_version",
    "tls_require_and_verify_client_cert",
    "tls_disable_client_certs",
];

/// The one key of a listener's `telemetry` stanza.
const OPEN_METRICS: &str = "unauthenticated_metrics_access";

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenerConfig {
    /// `host:port`.
    pub(crate) address: String,
    /// TLS, unless it is disabled.
    pub(crate) tls: Option<tls::Settings>,
    /// How it treats connections.
    pub(crate) bounds: Bounds,
    /// Whether it answers requests for metrics without a token.
    pub(crate) open_metrics: bool,
}

impl ListenerConfig {
    /// A listener without TLS, for development.
    pub(crate) fn plain(address: &str) -> Self {
        Self { address: address.to_owned(), tls: None, bounds: Bounds::default(), open_metrics: false }
    }

    /// Reads a stanza.
    pub(super) fn read(reader: &mut Reader, block: &Block<'_>) -> Result<Self, FileError> {
        let kind = block.labels.first().copied().unwrap_or_default();
        if kind != "tcp" {
            let message = format!("unknown listener {kind:?}: there is \"tcp\"");
            return Err(reader.error(block.position, message));
        }
        reader.warn_unknown_keys(block.body, &KEYS, "listener \"tcp\": ");
        reader.warn_repeated_keys(block.body, &["telemetry"], "listener \"tcp\": ");
        let body = block.body;
        let default = Bounds::default();
        let connections = |count: usize| count.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        let all = reader.count(body, "max_connections")?.map_or(default.connections, connections);
        let of_address = reader.count(body, "max_connections_per_address")?.map(connections);
        let bounds = Bounds {
            max_request_size: reader.size(body, "max_request_size")?.unwrap_or(default.max_request_size),
            connections: all,
            connections_of_address: of_address.unwrap_or_else(|| all.div_ceil(4)),
            header_timeout: reader
                .duration(body, "http_read_header_timeout")?
                .unwrap_or(default.header_timeout),
            body_timeout: reader.duration(body, "http_read_timeout")?.unwrap_or(default.body_timeout),
            write_timeout: reader.duration(body, "http_write_timeout")?.unwrap_or(default.write_timeout),
            least_rate: LeastRate {
                bytes: reader
                    .size(body, "min_transfer_rate")?
                    .map_or(default.least_rate.bytes, |rate| rate as u64),
                ..default.least_rate
            },
        };
        let address = reader.text(body, "address")?.unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
        let plain = reader.boolean(body, "tls_disable")?.unwrap_or(false);
        let tls = if plain { None } else { Some(tls_settings(reader, block, body)?) };
        let mut open_metrics = false;
        for telemetry in reader.blocks(body, "telemetry", 0)? {
            reader.warn_unknown_keys(telemetry.body, &[OPEN_METRICS], "listener \"tcp\": telemetry: ");
            open_metrics |= reader.boolean(telemetry.body, OPEN_METRICS)?.unwrap_or(false);
        }
        Ok(Self { address, tls, bounds, open_metrics })
    }
}

fn tls_settings(reader: &Reader, block: &Block<'_>, body: &Body) -> Result<tls::Settings, FileError> {
    let file = |name: &str| -> Result<PathBuf, FileError> {
        let found = reader.text(body, name)?.map(PathBuf::from);
        let message = || format!("a listener needs {name}, or tls_disable = true");
        found.ok_or_else(|| reader.error(block.position, message()))
    };
    let client_required = reader.boolean(body, "tls_require_and_verify_client_cert")?.unwrap_or(false);
    let client_ignored = reader.boolean(body, "tls_disable_client_certs")?.unwrap_or(false);
    let client_authorities = reader.text(body, "tls_client_ca_file")?.map(PathBuf::from);
    if client_required && (client_ignored || client_authorities.is_none()) {
        let message = if client_ignored {
            "tls_require_and_verify_client_cert and tls_disable_client_certs contradict each other"
        } else {
            "tls_require_and_verify_client_cert needs tls_client_ca_file: the authorities whose certificates are accepted"
        };
        return Err(reader.error(block.position, message.to_owned()));
    }
    let version = reader.one_of(body, "tls_min_version", &["tls12", "tls13"])?;
    Ok(tls::Settings {
        certificate: file("tls_cert_file")?,
        key: file("tls_key_file")?,
        client_authorities: client_authorities.filter(|_| !client_ignored),
        client_required,
        only_1_3: version == Some("tls13"),
    })
}
