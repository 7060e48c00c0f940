use super::*;
use crate::measure::distribution::Distribution;
use crate::measure::sample::ErrorClass;
use crate::metric::{Statistic, Timing};
use serde_json::json;

const MS: u64 = 1_000_000;

/// A streamed request: due at 0, sent at 1 ms, first text at 11 ms, last at 51 ms, end at 61 ms, 5 tokens.
fn sample() -> Sample {
    let row = json!({"phase": 0, "index": 0, "due_ns": 0, "sent_ns": MS, "reused": true, "first_chunk_ns": 6 * MS,
        "first_text_ns": 11 * MS, "last_text_ns": 51 * MS, "end_ns": 61 * MS, "chunks": 3, "output_tokens": 5,
        "reads": {"all": 4, "unstamped": 1, "crowded": 1, "events": 6}, "text_sha": ""});
    serde_json::from_value(row).expect("a row")
}

fn figures(samples: &[Sample], objectives: Objectives) -> PhaseFigures {
    let mut summary = Summary::new(objectives);
    for sample in samples {
        summary.add(sample, &[20 * MS, 20 * MS], &[MS / 10]);
    }
    summary.finish()
}

fn mean(distribution: Option<&Distribution>) -> f64 {
    distribution.map_or(f64::NAN, |d| d[Statistic::Mean])
}

#[test]
fn every_number_is_as_defined() {
    let figures = figures(&[sample(), sample()], Objectives::default());
    let m = &figures.metrics;
    assert_eq!(mean(m.times[Timing::Ttft].as_ref()), 10.0);
    assert_eq!(mean(m.times[Timing::TtftFromDue].as_ref()), 11.0);
    assert_eq!(mean(m.times[Timing::FirstChunk].as_ref()), 5.0);
    assert_eq!(mean(m.times[Timing::Tpot].as_ref()), 10.0);
    assert_eq!(mean(m.times[Timing::Ntpot].as_ref()), 12.0);
    assert_eq!(mean(m.times[Timing::ChunkGap].as_ref()), 20.0);
    assert_eq!(m.times[Timing::ChunkGap].as_ref().map(|d| d.count), Some(4));
    assert_eq!(mean(m.times[Timing::E2e].as_ref()), 60.0);
    assert_eq!(mean(m.times[Timing::E2eFromDue].as_ref()), 61.0);
    assert_eq!(mean(m.times[Timing::ScheduleLag].as_ref()), 1.0);
    assert_eq!(mean(m.times[Timing::ClientDelay].as_ref()), 0.1);
    assert_eq!(
        (
            &m.times[Timing::Batch],
            &m.times[Timing::Connect],
            m.goodput
        ),
        (&None, &None, None)
    );
    assert_eq!(figures.window_ms, 61.0);
    let per_s = |n: f64| Some(n / 61.0 * 1e3);
    let close =
        |a: Option<f64>, b: Option<f64>| a.zip(b).is_some_and(|(a, b)| (a - b).abs() < 1e-9);
    assert!(close(m.output_tokens_per_s, per_s(10.0)));
    assert!(close(m.requests_per_s, per_s(2.0)));
    assert_eq!(figures.audit.unstamped_share(), Some(0.25));
    assert_eq!(figures.audit.coalesced_share(), Some(0.25));
    assert_eq!(figures.audit.cpu_us_per_event(), None);
}

#[test]
fn an_empty_phase_has_no_numbers() {
    let figures = figures(&[], Objectives::default());
    assert_eq!(figures.metrics, Metrics::default());
    assert_eq!(figures.window_ms, 0.0);
}

#[test]
fn a_failure_is_counted_and_not_timed() {
    let mut failed = sample();
    failed.error = Some(ErrorClass::Overload(503));
    failed.end_ns = 100 * MS;
    let figures = figures(&[sample(), failed.clone(), failed], Objectives::default());
    let counts = Counts {
        sent: 3,
        succeeded: 1,
        failed: 2,
    };
    assert_eq!(figures.counts, counts);
    assert_eq!(figures.errors.get("overload 503"), Some(&2));
    assert_eq!(
        figures.metrics.times[Timing::E2e]
            .clone()
            .map(|d| (d.count, d[Statistic::Max])),
        Some((1, 60.0))
    );
    assert_eq!(figures.window_ms, 100.0);
}

#[test]
fn goodput_is_a_share_of_all_requests() {
    let limits = |ttft, tpot, e2e| Objectives {
        ttft: Some(ttft * MS),
        tpot: Some(tpot * MS),
        e2e: Some(e2e * MS),
    };
    let mut failed = sample();
    failed.error = Some(ErrorClass::Timeout);
    let of = |samples: &[Sample], objectives| {
        let goodput = figures(samples, objectives).metrics.goodput;
        goodput.map_or(f64::NAN, |g| g.share)
    };
    let both = [sample(), failed];
    assert_eq!(of(&both, limits(10, 10, 60)), 0.5);
    assert_eq!(of(&both, limits(9, 10, 60)), 0.0);
    assert_eq!(of(&both, limits(10, 9, 60)), 0.0);
    assert_eq!(of(&both, limits(10, 10, 59)), 0.0);
    let mut one_token = sample();
    (one_token.chunks, one_token.output_tokens) = (1, Some(1));
    assert_eq!(of(&[one_token], limits(10, 1, 60)), 1.0);
    let mut unary = sample();
    (unary.first_text_ns, unary.last_text_ns, unary.chunks) = (None, None, 0);
    assert_eq!(of(&[unary], limits(10, 10, 60)), 0.0);
}

#[test]
fn the_longest_gap_is_one_value_a_request() {
    let longest = |sample: &Sample| value(Timing::LongestGap, sample);
    let mut stalled = sample();
    stalled.longest_gap_ns = Some(30 * MS);
    assert_eq!(longest(&stalled), Some(30 * MS));
    let m = figures(&[stalled.clone(), sample()], Objectives::default()).metrics;
    let d = m.times[Timing::LongestGap].clone();
    assert_eq!(d.map(|d| (d.count, d[Statistic::Max])), Some((1, 30.0)));
    stalled.last_text_ns = stalled.first_text_ns;
    assert_eq!(longest(&stalled), None, "all text came at once");
}

#[test]
fn unary_answers_have_no_ttft() {
    let mut unary = sample();
    (unary.first_text_ns, unary.last_text_ns, unary.chunks) = (None, None, 0);
    unary.first_chunk_ns = None;
    let mut summary = Summary::new(Objectives::default());
    summary.add(&unary, &[], &[]);
    let m = summary.finish().metrics;
    for timing in [Timing::Ttft, Timing::Tpot, Timing::FirstChunk] {
        assert_eq!(m.times[timing], None, "{timing:?}");
    }
    assert!(
        m.times[Timing::ChunkGap].is_none()
            && m.times[Timing::E2e].is_some()
            && m.times[Timing::Ntpot].is_some()
    );
}

#[test]
fn a_batch_lasts_from_its_first_send_to_its_last_answer() {
    let request = |batch, sent, end, ok: bool| {
        let mut s = sample();
        (s.batch, s.sent_ns, s.end_ns) = (Some(batch), Some(sent * MS), end * MS);
        s.error = (!ok).then_some(ErrorClass::Connect);
        s
    };
    let mut samples = vec![
        request(0, 2, 50, true),
        request(0, 1, 40, true),
        request(1, 60, 100, true),
        request(1, 61, 62, false),
        request(2, 100, 110, true),
    ];
    let d = figures(&samples, Objectives::default()).metrics.times[Timing::Batch].clone();
    assert_eq!(
        d.map(|d| (d.count, d[Statistic::Min], d[Statistic::Max])),
        Some((2, 10.0, 49.0))
    );
    // Many batches are folded away, none is lost.
    samples.extend((3..300).map(|b| request(b, 0, 10, true)));
    let d = figures(&samples, Objectives::default()).metrics.times[Timing::Batch].clone();
    assert_eq!(d.map(|d| d.count), Some(299));
}

#[test]
fn thin_percentiles_are_named() {
    let d = figures(&vec![sample(); 120], Objectives::default())
        .metrics
        .times[Timing::E2e]
        .clone();
    assert_eq!(
        d.map(|d| d.thin().collect::<Vec<_>>()),
        Some(vec![Statistic::P95, Statistic::P99, Statistic::P99_9])
    );
}
