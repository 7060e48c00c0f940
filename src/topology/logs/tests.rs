use super::*;

#[test]
fn the_first_exception_of_a_chain_is_the_reason() {
    let log = "INFO starting\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: the real cause\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2\nRuntimeError: engine failed\n";
    assert_eq!(reasons(log, None).lines[0], "ValueError: the real cause");
}

#[test]
fn a_known_exception_goes_before_an_unknown_one_and_before_any_warning() {
    let log = "WARN nats not reachable\nTraceback (most recent call last):\nKeyError: 'x'\n(W pid=1) Traceback (most recent call last):\n(W pid=1)   File x\n(W pid=1) torch.OutOfMemoryError: CUDA out of memory.\n";
    let found = reasons(log, None);
    assert_eq!(
        found.lines,
        ["(W pid=1) torch.OutOfMemoryError: CUDA out of memory."]
    );
    assert_eq!(found.cause.unwrap().why, "the GPU has not enough memory");
}

#[test]
fn what_was_only_warned_of_is_no_cause_of_a_kill() {
    let log = "a\nb\nc\n2026 WARN x: No module named 'vllm._deepselect_C'\n";
    let found = reasons(log, Some("signal 9 (KILL)"));
    assert_eq!(found.cause.unwrap().why, "it was killed from outside");
    assert_eq!(found.lines.len(), 3);
    assert_eq!(
        reasons(log, Some("exit code 1")).cause.unwrap().why,
        "the Python environment lacks a module"
    );
}

#[test]
fn a_panic_goes_before_an_error() {
    let log = "error: late\nthread 'main' panicked at src/a.rs:1:2:\nindex out of bounds\nnote: run with RUST_BACKTRACE=1\n";
    let found = reasons(log, Some("exit code 101"));
    assert_eq!(found.cause, None);
    assert_eq!(found.lines[0], "thread 'main' panicked at src/a.rs:1:2:");
    assert_eq!(found.lines[1], "index out of bounds");
}

#[test]
fn without_a_known_mark_the_last_lines_are_shown() {
    let log: String = (0..20).map(|n| format!("line {n}\n")).collect();
    let shown = reasons(&log, None).lines;
    assert_eq!(shown.len(), SHOWN);
    assert_eq!(shown[SHOWN - 1], "line 19");
    assert_eq!(reasons("", None), Explanation::default());
}

#[test]
fn colours_and_control_characters_are_taken_out() {
    assert_eq!(reasons("\u{1b}[31mred\u{1b}[0m\u{7}", None).lines, ["red"]);
}

/// Logs that the real engines wrote (ai-dynamo 1.6.1, vLLM 0.31 on CPU, etcd 3.4): what a person needs to read of each, and
/// what is known of it. `vllm-bfloat16` is vLLM's own check, told that its GPU is a T4.
#[test]
fn the_reason_is_found_in_real_logs() {
    let argument = "it does not know an argument";
    let value = "a value that it does not take";
    let memory = "less memory is free than it was told to take";
    let port = "its port is taken";
    let missing = "the model is not there";
    let module = "lacks a module";
    let cases = [
        ("dynamo-vllm-memory", "is less than desired CPU", memory),
        ("dynamo-vllm-missing-model", "/no/such/model", missing),
        (
            "dynamo-vllm-wrong-flag",
            "unrecognized arguments: --",
            argument,
        ),
        (
            "etcd-bad-datadir",
            "cannot access data directory",
            "can't use its data directory",
        ),
        ("etcd-port-in-use", "address already in use", port),
        ("etcd-wrong-flag", "flag provided but not defined", argument),
        ("frontend-bad-choice", "invalid choice", value),
        (
            "frontend-no-etcd",
            "etcd not reachable",
            "etcd does not answer",
        ),
        (
            "frontend-no-nats",
            "NATS not reachable",
            "wants a NATS server",
        ),
        ("frontend-port-in-use", "already in use", port),
        (
            "frontend-wrong-flag",
            "Unknown arguments specified",
            argument,
        ),
        (
            "mocker-hub-unreachable",
            "error sending request for url",
            "hub can't be reached",
        ),
        (
            "mocker-lease-lost",
            "Unable to maintain lease",
            "it lost its lease",
        ),
        ("mocker-missing-hub-model", "not found in cache", missing),
        ("mocker-missing-model", "not found in cache", missing),
        ("mocker-system-port-in-use", "Address already in use", port),
        (
            "mocker-system-port-too-big",
            "expected i16",
            "no system port above",
        ),
        ("mocker-wrong-flag", "unrecognized arguments: --", argument),
        ("module-missing", "No module named", module),
        ("python-without-dynamo", "No module named 'dynamo'", module),
        (
            "vllm-bfloat16",
            "Bfloat16 is only supported",
            "has no bfloat16",
        ),
        (
            "vllm-hub-unreachable",
            "locate the file on the Hub",
            "hub can't be reached",
        ),
        ("vllm-memory", "is less than desired CPU", memory),
        ("vllm-missing-model", "/no/such/model", missing),
        ("vllm-port-in-use", "Address already in use", port),
        ("vllm-wrong-flag", "unrecognized arguments: --", argument),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/topology/fixtures");
    let mut wrong = String::new();
    for (name, wanted, why) in cases {
        let found = explain(&folder.join(format!("{name}.log")), Some("exit code 1"));
        let shown = found
            .lines
            .first()
            .is_some_and(|line| line.contains(wanted));
        if !shown || !found.cause.is_some_and(|cause| cause.why.contains(why)) {
            wrong.push_str(&format!("{name}: no `{wanted}`, `{why}`: {found:#?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), cases.len());
}

/// Every mark is met by something like what the engines say; most of these lines are made from their sources.
#[test]
fn every_mark_gives_its_own_cause_away() {
    for cause in causes::CAUSES {
        for mark in cause.marks() {
            let line = format!("ERROR: {}.", mark.replace('…', "x"));
            assert_eq!(Cause::of(&line), Some(cause), "{line}");
        }
    }
}

/// UPDATE_GOLDEN=1 writes it.
#[test]
fn the_page_for_users_shows_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- causes: generated -->\n", "<!-- /causes -->");
    let (before, rest) = page.split_once(begin).expect("the table's begin");
    let (_, after) = rest.split_once(end).expect("the table's end");
    let wanted = [before, begin, &causes::table(), end, after].concat();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    } else {
        assert!(page == wanted, "UPDATE_GOLDEN=1 cargo test --lib logs::");
    }
}
