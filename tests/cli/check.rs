//! `bench check`, as a function: files that are no scenarios, and the line about a good one.

use crate::support::bench;
use bench::cli::check;
use std::path::PathBuf;

fn checked(path: PathBuf, sets: &[&str]) -> check::Report {
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    check::run(&[path], &[], &sets, &|_| Some("t0ken".to_owned()), false)
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from("tests/cli/golden").join(name)
}

#[test]
fn a_good_scenario_is_summed_up() {
    let report = checked(golden("good.yaml"), &[]);
    assert!(report.ok);
    assert_eq!(
        report.text,
        "tests/cli/golden/good.yaml: ok (2 variants, 2 phases, 500 requests)\n"
    );
}

#[test]
fn set_changes_what_is_checked() {
    let report = checked(
        golden("good.yaml"),
        &["load.phases=[batch: {size: 1, batches: 1}]"],
    );
    assert_eq!(
        report.text,
        "tests/cli/golden/good.yaml: ok (2 variants, 1 phase, 1 request)\n"
    );
}

#[test]
fn a_file_that_is_not_there_has_a_neighbour() {
    let report = checked(golden("god.yaml"), &[]);
    assert!(!report.ok);
    assert!(
        report
            .text
            .contains("the file `tests/cli/golden/god.yaml` does not exist"),
        "{}",
        report.text
    );
    assert!(
        report
            .text
            .contains("did you mean `tests/cli/golden/good.yaml`?"),
        "{}",
        report.text
    );
}

#[test]
fn a_directory_lists_its_scenarios() {
    let report = checked(PathBuf::from("tests/cli/golden"), &[]);
    assert!(report.text.contains("is a directory"), "{}", report.text);
    assert!(
        report.text.contains("scenarios in it: all-at-once.yaml, "),
        "{}",
        report.text
    );
}

#[test]
fn other_bytes_and_large_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let latin = folder.path().join("latin.yaml");
    std::fs::write(&latin, b"version: 1\nname: caf\xe9\n").unwrap();
    let text = checked(latin, &[]).text;
    assert!(
        text.contains("is not UTF-8 text: the first invalid byte is in line 2"),
        "{text}"
    );
    let large = folder.path().join("large.yaml");
    std::fs::write(&large, vec![b'#'; (1 << 20) + 1]).unwrap();
    let text = checked(large, &[]).text;
    assert!(text.contains("is larger than 1 MiB"), "{text}");
}

#[test]
fn colour_is_only_decoration() {
    let paths = [golden("all-at-once.yaml")];
    let env = |_: &str| None;
    let plain = check::run(&paths, &[], &[], &env, false).text;
    let colored = check::run(&paths, &[], &[], &env, true).text;
    assert!(!plain.contains('\u{1b}'));
    let code = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    assert_eq!(code.replace_all(&colored, ""), plain);
}

#[test]
fn a_doubtful_scenario_is_good_and_its_warnings_are_shown() {
    let report = checked(golden("paths-doubtful.yaml"), &[]);
    assert!(report.ok);
    let warnings = report.text.matches("warning[doubtful]: ").count();
    assert_eq!(warnings, 7, "{}", report.text);
    let last = report.text.lines().last().unwrap();
    let summed = "tests/cli/golden/paths-doubtful.yaml: ok (1 phase, 1 request, 7 warnings)";
    assert_eq!(last, summed);
    for verb in ["check", "plan"] {
        let done = bench(verb)
            .arg("tests/cli/golden/paths-doubtful.yaml")
            .run()
            .code(0);
        let said = format!("{}{}", done.stdout, done.stderr);
        let warnings = said.matches("warning[doubtful]: ").count();
        assert_eq!(warnings, 7, "{verb}: {said}");
    }
}

#[test]
fn warnings_do_not_count_as_mistakes() {
    let report = checked(golden("measurement-limits.yaml"), &[]);
    assert!(!report.ok);
    assert!(
        report
            .text
            .ends_with("measurement-limits.yaml: 1 mistake\n"),
        "{}",
        report.text
    );
    assert_eq!(report.text.matches("warning[doubtful]: ").count(), 2);
}
