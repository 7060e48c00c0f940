//! How long one request takes to be counted into the figures of its phase, and the figures to be made.

mod common;

use bench::measure::answer::assemble;
use bench::measure::sample::{Judgement, Sample};
use bench::measure::summary::{Objectives, Summary};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn recording(c: &mut Criterion) {
    let exchange = common::streamed(128);
    let answer = assemble(&exchange);
    let sample = Sample::new(&exchange, &answer, 0, Judgement::default(), false);
    let (gaps, delays) = (answer.timeline.gaps.clone(), exchange.delays());
    // Beyond the exact values, which is where a long phase spends its time.
    let mut summary = Summary::new(Objectives::default());
    for _ in 0..20_000 {
        summary.add(&sample, &gaps, &delays);
    }
    c.bench_function("recording/request of 128 tokens", |b| {
        b.iter(|| summary.add(black_box(&sample), &gaps, &delays));
    });
    c.bench_function("recording/figures", |b| b.iter(|| summary.finish()));
    let mut million = Summary::new(Objectives::default());
    for index in 0..1_000_000_u64 {
        // Scattered without a source of chance, over 17 ms.
        let later = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let mut sample = sample.clone();
        sample.first_text_ns = sample.first_text_ns.map(|at| at + later);
        sample.end_ns += later;
        million.add(&sample, &[], &[]);
    }
    c.bench_function("recording/percentiles of 1,000,000 requests", |b| {
        b.iter(|| million.finish());
    });
}

criterion_group!(benches, recording);
criterion_main!(benches);
