//! How long a record of a million requests takes from disk to its page, and how large that is.

use bench::record::{self, Sample, SampleRow};
use bench::report;
use criterion::{Criterion, criterion_group, criterion_main};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

#[path = "common/sample.rs"]
mod sample;

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
        let phase = if index < REQUESTS / 2 { 1 } else { 2 };
        let sample = Sample {
            phase,
            ..sample::sample(index)
        };
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
