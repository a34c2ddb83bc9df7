//! Listeners: sockets, a bounded number of accepted connections, and their graceful shutdown.
//! Never in it: what a request means.

#[cfg(feature = "test-support")]
pub(crate) mod one_connection;
mod plain_http;
mod refused;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use onrecord_core::{Connected, Core, Peer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::config::ListenerConfig;
use crate::connection_timer::ConnectionTimer;
use crate::error::StartError;
use crate::http::{Bounds, HEAD, Service};
use crate::tls::{self, Certificates};
use crate::transfer::BoundedWrites;
use crate::workers::Workers;

use refused::RefusedConnections;

/// A bound socket, not yet accepting.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    /// If it speaks TLS: with which certificates, which a reload reads again.
    pub(crate) tls: Option<(TlsAcceptor, Arc<Certificates>)>,
    bounds: Bounds,
}

impl Listener {
    /// Binds the address.
    pub(crate) async fn bind(config: &ListenerConfig) -> Result<Self, StartError> {
        let mut tls = None;
        if let Some(settings) = config.tls.clone() {
            let certificates = Arc::new(Certificates::load(settings)?);
            tls = Some((TlsAcceptor::from(Arc::new(certificates.server_config()?)), certificates));
        }
        let socket = TcpListener::bind(&config.address).await?;
        Ok(Self { socket, tls, bounds: config.bounds })
    }

    /// Accepts until `stop` turns true, then lets every request in progress be answered, for at most `shutdown_timeout`.
    pub(crate) async fn run(
        self,
        core: Core,
        workers: Arc<Workers>,
        mut stop: watch::Receiver<bool>,
        shutdown_timeout: Duration,
    ) {
        let slots = Arc::new(Semaphore::new(self.bounds.connections));
        let ending = watch::Sender::new(Ending::default());
        let mut sealings = core.sealings();
        let mut refused = RefusedConnections::default();
        let acceptor = self.tls.map(|(acceptor, _)| acceptor);
        loop {
            let (stream, peer, slot) = tokio::select! {
                accepted = accept(&self.socket, &slots) => accepted,
                // Their buffers hold tokens and secrets of the last requests. Those in progress are answered.
                Ok(()) = sealings.changed() => {
                    ending.send_replace(Ending::Sealed);
                    continue;
                }
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let account = core.account(Some(peer.ip()));
            let Some(connected) = account.connect(self.bounds.connections_of_address) else {
                refused.connection(&stream, peer.ip(), acceptor.is_some());
                continue;
            };
            let service = Service {
                core: core.clone(),
                peer: Some(Peer::from(peer)),
                account,
                client_certificate_serial: None,
                bounds: self.bounds,
                large_requests: workers.large_requests(),
                sealings: core.sealings(),
            };
            let connection =
                Connection { service, slot: (slot, Some(connected)), ending: ending.subscribe() };
            workers.spawn(connection.open(stream, acceptor.clone()));
        }
        drop(self.socket);
        ending.send_replace(Ending::Stopped);
        // Each connection holds a receiver until it has ended.
        if tokio::time::timeout(shutdown_timeout, ending.closed()).await.is_err() {
            tracing::warn!("connections were still open when shutdown_timeout was over");
        }
    }
}

/// Waits for a free slot, then for a connection. Failures to accept (no descriptors left) are waited out.
async fn accept(
    socket: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (std::net::TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
            std::future::pending::<()>().await;
            continue;
        };
        let accepted = socket.accept().await;
        match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok((stream, peer)) => return (stream, peer, slot),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Why connections are to end as soon as the answers under way are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Ending {
    #[default]
    Not,
    /// The buffers of those that have carried requests hold tokens and secrets. One that has carried none may stay: its
    /// client would not know why it ends without an answer.
    Sealed,
    /// The server stops.
    Stopped,
}

/// One accepted connection.
struct Connection {
    service: Service,
    /// Held as long as the connection: its place among all, and among those of its address.
    slot: (OwnedSemaphorePermit, Option<Connected>),
    ending: watch::Receiver<Ending>,
}

impl Connection {
    /// Does the TLS handshake if there is TLS, then serves requests until the client or a shutdown ends it.
    async fn open(mut self, stream: std::net::TcpStream, acceptor: Option<TlsAcceptor>) {
        // From now on it belongs to the runtime of this thread.
        let Ok(stream) = TcpStream::from_std(stream) else { return };
        // An answer is small and a client waits for it: it is not held back to fill a packet. Without this it only takes longer.
        stream.set_nodelay(true).ok();
        let Some(acceptor) = acceptor else {
            return self.serve(stream).await;
        };
        // When a client does not speak TLS, or takes too long, there is no request to answer.
        let handshake = async {
            if plain_http::is_plain_http(&stream).await {
                plain_http::refuse(stream).await.ok();
                return None;
            }
            acceptor.accept(stream).await.ok()
        };
        if let Ok(Some(stream)) = tokio::time::timeout(self.service.bounds.header_timeout, handshake).await {
            let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let serial = certificate.and_then(|certificate| tls::serial_number(certificate));
            self.service.client_certificate_serial = serial.map(Arc::from);
            self.serve(stream).await;
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let Self { service, slot, mut ending } = self;
        let (bounds, service) = (service.bounds, Arc::new(service));
        let has_carried = Arc::new(AtomicBool::new(false));
        let carries = Arc::clone(&has_carried);
        let mut connection = pin!(
            http1::Builder::new()
                .timer(ConnectionTimer::default())
                .half_close(true)
                .header_read_timeout(bounds.header_timeout)
                .max_buf_size(HEAD)
                .serve_connection(
                    TokioIo::new(BoundedWrites::new(stream, bounds.write_timeout, bounds.least_rate)),
                    service_fn(move |request| {
                        carries.store(true, Ordering::Relaxed);
                        Arc::clone(&service).serve(request)
                    }),
                )
        );
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                told = ending.changed() => {
                    let is_told = told.is_ok();
                    let sealed = is_told && *ending.borrow() == Ending::Sealed;
                    if !sealed || has_carried.load(Ordering::Relaxed) {
                        connection.as_mut().graceful_shutdown();
                    }
                    if !is_told {
                        break connection.await;
                    }
                }
            }
        };
        // The errors of a connection (a reset, a header too large) concern its client only.
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
        drop(slot);
    }
}
