//! The body of a request, within its bounds of size, time and rate.
//! Never in it: what is in a body.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use onrecord_core::{Overloaded, Permit, Received};
use tokio::time::Instant;

use crate::http::Bounds;

/// How much room is made for a body before any of it has come, in bytes.
const FIRST_ROOM: usize = 4096;
/// A body of more bytes stays in pieces of this size until its work begins: putting it together takes long, and small
/// requests wait for the thread.
const PIECE: usize = 256 * 1024;

/// Reads a body. `declared` is the length that its head announces, 0 if it announces none.
pub(crate) async fn read(
    body: Incoming,
    declared: usize,
    bounds: Bounds,
    permit: &Permit,
) -> Result<Received, Overloaded> {
    if body.is_end_stream() {
        return Ok(Received::Whole(Bytes::new()));
    }
    if declared > bounds.max_request_size {
        return Ok(Received::TooLarge);
    }
    let reading = read_frames(body, declared, bounds, permit);
    tokio::time::timeout(bounds.body_timeout, reading).await.unwrap_or(Ok(Received::TooSlow))
}

/// Reads frame by frame. What a head declares is nothing yet: bytes are counted, and room is made for them, as they
/// arrive.
async fn read_frames(
    mut body: Incoming,
    declared: usize,
    bounds: Bounds,
    permit: &Permit,
) -> Result<Received, Overloaded> {
    let start = Instant::now();
    let mut pieces = Pieces { full: Vec::new(), last: Vec::with_capacity(declared.min(FIRST_ROOM)), len: 0 };
    loop {
        let next = body.frame();
        let frame = match bounds.least_rate.deadline(start, pieces.len as u64) {
            None => next.await,
            Some(deadline) => match tokio::time::timeout_at(deadline, next).await {
                Ok(frame) => frame,
                Err(_) => return Ok(Received::TooSlow),
            },
        };
        let Some(frame) = frame else { return Ok(pieces.finish()) };
        let Ok(frame) = frame else { return Ok(Received::Broken) };
        // Trailers are not part of the body.
        let Ok(data) = frame.into_data() else { continue };
        if pieces.len + data.len() > bounds.max_request_size {
            return Ok(Received::TooLarge);
        }
        permit.grow(data.len())?;
        pieces.push(&data);
    }
}

/// What has arrived.
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
