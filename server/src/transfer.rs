//! The least rate of a transfer, and a stream whose writes keep to it: a client that never reads, or a byte a second,
//! would otherwise hold its answer's memory for as long as it likes.
//! Never in it: reads of a request's head, whose bound is HTTP's own (the header time-out), or what is transferred.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

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

/// How many bytes a connection writes before the others of its thread have their turn.
const TURN: usize = 64 * 1024;

thread_local! {
    /// Who of this thread's connections writes more than a turn: one after another. Sixty large answers would otherwise each
    /// write a turn before a small request has its own.
    static LARGE_WRITES: Arc<Semaphore> = Arc::new(Semaphore::new(1));
}

/// Waits for the right to write more than a turn.
type AcquiringTurn = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

/// A stream whose writes fail when one makes no progress for the time-out, or what is to be written goes out more slowly
/// than the least rate.
pub(crate) struct BoundedWrites<S> {
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
    /// What is left of the connection's turn, in bytes.
    turn: usize,
    /// The right to a further turn while others wait for theirs, and the wait for it.
    large_write: Option<OwnedSemaphorePermit>,
    acquiring: Option<AcquiringTurn>,
}

/// What waits for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Nothing,
    Write,
    Flush,
}

impl<S> BoundedWrites<S> {
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
            turn: TURN,
            large_write: None,
            acquiring: None,
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
        self.turn = self.turn.saturating_sub(bytes);
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
        self.begin_turn(None);
        polled
    }

    /// Is pending when the turn is over, until all other tasks of the thread and the large answers before this one have had
    /// theirs: an answer of many bytes would otherwise be copied into the kernel as far as it has room, and the small requests of
    /// the thread would wait for that.
    fn begin_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.turn > 0 {
            return Poll::Ready(());
        }
        if self.acquiring.is_none() {
            self.large_write = None;
        }
        let acquiring = self.acquiring.get_or_insert_with(|| {
            let next = LARGE_WRITES.with(Arc::clone).acquire_owned();
            Box::pin(async move {
                let permit = next.await;
                // The runtime looks for what has arrived for others before it goes on.
                tokio::task::yield_now().await;
                permit
            })
        });
        // It is never closed.
        let permit = ready!(acquiring.as_mut().poll(context)).ok();
        self.begin_turn(permit);
        Poll::Ready(())
    }

    fn begin_turn(&mut self, large_write: Option<OwnedSemaphorePermit>) {
        (self.turn, self.large_write, self.acquiring) = (TURN, large_write, None);
    }

    /// Lets an operation wait. One that waits already keeps its deadline.
    fn wait<T>(&mut self, waiting: Waiting, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        // The client's pace decides now; another may write meanwhile.
        self.begin_turn(None);
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

impl<S: AsyncRead + Unpin> AsyncRead for BoundedWrites<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BoundedWrites<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.begin_write(context));
        let bytes = bytes.get(..self.turn).unwrap_or(bytes);
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check_write(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
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
        if parts.iter().map(|part| part.len()).sum::<usize>() > self.turn {
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
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

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
        let mut writer = BoundedWrites::new(stream, Duration::from_millis(20), rate(0, 0));
        let error = writer.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(unread);
    }

    #[tokio::test]
    async fn a_client_that_reads_byte_by_byte_is_cut_off() {
        let (stream, mut reading) = tokio::io::duplex(8);
        let mut writer = BoundedWrites::new(stream, Duration::from_mins(1), rate(1 << 20, 30));
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
        let mut writer = BoundedWrites::new(stream, Duration::from_mins(1), rate(1024, 20));
        let writing = tokio::spawn(async move { writer.write_all(&vec![7; 1 << 17]).await });
        // The client's own pace.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut got = vec![0; 1 << 17];
        reading.read_exact(&mut got).await.unwrap();
        writing.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_large_answer_leaves_the_other_tasks_of_its_thread_their_turns() {
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&turns);
        let other = tokio::spawn(async move {
            loop {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        let sent: Vec<u8> = (0..=250).cycle().take(20 * TURN).collect();
        // It has room for all of it.
        let (stream, mut reading) = tokio::io::duplex(sent.len());
        let mut writer = BoundedWrites::new(stream, Duration::from_mins(1), LeastRate::default());
        let (head, rest) = sent.split_at(100);
        let mut parts = [io::IoSlice::new(head), io::IoSlice::new(rest)];
        let mut parts = &mut parts[..];
        while !parts.is_empty() {
            let written = writer.write_vectored(parts).await.unwrap();
            assert!(written <= TURN, "{written} bytes in one turn");
            io::IoSlice::advance_slices(&mut parts, written);
        }
        let turns = turns.load(Ordering::Relaxed);
        assert!(turns >= 18, "{turns} turns of the other task");
        let mut got = vec![0; sent.len()];
        reading.read_exact(&mut got).await.unwrap();
        assert!(got == sent);
        other.abort();
    }

    #[tokio::test]
    async fn many_large_answers_take_one_turn_between_two_of_a_small_request() {
        const ANSWERS: usize = 20;
        let (written, at_small) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Mutex::new(Vec::new())));
        let mut writers = Vec::new();
        for _ in 0..ANSWERS {
            let written = Arc::clone(&written);
            writers.push(tokio::spawn(async move {
                let (stream, reading) = tokio::io::duplex(20 * TURN);
                let mut writer = BoundedWrites::new(stream, Duration::from_mins(1), LeastRate::default());
                for _ in 0..20 {
                    written.fetch_add(writer.write(&vec![7; TURN]).await.unwrap(), Ordering::Relaxed);
                }
                drop(reading);
            }));
        }
        let (counted, noted) = (Arc::clone(&written), Arc::clone(&at_small));
        let small = tokio::spawn(async move {
            while counted.load(Ordering::Relaxed) < ANSWERS * 20 * TURN {
                noted.lock().unwrap().push(counted.load(Ordering::Relaxed));
                tokio::task::yield_now().await;
            }
        });
        for writer in writers {
            writer.await.unwrap();
        }
        small.await.unwrap();
        let at_small = at_small.lock().unwrap();
        let most = at_small.windows(2).skip(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(most <= 2 * TURN, "{} turns of large answers between two of the small request", most / TURN);
    }

    #[tokio::test]
    async fn a_large_answer_whose_client_leaves_lets_the_next_one_write() {
        let (stream, reading) = tokio::io::duplex(20 * TURN);
        let mut first = BoundedWrites::new(stream, Duration::from_mins(1), LeastRate::default());
        let sent = vec![7; 20 * TURN];
        for _ in 0..2 {
            assert_eq!(first.write(&sent).await.unwrap(), TURN);
        }
        let (stream, _unread) = tokio::io::duplex(20 * TURN);
        let mut second = BoundedWrites::new(stream, Duration::from_mins(1), LeastRate::default());
        assert_eq!(second.write(&sent).await.unwrap(), TURN);
        // The first one still has its further turn.
        let waiting = second.write(&sent);
        tokio::pin!(waiting);
        for _ in 0..3 {
            assert!(
                std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending()))
                    .await
            );
        }
        drop((first, reading));
        assert_eq!(waiting.await.unwrap(), TURN);
    }

    #[tokio::test]
    async fn a_client_that_reads_steadily_gets_everything() {
        let (stream, mut reading) = tokio::io::duplex(8);
        let mut writer = BoundedWrites::new(stream, Duration::from_mins(1), LeastRate::default());
        let writing = tokio::spawn(async move { writer.write_all(&[7; 64]).await });
        let mut got = [0; 64];
        reading.read_exact(&mut got).await.unwrap();
        assert_eq!(got, [7; 64]);
        writing.await.unwrap().unwrap();
    }
}
