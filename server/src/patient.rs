//! A stream whose writes are waited for only so long: a client that never reads would hold its connection's slot for ever.
//! Never in it: reads, whose bounds are HTTP's own (header and body time-outs).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream with a bound on each write.
pub(crate) struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Runs while a write makes no progress.
    running: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// Bounds the writes of a stream.
    pub(crate) const fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, running: None }
    }

    /// Stops the clock when something went out; an error when it has run out.
    fn timed<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.running = None;
            return polled;
        }
        let running = self.running.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience)));
        ready!(running.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.timed(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.timed(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.timed(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.timed(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn a_client_that_never_reads_is_given_up() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (stream, unread) = tokio::io::duplex(8);
            let mut patient = Patient::new(stream, Duration::from_millis(20));
            let error = patient.write_all(&[0; 64]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            drop(unread);
        });
    }

    #[test]
    fn a_client_that_reads_slowly_gets_everything() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (stream, mut reading) = tokio::io::duplex(8);
            let mut patient = Patient::new(stream, Duration::from_mins(1));
            let writer = tokio::spawn(async move { patient.write_all(&[7; 64]).await });
            let mut got = [0; 64];
            reading.read_exact(&mut got).await.unwrap();
            assert_eq!(got, [7; 64]);
            writer.await.unwrap().unwrap();
        });
    }
}
