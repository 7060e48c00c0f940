//! How fast a stream is taken apart into events, in the pieces that a socket gives.

use bench::measure::sse::Parser;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn parsing(c: &mut Criterion) {
    let stream = include_bytes!("../src/measure/fixtures/dynamo-completions.sse").repeat(100);
    let mut group = c.benchmark_group("sse");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    for piece in [64, 1_460, 65_536] {
        let id = BenchmarkId::new("read", piece);
        group.bench_with_input(id, &piece, |b, &piece| {
            b.iter(|| {
                let mut parser = Parser::new(1 << 20);
                let mut events = 0_usize;
                for bytes in black_box(&stream).chunks(piece) {
                    let pushed = parser.push(bytes, &mut |e| events += e.data.len());
                    assert!(pushed.is_ok());
                }
                events
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parsing);
criterion_main!(benches);
