//! One accepted connection, of either kind of socket: a stream of which the beginning can be looked at before it is read.
//! Never in it: TLS, HTTP.

use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::unix::net as unix;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// How much is read at once to look at it.
const BLOCK: usize = 512;

/// A connection as it was accepted, on no runtime.
pub(super) enum Accepted {
    Tcp(std::net::TcpStream),
    Unix(unix::UnixStream),
}

impl Accepted {
    /// Writes what the client can be told at once, and ends the connection. Nothing is waited for: the socket is empty and
    /// does not block, so the text fits, or the client does not get it.
    pub(super) fn end_with(&self, text: &[u8]) {
        match self {
            Self::Tcp(stream) => {
                let mut writer = stream;
                drop(writer.write_all(text));
                drop(stream.shutdown(Shutdown::Write));
            }
            Self::Unix(stream) => {
                let mut writer = stream;
                drop(writer.write_all(text));
                drop(stream.shutdown(Shutdown::Write));
            }
        }
    }

    /// The same on the runtime of this thread.
    pub(super) fn into_stream(self) -> io::Result<ClientSocket> {
        let stream = match self {
            Self::Tcp(stream) => {
                let stream = TcpStream::from_std(stream)?;
                // An answer is small and a client waits for it: it is not held back to fill a packet. Without this it
                // only takes longer.
                stream.set_nodelay(true).ok();
                Stream::Tcp(stream)
            }
            Self::Unix(stream) => Stream::Unix(UnixStream::from_std(stream)?),
        };
        Ok(ClientSocket { stream, seen: Vec::new(), taken: 0 })
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! on_stream {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.stream {
            Stream::Tcp($stream) => $call,
            Stream::Unix($stream) => $call,
        }
    };
}

/// A connection.
pub(super) struct ClientSocket {
    stream: Stream,
    /// What was looked at.
    seen: Vec<u8>,
    /// How much of that was read since, or thrown away.
    taken: usize,
}

impl ClientSocket {
    /// What was looked at and not read yet.
    pub(super) fn seen(&self) -> &[u8] {
        self.seen.get(self.taken..).unwrap_or_default()
    }

    /// Waits for more of the connection's beginning. False at its end.
    pub(super) async fn see_more(&mut self) -> io::Result<bool> {
        let mut block = [0; BLOCK];
        let count = on_stream!(self, stream => stream.read(&mut block).await)?;
        self.seen.extend_from_slice(block.get(..count).unwrap_or_default());
        Ok(count > 0)
    }

    /// Throws away the first bytes of what was looked at.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.taken = self.seen.len().min(self.taken + bytes);
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let seen = this.seen.get(this.taken..).unwrap_or_default();
        if seen.is_empty() {
            return on_stream!(this, stream => Pin::new(stream).poll_read(context, buffer));
        }
        let now = seen.get(..buffer.remaining()).unwrap_or(seen);
        buffer.put_slice(now);
        this.taken += now.len();
        if this.taken == this.seen.len() {
            (this.seen, this.taken) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_shutdown(context))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => Pin::new(stream).poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Unix(stream) => stream.is_write_vectored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[tokio::test]
    async fn what_was_looked_at_is_read_all_the_same() {
        let (ours, theirs) = unix::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut socket = Accepted::Unix(ours).into_stream().unwrap();
        let mut client = UnixStream::from_std(theirs).unwrap();
        client.write_all(b"header, then the rest").await.unwrap();
        while socket.seen().len() < 21 {
            assert!(socket.see_more().await.unwrap());
        }
        socket.skip(8);
        assert_eq!(socket.seen(), b"then the rest");
        client.write_all(b" of it").await.unwrap();
        drop(client);
        let mut read = String::new();
        socket.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "then the rest of it");
    }
}
