//! Limits of the system: each that is met ends in one message with what to type and exit code 3, never in a panic or a signal.

use super::{LOAD, scenario};
use crate::support::{Bench, Done, bench, program};
use std::process::Command;

fn run() -> Bench {
    bench("run")
        .file("run.yaml", &scenario("", LOAD))
        // With it, the standard library shows where it ran out of memory.
        .without("RUST_BACKTRACE")
}

/// Runs under a limit that `ulimit` or a wrapper sets.
fn under(limit: &str) -> Done {
    run().through(&format!("{limit} exec \"$0\" \"$@\"")).run()
}

/// Whether an engine was started.
fn started(done: &Done) -> bool {
    let events = std::fs::read_to_string(done.dir().join("events.jsonl"));
    events.unwrap_or_default().contains("process_started")
}

#[expect(clippy::print_stderr, reason = "a test that does nothing says so")]
fn not_tested(wrapper: &str) {
    eprintln!("not tested: `{wrapper}` does not work here");
}

fn works(wrapper: &[&str]) -> bool {
    let tried = Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg(program())
        .arg("--version")
        .output();
    let works = tried.is_ok_and(|output| output.status.success());
    if !works {
        not_tested(&wrapper.join(" "));
    }
    works
}

/// It ran, or said once which limit it met; either way with a code that is documented, and nothing is left.
fn checked(done: Done, limit: &str, advice: &str) -> bool {
    let shown = format!("{limit}: {}\n{}\n{}", done.code, done.stdout, done.stderr);
    assert!(!shown.contains("panicked at"), "{shown}");
    let ran = matches!(done.code, 0 | 4);
    if !ran {
        assert_eq!(done.code, 3, "{shown}");
        let words: Vec<&str> = shown.split_whitespace().collect();
        assert!(words.join(" ").contains(advice), "{shown}");
        assert!(!shown.contains("please report"), "{shown}");
        if let Some(record) = done.record() {
            // Without the room for it, the record says that it is not whole.
            let verdict = &record["verdict"];
            assert!(verdict == "error" || verdict == "partial", "{shown}");
        }
    }
    done.leaves_nothing(20);
    ran
}

#[test]
fn too_few_open_files_are_reported_before_anything_starts() {
    for limit in [6, 16, 64, 256] {
        let done = under(&format!("ulimit -n {limit};")).code(3);
        assert!(!started(&done), "{}", done.stderr);
        let done = done.says("(`ulimit");
        if limit >= 16 {
            let found = format!("the hard limit is {limit}, and this scenario needs 260");
            done.says(&found).says("ulimit -Hn 260").leaves_nothing(1);
        }
    }
    let load = "load: {phases: [{closed: {concurrency: 300, requests: 600}}]}";
    let many = |limit: &str| {
        let run = bench("run").file("run.yaml", &scenario("", load));
        run.through(&format!("{limit}; exec \"$0\" \"$@\"")).run()
    };
    many("ulimit -n 400")
        .code(3)
        .says("this scenario needs 556");
    // The soft limit is raised, the engine's too.
    many("ulimit -Hn 600; ulimit -Sn 32").ran();
    let up = bench("up").file("run.yaml", &scenario("", LOAD));
    up.through("ulimit -n 64; exec \"$0\" \"$@\"")
        .run()
        .code(3)
        .says("this scenario needs 260");
}

#[test]
fn an_open_loop_takes_the_files_that_there_are() {
    let load = "load: {phases: [{open: {rate: 20/s, requests: 10, max_in_flight: 5000}}]}";
    let run = bench("run").file("run.yaml", &scenario("", load));
    run.through("ulimit -n 300; exec \"$0\" \"$@\"").run().ran();
}

#[test]
fn files_that_may_not_grow_end_in_a_message() {
    let mut ran = 0;
    // In blocks of 512 bytes or 1 KiB, by the shell.
    for blocks in [0, 1, 2, 4, 8, 16, 32, 4096] {
        let done = under(&format!("ulimit -f {blocks};"));
        ran += usize::from(checked(
            done,
            &format!("ulimit -f {blocks}"),
            "(`ulimit -f`)",
        ));
    }
    assert!((1..7).contains(&ran), "{ran} of 8 ran");
}

#[test]
fn memory_that_can_not_be_had_ends_in_a_message() {
    for kib in [48_000, 64_000, 80_000, 100_000, 150_000, 200_000] {
        // The program and its libraries must be loaded to say anything.
        let limit = format!(
            "ulimit -v {kib}; \"$0\" --version >/dev/null 2>&1 || {{ echo '(`ulimit -v`)' >&2; exit 3; }};"
        );
        checked(under(&limit), &limit, "(`ulimit -v`)");
    }
}

#[test]
fn a_stack_or_processor_time_that_is_too_small_ends_in_a_message() {
    let done = under("ulimit -s 64;");
    checked(done, "ulimit -s 64", "(`ulimit -v`, `ulimit -s`)");
    // The soft limit alone: at the hard one the kernel ends it unasked.
    let busy = scenario(
        "",
        "load: {phases: [{closed: {concurrency: 32, requests: 1000000}}]}",
    );
    let done = bench("run")
        .file("run.yaml", &busy)
        .through("ulimit -St 1; exec \"$0\" \"$@\"")
        .run()
        .code(3);
    done.leaves_nothing(20);
}

#[test]
fn processes_that_are_not_allowed_end_in_a_message() {
    // The limit counts the processes of a user, and root has none: a user without any other process.
    let user = (60_000 + std::process::id() % 5_000).to_string();
    let as_user = format!(
        "chown -R {user} \"$XDG_STATE_HOME\"; exec setpriv --reuid={user} --regid=60000 --clear-groups"
    );
    let through = |bench: Bench, wrapper: &str| {
        let script = format!("{wrapper} \"$0\" \"$@\"");
        bench.reachable().through(&script).run()
    };
    if through(bench("--version"), &as_user).code != 0 {
        not_tested(&as_user);
        return;
    }
    let mut ran = 0;
    for count in [1, 2, 3, 4, 5, 6, 8, 10, 40] {
        let limit = format!("{as_user} prlimit --nproc={count}");
        let done = through(run(), &limit);
        ran += usize::from(checked(done, &limit, "(`ulimit -u`"));
    }
    assert!((1..8).contains(&ran), "{ran} of 9 ran");
}

#[test]
fn a_panic_ends_with_3_and_is_in_the_record() {
    for event in [
        "variant_started",
        "stage_ready",
        "phase_started",
        "teardown_started",
    ] {
        let done = run().env("BENCH_PANIC_AT", event).run().code(3);
        let said = done.stderr.matches("internal error").count();
        assert_eq!(said, 1, "{}", done.stderr);
        let done = done.says("please report it");
        let record = done.run();
        assert_eq!(record["verdict"], "error");
        assert_eq!(record["exit_code"], 3);
        let why = record["error"].as_str().unwrap();
        assert!(
            why.contains("internal error: requested by BENCH_PANIC_AT"),
            "{why}"
        );
        done.leaves_nothing(20);
    }
}

/// Runs in a network of its own with few ports, while another process holds the names that `names` says, in Perl.
fn squatted(names: &str) -> Done {
    let squat = format!(
        "use Socket; for my $n (18000..19000) {{ for ({names}) {{ socket(my $s, AF_UNIX, SOCK_DGRAM, 0);          bind($s, pack(\"S a*\", AF_UNIX, \"\\0bench-port-$_\")) or die; push @held, $s }} }} print \"held\\n\";          close STDOUT; sleep 1000"
    );
    let script = format!(
        "ip link set lo up; echo 19001 60999 >/proc/sys/net/ipv4/ip_local_port_range
ulimit -n 20000; perl -e '{squat}' >\"$XDG_STATE_HOME/held\" & squatter=$!
until grep -q held \"$XDG_STATE_HOME/held\"; do sleep 0.02; done
\"$@\"; code=$?; kill $squatter; exit $code"
    );
    let run = run().beside("squat.sh", &script);
    let script = run.folder().join("squat.sh");
    let script = script.to_str().unwrap();
    run.through(&format!(
        "exec unshare --map-root-user --net sh '{script}' \"$0\" \"$@\""
    ))
    .run()
}

#[test]
fn names_of_ports_that_others_hold_are_told_of() {
    let network = "ip link set lo up && echo 19001 60999 >/proc/sys/net/ipv4/ip_local_port_range && perl -MSocket -e 1 && ";
    let tried = format!("{network} exec \"$0\" \"$@\"");
    if !works(&["unshare", "--map-root-user", "--net", "sh", "-c", &tried]) {
        return;
    }
    let done = squatted("$n").ran();
    done.says("are held by process")
        .says("(perl -e")
        .says("this run takes ports without them")
        .leaves_nothing(1);
    let done = squatted("$n, \"$n-of-$<\"").code(3);
    assert!(!started(&done));
    done.says("nothing listens on")
        .says("are held by process")
        .says("(perl -e")
        .leaves_nothing(1);
}
