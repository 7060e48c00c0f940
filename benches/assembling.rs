//! How long a stream takes to become an answer and a row, per token.

mod common;

use bench::measure::answer::assemble;
use bench::measure::sample::{Judgement, Sample};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn assembling(c: &mut Criterion) {
    let mut group = c.benchmark_group("assembling");
    for tokens in [8, 128, 2_048] {
        let exchange = common::streamed(tokens);
        group.throughput(Throughput::Elements(tokens.into()));
        let id = BenchmarkId::new("tokens", tokens);
        group.bench_with_input(id, &exchange, |b, exchange| {
            b.iter(|| {
                let answer = assemble(black_box(exchange));
                Sample::new(exchange, &answer, 0, Judgement::default(), false)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, assembling);
criterion_main!(benches);
