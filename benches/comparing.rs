//! How long it takes to compare two records of a hundred thousand requests each, texts included, from disk to the page.

use bench::compare::records::{Side, compared, texts};
use bench::record::journal::seal;
use bench::record::{self, Sample, SampleRow};
use bench::report::{self, Detail};
use criterion::{Criterion, criterion_group, criterion_main};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

#[path = "common/sample.rs"]
mod sample;

/// Requests of each record.
const REQUESTS: u64 = 100_000;
/// One answer in so many is another than the other record's.
const OTHER: u64 = 1_000;

/// The golden record's native variant with many more requests; `other` answers some otherwise.
fn written(dir: &Path, other: bool) -> std::io::Result<()> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/golden");
    let run = std::fs::read_to_string(golden.join(record::RUN_FILE))?;
    let mut run: serde_json::Value = serde_json::from_str(&run)?;
    run["scenario"]["resolved"]["request"] = serde_json::json!({"params": {"temperature": 0}});
    std::fs::write(dir.join(record::RUN_FILE), run.to_string())?;
    let mut rows = BufWriter::new(File::create(dir.join(record::SAMPLES_FILE))?);
    for index in 0..REQUESTS {
        let changed = other && index % OTHER == 7;
        let text = format!("{}{}", "a word after another ".repeat(6), u8::from(changed));
        let row = SampleRow {
            variant: "native".to_owned(),
            round: 1,
            sample: Sample {
                phase: 1,
                text: Some(vec![text]),
                text_sha: format!("{:016x}", index << 1 | u64::from(changed)),
                ..sample::sample(index)
            },
        };
        rows.write_all(seal(serde_json::to_string(&row)?).as_bytes())?;
    }
    rows.flush()
}

fn comparing(c: &mut Criterion) {
    let dirs = [false, true].map(|other| {
        let dir = tempfile::tempdir().expect("a directory");
        written(dir.path(), other).expect("a record");
        dir
    });
    let compare = || {
        let [a, b] = [0, 1].map(|i| record::read(dirs[i].path()).expect("a run"));
        let sides = [&a, &b].map(|run| Side::of(run, Some("native")).expect("a variant"));
        let of = |i: usize| (sides[i], dirs[i].path());
        let same = texts(of(0), of(1), || None).expect("rows");
        let found = same
            .as_ref()
            .map(|same| (same.requests, same.requests - same.identical));
        assert_eq!(found, Some((REQUESTS, REQUESTS / OTHER)));
        let now = jiff::Timestamp::UNIX_EPOCH;
        let run = compared((sides[0], "baseline"), sides[1], &[], same, now);
        report::html(&run, &Detail::default())
    };
    let mut group = c.benchmark_group("comparing");
    group
        .sample_size(10)
        .bench_function("two records of 100,000 requests", |b| b.iter(compare));
    group.finish();
}

criterion_group!(benches, comparing);
criterion_main!(benches);
