use super::*;

#[test]
fn the_first_exception_of_a_chain_is_the_reason() {
    let log = "INFO starting\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: the real cause\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2\nRuntimeError: engine failed\n";
    assert_eq!(reasons(log)[0], "ValueError: the real cause");
}

#[test]
fn without_a_known_mark_the_last_lines_are_shown() {
    let log: String = (0..20).map(|n| format!("line {n}\n")).collect();
    let shown = reasons(&log);
    assert_eq!(shown.len(), SHOWN);
    assert_eq!(shown[SHOWN - 1], "line 19");
}

#[test]
fn colours_and_control_characters_are_taken_out() {
    assert_eq!(reasons("\u{1b}[31mred\u{1b}[0m\u{7}"), ["red"]);
}

/// Logs that the real engines wrote (ai-dynamo 1.6.1, vLLM 0.31 on CPU, etcd 3.4), and what a person needs to read of them.
#[test]
fn the_reason_is_found_in_real_logs() {
    let cases = [
        (
            "dynamo-vllm-memory",
            "is less than desired CPU memory utilization",
        ),
        ("dynamo-vllm-missing-model", "/no/such/model"),
        ("dynamo-vllm-wrong-flag", "unrecognized arguments: --"),
        ("etcd-bad-datadir", "cannot access data directory"),
        ("etcd-port-in-use", "address already in use"),
        ("etcd-wrong-flag", "flag provided but not defined"),
        ("frontend-bad-choice", "invalid choice"),
        ("frontend-no-etcd", "etcd not reachable"),
        ("frontend-port-in-use", "already in use"),
        ("frontend-wrong-flag", "Unknown arguments specified"),
        ("mocker-missing-hub-model", "not found in cache"),
        ("mocker-missing-model", "not found in cache"),
        ("mocker-system-port-in-use", "Address already in use"),
        ("mocker-system-port-too-big", "expected i16"),
        ("mocker-wrong-flag", "unrecognized arguments: --"),
        ("module-missing", "No module named"),
        ("python-without-dynamo", "No module named 'dynamo'"),
        ("vllm-memory", "is less than desired CPU memory utilization"),
        ("vllm-missing-model", "/no/such/model"),
        ("vllm-port-in-use", "Address already in use"),
        ("vllm-wrong-flag", "unrecognized arguments: --"),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/topology/fixtures");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), cases.len());
    let mut wrong = String::new();
    for (name, wanted) in cases {
        let shown = explain(&folder.join(format!("{name}.log")));
        if !shown.iter().take(4).any(|line| line.contains(wanted)) {
            wrong.push_str(&format!("{name}: `{wanted}` is not in {shown:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
