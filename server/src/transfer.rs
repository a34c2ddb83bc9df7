//! The least rate of a transfer, and a stream whose writes keep to it: a client that never reads, or a byte a second,
//! would otherwise hold its answer's memory for as long as it likes. What is large in either direction takes turns
//! ([`Turn`]).
//! Never in it: the time of a request's head or body, whose bounds are `http1`'s and `body.rs`', or what is transferred.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::turn::Turn;

/// The least rate of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeastRate {
    /// Bytes a second; 0 is no least rate.
    pub(crate) bytes: u64,
    /// How long a transfer may be slower at its beginning.
    pub(crate) grace: Duration,
}

impl Default for LeastRate {
    fn default() -> Self {
        Self { bytes: 1024, grace: Duration::from_secs(5) }
    }
}

impl LeastRate {
    /// When a transfer that began at `start` and has brought `bytes` so far will be too slow if no more comes.
    pub(crate) fn deadline(self, start: Instant, bytes: u64) -> Option<Instant> {
        let seconds = bytes.checked_div(self.bytes)?;
        start.checked_add(self.grace.max(Duration::from_secs(seconds)))
    }
}

/// A stream whose writes fail when one makes no progress for the time-out, or what is to be written goes out more slowly
/// than the least rate. Large requests and answers take turns.
pub(crate) struct BoundedTransfer<S> {
    stream: S,
    /// How long a write may make no progress.
    timeout: Duration,
    rate: LeastRate,
    /// When the first byte was written that may not have left yet; none where all have.
    since: Option<Instant>,
    /// Bytes written since then. What the kernel holds of them counts as taken: when it has room again says nothing about
    /// a client's pace.
    written: u64,
    /// Runs to the time by which the client must take more.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Which operation the deadline was set for.
    waiting: Waiting,
    /// The turns of the answer that is being written.
    writing: Turn,
    /// The turns of the request that is being read: of all that was read since an answer was written.
    reading: Turn,
    /// Whether a read was asked for since the last flush.
    asked_to_read: bool,
}

/// What waits for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Nothing,
    Write,
    Flush,
}

impl<S> BoundedTransfer<S> {
    /// Bounds the writes of a stream.
    pub(crate) const fn new(stream: S, timeout: Duration, rate: LeastRate) -> Self {
        Self {
            stream,
            timeout,
            rate,
            since: None,
            written: 0,
            deadline: None,
            waiting: Waiting::Nothing,
            writing: Turn::first(),
            reading: Turn::first(),
            asked_to_read: false,
        }
    }

    /// Counts what a write took, or lets one wait; an error when the time is up.
    fn check_write(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(result) = &polled else { return self.wait(Waiting::Write, context) };
        let bytes = *result.as_ref().unwrap_or(&0);
        self.since.get_or_insert_with(Instant::now);
        self.written += bytes as u64;
        self.writing.spend(bytes);
        if self.reading.is_waiting() {
            // Its wait ends here, and with it what would have woken the reader.
            context.waker().wake_by_ref();
        }
        self.reading = Turn::first();
        self.waiting = Waiting::Nothing;
        polled
    }

    /// Forgets what a flush has brought out, or lets it wait; an error when the time is up.
    fn check_flush(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        if polled.is_pending() {
            return self.wait(Waiting::Flush, context);
        }
        // All of it is out: the next answer has a beginning of its own.
        (self.since, self.written, self.waiting) = (None, 0, Waiting::Nothing);
        self.writing = Turn::first();
        polled
    }

    /// Lets an operation wait. One that waits already keeps its deadline.
    fn wait<T>(&mut self, waiting: Waiting, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        // The client's pace decides now; another may write meanwhile.
        self.writing.spend(0);
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let slow = self.rate.deadline(since, self.written);
        let timeout = now + self.timeout;
        let at = slow.map_or(timeout, |slow| slow.min(timeout));
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if self.waiting != waiting {
            deadline.as_mut().reset(at);
            self.waiting = waiting;
        }
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BoundedTransfer<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.asked_to_read = true;
        ready!(self.reading.poll(context));
        let before = buffer.filled().len();
        let this = &mut *self;
        // It may read more than is left of the turn: the buffers of HTTP/1.1 and HTTP/2 are no larger than a turn.
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.reading.spend(buffer.filled().len() - before);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BoundedTransfer<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let most = ready!(self.writing.poll(context));
        let bytes = bytes.get(..most).unwrap_or(bytes);
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check_write(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A reader that is not asked any more, because its request was refused, must not keep the right from others.
        if !std::mem::take(&mut self.asked_to_read) {
            self.reading.give_up();
        }
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.check_flush(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(context);
        self.check_flush(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if parts.iter().map(|part| part.len()).sum::<usize>() > self.writing.left() {
            // As much of the first part as the turn is long.
            let first = parts.iter().find(|part| !part.is_empty());
            return self.poll_write(context, first.map_or(&[], |part| part));
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.check_write(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn rate(bytes: u64, grace: u64) -> LeastRate {
        LeastRate { bytes, grace: Duration::from_millis(grace) }
    }

    #[test]
    fn a_transfer_has_its_grace_and_then_the_time_that_its_bytes_buy() {
        let start = Instant::now();
        let rate = LeastRate::default();
        assert_eq!(rate.deadline(start, 0), Some(start + Duration::from_secs(5)));
        assert_eq!(rate.deadline(start, 10 * 1024), Some(start + Duration::from_secs(10)));
        assert_eq!(LeastRate { bytes: 0, ..rate }.deadline(start, 0), None);
    }

    #[tokio::test]
    async fn a_write_to_a_client_that_never_reads_times_out() {
        let (stream, unread) = tokio::io::duplex(8);
        let mut writer = BoundedTransfer::new(stream, Duration::from_millis(20), rate(0, 0));
        let error = writer.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(unread);
    }

    #[tokio::test]
    async fn a_client_that_reads_byte_by_byte_is_cut_off() {
        let (stream, mut reading) = tokio::io::duplex(8);
        let mut writer = BoundedTransfer::new(stream, Duration::from_mins(1), rate(1 << 20, 30));
        let writing = tokio::spawn(async move { writer.write_all(&vec![0; 1 << 16]).await });
        let mut byte = [0];
        while reading.read_exact(&mut byte).await.is_ok() {
            // The client's own pace.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(writing.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_whose_pace_the_buffers_hide_is_not_cut_off() {
        // The kernel tells nothing of what a client takes of the first 64 KiB.
        let (stream, mut reading) = tokio::io::duplex(1 << 16);
        let mut writer = BoundedTransfer::new(stream, Duration::from_mins(1), rate(1024, 20));
        let writing = tokio::spawn(async move { writer.write_all(&vec![7; 1 << 17]).await });
        // The client's own pace.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut got = vec![0; 1 << 17];
        reading.read_exact(&mut got).await.unwrap();
        writing.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_client_that_reads_steadily_gets_everything() {
        let (stream, mut reading) = tokio::io::duplex(8);
        let mut writer = BoundedTransfer::new(stream, Duration::from_mins(1), LeastRate::default());
        let writing = tokio::spawn(async move { writer.write_all(&[7; 64]).await });
        let mut got = [0; 64];
        reading.read_exact(&mut got).await.unwrap();
        assert_eq!(got, [7; 64]);
        writing.await.unwrap().unwrap();
    }
}
