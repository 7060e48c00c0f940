//! One request in flight: what is still to be written, what has arrived, and the exchange that it
//! becomes. No sockets.

use super::arrivals::Due;
use super::buffer_pool::AnswerBuffers;
use super::http::Response;
use super::ring;
use super::socket::Received;
use crate::measure::clock::Realtime;
use crate::measure::exchange::{Arrival, End, Exchange, Nanos, RequestId};

/// Bytes that a typical read of a stream delivers: one event.
const EVENT: usize = 256;

/// A request in flight.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) due: Due,
    /// Index among the phases that are driven together.
    pub(super) phase: usize,
    /// Whether its connection had been open for a while, so that the server may have closed it.
    pub(super) waited: bool,
    pub(super) request: Vec<u8>,
    /// Bytes of the request that the kernel has accepted.
    pub(super) written: usize,
    /// Why writing failed. An answer may have arrived all the same.
    pub(super) write_error: Option<String>,
    pub(super) sent: Option<Nanos>,
    pub(super) deadline: Nanos,
    pub(super) connect_began: Nanos,
    pub(super) connect: Option<Nanos>,
    /// Addresses to which connecting was started.
    pub(super) tried: usize,
    pub(super) reused: bool,
    pub(super) reconnected: bool,
    pub(super) response: Response,
    /// Whether any byte of an answer arrived.
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

    /// Whether the kernel has accepted the whole request.
    pub(super) fn is_written(&self) -> bool {
        self.written == self.request.len()
    }

    /// Whether the request may be sent again: the server closed a kept-alive connection before it
    /// answered anything, as HTTP allows at any time.
    pub(super) fn may_reconnect(&self) -> bool {
        self.waited && !self.heard && !self.reconnected
    }

    /// Resets the request for a new connection.
    pub(super) fn start_over(&mut self) {
        (self.reused, self.reconnected) = (false, true);
        (self.written, self.sent, self.write_error) = (0, None, None);
        self.tried = 0;
    }

    /// Prefetches the memory that the next read writes to.
    pub(super) fn prefetch_buffers(&mut self) {
        ring::fetch(beginning(self.response.body.spare_capacity_mut(), EVENT));
        ring::fetch(beginning(self.arrivals.spare_capacity_mut(), 1));
    }

    /// Takes the result of a read that returned at `user`.
    pub(super) fn receive(
        &mut self,
        received: &Received<'_>,
        user: Nanos,
        clock: &mut Realtime,
    ) -> Result<(), String> {
        self.heard = true;
        let sent = self.sent.unwrap_or(0);
        let stamp = received.stamp;
        let stamp = stamp.and_then(|s| clock.monotonic_of(s, sent, user));
        // The stamp is wall-clock time, so a step of the clock could move it backwards. Arrival
        // times must not decrease.
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

    /// How the flight ends when its deadline passes. `handshaking`: whether it is in a TLS handshake.
    pub(super) fn late(&self, handshaking: bool) -> End {
        match self.sent {
            Some(_) => End::Timeout,
            None if handshaking => End::Connect("the TLS handshake did not end in time".into()),
            None => End::Connect("no connection in time".into()),
        }
    }

    /// Ends the flight. A failure ends at `now`, a complete answer with its last byte.
    pub(super) fn finish(self, phase: u32, end: End, now: Nanos) -> Exchange {
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
