use std::io;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;
use crate::transfer::{BoundedTransfer, LeastRate};

/// Many times what a transfer may have in one turn.
const LARGE: usize = 20 * FURTHER;
/// How many transfers there are at once.
const MANY: usize = 20;

fn bounded(stream: DuplexStream) -> BoundedTransfer<DuplexStream> {
    BoundedTransfer::new(stream, Duration::from_mins(1), LeastRate::default())
}

/// A connection whose kernel has room for a large answer, and its other end.
fn with_room() -> (BoundedTransfer<DuplexStream>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(LARGE);
    (bounded(ours), theirs)
}

/// A connection that a large request has arrived on, and its other end.
async fn with_request() -> (BoundedTransfer<DuplexStream>, DuplexStream) {
    let (ours, mut theirs) = with_room();
    theirs.write_all(&vec![7; LARGE]).await.unwrap();
    (ours, theirs)
}

/// The most bytes that transfers have between two polls of a small request, while `transferred` grows to `all`.
async fn most_between_two_polls(transferred: Arc<AtomicUsize>, all: usize) -> usize {
    let at_small = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&at_small);
    let small = tokio::spawn(async move {
        while transferred.load(Ordering::Relaxed) < all {
            noted.lock().unwrap().push(transferred.load(Ordering::Relaxed));
            tokio::task::yield_now().await;
        }
    });
    small.await.unwrap();
    let at_small = at_small.lock().unwrap();
    // The first turns of all of them come at once.
    at_small.windows(2).skip(2).map(|pair| pair[1] - pair[0]).max().unwrap()
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
    let sent: Vec<u8> = (0..=250).cycle().take(LARGE).collect();
    let (mut writer, mut reading) = with_room();
    let (head, rest) = sent.split_at(100);
    let mut parts = [io::IoSlice::new(head), io::IoSlice::new(rest)];
    let mut parts = &mut parts[..];
    while !parts.is_empty() {
        let written = writer.write_vectored(parts).await.unwrap();
        assert!(written <= FURTHER, "{written} bytes in one turn");
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
    let written = Arc::new(AtomicUsize::new(0));
    for _ in 0..MANY {
        let written = Arc::clone(&written);
        tokio::spawn(async move {
            let (mut writer, reading) = with_room();
            let answer = vec![7; LARGE];
            let mut rest = &answer[..];
            while !rest.is_empty() {
                let now = writer.write(rest).await.unwrap();
                written.fetch_add(now, Ordering::Relaxed);
                rest = &rest[now..];
            }
            drop(reading);
        });
    }
    let most = most_between_two_polls(written, MANY * LARGE).await;
    assert!(most <= 2 * FURTHER, "{} turns between two of the small request", most / FURTHER);
}

#[tokio::test]
async fn many_uploads_take_one_turn_between_two_of_a_small_request() {
    let read = Arc::new(AtomicUsize::new(0));
    for _ in 0..MANY {
        let (mut reader, sending) = with_request().await;
        let read = Arc::clone(&read);
        tokio::spawn(async move {
            let (mut all, mut block) = (0, vec![0; FURTHER]);
            while all < LARGE {
                let now = reader.read(&mut block).await.unwrap();
                read.fetch_add(now, Ordering::Relaxed);
                all += now;
            }
            drop(sending);
        });
    }
    let most = most_between_two_polls(read, MANY * LARGE).await;
    assert!(most <= 2 * FURTHER, "{} turns between two of the small request", most / FURTHER);
}

#[tokio::test]
async fn a_connection_that_reads_no_further_holds_up_no_other() {
    let ((mut first, _sending), (mut second, _too)) = (with_request().await, with_request().await);
    let mut block = vec![0; FURTHER / 2];
    // Its second read is one of a further turn, and leaves something of it.
    for _ in 0..2 {
        assert_eq!(first.read(&mut block).await.unwrap(), FURTHER / 2);
    }
    for _ in 0..10 {
        assert_eq!(second.read(&mut block).await.unwrap(), FURTHER / 2);
    }
}

#[tokio::test]
async fn a_transfer_that_ends_before_its_turn_leaves_it_to_the_next() {
    let ((mut first, _unread), (mut second, _too)) = (with_room(), with_room());
    let sent = vec![7; LARGE];
    for writer in [&mut first, &mut second] {
        assert_eq!(writer.write(&sent).await.unwrap(), FIRST);
    }
    {
        let has_the_right = pin!(first.write(&sent));
        assert!(has_the_right.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let waiting = pin!(second.write(&sent));
        assert!(waiting.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(first);
    assert_eq!(second.write(&sent).await.unwrap(), FURTHER);
}

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl std::task::Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_write_wakes_the_read_whose_wait_it_ends() {
    let ((mut holder, _unread), (mut connection, _client)) = (with_room(), with_request().await);
    let sent = vec![7; LARGE];
    assert_eq!(holder.write(&sent).await.unwrap(), FIRST);
    let has_the_right = pin!(holder.write(&sent));
    assert!(has_the_right.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let mut block = vec![0; FURTHER];
    assert_eq!(connection.read(&mut block).await.unwrap(), FURTHER);
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    assert!(pin!(connection.read(&mut block)).poll(&mut context).is_pending());
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    assert!(pin!(connection.write(b"window update")).poll(&mut context).is_ready());
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_connection_that_is_not_read_any_more_leaves_its_right_at_the_next_flush_but_one() {
    let ((mut first, _sending), (mut second, _too)) = (with_request().await, with_request().await);
    let mut block = vec![0; FURTHER];
    for connection in [&mut first, &mut second] {
        assert_eq!(connection.read(&mut block).await.unwrap(), FURTHER);
    }
    assert!(pin!(first.read(&mut block)).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    for _ in 0..2 {
        first.flush().await.unwrap();
    }
    assert!(second.read(&mut block).await.unwrap() > 0);
}

#[tokio::test]
async fn the_next_request_of_a_connection_has_a_first_turn_again() {
    let (mut connection, mut client) = with_request().await;
    connection.read_exact(&mut vec![0; LARGE]).await.unwrap();
    connection.write_all(b"answer").await.unwrap();
    client.write_all(b"request").await.unwrap();
    let mut block = [0; 100];
    let reading = pin!(connection.read(&mut block));
    // It waits for nothing.
    assert!(reading.poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[tokio::test]
async fn a_further_turn_waits_for_the_pacing_thread_and_not_for_ever() {
    let pacer = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (go_on, waits) = std::sync::mpsc::channel::<()>();
    pacer.spawn(async move { waits.recv().unwrap_or_default() });
    set_pacer(pacer.handle().clone());

    let (mut writer, mut reading) = with_room();
    let sent = vec![7; FURTHER];
    assert_eq!(writer.write(&sent).await.unwrap(), FIRST);
    let begin = std::time::Instant::now();
    assert_eq!(writer.write(&sent).await.unwrap(), FURTHER);
    assert!(begin.elapsed() >= PACE_MAX);
    reading.read_exact(&mut vec![0; FIRST + FURTHER]).await.unwrap();
    go_on.send(()).unwrap();
    pacer.shutdown_background();
}

#[tokio::test]
async fn bytes_that_come_in_small_pieces_are_one_turn_together() {
    let (mut holder, _unread) = with_room();
    let (mut connection, _client) = with_request().await;
    connection.read_exact(&mut vec![0; FIRST]).await.unwrap();
    connection.read_exact(&mut [0]).await.unwrap();
    // Another one has the right now, and does not use it.
    let sent = vec![7; LARGE];
    assert_eq!(holder.write(&sent).await.unwrap(), FIRST);
    let has_the_right = pin!(holder.write(&sent));
    assert!(has_the_right.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let mut rest = vec![0; FURTHER - 1];
    for piece in rest.chunks_mut(1000) {
        let read = tokio::time::timeout(Duration::from_secs(10), connection.read_exact(piece)).await;
        assert_eq!(read.expect("it waits for no right").unwrap(), piece.len());
    }
}
