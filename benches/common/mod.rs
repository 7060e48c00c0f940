//! Exchanges to measure with.

use bench::measure::exchange::{Arrival, End, Exchange, RequestId};

/// A streamed answer of `tokens` tokens in the form of Dynamo's, one read an event.
pub(crate) fn streamed(tokens: u32) -> Exchange {
    let real = include_str!("../../src/measure/fixtures/dynamo-completions.sse");
    let events: Vec<&str> = real.split_inclusive("\n\n").collect();
    let (text, last) = (&events[..1], &events[events.len() - 3..]);
    let events = text.iter().cycle().take(tokens as usize).chain(last);
    let (mut body, mut arrivals) = (Vec::new(), Vec::new());
    for (i, event) in events.enumerate() {
        body.extend_from_slice(event.as_bytes());
        let at = 10_000_000 + i as u64 * 5_000_000;
        arrivals.push(Arrival {
            end: body.len(),
            kernel: at,
            user: at + 30_000,
            stamped: true,
        });
    }
    Exchange {
        id: RequestId {
            phase: 0,
            index: 0,
            batch: None,
        },
        due: 0,
        sent: Some(1_000),
        connect: None,
        reused: true,
        reconnected: false,
        ended: arrivals.last().map_or(0, |a| a.kernel),
        status: Some(200),
        headers: [("content-type".to_owned(), "text/event-stream".to_owned())].into(),
        body,
        arrivals,
        end: End::Complete,
    }
}
