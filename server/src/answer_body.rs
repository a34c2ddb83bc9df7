//! The body of an answer as HTTP takes it: whole over HTTP/1.1, whose writes are bounded where they go into the socket; in
//! pieces over HTTP/2, where each piece that is asked for shows that the client takes what was sent before.
//! Never in it: what is in an answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::streams::Stream;

/// The size of a piece.
const PIECE: usize = 16 * 1024;

/// A body that is not sent yet.
pub(crate) struct AnswerBody {
    rest: Bytes,
    /// The request over HTTP/2 that it answers.
    stream: Option<Arc<Stream>>,
}

impl AnswerBody {
    /// The body of an answer over HTTP/1.1.
    pub(crate) const fn whole(body: Bytes) -> Self {
        Self { rest: body, stream: None }
    }

    /// The body of an answer over HTTP/2.
    pub(crate) fn of_stream(body: Bytes, stream: Stream) -> Self {
        let stream = Arc::new(stream);
        if body.is_empty() {
            stream.complete();
            return Self { rest: body, stream: None };
        }
        stream.begin_answer();
        Self { rest: stream.held_by(body), stream: Some(stream) }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = match self.stream.clone() {
            Some(stream) => {
                let length = self.rest.len().min(PIECE);
                let piece = self.rest.split_to(length);
                stream.sent(piece.len());
                if self.rest.is_empty() {
                    stream.complete();
                }
                piece
            }
            None => std::mem::take(&mut self.rest),
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::streams::Streams;

    #[tokio::test]
    async fn a_body_of_a_stream_is_sent_in_pieces_and_counted_until_the_last_is_gone() {
        let streams = Streams::new();
        let sent: Bytes = (0..=250_u8).cycle().take(2 * PIECE + 1).collect();
        let mut body = AnswerBody::of_stream(sent.clone(), streams.open().unwrap());
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().await {
            pieces.push(frame.unwrap().into_data().unwrap());
        }
        assert_eq!(pieces.iter().map(Bytes::len).collect::<Vec<_>>(), [PIECE, PIECE, 1]);
        assert!(pieces.concat() == sent);
        drop(body);
        assert_eq!(streams.count(), 1, "its bytes are still there");
        drop(pieces);
        assert_eq!(streams.count(), 0);
    }
}
