use super::*;
use crate::measure::answer::{Timeline, assemble};
use crate::measure::exchange::{Arrival, RequestId};
use serde_json::json;

fn exchange(status: u16, body: &str) -> Exchange {
    let read = |end, kernel, stamped| Arrival {
        end,
        kernel,
        user: kernel + 5,
        stamped,
    };
    Exchange {
        id: RequestId {
            phase: 1,
            index: 7,
            batch: Some(2),
        },
        due: 1_000,
        sent: Some(1_100),
        connect: Some(60),
        reused: false,
        reconnected: false,
        ended: 9_000,
        status: (status > 0).then_some(status),
        headers: [].into(),
        body: body.into(),
        arrivals: vec![read(1, 2_000, false), read(body.len(), 9_000, true)],
        end: End::Complete,
    }
}

fn row(exchange: &Exchange, judged: Judgement) -> Sample {
    Sample::new(exchange, &assemble(exchange), 1_000, judged, false)
}

fn failed(exchange: &Exchange, judged: Judgement) -> (String, String) {
    let row = row(exchange, judged);
    let class = row.error.map(|c| c.to_string());
    (class.unwrap_or_default(), row.detail.unwrap_or_default())
}

#[test]
fn a_row_counts_from_zero() {
    let body = json!({"choices": [{"text": "Paris"}], "usage": {"prompt_tokens": 5, "completion_tokens": 2},
        "nvext": {"timing": {"ttft_ms": 1.5}}});
    let exchange = exchange(200, &body.to_string());
    let row = row(&exchange, Judgement::default());
    assert!(row.ok());
    assert_eq!((row.due_ns, row.sent_ns, row.end_ns), (0, Some(100), 8_000));
    assert_eq!((row.e2e(), row.lag()), (Some(7_900), Some(40)));
    assert_eq!(
        row.output_tokens.zip(row.tokens_from),
        Some((2, TokenSource::Usage))
    );
    assert_eq!(
        (row.prompt_tokens, row.ttft(), row.tpot()),
        (Some(5), None, None)
    );
    assert_eq!(row.nvext_timing, Some(json!({"ttft_ms": 1.5})));
    assert_eq!((row.reads.all, row.reads.unstamped), (2, 1));
    assert_eq!(row.text_sha, "5dd272b4f316b776");
    assert_eq!(exchange.delays(), [5]);
}

#[test]
fn without_usage_the_chunks_are_counted() {
    let answer = Answer {
        texts: vec!["ab".into()],
        timeline: Timeline {
            texts: vec![2_000, 5_000, 9_000],
            gaps: vec![3_000, 4_000],
            ..Timeline::default()
        },
        ..Answer::default()
    };
    let row = Sample::new(&exchange(200, ""), &answer, 0, Judgement::default(), true);
    assert_eq!(row.longest_gap(), Some(4_000));
    assert_eq!(
        row.output_tokens.zip(row.tokens_from),
        Some((3, TokenSource::Chunks))
    );
    assert_eq!((row.ttft(), row.tpot()), (Some(900), Some(3_500.0)));
    assert_eq!(row.text, Some(vec!["ab".into()]));
}

#[test]
fn several_tokens_in_an_event_are_counted_right() {
    let mut row = row(&exchange(200, "{}"), Judgement::default());
    (row.chunks, row.output_tokens) = (2, Some(5));
    (row.first_text_ns, row.last_text_ns) = (Some(1_000), Some(9_000));
    assert_eq!(row.tpot(), Some(2_000.0));
    row.output_tokens = Some(1);
    assert_eq!(row.tpot(), None);
    (row.chunks, row.output_tokens) = (1, Some(5));
    assert_eq!(row.tpot(), None);
    assert!(row.at_once());
}

#[test]
fn text_that_came_at_once_has_no_time_per_token() {
    let mut row = row(&exchange(200, "{}"), Judgement::default());
    (row.chunks, row.output_tokens) = (8, Some(8));
    (row.first_text_ns, row.last_text_ns) = (Some(1_000), Some(1_000));
    assert_eq!((row.tpot(), row.at_once()), (None, true));
    // A burst of two reads, each with several events.
    (row.last_text_ns, row.reads.coalesced) = (Some(41_000), 2);
    assert_eq!((row.tpot(), row.at_once()), (None, true));
    row.reads.coalesced = 0;
    assert_eq!((row.tpot(), row.at_once()), (Some(40_000.0 / 7.0), false));
    (row.last_text_ns, row.reads.coalesced) = (Some(7_001_000), 2);
    assert_eq!((row.tpot(), row.at_once()), (Some(1e6), false));
}

#[test]
fn time_per_token_of_several_choices_is_that_of_each() {
    let mut row = row(&exchange(200, "{}"), Judgement::default());
    // Four choices of three tokens, each 20 ms long from its first to its last.
    (row.chunks, row.output_tokens, row.choices) = (12, Some(12), Some(4));
    (row.first_text_ns, row.last_text_ns) = (Some(0), Some(26_000_000));
    row.spans_ns = Some(80_000_000);
    assert_eq!(row.tpot(), Some(10_000_000.0));
    row.output_tokens = Some(4);
    assert_eq!(row.tpot(), None, "one token each");
    row.output_tokens = Some(12);
    row.miscounted = Some(Miscount::FewerThanEvents);
    assert_eq!(row.tpot(), None, "the count is not believed");
}

#[test]
fn failures_fall_into_classes() {
    let none = Judgement::default;
    let class = |exchange: &Exchange| failed(exchange, none());
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let body = "{\"error\":{\"message\":\"full\"}}";
    assert_eq!(class(&exchange(500, body)), pair("status 500", "full"));
    assert_eq!(class(&exchange(529, body)), pair("overload 529", "full"));
    assert_eq!(
        class(&exchange(502, "<html>")),
        pair("status 502", "<html>")
    );
    assert_eq!(
        class(&exchange(405, "")),
        pair("status 405", "an empty body")
    );
    let mut moved = exchange(307, "");
    moved.headers = [("location".to_owned(), "http://h/v2/".to_owned())].into();
    let said = "an empty body (Location: http://h/v2/)";
    assert_eq!(class(&moved), pair("status 307", said));
    moved.status = Some(404);
    assert_eq!(class(&moved), pair("status 404", "an empty body"));
    let mut ended = exchange(200, "{}");
    ended.end = End::Broken("closed".into());
    assert_eq!(class(&ended), pair("broken stream", "closed"));
    ended.end = End::Timeout;
    assert_eq!(class(&ended).0, "timeout");
    ended.end = End::Cancelled;
    assert_eq!(class(&ended).0, "cancelled");
    ended.end = End::Connect("refused".into());
    assert_eq!(class(&ended), pair("connect", "refused"));
    let broke = Judgement {
        breach: Some("no".into()),
        ..none()
    };
    assert_eq!(failed(&exchange(200, "{}"), broke), pair("assertion", "no"));
    let with = |class: ErrorClass| Judgement {
        fault: Some((class, "why".into())),
        breach: Some("no".into()),
        ..none()
    };
    let incomplete = with(ErrorClass::IncompleteAnswer);
    assert_eq!(
        failed(&exchange(200, "{}"), incomplete.clone()),
        pair("incomplete answer", "why")
    );
    ended.end = End::Broken("closed".into());
    assert_eq!(failed(&ended, incomplete), pair("broken stream", "closed"));
    assert_eq!(
        failed(&ended, with(ErrorClass::ServerError)),
        pair("server error", "why")
    );
    let accepted = Judgement {
        status_accepted: true,
        ..none()
    };
    assert!(row(&exchange(404, body), accepted).ok());
}

#[test]
fn rows_survive_the_disk() {
    let row = row(&exchange(503, "{}"), Judgement::default());
    let text = serde_json::to_string(&row).expect("a row is JSON");
    assert!(text.contains("{\"overload\":503}"), "{text}");
    let back: Sample = serde_json::from_str(&text).expect("the row reads back");
    assert_eq!(back, row);
}
