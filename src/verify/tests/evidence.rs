use super::*;

fn logs(rule: LogRule, lines: &[(&str, &str)]) -> Check {
    let mut logs = Logs::compile(&[rule]).expect("compiles");
    for (process, line) in lines {
        logs.line(process, line);
    }
    logs.checks("native").remove(0)
}

#[test]
fn a_traceback_is_found_and_shown() {
    let absent = |process: Option<&str>| LogRule {
        absent: Some("Traceback".to_owned()),
        process: process.map(str::to_owned),
        ..LogRule::default()
    };
    let lines = [
        ("vllm", "INFO up"),
        ("worker-0", "Traceback (most\u{1b}[0m"),
    ];
    let check = logs(absent(None), &lines);
    assert!(!check.passed);
    assert_eq!(check.name, "log of every process lacks /Traceback/");
    assert_eq!(
        check.detail,
        "1 of 2 lines match\nworker-0: Traceback (most\\u{1b}[0m"
    );
    assert!(logs(absent(Some("vllm")), &lines).passed);
    assert!(
        !logs(absent(Some("other")), &lines).passed,
        "nothing was looked at"
    );
    assert!(!logs(absent(None), &[]).passed);
}

#[test]
fn a_wanted_line_must_be_there() {
    let rule = LogRule {
        present: Some("^INFO".to_owned()),
        ..LogRule::default()
    };
    assert!(logs(rule.clone(), &[("vllm", "INFO up")]).passed);
    assert!(!logs(rule, &[("vllm", "up")]).passed);
    assert!(Logs::compile(&[LogRule::default()]).is_err());
}
