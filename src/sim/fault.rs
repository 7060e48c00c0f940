//! Decides which completion gets which fault.

use super::options::{Faults, Leaving};
use std::io;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::Notify;

/// Counts completions, assigns faults and says when the engine must crash.
#[derive(Debug, Default)]
pub(super) struct Tally {
    arrived: AtomicU64,
    answered: AtomicU64,
    crash: Notify,
}

/// The fault of an answer with status 200 and valid JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fate {
    pub(super) cut: bool,
    pub(super) bad_json: bool,
    pub(super) stall: bool,
    pub(super) drop_token: bool,
    pub(super) double_token: bool,
    pub(super) wrong_usage: bool,
    pub(super) no_done: bool,
}

/// How one completion ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Answer(Fate),
    Error(u16),
    Rubbish,
}

impl Tally {
    /// The fault for the completion that arrives now.
    pub(super) fn judge(&self, faults: &Faults) -> Verdict {
        let number = self.arrived.fetch_add(1, Relaxed) + 1;
        let hit = |every: Option<u64>| every.is_some_and(|n| number.is_multiple_of(n));
        // A burst begins with every N-th completion.
        let burst = faults.error_burst.unwrap_or(1);
        let every = faults.error_every.unwrap_or(1);
        if let Some(status) = faults.error_status
            && number >= every
            && number % every < burst
        {
            return Verdict::Error(status);
        }
        if faults.rubbish {
            return Verdict::Rubbish;
        }
        Verdict::Answer(Fate {
            cut: hit(faults.cut_every),
            bad_json: hit(faults.bad_json_every),
            stall: faults
                .stall_after
                .is_some_and(|n| self.answered.load(Relaxed) >= n),
            drop_token: hit(faults.drop_token_every),
            double_token: hit(faults.double_token_every),
            wrong_usage: faults.wrong_usage,
            no_done: faults.no_done,
        })
    }

    /// Records that a completion was answered completely.
    pub(super) fn answered(&self, faults: &Faults) {
        let answered = self.answered.fetch_add(1, Relaxed) + 1;
        if faults.crash_after == Some(answered) {
            self.crash.notify_one();
        }
    }

    /// Waits until the engine must crash.
    pub(super) async fn crash(&self) {
        self.crash.notified().await;
    }
}

/// Starts the child that [`Faults::leave_child`] asks for. It sleeps, holds shared memory with a
/// name as Python's multiprocessing chooses it, and ignores SIGTERM if the engine does.
pub(super) fn leave_child(faults: &Faults) -> io::Result<()> {
    let Some(how) = faults.leave_child else {
        return Ok(());
    };
    let trap = if faults.ignore_term {
        "trap '' TERM; "
    } else {
        ""
    };
    let leave = match how {
        Leaving::Setsid => "exec setsid sleep 100000",
        Leaving::DoubleFork => "setsid sleep 100000 &",
    };
    let script = format!("{trap}exec 9>/dev/shm/psm_sim_$BENCH_RUN_ID; {leave}");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .spawn()?;
    if how == Leaving::DoubleFork {
        child.wait()?;
    }
    Ok(())
}

/// What vLLM prints if its engine process cannot start.
pub(super) const START_TRACEBACK: &str = r#"(EngineCore pid=1) Traceback (most recent call last):
(EngineCore pid=1)   File "/opt/venv/lib/python3.12/site-packages/vllm/v1/engine/core.py", line 1103, in run_engine_core
(EngineCore pid=1)     engine_core = EngineCoreProc(*args, engine_index=dp_rank, **kwargs)
(EngineCore pid=1)   File "/opt/venv/lib/python3.12/site-packages/vllm/v1/worker/gpu_worker.py", line 287, in init_device
(EngineCore pid=1)     self.requested_memory = request_memory(init_snapshot, self.cache_config)
(EngineCore pid=1) ValueError: Free memory on device cuda:0 (1.21/14.56 GiB) on startup is less than desired GPU memory utilization (0.92, 13.4 GiB).
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "/opt/venv/lib/python3.12/site-packages/vllm/v1/engine/utils.py", line 1079, in wait_for_engine_startup
    raise RuntimeError(
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}
"#;

/// What vLLM prints if its engine process dies while serving.
pub(super) const CRASH_TRACEBACK: &str = r#"(EngineCore pid=1) Traceback (most recent call last):
(EngineCore pid=1)   File "/opt/venv/lib/python3.12/site-packages/vllm/v1/engine/core.py", line 1128, in run_engine_core
(EngineCore pid=1)     engine_core.run_busy_loop()
(EngineCore pid=1)   File "/opt/venv/lib/python3.12/site-packages/vllm/v1/worker/gpu_model_runner.py", line 3391, in execute_model
(EngineCore pid=1)     model_output = self._model_forward(
(EngineCore pid=1) RuntimeError: CUDA error: an illegal memory access was encountered
Traceback (most recent call last):
  File "/opt/venv/lib/python3.12/site-packages/vllm/v1/engine/async_llm.py", line 735, in output_handler
    outputs = await engine_core.get_output_async()
vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.
"#;
