use super::{LONG_LOAD, scenario};
use crate::support::bench;
use nix::sys::signal::Signal;

#[test]
fn a_run_is_watched_to_its_end_from_outside() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGKILL, 3)] {
        let mut running = bench("run")
            .file("run.yaml", &scenario("flavour: vllm", LONG_LOAD))
            .start();
        running.until("phase_started");
        let dir = running.dir();
        let mut watching = bench("watch").arg(dir.to_str().unwrap()).start();
        let said = watching.tells_until("/1000000");
        assert!(said.contains("starting sim"), "what was before: {said}");
        running.signal(signal);
        watching.done().code(code).says("PARTIAL");
        running.done().leaves_nothing(20);
    }
}

#[test]
fn a_run_that_is_over_is_shown_at_once() {
    bench("watch")
        .arg("reports/golden")
        .run()
        .code(0)
        .says("PASS  quickstart");
    bench("watch")
        .arg("nowhere")
        .run()
        .code(2)
        .says("failed to read nowhere")
        .says("reports/latest");
}
