//! The body of a request, within its bounds of size, time and rate.
//! Never in it: what is in a body.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use onrecord_core::{Overloaded, Permit, Received};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::http::Bounds;

/// How much room is made for a body before any of it has come, in bytes.
const FIRST_ROOM: usize = 4096;
/// A body of more bytes stays in pieces of this size until its work begins: putting it together takes long, and small
/// requests wait for the thread.
const PIECE: usize = 256 * 1024;

/// Reads a body. `declared` is the length that its head announces, 0 if it announces none. One that is larger than a piece
/// is read on the threads for bodies: they take its frames one after another, and the connection reads no further meanwhile,
/// so that the small requests of its thread wait for one frame at most.
pub(crate) async fn read(
    body: Incoming,
    declared: usize,
    bounds: Bounds,
    permit: Permit,
    threads: &Handle,
) -> Result<(Permit, Received), Overloaded> {
    if body.is_end_stream() {
        return Ok((permit, Received::Whole(Bytes::new())));
    }
    if declared > bounds.max_request_size {
        return Ok((permit, Received::TooLarge));
    }
    let start = Instant::now();
    let pieces = Pieces { full: Vec::new(), last: Vec::with_capacity(declared.min(FIRST_ROOM)), len: 0 };
    let mut reading = Reading { body, bounds, start, permit, pieces };
    if declared <= PIECE
        && let Some(received) = reading.read_up_to(PIECE).await?
    {
        return Ok((reading.permit, received));
    }
    let rest = async move {
        let received = reading.read_up_to(usize::MAX).await?.unwrap_or(Received::TooLarge);
        Ok((reading.permit, received))
    };
    // It fails only when the process ends.
    threads.spawn(rest).await.unwrap_or(Err(Overloaded))
}

/// A body that is being read.
struct Reading {
    body: Incoming,
    bounds: Bounds,
    start: Instant,
    permit: Permit,
    pieces: Pieces,
}

impl Reading {
    /// Reads within the time of a body; none if it has not ended with this many bytes.
    async fn read_up_to(&mut self, most: usize) -> Result<Option<Received>, Overloaded> {
        let end = self.start + self.bounds.body_timeout;
        tokio::time::timeout_at(end, self.read_frames(most)).await.unwrap_or(Ok(Some(Received::TooSlow)))
    }

    /// Reads frame by frame. What a head declares is nothing yet: bytes are counted, and room is made for them, as they
    /// arrive.
    async fn read_frames(&mut self, most: usize) -> Result<Option<Received>, Overloaded> {
        while self.pieces.len <= most {
            let next = self.body.frame();
            let frame = match self.bounds.least_rate.deadline(self.start, self.pieces.len as u64) {
                None => next.await,
                Some(deadline) => match tokio::time::timeout_at(deadline, next).await {
                    Ok(frame) => frame,
                    Err(_) => return Ok(Some(Received::TooSlow)),
                },
            };
            let Some(frame) = frame else { return Ok(Some(std::mem::take(&mut self.pieces).finish())) };
            let Ok(frame) = frame else { return Ok(Some(Received::Broken)) };
            // Trailers are not part of the body.
            let Ok(data) = frame.into_data() else { continue };
            if self.pieces.len + data.len() > self.bounds.max_request_size {
                return Ok(Some(Received::TooLarge));
            }
            self.permit.grow(data.len())?;
            self.pieces.push(&data);
        }
        Ok(None)
    }
}

/// What has arrived.
#[derive(Default)]
struct Pieces {
    full: Vec<Bytes>,
    last: Vec<u8>,
    len: usize,
}

impl Pieces {
    fn push(&mut self, mut data: &[u8]) {
        self.len += data.len();
        while !data.is_empty() {
            let (now, later) = data.split_at(data.len().min(PIECE - self.last.len()));
            self.last.extend_from_slice(now);
            data = later;
            if self.last.len() == PIECE {
                let full = std::mem::replace(&mut self.last, Vec::with_capacity(PIECE));
                self.full.push(full.into());
            }
        }
    }

    fn finish(mut self) -> Received {
        if self.full.is_empty() {
            return Received::Whole(self.last.into());
        }
        self.full.push(self.last.into());
        Received::Pieces(self.full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_is_what_there_is() {
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let sent: Vec<u8> = (0..=250).cycle().take(size).collect();
            let mut pieces = Pieces { full: Vec::new(), last: Vec::new(), len: 0 };
            sent.chunks(65_521).for_each(|frame| pieces.push(frame));
            assert_eq!(pieces.len, size);
            let found = match pieces.finish().join() {
                Received::Whole(whole) => whole,
                _ => Bytes::new(),
            };
            assert!(found == sent, "{size}");
        }
    }
}
