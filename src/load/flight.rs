//! One request on its way: what is still to be written, what has come, and the exchange that it ends as. No sockets.

use super::arrivals::Due;
use super::buffer_pool::AnswerBuffers;
use super::http::Response;
use super::ring;
use super::socket::Received;
use crate::measure::clock::Realtime;
use crate::measure::exchange::{Arrival, End, Exchange, Nanos, RequestId};

/// Bytes that one read mostly brings: an event of a stream.
const EVENT: usize = 256;

/// A request in flight.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) due: Due,
    /// Index among the phases that are driven together.
    pub(super) phase: usize,
    /// Whether its connection was open for a while before, so that the server may have closed it.
    pub(super) waited: bool,
    pub(super) request: Vec<u8>,
    /// Bytes of the request that the kernel has taken.
    pub(super) written: usize,
    /// Why no more can be written; an answer may have come all the same.
    pub(super) write_error: Option<String>,
    pub(super) sent: Option<Nanos>,
    pub(super) deadline: Nanos,
    pub(super) connect_began: Nanos,
    pub(super) connect: Option<Nanos>,
    /// Addresses to which connecting was begun.
    pub(super) tried: usize,
    pub(super) reused: bool,
    pub(super) reconnected: bool,
    pub(super) response: Response,
    /// Whether any byte of an answer came.
    pub(super) heard: bool,
    /// Receive time of the last byte.
    last: Nanos,
    arrivals: Vec<Arrival>,
}

impl Flight {
    pub(super) fn new(due: Due, request: Vec<u8>, phase: usize, buffers: AnswerBuffers) -> Self {
        Self {
            due,
            phase,
            waited: false,
            request,
            written: 0,
            write_error: None,
            sent: None,
            deadline: Nanos::MAX,
            connect_began: 0,
            connect: None,
            tried: 0,
            reused: false,
            reconnected: false,
            response: Response::within(buffers.body),
            heard: false,
            last: 0,
            arrivals: buffers.arrivals,
        }
    }

    /// Whether the whole request is with the kernel.
    pub(super) fn is_written(&self) -> bool {
        self.written == self.request.len()
    }

    /// Whether the request may be sent again: the server closed a connection that it had kept open, as it may at any time,
    /// before it answered anything.
    pub(super) fn may_reconnect(&self) -> bool {
        self.waited && !self.heard && !self.reconnected
    }

    /// Makes the request ready for a new connection.
    pub(super) fn start_over(&mut self) {
        (self.reused, self.reconnected) = (false, true);
        (self.written, self.sent, self.write_error) = (0, None, None);
        self.tried = 0;
    }

    /// Has the processor fetch the memory that the next read goes to.
    pub(super) fn prefetch_buffers(&mut self) {
        ring::fetch(beginning(self.response.body.spare_capacity_mut(), EVENT));
        ring::fetch(beginning(self.arrivals.spare_capacity_mut(), 1));
    }

    /// Takes what a read returned at `user`.
    pub(super) fn receive(
        &mut self,
        received: &Received<'_>,
        user: Nanos,
        clock: &mut Realtime,
    ) -> Result<(), String> {
        self.heard = true;
        let sent = self.sent.unwrap_or(0);
        let stamp = received.stamp;
        let stamp = stamp.and_then(|s| clock.to_monotonic(s, sent, user));
        let kernel = stamp.unwrap_or(user).max(self.last);
        self.last = kernel;
        let before = self.response.body.len();
        let outcome = self.response.feed(received.bytes);
        let end = self.response.body.len();
        if end > before {
            self.arrivals.push(Arrival {
                end,
                kernel,
                user,
                stamped: stamp.is_some(),
            });
        }
        outcome
    }

    /// How it ends when its time is up, perhaps while it is `shaking` hands.
    pub(super) fn late(&self, shaking: bool) -> End {
        match self.sent {
            Some(_) => End::Timeout,
            None if shaking => End::Connect("no end of the TLS handshake in time".into()),
            None => End::Connect("no connection in time".into()),
        }
    }

    /// Ends the flight; a failure ends at `now`, an answer with its last byte.
    pub(super) fn land(self, phase: u32, end: End, now: Nanos) -> Exchange {
        let complete = end == End::Complete && self.last > 0;
        Exchange {
            id: RequestId {
                phase,
                index: self.due.index,
                batch: self.due.batch,
            },
            due: self.due.at,
            sent: self.sent,
            connect: self.connect,
            reused: self.reused,
            reconnected: self.reconnected,
            ended: if complete { self.last } else { now },
            status: self.response.status,
            headers: self.response.headers,
            body: self.response.body,
            arrivals: self.arrivals,
            end,
        }
    }
}

fn beginning<T>(of: &[T], most: usize) -> &[T] {
    &of[..most.min(of.len())]
}
