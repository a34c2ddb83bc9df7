//! Listeners: sockets, a bounded number of accepted connections, and their graceful shutdown.
//! Never in it: what a request means.

mod client_socket;
mod connection;
mod http2;
#[cfg(feature = "test-support")]
pub(crate) mod one_connection;
mod plain_http;
pub(crate) mod proxy_protocol;
mod refused;
pub(crate) mod socket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use onrecord_core::{Core, Peer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::config::ListenerConfig;
use crate::error::StartError;
use crate::forwarded_for::ForwardedFor;
use crate::http::{Bounds, Service};
use crate::tls::Certificates;
use crate::workers::Workers;

use client_socket::Accepted;
use connection::{Connection, Opening};
use proxy_protocol::{ProxyProtocol, Trust};
use refused::RefusedConnections;
use socket::Socket;

/// A bound socket, not yet accepting.
pub(crate) struct Listener {
    pub(crate) socket: Socket,
    /// If it speaks TLS: with which certificates, which a reload reads again.
    pub(crate) tls: Option<(TlsAcceptor, Arc<Certificates>)>,
    forwarded_for: Option<Arc<ForwardedFor>>,
    proxy_protocol: Option<ProxyProtocol>,
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
        let socket = match &config.unix {
            None => Socket::tcp(&config.address).await?,
            Some(unix) => Socket::unix(&config.address, unix)?,
        };
        let forwarded_for = config.forwarded_for.clone().map(Arc::new);
        Ok(Self {
            socket,
            tls,
            forwarded_for,
            proxy_protocol: config.proxy_protocol.clone(),
            bounds: config.bounds,
        })
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
        let acceptor = self.tls.as_ref().map(|(acceptor, _)| acceptor.clone());
        let verifies_clients =
            self.tls.as_ref().is_some_and(|(_, certificates)| certificates.verify_clients());
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
            let trust = self.trust(peer);
            if trust == Some(Trust::Denied) {
                refused.untrusted_proxy(&stream, peer);
                continue;
            }
            let peer_of_socket = peer.map(Peer::from);
            let account = core.account_of_client(peer_of_socket.as_ref());
            let Some(connected) = account.connect(self.bounds.connections_of_address) else {
                refused.connection(&stream, peer, acceptor.is_some());
                continue;
            };
            let service = Service {
                core: core.clone(),
                peer: peer_of_socket,
                account,
                forwarded_for: self.forwarded_for.clone(),
                client_certificate_serial: None,
                client_certificates: None,
                bounds: self.bounds,
                large_requests: workers.large_requests(),
                sealings: core.sealings(),
            };
            let connection =
                Connection { service, slot: (slot, Some(connected)), ending: ending.subscribe() };
            let opening = Opening { trust, acceptor: acceptor.clone(), verifies_clients };
            workers.spawn(connection.open(stream, opening));
        }
        drop(self.socket);
        ending.send_replace(Ending::Stopped);
        // Each connection holds a receiver until it has ended.
        if tokio::time::timeout(shutdown_timeout, ending.closed()).await.is_err() {
            tracing::warn!("connections were still open when shutdown_timeout was over");
        }
    }

    /// Whether a peer's header of the PROXY protocol is believed; none where connections have none.
    fn trust(&self, peer: Option<SocketAddr>) -> Option<Trust> {
        Some(self.proxy_protocol.as_ref()?.trust(peer?.ip()))
    }
}

/// Waits for a free slot, then for a connection. Failures to accept (no descriptors left) are waited out.
async fn accept(
    socket: &Socket,
    slots: &Arc<Semaphore>,
) -> (Accepted, Option<SocketAddr>, OwnedSemaphorePermit) {
    loop {
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
            std::future::pending::<()>().await;
            continue;
        };
        match socket.accept().await {
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
