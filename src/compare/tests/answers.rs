use super::*;
use crate::record::{SampleRow, fixture};

/// Rows as a record has them, read back; all of the phase `batch`.
pub(in crate::compare) fn answers(name: &str, rows: &[SampleRow]) -> (tempfile::TempDir, Answers) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut variant = fixture::pass().variants.remove(0);
    name.clone_into(&mut variant.name);
    let line = |row: &SampleRow| {
        let row = SampleRow {
            variant: name.to_owned(),
            ..row.clone()
        };
        record::journal::seal(serde_json::to_string(&row).expect("a row"))
    };
    let text: String = rows.iter().map(line).collect();
    std::fs::write(dir.path().join(record::SAMPLES_FILE), text).expect("written");
    let answers = Answers::read(dir.path(), &variant, None).expect("read");
    (dir, answers)
}

fn row(round: u32, index: u64) -> SampleRow {
    SampleRow {
        variant: String::new(),
        round,
        sample: fixture::sample(index),
    }
}

#[test]
fn requests_are_paired_by_where_they_stand() {
    let (_a, a) = answers("a", &[row(2, 0), row(1, 1), row(1, 0)]);
    let (_b, b) = answers("b", &[row(1, 0), row(2, 0), row(2, 7)]);
    let found: Vec<_> = pairs(&a, &b)
        .map(|pair| pair.map(|answer| answer.map(|a| (a.round, a.index))))
        .collect();
    assert_eq!(
        found,
        [
            [Some((1, 0)), Some((1, 0))],
            [Some((1, 1)), None],
            [Some((2, 0)), Some((2, 0))],
            [None, Some((2, 7))],
        ]
    );
}

#[test]
fn texts_are_fetched_from_where_they_are() {
    let rows = [1, 0].map(|index| {
        let mut row = row(1, index);
        row.sample.text = (index == 1).then(|| vec![format!("text {index}")]);
        row
    });
    let (_dir, a) = answers("a", &rows);
    let mut texts = a.texts().expect("samples");
    let found: Vec<_> = a
        .rows
        .iter()
        .map(|answer| texts.of(answer).expect("a row"))
        .collect();
    assert_eq!(found, [None, Some(vec!["text 1".to_owned()])]);
}

#[test]
fn a_hash_that_is_none_is_refused_with_its_line() {
    let mut bad = row(1, 0);
    bad.sample.text_sha = "none".to_owned();
    let dir = tempfile::tempdir().expect("a directory");
    let line = |row: &SampleRow| serde_json::to_string(row).expect("a row") + "\n";
    let text = line(&bad) + &line(&row(1, 1));
    std::fs::write(dir.path().join(record::SAMPLES_FILE), text).expect("written");
    let variant = fixture::pass().variants.remove(0);
    let error = Answers::read(dir.path(), &variant, None).expect_err("refused");
    let said = error.to_string();
    assert!(
        said.contains("samples.jsonl:1") && said.contains("16 hexadecimal"),
        "{said}"
    );
}
