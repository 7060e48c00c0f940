//! How long a record's text takes to be searched for secrets: rows of samples and lines of logs, where nothing is found.

use bench::record::Redactor;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn redacting(c: &mut Criterion) {
    let secrets = |count: usize| {
        let value = |n: usize| (format!("TOKEN_{n}"), format!("hf_canary{n}Qk3xZ8vW2pL9rT5"));
        Redactor::new((0..count).map(value))
    };
    let row = "{\"request\":17,\"status\":200,\"ttft_ns\":10123456,\"tpot_ns\":5012345,\"text\":\"Once upon a time \"}\n";
    let log = "INFO 11-28 02:50:33 [core.py:259] init engine (profile, create kv cache, warmup model) took 4.31 seconds\n";
    let escaped =
        "{\"message\":\"a \\\"quoted\\\" path \\/v1\\/models?name=a%20b&amp;c \\u00e9\"}\n";
    let mut group = c.benchmark_group("redacting");
    for (name, line) in [("rows", row), ("logs", log), ("escapes", escaped)] {
        let text = line.repeat(10_000);
        group.throughput(Throughput::Bytes(text.len() as u64));
        for count in [1, 20] {
            let redactor = secrets(count);
            group.bench_function(format!("{name}, {count} secrets"), |b| {
                b.iter(|| black_box(redactor.shown(black_box(&text))));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, redacting);
criterion_main!(benches);
