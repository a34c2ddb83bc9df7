//! HTTP/2 on one connection, within bounds: how many requests at once, how large their heads, how many may be given up, how
//! long it may carry none, how slowly answers may be taken.
//! Never in it: what a request means.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Ending;
use crate::http::{HEAD, Service};
use crate::streams::{Next, Streams};
use crate::transfer::BoundedTransfer;

/// Requests at once on one connection.
const STREAMS_MAX: u32 = 128;
/// How many bytes a client may send ahead of what is read, of one request and of all.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// How many bytes of one answer wait beside the socket.
const SEND_BUFFER: usize = 64 * 1024;
/// How many requests may be given up before they are looked at, and how many may break the protocol.
const RESETS_MAX: usize = 20;
const ERRORS_MAX: usize = 256;
/// How long a connection may go on without requests that was told to end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why the connection is ending.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    ToEnd,
}

/// Serves a connection until the client, a limit, a seal or a shutdown ends it.
pub(super) async fn serve<S>(stream: S, service: Service, mut ending: watch::Receiver<Ending>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (bounds, service, streams) = (service.bounds, Arc::new(service), Streams::new());
    let opened = Arc::clone(&streams);
    let mut connection = pin!(
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(u32::try_from(HEAD).unwrap_or(u32::MAX))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_pending_accept_reset_streams(RESETS_MAX)
            .max_local_error_reset_streams(ERRORS_MAX)
            .serve_connection(
                TokioIo::new(BoundedTransfer::new(stream, bounds.write_timeout, bounds.least_rate)),
                service_fn(move |request| Arc::clone(&service).serve_stream(request, &opened)),
            )
    );
    let mut told = Told::Nothing;
    let mut is_watched = true;
    let mut look = Instant::now() + bounds.header_timeout;
    let ended = loop {
        let mut end = false;
        tokio::select! {
            ended = connection.as_mut() => break ended,
            changed = ending.changed(), if is_watched => {
                is_watched = changed.is_ok();
                end = !is_watched || *ending.borrow() != Ending::Sealed || streams.has_carried();
            }
            () = streams.flooded() => look = Instant::now(),
            () = tokio::time::sleep_until(look) => match streams.check(&bounds, Instant::now()) {
                Next::Look(at) => look = at,
                // It was told before, and does not answer.
                Next::Idle if told == Told::ToEnd => break Ok(()),
                Next::Idle => end = true,
                Next::Cut(why) => {
                    tracing::debug!(why, "an HTTP/2 connection is cut off");
                    break Ok(());
                }
            },
        }
        if end && told == Told::Nothing {
            // The requests under way are answered, and no others taken.
            connection.as_mut().graceful_shutdown();
            told = Told::ToEnd;
        }
        if told == Told::ToEnd && streams.count() == 0 {
            // A client that does not confirm the end must not keep the buffers.
            match tokio::time::timeout(LAST_WORDS, connection.as_mut()).await {
                Ok(ended) => break ended,
                // A request that came before its end was told is answered.
                Err(_) if streams.count() > 0 => {}
                Err(_) => break Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests;
