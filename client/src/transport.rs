//! Connections: dialling, TLS, one HTTP/1.1 exchange, and a pool of idle connections.
//! Never in it: paths of the API.

mod tls;

use crate::address::{Address, Endpoint};
use crate::config::{ConfigError, Tls};
use crate::error::Cause;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

/// Why an exchange failed, and whether the server may have received some of the request.
struct Failed {
    cause: Cause,
    sent: bool,
}

type Sender = SendRequest<Full<Bytes>>;

/// Idle connections kept for one address; more are closed.
const IDLE_MAX: usize = 64;

pub(crate) struct Transport {
    tls: Tls,
    /// Created by the first TLS connection: reading the system's CA certificates takes milliseconds.
    tls_ready: OnceLock<Arc<rustls::ClientConfig>>,
    idle: Mutex<Vec<(Address, Sender)>>,
}

impl Transport {
    /// Certificate files that are named are read now, so that an error is reported before any call.
    pub(crate) fn new(tls: Tls) -> Result<Self, ConfigError> {
        let transport = Self { tls, tls_ready: OnceLock::new(), idle: Mutex::new(Vec::new()) };
        if transport.tls.names_files() {
            transport.tls_config()?;
        }
        Ok(transport)
    }

    fn tls_config(&self) -> Result<Arc<rustls::ClientConfig>, ConfigError> {
        if let Some(ready) = self.tls_ready.get() {
            return Ok(Arc::clone(ready));
        }
        let made = Arc::new(tls::client_config(&self.tls)?);
        Ok(Arc::clone(self.tls_ready.get_or_init(|| made)))
    }

    /// One exchange on an idle or a new connection. If the server has closed the idle connection, another one is used.
    pub(crate) async fn exchange(
        &self,
        address: &Address,
        request: &http::Request<Full<Bytes>>,
        answer_bytes_max: usize,
    ) -> Result<http::Response<Bytes>, Cause> {
        while let Some(mut sender) = self.take_idle(address) {
            if sender.ready().await.is_err() {
                continue;
            }
            match Self::run(&mut sender, request.clone(), answer_bytes_max).await {
                Ok(answer) => {
                    self.keep(address, sender);
                    return Ok(answer);
                }
                Err(failed) if !failed.sent => {}
                Err(failed) => return Err(failed.cause),
            }
        }
        let mut sender = self.dial(address).await?;
        let answer = Self::run(&mut sender, request.clone(), answer_bytes_max).await;
        let answer = answer.map_err(|failed| failed.cause)?;
        self.keep(address, sender);
        Ok(answer)
    }

    fn take_idle(&self, address: &Address) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, sender)| !sender.is_closed());
        let at = idle.iter().rposition(|(of, _)| of == address)?;
        Some(idle.swap_remove(at).1)
    }

    fn keep(&self, address: &Address, sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !sender.is_closed() && idle.len() < IDLE_MAX {
            idle.push((address.clone(), sender));
        }
    }

    async fn run(
        sender: &mut Sender,
        request: http::Request<Full<Bytes>>,
        max: usize,
    ) -> Result<http::Response<Bytes>, Failed> {
        let answer = sender.try_send_request(request).await.map_err(|mut failed| {
            // hyper returns the request if nothing of it was written.
            let sent = failed.take_message().is_none();
            Failed { cause: cause_of(failed.into_error()), sent }
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, max).collect().await.map_err(|error| Failed {
            cause: match error.downcast::<hyper::Error>() {
                Ok(error) => cause_of(*error),
                // `Limited` has no other error than its limit.
                Err(_) => Cause::TooLong,
            },
            sent: true,
        })?;
        Ok(http::Response::from_parts(head, body.to_bytes()))
    }

    async fn dial(&self, address: &Address) -> Result<Sender, Cause> {
        match address.endpoint() {
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|source| Cause::Dial {
                    network: "unix",
                    address: path.display().to_string(),
                    source,
                })?;
                handshake(stream).await
            }
            Endpoint::Tcp { tls, host, port } => {
                let stream = dial_tcp(host, *port).await?;
                // Requests are small, and each waits for its response.
                stream.set_nodelay(true).map_err(Cause::Io)?;
                if !tls {
                    return handshake(stream).await;
                }
                let config = self.tls_config().map_err(|error| Cause::TlsConfig(Box::new(error)))?;
                let name = self.tls.server_name.as_deref().unwrap_or(host);
                let server_name = rustls_pki_types::ServerName::try_from(name.to_owned())
                    .map_err(|_| Cause::ServerName(name.to_owned()))?;
                let stream =
                    TlsConnector::from(config).connect(server_name, stream).await.map_err(tls_cause)?;
                handshake(stream).await
            }
        }
    }
}

async fn dial_tcp(host: &str, port: u16) -> Result<TcpStream, Cause> {
    let addresses = tokio::net::lookup_host((host, port))
        .await
        .map_err(|source| Cause::Lookup { host: host.to_owned(), source: Some(source) })?
        .collect::<Vec<_>>();
    let mut first = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(source) => {
                first.get_or_insert(Cause::Dial { network: "tcp", address: address.to_string(), source });
            }
        }
    }
    Err(first.unwrap_or_else(|| Cause::Lookup { host: host.to_owned(), source: None }))
}

async fn handshake<S>(stream: S) -> Result<Sender, Cause>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(cause_of)?;
    // Errors of the connection reach the caller through the sender.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

fn cause_of(error: hyper::Error) -> Cause {
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Cause::Closed;
    }
    let io = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
    match io {
        Some(found) => Cause::Io(match found.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(found.kind(), found.to_string()),
        }),
        None => Cause::Protocol(error),
    }
}

fn tls_cause(error: io::Error) -> Cause {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => Cause::PlainServer,
        Some(inner) => Cause::Tls(inner.clone()),
        None if error.kind() == io::ErrorKind::UnexpectedEof => Cause::Closed,
        None => Cause::Io(error),
    }
}
