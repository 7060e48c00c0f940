//! How long a record of a million requests takes from disk to its page, and how large that is.

use bench::measure::sample::{Reads, Sample, TokenSource};
use bench::record::{self, SampleRow};
use bench::report;
use criterion::{Criterion, criterion_group, criterion_main};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

/// Requests, over two variants and two phases.
const REQUESTS: u64 = 1_000_000;
/// Most bytes of the page.
const MOST: usize = 2_000_000;

/// The golden record with many more requests.
fn written(dir: &Path) -> std::io::Result<()> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/golden");
    for name in [record::RUN_FILE, record::EVENTS_FILE] {
        std::fs::copy(golden.join(name), dir.join(name))?;
    }
    let mut rows = BufWriter::new(File::create(dir.join(record::SAMPLES_FILE))?);
    for index in 0..REQUESTS {
        let variant = ["native", "dynamo"][usize::from(index % 2 == 1)].to_owned();
        let sample = sample(index);
        serde_json::to_writer(
            &mut rows,
            &SampleRow {
                variant,
                round: 1,
                sample,
            },
        )?;
        rows.write_all(b"\n")?;
    }
    rows.flush()
}

/// A streamed answer; its times scatter without a source of chance.
fn sample(index: u64) -> Sample {
    let scatter = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let due = index * 1_000_000;
    let first = due + 20_000_000 + scatter * 3;
    let last = first + 150_000_000 + scatter;
    Sample {
        phase: if index < REQUESTS / 2 { 1 } else { 2 },
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
        chunks: 32,
        reads: Reads {
            all: 34,
            unstamped: 0,
            crowded: 0,
            events: 34,
        },
        status: Some(200),
        prompt_tokens: Some(100),
        output_tokens: Some(32),
        tokens_from: Some(TokenSource::Usage),
        nvext_timing: None,
        text_sha: "099b1a40b16691c1".to_owned(),
        text: None,
        error: None,
        detail: None,
    }
}

fn page(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    written(dir.path()).expect("a record");
    let render = || {
        let run = record::read(dir.path()).expect("a run");
        let detail = report::detail(&run, dir.path()).expect("rows");
        report::html(&run, &detail)
    };
    let size = render().len();
    assert!(size < MOST, "{size} bytes");
    let mut group = c.benchmark_group("page");
    group
        .sample_size(10)
        .bench_function("a million requests", |b| b.iter(render));
    group.finish();
}

criterion_group!(benches, page);
criterion_main!(benches);
