use super::*;
use crate::measure::distribution::Distribution;
use crate::measure::server::ServerTime;
use crate::measure::summary::{ClientAudit, Metrics};
use crate::metric::{PerTiming, Statistic, Timing};

fn round(ttft: Option<f64>, rate: f64) -> PhaseFigures {
    let spread = |p50: f64| Distribution::new(9, true, |_| p50);
    PhaseFigures {
        window_ms: 1_000.0,
        counts: Counts {
            sent: 10,
            succeeded: 9,
            failed: 1,
        },
        errors: [("timeout".to_owned(), 1)].into_iter().collect(),
        failures: vec![failures::Failure {
            class: "timeout".to_owned(),
            count: 1,
            first_message: "no complete answer in time".to_owned(),
            other_messages: 0,
        }],
        metrics: Metrics {
            times: PerTiming::from_fn(|timing| ttft.map(spread).filter(|_| timing == Timing::Ttft)),
            requests_per_s: Some(rate),
            ..Metrics::default()
        },
        audit: ClientAudit {
            reads: 5,
            cpu_ns: Some(7),
            ..ClientAudit::default()
        },
    }
}

#[test]
fn figures_are_medians_and_counts_are_sums() {
    let rounds = [
        round(Some(10.0), 1.0),
        round(Some(90.0), 3.0),
        round(Some(20.0), 2.0),
        round(None, 8.0),
    ];
    let found = typical(&rounds.each_ref()).unwrap();
    let ttft = found.metrics.times[Timing::Ttft].clone().unwrap();
    assert_eq!(
        (ttft[Statistic::P50], ttft.count, ttft.exact),
        (20.0, 9, true)
    );
    assert_eq!(found.metrics.requests_per_s, Some(2.5));
    assert_eq!((found.counts.sent, found.counts.failed), (40, 4));
    assert_eq!(
        (
            found.errors["timeout"],
            found.audit.reads,
            found.audit.cpu_ns
        ),
        (4, 20, Some(28))
    );
    assert_eq!(found.metrics.times[Timing::Tpot], None);
}

#[test]
fn servers_are_taken_over_all_rounds() {
    let round = |queue: Option<f64>, tokens: f64, note: &str| {
        let time = |mean| ServerTime {
            count: 9,
            mean,
            ..ServerTime::default()
        };
        let times = queue.map(|mean| ("queue".to_owned(), time(mean)));
        ServerWindow {
            window_ms: 100.0,
            times: times.into_iter().collect(),
            counters: [("output_tokens".to_owned(), tokens)].into_iter().collect(),
            prefix_hit_rate: queue,
            notes: vec![note.to_owned()],
            ..ServerWindow::default()
        }
    };
    let rounds = [
        round(None, 5.0, "a"),
        round(Some(3.0), 6.0, "b"),
        round(Some(1.0), 7.5, "a"),
    ];
    let found = typical_server(&rounds.each_ref()).unwrap();
    assert_eq!(
        (found.mean("queue"), found.times["queue"].count),
        (Some(2.0), 9)
    );
    assert_eq!(
        (found.counters["output_tokens"], found.prefix_hit_rate),
        (18.5, Some(2.0))
    );
    assert_eq!(found.notes, ["a", "b"]);
    assert_eq!(typical_server(&[]), None);
}

#[test]
fn one_round_is_itself() {
    let one = round(Some(1.5), 2.0);
    assert_eq!(typical(&[&one]), Some(one));
    assert_eq!(typical(&[]), None);
}
