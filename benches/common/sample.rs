//! Rows to write records of.

use bench::measure::sample::{Reads, Sample, TokenSource};

/// A streamed answer; its times scatter without a source of chance.
pub(crate) fn sample(index: u64) -> Sample {
    let scatter = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let due = index * 1_000_000;
    let first = due + 20_000_000 + scatter * 3;
    let last = first + 150_000_000 + scatter;
    Sample {
        phase: 1,
        index,
        batch: None,
        conversation: None,
        turn: None,
        due_ns: due,
        sent_ns: Some(due + 40_000),
        connect_ns: None,
        reused: true,
        reconnected: false,
        first_chunk_ns: Some(first),
        first_text_ns: Some(first),
        last_text_ns: Some(last),
        end_ns: last + 40_000,
        longest_gap_ns: Some(7_000_000),
        chunks: 32,
        reads: Reads {
            all: 34,
            unstamped: 0,
            coalesced: 0,
            events: 34,
        },
        status: Some(200),
        prompt_tokens: Some(100),
        output_tokens: Some(32),
        miscounted: None,
        choices: None,
        spans_ns: None,
        tokens_from: Some(TokenSource::Usage),
        nvext_timing: None,
        text_sha: "099b1a40b16691c1".to_owned(),
        text: None,
        error: None,
        detail: None,
    }
}
