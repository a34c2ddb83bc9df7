//! One connection served from a stream of bytes: what a socket's connection goes through, without the socket. For tests
//! that feed bytes.
//! Never in it: a step that a socket's connection does not have.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use onrecord_core::{Core, Peer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use super::connection::Connection;
use super::{Bounds, Ending};
use crate::http::Service;
use crate::transfer::LeastRate;
use crate::workers::LargeRequests;

/// How long anything may take. A test ends its input long before.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Serves one connection until its input ends. Long requests run on the runtime that it is called on.
pub async fn serve_connection<S>(core: Core, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let bounds = Bounds {
        connections: 1,
        connections_of_address: 1,
        header_timeout: TIMEOUT,
        body_timeout: TIMEOUT,
        write_timeout: TIMEOUT,
        least_rate: LeastRate { bytes: 0, ..LeastRate::default() },
        max_request_size: core.settings().max_request_size,
    };
    let Ok(slot) = Arc::new(Semaphore::new(bounds.connections)).acquire_owned().await else { return };
    let service = Service {
        account: core.account(None),
        sealings: core.sealings(),
        core,
        peer: Some(Peer::from(SocketAddr::from(([127, 0, 0, 1], 4321)))),
        forwarded_for: None,
        client_certificate_serial: None,
        client_certificates: None,
        bounds,
        large_requests: LargeRequests {
            bodies: Handle::current(),
            ordinary: Handle::current(),
            operators: Handle::current(),
        },
    };
    let ending = watch::Sender::new(Ending::default());
    Connection { service, slot: (slot, None), ending: ending.subscribe() }.serve(stream).await;
}
