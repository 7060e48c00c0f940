//! Runs for tests: native vLLM against Dynamo, in every way a run can end.

use super::model::{
    Check, Comparing, Difference, EngineRecord, Excerpt, Failure, Judged, Machine, Parted,
    PhaseKind, PhaseRecord, Quality, QualityVerdict, RoundRecord, Run, SCHEMA_VERSION, SameText,
    ScenarioRecord, ServerWindow, Severity, SignalRecord, StageKind, Startup, StopSignal, Teardown,
    VariantRecord, Verdict,
};
use super::verdict::{Ending, conclude};
use crate::measure::distribution::Distribution;
use crate::measure::lifecycle::Stage;
use crate::measure::sample::{Reads, Sample, TokenSource};
use crate::measure::server::ServerTime;
use crate::measure::summary::{ClientAudit, Counts, Goodput, Metrics};
use crate::metric::{PerTiming, Statistic, Timing};
use crate::verify::Finding;
use indexmap::IndexMap;
use serde_json::json;

/// A run that has just begun.
pub(crate) fn empty() -> Run {
    Run {
        schema_version: SCHEMA_VERSION,
        bench_version: "0.1.0".to_owned(),
        run_id: "native-vs-dynamo-20260101T000000Z-cafe".to_owned(),
        started: "2026-01-01T00:00:00Z".to_owned(),
        finished: None,
        scenario: ScenarioRecord {
            name: "native-vs-dynamo".to_owned(),
            path: "scenarios/native-vs-dynamo.yaml".to_owned(),
            sha256: "0".repeat(64),
            resolved: json!({"version": 1, "compare": {"baseline": "native", "same_text": true}})
                .into(),
        },
        machine: Machine {
            os: "Linux 6.8.0".to_owned(),
            cpu: "Example CPU".to_owned(),
            cores: 8,
            memory_bytes: 32 << 30,
            gpus: vec!["Example T4".to_owned()],
        },
        verdict: Verdict::Partial,
        exit_code: None,
        summary: "Under way.".to_owned(),
        error: None,
        variants: Vec::new(),
        checks: Vec::new(),
        quality: Quality::default(),
        comparing: None,
        comparisons: Vec::new(),
        decompositions: Vec::new(),
        same_text: Vec::new(),
        files: IndexMap::new(),
    }
}

/// Two variants, all well.
pub(crate) fn pass() -> Run {
    let mut run = measured();
    let quality = quality(
        QualityVerdict::Good,
        &[(
            Severity::Note,
            "thin_percentiles",
            "fewer than ten values lie beyond these percentiles: native/batch p95 and beyond of 100 requests",
        )],
    );
    conclude(&mut run, Ending::Finished, answers(), figures(), quality);
    run.decompositions = crate::compare::decompose(&run);
    run
}

/// Rounds of both, with some noise, dynamo so many times as slow; TTFT, TPOT and throughput judged at 5%.
pub(crate) fn rounds(rounds: u32, slower: f64) -> Run {
    let mut run = pass();
    run.comparing = Some(Comparing {
        min: rounds,
        max: rounds,
        until_decided: false,
        alternate: true,
        restart: true,
        judged: ["ttft_ms.p50", "tpot_ms.p50", "output_tokens_per_s"]
            .map(|metric| Judged {
                metric: metric.to_owned(),
                margin: 0.05,
            })
            .to_vec(),
    });
    // A fixed noise of a percent or two that repeats after seven rounds.
    let noise = |k: u32| 1.0 + f64::from(k * 5 % 7) / 200.0;
    for (place, slower) in [(0, 1.0), (1, slower)] {
        let record = &mut run.variants[place];
        record.rounds = (1..=rounds)
            .map(|round| {
                let turned = round % 2 == 0;
                let place = u32::try_from(place).expect("small");
                let turn = 2 * round - 1 + if turned { 1 - place } else { place };
                let one = variant(
                    &record.name,
                    &record.engine.kind,
                    slower * noise(round + 3 * place),
                );
                RoundRecord {
                    round,
                    turn,
                    startup: one.startup,
                    phases: one.phases,
                    teardown: one.teardown,
                }
            })
            .collect();
    }
    run
}

fn failure(class: &str, count: u64, first_message: &str, other_messages: u64) -> Failure {
    Failure {
        class: class.to_owned(),
        count,
        first_message: first_message.to_owned(),
        other_messages,
    }
}

/// A rule and a gate broken, the measurement marked.
pub(crate) fn fail() -> Run {
    let mut run = measured();
    let (mut rules, mut gates) = (answers(), figures());
    rules[3].passed = false;
    rules[3].detail = "broken by 3 of 500 answers\nbatch request 7: nvext.timing.total_time_ms was nothing, expected a number\n\
        closed request 11: nvext.timing.total_time_ms was \"12\", expected a number"
        .to_owned();
    gates[0].passed = false;
    gates[0].detail = "found 912.400 ms (thin: 400 values, fewer than ten beyond p99)".to_owned();
    let phase = &mut run.variants[1].phases[1];
    phase.counts = Counts {
        sent: 100,
        succeeded: 97,
        failed: 3,
    };
    phase.errors = [("assertion".to_owned(), 2), ("status 500".to_owned(), 1)]
        .into_iter()
        .collect();
    phase.failures = vec![
        failure(
            "assertion",
            2,
            "nvext.timing.total_time_ms was nothing, expected a number",
            1,
        ),
        failure("status 500", 1, "the engine is out of memory", 0),
    ];
    let late = "requests left late (p99, limit 1 ms): dynamo/closed 1.80 ms; give bench cores of its own, or lower the concurrency";
    conclude(
        &mut run,
        Ending::Finished,
        rules,
        gates,
        quality(
            QualityVerdict::Marked,
            &[(Severity::Doubt, "schedule_lag", late)],
        ),
    );
    run.same_text = vec![other_answers()];
    run
}

/// Three of two hundred answers are others; of one the variant's ends before.
fn other_answers() -> SameText {
    let around = |before: &str, piece: Option<&str>, after: &str| Excerpt {
        before: before.to_owned(),
        piece: piece.map(str::to_owned),
        after: after.to_owned(),
    };
    let example = |round, index, agree, left, right| Difference {
        round,
        phase: "closed".to_owned(),
        index,
        choice: 0,
        agree,
        left,
        right,
    };
    SameText {
        baseline: "native".to_owned(),
        variant: "dynamo".to_owned(),
        unit: "token".to_owned(),
        requests: 200,
        identical: 197,
        without_text: 0,
        unanswered: 0,
        parted: Some(Parted {
            looked_at: 3,
            at_once: 1,
            min: 0,
            median: 5,
            max: 31,
        }),
        examples: vec![
            example(
                1,
                7,
                5,
                around("The capital of France is", Some(" Paris"), ", of course."),
                around("The capital of France is", Some(" Lyon"), "."),
            ),
            example(
                2,
                3,
                31,
                around(
                    "...<b>|and `so` on",
                    Some("\\n"),
                    "and on and on and on and...",
                ),
                around("...<b>|and `so` on", None, ""),
            ),
        ],
    }
}

/// The machine has no T4.
pub(crate) fn skipped() -> Run {
    let mut run = empty();
    run.machine.gpus.clear();
    let why = "the scenario requires 1 T4 and this machine has no GPU".to_owned();
    conclude(
        &mut run,
        Ending::Skipped(why),
        Vec::new(),
        Vec::new(),
        Quality::default(),
    );
    run.finished = Some("2026-01-01T00:00:01Z".to_owned());
    run
}

/// A worker died while starting.
pub(crate) fn error() -> Run {
    let mut run = measured();
    run.variants[1].startup = None;
    run.variants[1].phases.clear();
    let why = "worker-0 died while starting: exit code 1\n  logs/dynamo/worker-0.log:\n  | torch.cuda.OutOfMemoryError: CUDA out of memory";
    conclude(
        &mut run,
        Ending::Broken(why.to_owned()),
        answers()[..2].to_vec(),
        Vec::new(),
        quality(QualityVerdict::Good, &[]),
    );
    run
}

/// Killed in the middle of the second variant.
pub(crate) fn partial() -> Run {
    let mut run = measured();
    run.variants[1].phases.truncate(1);
    run.variants[1].teardown = None;
    run.finished = None;
    run
}

/// One variant and a client that was late.
pub(crate) fn invalid() -> Run {
    let mut run = measured();
    run.variants.truncate(1);
    let late = "requests left late (p99, limit 5 ms): native/closed 9.20 ms; give bench cores of its own, or lower the concurrency";
    let answers = answers()
        .into_iter()
        .filter(|c| c.scope.starts_with("native"))
        .collect();
    conclude(
        &mut run,
        Ending::Finished,
        answers,
        Vec::new(),
        quality(
            QualityVerdict::Invalid,
            &[(Severity::Doubt, "schedule_lag", late)],
        ),
    );
    run
}

/// A request that went well.
pub(crate) fn sample(index: u64) -> Sample {
    let at = 1_000_000 + index * 50_000_000;
    Sample {
        phase: 1,
        index,
        batch: Some(0),
        conversation: None,
        turn: None,
        due_ns: at,
        sent_ns: Some(at + 40_000),
        connect_ns: (index == 0).then_some(120_000),
        reused: index > 0,
        reconnected: false,
        reads: Reads {
            all: 5,
            unstamped: 0,
            coalesced: 0,
            events: 6,
        },
        first_chunk_ns: Some(at + 20_000_000),
        first_text_ns: Some(at + 21_000_000),
        last_text_ns: Some(at + 45_000_000),
        end_ns: at + 45_200_000,
        longest_gap_ns: Some(8_000_000),
        chunks: 4,
        status: Some(200),
        prompt_tokens: Some(6),
        output_tokens: Some(4),
        miscounted: None,
        choices: None,
        spans_ns: None,
        tokens_from: Some(TokenSource::Usage),
        nvext_timing: None,
        text_sha: "00112233aabbccdd".to_owned(),
        text: Some(vec![" Paris, \"the\" city".to_owned()]),
        error: None,
        detail: None,
    }
}

fn measured() -> Run {
    let mut run = empty();
    run.finished = Some("2026-01-01T00:04:10Z".to_owned());
    run.variants = vec![
        variant("native", "vllm", 1.0),
        variant("dynamo", "dynamo", 1.125),
    ];
    run.variants[0].phases[2].metrics.times[Timing::Tpot] = None;
    run
}

fn variant(name: &str, engine: &str, slower: f64) -> VariantRecord {
    let stage = |stage: StageKind, start_ms, ms| Stage {
        process: engine.to_owned(),
        stage,
        start_ms,
        ms,
    };
    let signal = SignalRecord {
        process: engine.to_owned(),
        signal: StopSignal::Term,
        at_ms: 0.4,
    };
    VariantRecord {
        name: name.to_owned(),
        engine: EngineRecord {
            kind: engine.to_owned(),
            versions: [("vllm".to_owned(), "0.0.0-example".to_owned())]
                .into_iter()
                .collect(),
            model: "Qwen/Qwen3-0.6B".to_owned(),
        },
        requests_sha256: "1".repeat(64),
        tier: Some("namespace".into()),
        startup: Some(Startup {
            retries: 0,
            ready_ms: 41_250.0 * slower,
            stages: vec![
                stage(StageKind::Probe, 0.0, 40_000.0 * slower),
                stage(StageKind::Completions, 40_000.0 * slower, 1_250.0 * slower),
            ],
        }),
        phases: vec![
            phase(PhaseKind::Warmup, slower),
            phase(PhaseKind::Batch, slower),
            phase(PhaseKind::Closed, slower),
        ],
        teardown: Some(Teardown {
            ms: 812.5 * slower,
            signals: vec![signal],
        }),
        rounds: Vec::new(),
    }
}

fn phase(kind: PhaseKind, slower: f64) -> PhaseRecord {
    let sent = match kind {
        PhaseKind::Warmup => 16,
        PhaseKind::Batch => 100,
        PhaseKind::Closed
        | PhaseKind::Open
        | PhaseKind::Ramp
        | PhaseKind::Steps
        | PhaseKind::Search
        | PhaseKind::Imported
        | PhaseKind::Unknown => 400,
    };
    let of = |count, p50: f64| Some(spread(count, p50 * slower));
    PhaseRecord {
        server: Some(server(sent, slower)),
        name: kind.to_string(),
        kind,
        window_ms: 20_000.0 * slower,
        counts: Counts {
            sent,
            succeeded: sent,
            failed: 0,
        },
        errors: [].into_iter().collect(),
        failures: Vec::new(),
        metrics: Metrics {
            times: PerTiming::from_fn(|timing| match timing {
                Timing::Ttft => of(sent, 31.41),
                Timing::Tpot => of(sent, 7.25),
                Timing::ChunkGap => of(sent * 63, 7.125),
                Timing::LongestGap => of(sent, 12.5),
                Timing::E2e => of(sent, 488.0),
                Timing::Batch => (kind == PhaseKind::Batch).then(|| spread(20, 502.25 * slower)),
                _ => None,
            }),
            output_tokens_per_s: Some(1_638.4 / slower),
            requests_per_s: Some(25.6 / slower),
            goodput: (kind == PhaseKind::Closed).then_some(Goodput {
                share: 0.9925,
                requests_per_s: 25.4 / slower,
            }),
        },
        client: ClientAudit {
            reads: sent * 64,
            events: sent * 65,
            ..ClientAudit::default()
        },
        curve: Vec::new(),
    }
}

/// What a server would say: a queue, a prefill and a decode, and little between them.
fn server(count: u64, slower: f64) -> ServerWindow {
    let time = |mean: f64| ServerTime {
        count,
        mean: mean * slower,
        ..ServerTime::default()
    };
    let times = [
        ("engine_ttft", time(28.0)),
        ("queue", time(2.5)),
        ("prefill", time(24.0)),
        ("decode", time(450.0)),
    ];
    let times = times.map(|(name, time)| (name.to_owned(), time));
    ServerWindow {
        window_ms: 20_000.0 * slower,
        times: times.into_iter().collect(),
        prefix_hit_rate: Some(0.25),
        ..ServerWindow::default()
    }
}

fn spread(count: u64, p50: f64) -> Distribution {
    Distribution::new(count, true, |statistic| {
        p50 * match statistic {
            Statistic::Mean => 1.0625,
            Statistic::Min => 0.5,
            Statistic::Percentile(rank) => {
                let known = [(999, 3.5), (990, 2.5), (950, 1.75), (900, 1.5), (500, 1.0)];
                let at = known.iter().find(|(at, _)| *at <= rank.per_mille());
                at.expect("no rank below the median").1
            }
            Statistic::Max => 4.0,
        }
    })
}

fn check(name: &str, scope: &str, detail: &str) -> Check {
    let (name, scope, detail) = (name.to_owned(), scope.to_owned(), detail.to_owned());
    Check {
        name,
        scope,
        passed: true,
        detail,
    }
}

fn answers() -> Vec<Check> {
    vec![
        check("status is 200", "native", "held on all 500 answers"),
        check("nvext is absent", "native", "held on all 500 answers"),
        check("status is 200", "dynamo", "held on all 500 answers"),
        check(
            "nvext.timing.total_time_ms is a number",
            "dynamo",
            "held on all 500 answers",
        ),
        check(
            "answers: at least one success",
            "dynamo/closed",
            "400 of 400 requests succeeded",
        ),
        check(
            "same text as native",
            "dynamo",
            "all 500 requests were answered with the same text",
        ),
    ]
}

fn figures() -> Vec<Check> {
    vec![
        check(
            "p99 ttft < 800ms",
            "dynamo/closed",
            "found 88.341 ms (thin: 400 values, fewer than ten beyond p99)",
        ),
        check("startup < 2m", "native", "found 41250.000 ms"),
    ]
}

fn quality(verdict: QualityVerdict, findings: &[(Severity, &str, &str)]) -> Quality {
    let finding = |(severity, code, detail): &(Severity, &str, &str)| Finding {
        severity: *severity,
        code: (*code).to_owned(),
        detail: (*detail).to_owned(),
        example: None,
    };
    Quality {
        verdict,
        findings: findings.iter().map(finding).collect(),
    }
}
