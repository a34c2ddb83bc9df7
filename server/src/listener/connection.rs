//! One connection from its first byte to its end: the header of a proxy, TLS, and the requests that it carries.
//! Never in it: what a request means.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use onrecord_core::Connected;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::client_socket::{Accepted, ClientSocket};
use super::proxy_protocol::{self, Header, Trust};
use super::{Ending, http2, plain_http};
use crate::connection_timer::ConnectionTimer;
use crate::http::{HEAD, Service};
use crate::tls;
use crate::transfer::BoundedTransfer;

/// One accepted connection.
pub(super) struct Connection {
    pub(super) service: Service,
    /// Held as long as the connection: its place among all, and among those of its address.
    pub(super) slot: (OwnedSemaphorePermit, Option<Connected>),
    pub(super) ending: watch::Receiver<Ending>,
}

/// What comes before the first request.
pub(super) struct Opening {
    /// How a header of the PROXY protocol is treated; none where there is none.
    pub(super) trust: Option<Trust>,
    pub(super) acceptor: Option<TlsAcceptor>,
    /// Whether the certificates of clients are those of a known authority.
    pub(super) verifies_clients: bool,
}

/// A connection that can carry requests.
enum Opened {
    Plain(ClientSocket),
    Tls(Box<TlsStream<ClientSocket>>),
}

impl Connection {
    /// Reads the proxy's header and does the TLS handshake, where the listener has these, then serves requests until the
    /// client or a shutdown ends it.
    pub(super) async fn open(mut self, stream: Accepted, opening: Opening) {
        // From now on it belongs to the runtime of this thread.
        let Ok(stream) = stream.into_stream() else { return };
        let begins_at_once = opening.trust.is_none() && opening.acceptor.is_none();
        if begins_at_once {
            return self.serve(stream).await;
        }
        let verifies_clients = opening.verifies_clients;
        let timeout = self.service.bounds.header_timeout;
        // When a client does not speak what is expected, or takes too long, there is no request to answer.
        let Ok(Some(opened)) = tokio::time::timeout(timeout, self.begin(stream, opening)).await else {
            return;
        };
        match opened {
            Opened::Plain(stream) => self.serve(stream).await,
            Opened::Tls(stream) => self.serve_tls(*stream, verifies_clients).await,
        }
    }

    async fn begin(&mut self, mut stream: ClientSocket, opening: Opening) -> Option<Opened> {
        if let Some(trust) = opening.trust {
            let stated = read_header(&mut stream).await?;
            if let (Some(peer), Some(client), Trust::Believed) = (&self.service.peer, stated, trust) {
                let peer = peer.forwarding(client.ip(), client.port());
                self.service.account = self.service.core.account_of_client(Some(&peer));
                self.service.peer = Some(peer);
            }
        }
        let Some(acceptor) = opening.acceptor else { return Some(Opened::Plain(stream)) };
        while stream.seen().is_empty() {
            if !stream.see_more().await.ok()? {
                return None;
            }
        }
        if plain_http::is_plain_http(stream.seen()) {
            plain_http::refuse(stream).await.ok();
            return None;
        }
        acceptor.accept(stream).await.ok().map(|stream| Opened::Tls(Box::new(stream)))
    }

    async fn serve_tls(mut self, stream: TlsStream<ClientSocket>, verifies_clients: bool) {
        let session = stream.get_ref().1;
        let certificates = session.peer_certificates().unwrap_or_default();
        if verifies_clients {
            let serial = certificates.first().and_then(|certificate| tls::serial_number(certificate));
            self.service.client_certificate_serial = serial.map(Arc::from);
        }
        if !certificates.is_empty() {
            let der = certificates.iter().map(|certificate| Bytes::copy_from_slice(certificate));
            self.service.client_certificates = Some(der.collect());
        }
        if session.alpn_protocol() == Some(tls::HTTP_2) {
            let Self { service, slot, ending } = self;
            http2::serve(stream, service, ending).await;
            drop(slot);
        } else {
            self.serve(stream).await;
        }
    }

    pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
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
                    TokioIo::new(BoundedTransfer::new(stream, bounds.write_timeout, bounds.least_rate)),
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

/// Reads the header of the PROXY protocol, if there is one. What it states; none if the connection ends or its header is
/// broken.
async fn read_header(stream: &mut ClientSocket) -> Option<Option<SocketAddr>> {
    loop {
        match proxy_protocol::parse(stream.seen()) {
            Header::Incomplete => {
                if !stream.see_more().await.ok()? {
                    return None;
                }
            }
            Header::Absent => return Some(None),
            Header::Present(length, stated) => {
                stream.skip(length);
                return Some(stated);
            }
            Header::Malformed => {
                tracing::debug!("a header of the PROXY protocol is malformed");
                return None;
            }
        }
    }
}
