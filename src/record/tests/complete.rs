use super::*;
use crate::record::{Redactor, Writer, fixture, read};
use std::fs;
use std::path::PathBuf;

/// A record of both variants with a row of every request, in two rounds.
fn recorded() -> (tempfile::TempDir, PathBuf, Run) {
    let scratch = tempfile::tempdir().expect("a directory");
    let mut run = fixture::pass();
    let writer = Writer::create(scratch.path(), &mut run, Redactor::default()).expect("made");
    for variant in &mut run.variants {
        for (n, phase) in variant.phases.iter_mut().enumerate() {
            phase.counts.sent = 5;
            for index in 0..phase.counts.sent {
                let mut sample = fixture::sample(index);
                sample.phase = u32::try_from(n).expect("few");
                writer.sample(&variant.name, 1, &sample).expect("written");
            }
        }
    }
    let event = crate::event::Event::TeardownEnded { ms: 1.0 };
    writer.event(&event).expect("written");
    run.finished = Some("2026-01-01T00:01:00Z".to_owned());
    run.files = writer.files();
    writer.finish(&mut run).expect("saved");
    (scratch, writer.dir().to_owned(), run)
}

fn checked(dir: &Path) -> Run {
    let mut run = read(dir).expect("a record");
    run.check_files(dir).expect("checked");
    run
}

#[test]
fn a_whole_record_is_complete() {
    let (_scratch, dir, run) = recorded();
    assert_eq!(checked(&dir), run);
    let samples = &run.files[SAMPLES_FILE];
    let rows: u64 = run
        .variants
        .iter()
        .flat_map(|v| &v.phases)
        .map(|p| p.counts.sent)
        .sum();
    assert_eq!(samples.rows, rows);
    assert_eq!(run.files.len(), 3);
}

#[test]
fn rows_removed_anywhere_are_missed_and_named() {
    let (_scratch, dir, run) = recorded();
    let path = dir.join(SAMPLES_FILE);
    let text = fs::read_to_string(&path).expect("read");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let all = lines.len();
    let write = |keep: &dyn Fn(usize, &str) -> bool| {
        let kept: Vec<&str> = lines
            .iter()
            .enumerate()
            .filter(|(n, line)| keep(*n, line))
            .map(|(_, line)| *line)
            .collect();
        fs::write(&path, kept.concat()).expect("written");
    };
    let first = format!("1 of native/{}", run.variants[0].phases[0].name);
    let dynamo = run.variants[1].phases.last().expect("a phase");
    let last = format!("1 of dynamo/{}", dynamo.name);
    type Keep<'a> = &'a dyn Fn(usize, &str) -> bool;
    let cases: [(Keep<'_>, usize, &str); 5] = [
        (&|n, _| n != 0, 1, &first),
        (&|n, _| n != all - 1, 1, &last),
        (&|n, _| n != 7, 1, "1 of native/"),
        (
            &|_, line| !line.contains("\"dynamo\""),
            all / 2,
            "5 of dynamo/",
        ),
        (&|_, _| false, all, "5 of native/"),
    ];
    for (keep, gone, named) in cases {
        write(keep);
        let run = checked(&dir);
        let why = run.incomplete().expect("incomplete");
        let counts = format!("samples.jsonl has {} of {all} rows: ", all - gone);
        assert!(why.contains(&counts) && why.contains(named), "{why}");
        assert_eq!(run.verdict, Verdict::Invalid);
        assert_eq!(
            (run.exit_code, run.quality.verdict),
            (Some(ExitCode::Invalid), QualityVerdict::Invalid)
        );
        assert!(run.summary.starts_with("The record is incomplete: "));
    }
}

#[test]
fn rows_that_were_replaced_cut_or_put_in_another_order_are_noticed() {
    let (_scratch, dir, _) = recorded();
    let path = dir.join(SAMPLES_FILE);
    let text = fs::read_to_string(&path).expect("read");
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    // As many rows as there were: one twice in place of another.
    lines[3] = lines[2];
    fs::write(&path, lines.concat()).expect("written");
    let run = checked(&dir);
    let why = run.incomplete().expect("incomplete");
    assert!(
        why.contains("samples.jsonl is not as it was written"),
        "{why}"
    );
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.swap(0, 1);
    fs::write(&path, lines.concat()).expect("written");
    assert!(checked(&dir).incomplete().is_some());
    fs::write(&path, &text[..text.len() - 9]).expect("written");
    assert!(checked(&dir).incomplete().is_some());
    fs::write(&path, text.clone() + &text).expect("written");
    assert!(checked(&dir).incomplete().is_some());
    fs::write(&path, &text).expect("written");
    assert_eq!(checked(&dir).incomplete(), None);
}

#[test]
fn a_missing_file_is_missed() {
    for name in [SAMPLES_FILE, EVENTS_FILE, SERVER_FILE] {
        let (_scratch, dir, _) = recorded();
        fs::remove_file(dir.join(name)).expect("removed");
        let run = checked(&dir);
        let why = run.incomplete().expect("incomplete");
        assert!(why.contains(&format!("{name} is missing")), "{why}");
    }
}

#[test]
fn an_older_record_is_checked_by_its_counts() {
    let (_scratch, dir, mut run) = recorded();
    run.files.clear();
    let save = |run: &Run| {
        let text = serde_json::to_string(run).expect("JSON");
        fs::write(dir.join(crate::record::RUN_FILE), text).expect("written");
    };
    save(&run);
    assert_eq!(checked(&dir).incomplete(), None);
    let path = dir.join(SAMPLES_FILE);
    let text = fs::read_to_string(&path).expect("read");
    let cut = text.find('\n').expect("a line") + 1;
    fs::write(&path, &text[cut..]).expect("written");
    assert!(checked(&dir).incomplete().is_some());
    fs::remove_file(&path).expect("removed");
    assert!(
        checked(&dir)
            .incomplete()
            .expect("so")
            .contains("is missing")
    );
    // What another tool measured, and what only compares, never had rows.
    run.scenario.resolved = serde_json::json!({"imported": {}}).into();
    save(&run);
    assert_eq!(checked(&dir).incomplete(), None);
}

#[test]
fn a_run_that_did_not_end_is_partial_and_no_more() {
    let (_scratch, dir, mut run) = recorded();
    run.finished = None;
    let text = serde_json::to_string(&run).expect("JSON");
    fs::write(dir.join(crate::record::RUN_FILE), text).expect("written");
    fs::write(dir.join(SAMPLES_FILE), "").expect("written");
    assert_eq!(checked(&dir).incomplete(), None);
}

#[test]
fn a_file_of_lines_that_is_cut_while_the_run_goes_on_is_missed() {
    for name in [SAMPLES_FILE, SERVER_FILE, EVENTS_FILE] {
        let scratch = tempfile::tempdir().expect("a directory");
        let mut run = fixture::pass();
        let writer = Writer::create(scratch.path(), &mut run, Redactor::default()).expect("made");
        writer.whole().expect("whole");
        fs::remove_file(writer.dir().join(name)).expect("removed");
        let error = writer.whole().expect_err("missed").to_string();
        assert!(error.contains(name), "{error}");
    }
}
