//! The body of a streamed answer. Every event is sent as its own write and HTTP chunk: after each
//! event the body is pending once, so the connection flushes what it has.

use super::answer::Answer;
use super::engine::Token;
use axum::body::Bytes;
use futures_core::Stream;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc::UnboundedReceiver;

/// A stream of events. Dropping it frees the engine's slots.
pub(super) struct Feed {
    source: Option<Source>,
    queue: VecDeque<Piece>,
    flushing: bool,
    /// Called once everything was sent.
    on_end: Option<Box<dyn FnOnce() + Send>>,
}

struct Source {
    answer: Answer,
    tokens: UnboundedReceiver<Token>,
    seen: u64,
}

enum Piece {
    Data(Bytes),
    /// Break the connection here.
    Cut,
    /// Send nothing more, for ever.
    Stall,
}

impl Feed {
    /// Sends an answer as its tokens arrive.
    pub(super) fn new(
        answer: Answer,
        tokens: UnboundedReceiver<Token>,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self {
            source: Some(Source {
                answer,
                tokens,
                seen: 0,
            }),
            queue: VecDeque::new(),
            flushing: false,
            on_end: Some(Box::new(on_end)),
        }
    }

    /// A complete body as one chunk.
    pub(super) fn whole(body: String) -> Self {
        Self::of([Piece::from(body)])
    }

    /// The first half of a body, followed by a broken connection.
    pub(super) fn torn(body: &str) -> Self {
        let half = Bytes::copy_from_slice(&body.as_bytes()[..body.len() / 2]);
        Self::of([Piece::Data(half), Piece::Cut])
    }

    fn of<const N: usize>(pieces: [Piece; N]) -> Self {
        Self {
            source: None,
            queue: pieces.into(),
            flushing: false,
            on_end: None,
        }
    }
}

impl Source {
    /// The stream's events for a token.
    fn tell(&mut self, token: Token, queue: &mut VecDeque<Piece>) {
        let mut events = self.answer.events(token);
        if self.answer.fate.bad_json && self.seen == 0 {
            for event in &mut events {
                *event = format!(
                    "{}\n\n",
                    &event[..event.floor_char_boundary(event.len() / 2)]
                );
            }
        }
        self.seen += 1;
        queue.extend(events.into_iter().map(Piece::from));
        if self.answer.fate.stall {
            queue.push_back(Piece::Stall);
        } else if self.answer.fate.cut && self.seen == (self.answer.length() / 2).max(1) {
            queue.push_back(Piece::Cut);
        } else if self.seen == self.answer.length() {
            queue.extend(self.answer.closing().into_iter().map(Piece::from));
        }
    }
}

impl From<String> for Piece {
    fn from(event: String) -> Self {
        Self::Data(event.into())
    }
}

impl Stream for Feed {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.flushing) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            match this.queue.pop_front() {
                Some(Piece::Data(event)) => {
                    this.flushing = true;
                    return Poll::Ready(Some(Ok(event)));
                }
                Some(Piece::Cut) => {
                    return Poll::Ready(Some(Err(io::Error::other("cut on demand"))));
                }
                Some(Piece::Stall) => {
                    this.queue.push_front(Piece::Stall);
                    return Poll::Pending;
                }
                None => {}
            }
            let next = match &mut this.source {
                Some(source) => ready!(source.tokens.poll_recv(cx)),
                None => None,
            };
            match (&mut this.source, next) {
                (Some(source), Some(token)) => source.tell(token, &mut this.queue),
                _ => {
                    if let Some(on_end) = this.on_end.take() {
                        on_end();
                    }
                    return Poll::Ready(None);
                }
            }
        }
    }
}
