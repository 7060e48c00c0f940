use super::*;
use crate::event::TeardownReason;
use crate::record::model::{PhaseKind, StageKind};
use crate::record::{fixture, read, samples};
use proptest::prelude::*;

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn create(reports: &Path) -> (Writer, Run) {
    let mut run = fixture::pass();
    let writer = Writer::create(reports, &mut run, Redactor::default()).expect("created");
    (writer, run)
}

#[test]
fn what_is_written_reads_back() {
    let reports = scratch();
    let (writer, mut run) = create(reports.path());
    assert!(writer.logs().is_dir());
    assert_eq!(read(writer.dir()).expect("valid from the start"), run);
    run.summary = "changed".to_owned();
    writer.save(&run).expect("saved");
    assert_eq!(read(&writer.dir().join(RUN_FILE)).expect("read"), run);
    let rows: Vec<_> = (0..3).map(fixture::sample).collect();
    for row in &rows {
        writer.sample("native", 1, row).expect("written");
    }
    let back: Result<Vec<_>, _> = samples(writer.dir()).expect("opened").collect();
    let back: Vec<_> = back.expect("rows").into_iter().map(|r| r.sample).collect();
    assert_eq!(back, rows);
}

#[test]
fn events_carry_their_time_and_progress_is_left_out() {
    let reports = scratch();
    let (writer, _) = create(reports.path());
    let progress = Event::PhaseProgress {
        phase: "batch".to_owned(),
        done: 1,
        requests: Some(2),
        failed: 0,
        ttft_p50_ms: None,
    };
    writer.event(&progress).expect("skipped");
    writer
        .event(&Event::TeardownEnded { ms: 1.5 })
        .expect("written");
    let text = fs::read_to_string(writer.dir().join(EVENTS_FILE)).expect("read");
    let row: serde_json::Value = serde_json::from_str(&text).expect("one line");
    assert_eq!(row["event"], "teardown_ended");
    assert_eq!(row["ms"], 1.5);
    assert!(row["at_ms"].as_f64().is_some_and(|ms| ms >= 0.0));
}

#[test]
fn two_runs_of_one_name_never_meet_and_latest_is_the_last() {
    let reports = scratch();
    let (first, one) = create(reports.path());
    let (second, two) = create(reports.path());
    assert_eq!(two.run_id, format!("{}-2", one.run_id));
    assert_ne!(first.dir(), second.dir());
    assert_eq!(read(first.dir()).expect("first").run_id, one.run_id);
    let latest = reports.path().join(LATEST);
    assert_eq!(
        fs::read_link(&latest).expect("a link"),
        Path::new(&two.run_id)
    );
    assert_eq!(read(&latest).expect("through the link").run_id, two.run_id);
}

#[test]
fn many_at_once_each_get_their_own() {
    let reports = scratch();
    let ids: Vec<_> = std::thread::scope(|s| {
        let all: Vec<_> = (0..8)
            .map(|_| s.spawn(|| create(reports.path()).1.run_id))
            .collect();
        all.into_iter()
            .map(|t| t.join().expect("no panic"))
            .collect()
    });
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), 8, "{ids:?}");
}

#[test]
fn a_place_that_can_not_be_written_fails_at_once() {
    let reports = scratch();
    let file = reports.path().join("file");
    fs::write(&file, "").expect("written");
    let mut run = fixture::pass();
    let error = Writer::create(&file, &mut run, Redactor::default()).expect_err("refused");
    assert!(error.to_string().starts_with("failed to write"), "{error}");
}

#[test]
fn a_latest_of_someone_elses_stays() {
    let reports = scratch();
    let latest = reports.path().join(LATEST);
    fs::create_dir(&latest).expect("made");
    create(reports.path());
    assert!(latest.is_dir() && !latest.is_symlink());
}

#[test]
fn a_record_that_is_discarded_gives_latest_back() {
    let reports = scratch();
    let latest = reports.path().join(LATEST);
    let (only, _) = create(reports.path());
    only.discard();
    assert!(!latest.is_symlink(), "it would point nowhere");
    let (_first, one) = create(reports.path());
    let (second, _) = create(reports.path());
    second.discard();
    assert_eq!(read(&latest).expect("the first").run_id, one.run_id);
    assert_eq!(fs::read_dir(reports.path()).expect("read").count(), 2);
}

#[test]
fn the_last_word_is_written_once_and_leaves_nothing_beside_it() {
    let reports = scratch();
    let (writer, mut run) = create(reports.path());
    run.summary = "the end".to_owned();
    for _ in 0..2 {
        writer.finish(&mut run).expect("written");
        assert_eq!(read(writer.dir()).expect("read"), run);
    }
    let names = fs::read_dir(writer.dir()).expect("read");
    let hidden = names
        .flatten()
        .filter(|entry| entry.file_name().display().to_string().starts_with('.'));
    assert_eq!(hidden.count(), 0);
    let short = super::short(&run);
    assert!(short.variants.is_empty() && short.scenario == run.scenario);
}

#[test]
fn a_canary_reaches_no_file() {
    const CANARY: &str = "hf_canary\"1234567";
    let reports = scratch();
    let redactor = Redactor::new([
        ("HF_TOKEN", CANARY),
        ("SILLY", "pass"),
        ("SILLIER", "timeout"),
    ]);
    let mut run = fixture::pass();
    run.summary = format!("saw {CANARY}");
    run.error = Some(CANARY.to_owned());
    run.scenario.resolved = serde_json::json!({"env": {CANARY: [CANARY]}}).into();
    run.checks[0].detail = CANARY.to_owned();
    let writer = Writer::create(reports.path(), &mut run, redactor).expect("created");
    let mut sample = fixture::sample(1);
    sample.error = Some(crate::measure::sample::ErrorClass::Timeout);
    sample.detail = Some(format!("body: {CANARY}"));
    sample.text = Some(vec![CANARY.to_owned()]);
    sample.nvext_timing = Some(serde_json::json!({CANARY: CANARY}));
    writer.sample("native", 1, &sample).expect("written");
    writer
        .event(&Event::Warning {
            message: CANARY.to_owned(),
        })
        .expect("written");
    for name in [RUN_FILE, SAMPLES_FILE, EVENTS_FILE] {
        let text = fs::read_to_string(writer.dir().join(name)).expect("read");
        assert!(!text.contains("hf_canary"), "{name}: {text}");
        assert!(text.contains("<redacted:HF_TOKEN>"), "{name}: {text}");
    }
    assert_eq!(
        read(writer.dir()).expect("still a record").verdict,
        run.verdict
    );
    let back = samples(writer.dir())
        .expect("opened")
        .next()
        .expect("a row")
        .expect("a good one");
    assert_eq!(back.sample.error, sample.error);
}

#[test]
fn a_secret_that_is_one_of_our_words_leaves_the_record_readable() {
    let reports = scratch();
    let words = [
        "good",
        "completions",
        "TERM",
        "closed",
        "done",
        "equivalent",
    ];
    let redactor = Redactor::new(words.map(|word| ("SILLY", word)));
    let mut run = fixture::rounds(8, 1.0);
    run.comparisons = crate::compare::side_by_side(&run);
    let writer = Writer::create(reports.path(), &mut run, redactor).expect("created");
    let events = [
        Event::StageReady {
            process: "engine".to_owned(),
            stage: StageKind::Completions,
            ms: 1.0,
        },
        Event::PhaseStarted {
            phase: "load".to_owned(),
            kind: PhaseKind::Closed,
            requests: None,
        },
        Event::TeardownStarted {
            reason: TeardownReason::Done,
        },
    ];
    for event in &events {
        writer.event(event).expect("written");
    }
    let message = "done".to_owned();
    writer.event(&Event::Warning { message }).expect("written");
    writer.sweep().expect("swept");
    let rows = crate::record::events(writer.dir()).expect("opened");
    let back: Vec<_> = rows.map(|row| row.expect("a row").event).collect();
    assert_eq!(back[..3], events.map(Some));
    let message = "<redacted:SILLY>".to_owned();
    assert_eq!(back[3], Some(Event::Warning { message }));
    let back = read(writer.dir()).expect("a record");
    assert_eq!(back.quality.verdict, run.quality.verdict);
    let stages = |run: &Run| run.variants[0].startup.as_ref().map(|s| s.stages[1].stage);
    assert_eq!(stages(&back), Some(StageKind::Completions));
    assert_eq!(back.comparisons[0].verdict, run.comparisons[0].verdict);
}

#[test]
fn a_newer_record_is_refused_in_plain_words() {
    let reports = scratch();
    let (writer, mut run) = create(reports.path());
    run.schema_version += 1;
    writer.save(&run).expect("saved");
    let error = read(writer.dir()).expect_err("refused").to_string();
    assert!(
        error.contains("schema version 2 and this bench knows up to 1"),
        "{error}"
    );
    writer.replace(RUN_FILE, "{}").expect("written");
    assert!(
        read(writer.dir())
            .expect_err("refused")
            .to_string()
            .contains("no schema_version")
    );
}

#[test]
fn a_bad_line_before_the_last_is_an_error_with_its_place() {
    let reports = scratch();
    let (writer, _) = create(reports.path());
    writer.replace(SAMPLES_FILE, "{}\n{}\n").expect("written");
    let error = samples(writer.dir())
        .expect("opened")
        .next()
        .expect("one")
        .expect_err("bad");
    assert!(error.to_string().contains("samples.jsonl:1"), "{error}");
}

#[test]
fn run_ids_tell_scenario_and_time() {
    let at = jiff::Timestamp::from_second(1_767_225_600).expect("a time");
    assert_eq!(
        run_id("quickstart", at, 0xab_cdef),
        "quickstart-20260101T000000Z-cdef"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Wherever the file is cut, every whole row before the cut is read and at most one is counted as torn.
    #[test]
    fn any_cut_keeps_the_rows_before_it(rows in 1u64..6, part in 0.0f64..1.0) {
        let reports = scratch();
        let (writer, _) = create(reports.path());
        for index in 0..rows {
            writer.sample("native", 1, &fixture::sample(index)).expect("written");
        }
        let path = writer.dir().join(SAMPLES_FILE);
        let whole = fs::read(&path).expect("read");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
        let cut = (whole.len() as f64 * part) as usize;
        fs::write(&path, &whole[..cut]).expect("written");
        let mut back = samples(writer.dir()).expect("opened");
        let read: Result<Vec<_>, _> = back.by_ref().collect();
        let read = read.expect("no error");
        let ends = whole[..cut].iter().filter(|b| **b == b'\n').count();
        // A row that lost only its line end is whole.
        prop_assert!(read.len() == ends || read.len() == ends + 1);
        prop_assert!(back.torn() <= 1);
        prop_assert_eq!(read.len() + usize::try_from(back.torn()).expect("small"), ends + usize::from(cut > 0 && whole[cut - 1] != b'\n'));
    }
}

/// The second pass finds what came into a record in any other way than through the writer.
#[test]
fn a_last_search_finds_what_was_put_beside_the_rows() {
    const CANARY: &str = "hf_canary\"1234567";
    let reports = scratch();
    let mut run = fixture::pass();
    let redactor = Redactor::new([("HF_TOKEN", CANARY)]);
    let writer = Writer::create(reports.path(), &mut run, redactor).expect("created");
    writer
        .sample("native", 1, &fixture::sample(1))
        .expect("written");
    // A row that did not come through the redactor, as another version may write.
    let row =
        serde_json::json!({"at_ms": 1.0, "event": "warning", "message": format!("\n{CANARY}")});
    writer.events.add(row.to_string()).expect("written");
    let kept = writer.dir().join("kept/native/deep");
    fs::create_dir_all(&kept).expect("made");
    fs::write(
        kept.join("state.bin"),
        [b"\xff\0", CANARY.as_bytes(), b"\xff"].concat(),
    )
    .expect("written");
    let outside = reports.path().join("outside");
    fs::write(&outside, CANARY).expect("written");
    std::os::unix::fs::symlink(&outside, kept.join("link")).expect("linked");
    let before = writer.files();
    writer.sweep().expect("swept");
    let bytes = fs::read(kept.join("state.bin")).expect("read");
    assert_eq!(bytes, b"\xff\0<redacted:HF_TOKEN>\xff");
    assert_eq!(
        fs::read_to_string(outside).expect("read"),
        CANARY,
        "not ours"
    );
    let after = writer.files();
    assert_eq!(after[SAMPLES_FILE], before[SAMPLES_FILE]);
    assert_ne!(after[EVENTS_FILE], before[EVENTS_FILE]);
    assert_eq!(after[EVENTS_FILE].rows, before[EVENTS_FILE].rows);
    // Rows can still be added, and the record is whole.
    let message = "later".to_owned();
    writer.event(&Event::Warning { message }).expect("written");
    writer.whole().expect("whole");
    run.files = writer.files();
    run.finished = Some("2026-01-01T00:01:00Z".to_owned());
    writer.finish(&mut run).expect("saved");
    let mut back = read(writer.dir()).expect("a record");
    back.check_files(writer.dir()).expect("checked");
    assert_eq!(back.incomplete(), None);
    let text = fs::read_to_string(writer.dir().join(EVENTS_FILE)).expect("read");
    assert!(
        !text.contains("hf_canar") && text.contains("\\n<redacted:HF_TOKEN>"),
        "{text}"
    );
}
