//! The `listener` stanza.
//! Never in it: sockets.

use std::path::PathBuf;

use onrecord_hcl::{Block, Body};

use super::proxies;
use super::reader::Reader;
use super::without_effect;
use crate::error::FileError;
use crate::forwarded_for::ForwardedFor;
use crate::http::Bounds;
use crate::listener::proxy_protocol::ProxyProtocol;
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

/// Keys that a Unix socket has beside those of connections in general.
const UNIX_KEYS: [&str; 12] = [
    "address",
    "http_read_header_timeout",
    "http_read_timeout",
    "http_write_timeout",
    "max_connections",
    "max_connections_per_address",
    "max_request_size",
    "min_transfer_rate",
    "socket_group",
    "socket_mode",
    "socket_user",
    "tls_disable",
];

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenerConfig {
    /// `host:port`, or the path of a Unix socket.
    pub(crate) address: String,
    /// What a Unix socket has.
    pub(crate) unix: Option<UnixSocketConfig>,
    /// TLS, unless it is disabled.
    pub(crate) tls: Option<tls::Settings>,
    /// How it treats connections.
    pub(crate) bounds: Bounds,
    /// Whose `X-Forwarded-For` is believed, if it is read.
    pub(crate) forwarded_for: Option<ForwardedFor>,
    /// Whose headers of the PROXY protocol are believed, if they are read.
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    /// Whether it answers requests for metrics without a token.
    pub(crate) open_metrics: bool,
}

/// The file of a Unix socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UnixSocketConfig {
    /// Its permissions; as the process's umask has it without.
    pub(crate) mode: Option<u32>,
    /// Its owner, by name or number.
    pub(crate) user: Option<String>,
    /// Its group, by name or number.
    pub(crate) group: Option<String>,
}

impl ListenerConfig {
    /// A listener without TLS, for development.
    pub(crate) fn plain(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            unix: None,
            tls: None,
            bounds: Bounds::default(),
            forwarded_for: None,
            proxy_protocol: None,
            open_metrics: false,
        }
    }

    /// Reads a stanza.
    pub(super) fn read(reader: &mut Reader, block: &Block<'_>) -> Result<Self, FileError> {
        match block.labels.first().copied().unwrap_or_default() {
            "tcp" => Self::read_tcp(reader, block),
            "unix" => Self::read_unix(reader, block),
            kind => {
                let message = format!("unknown listener {kind:?}: there are \"tcp\" and \"unix\"");
                Err(reader.error(block.position, message))
            }
        }
    }

    fn read_tcp(reader: &mut Reader, block: &Block<'_>) -> Result<Self, FileError> {
        const PLACE: &str = "listener \"tcp\": ";
        let body = block.body;
        without_effect::refuse_listener(reader, body, PLACE)?;
        let more = without_effect::names(&without_effect::LISTENER);
        let known: Vec<&str> = KEYS.into_iter().chain(proxies::KEYS).chain(more).collect();
        reader.warn_unknown_keys(body, &known, PLACE);
        reader.warn_repeated_keys(body, &["telemetry"], PLACE);
        without_effect::warn(reader, body, &without_effect::LISTENER, PLACE);
        let bounds = bounds(reader, body)?;
        let address = reader.text(body, "address")?.unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
        let plain = reader.boolean(body, "tls_disable")?.unwrap_or(false);
        let tls = if plain { None } else { Some(tls_settings(reader, block, body)?) };
        let mut open_metrics = false;
        for telemetry in reader.blocks(body, "telemetry", 0)? {
            reader.warn_unknown_keys(telemetry.body, &[OPEN_METRICS], "listener \"tcp\": telemetry: ");
            open_metrics |= reader.boolean(telemetry.body, OPEN_METRICS)?.unwrap_or(false);
        }
        let forwarded_for = proxies::forwarded_for(reader, body)?;
        let proxy_protocol = proxies::proxy_protocol(reader, block, body)?;
        Ok(Self { address, unix: None, tls, bounds, forwarded_for, proxy_protocol, open_metrics })
    }

    fn read_unix(reader: &mut Reader, block: &Block<'_>) -> Result<Self, FileError> {
        const PLACE: &str = "listener \"unix\": ";
        let body = block.body;
        if let Some(key) = ["tls_cert_file", "tls_key_file"].into_iter().find(|key| body.get(key).is_some()) {
            let message = format!("{PLACE}{key}: a Unix socket is served without TLS; take {key} out");
            return Err(reader.error(block.position, message));
        }
        reader.warn_unknown_keys(body, &UNIX_KEYS, PLACE);
        reader.warn_repeated_keys(body, &[], PLACE);
        let message = || format!("{PLACE}it needs an address: the path of the socket");
        let address = reader.text(body, "address")?.filter(|path| !path.is_empty());
        let address = address.ok_or_else(|| reader.error(block.position, message()))?;
        let unix = UnixSocketConfig {
            mode: reader.mode(body, "socket_mode")?,
            user: reader.text(body, "socket_user")?.filter(|name| !name.is_empty()),
            group: reader.text(body, "socket_group")?.filter(|name| !name.is_empty()),
        };
        Ok(Self { unix: Some(unix), bounds: bounds(reader, body)?, ..Self::plain(&address) })
    }
}

fn bounds(reader: &Reader, body: &Body) -> Result<Bounds, FileError> {
    let default = Bounds::default();
    let connections = |count: usize| count.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
    let all = reader.count(body, "max_connections")?.map_or(default.connections, connections);
    let of_address = reader.count(body, "max_connections_per_address")?.map(connections);
    Ok(Bounds {
        max_request_size: reader.size(body, "max_request_size")?.unwrap_or(default.max_request_size),
        connections: all,
        connections_of_address: of_address.unwrap_or_else(|| all.div_ceil(4)),
        header_timeout: reader.duration(body, "http_read_header_timeout")?.unwrap_or(default.header_timeout),
        body_timeout: reader.duration(body, "http_read_timeout")?.unwrap_or(default.body_timeout),
        write_timeout: reader.duration(body, "http_write_timeout")?.unwrap_or(default.write_timeout),
        least_rate: LeastRate {
            bytes: reader
                .size(body, "min_transfer_rate")?
                .map_or(default.least_rate.bytes, |rate| rate as u64),
            ..default.least_rate
        },
    })
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
        client_ignored,
        client_required,
        only_1_3: version == Some("tls13"),
    })
}
