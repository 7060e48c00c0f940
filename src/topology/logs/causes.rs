//! Known causes of the death of engines: words in a log line, their meaning and the remedy.
//! `docs/troubleshooting.md` contains the same table; a test compares the two.

/// A known cause.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    /// Words of a log line in lower case; any one suffices. `…` stands for anything in between.
    marks: &'static [&'static str],
    /// What the words mean. It follows `NAME ended with exit code 1 while starting: `.
    pub why: &'static str,
    /// The remedy.
    pub advice: &'static str,
}

/// The cause that another attempt on other ports may remedy.
pub(crate) const PORT_TAKEN: &str = "its port is taken";

/// The known causes. The first that matches a line counts, so more specific causes come first.
pub(crate) const CAUSES: &[Cause] = &[
    Cause {
        marks: &[
            "unrecognized arguments:",
            "unknown arguments specified",
            "flag provided but not defined",
            "unexpected argument",
        ],
        why: "it does not know an argument that it was given",
        advice: "compare `bench plan FILE` with the engine's own `--help` and correct `args`",
    },
    Cause {
        marks: &["invalid choice:", "error: argument -"],
        why: "an argument has a value that it does not take",
        advice: "compare `bench plan FILE` with the engine's own `--help` and correct `args`",
    },
    Cause {
        marks: &["no module named"],
        why: "the Python environment lacks a module",
        advice: "`bench doctor FILE` prints the install command; or correct `runtime`",
    },
    Cause {
        marks: &["address already in use", "port … already in use"],
        why: PORT_TAKEN,
        advice: "run again, ports are chosen anew; where `args` names a port, leave it out (`ss -ltnp` shows who listens)",
    },
    Cause {
        marks: &["expected i16 for key \"system_port\""],
        why: "this version of Dynamo takes no system port above 32767",
        advice: "leave the port out of `env`: the ones that bench chooses are below",
    },
    Cause {
        marks: &["bfloat16 is only supported on gpus"],
        why: "this GPU has no bfloat16 (a T4 has none)",
        advice: "`vllm: {args: {dtype: half}}`",
    },
    Cause {
        marks: &["is less than desired gpu memory utilization"],
        why: "less GPU memory is free than it was told to take",
        advice: "see with `nvidia-smi` who else uses the GPU, or lower `gpu-memory-utilization`",
    },
    Cause {
        marks: &["is less than desired cpu memory utilization"],
        why: "less memory is free than it was told to take",
        advice: "lower `gpu-memory-utilization`, which on a CPU is a share of main memory, or stop what else takes it",
    },
    Cause {
        marks: &[
            "kv cache is needed, which is larger than the available",
            "no available memory for the cache blocks",
        ],
        why: "the KV cache has no room for one request of full length",
        advice: "lower `max-model-len`, or raise `gpu-memory-utilization`",
    },
    Cause {
        marks: &["cuda out of memory", "cuda error: out of memory"],
        why: "the GPU has not enough memory",
        advice: "lower `max-model-len`, `max-num-seqs` or `gpu-memory-utilization`; see with `nvidia-smi` who else uses the GPU",
    },
    Cause {
        marks: &["defaultcpuallocator: can't allocate memory", "memoryerror"],
        why: "the machine has not enough memory",
        advice: "take a smaller model, fewer workers or a lower `max-model-len`",
    },
    Cause {
        marks: &[
            "found no nvidia driver",
            "no cuda gpus are available",
            "failed to infer device type",
        ],
        why: "it finds no GPU that it can use",
        advice: "`nvidia-smi` must list one; without a GPU, `--overlay scenarios/overlays/cpu.yaml`",
    },
    Cause {
        marks: &["illegal memory access was encountered"],
        why: "its GPU kernel failed",
        advice: "run again with `vllm: {env: {CUDA_LAUNCH_BLOCKING: \"1\"}}`, which names the kernel; `dmesg` shows a fault of the GPU itself",
    },
    Cause {
        marks: &["derived max_model_len"],
        why: "`max-model-len` is beyond what the model allows",
        advice: "lower `max-model-len` to what the model's config.json says",
    },
    Cause {
        marks: &["model architectures … are not supported"],
        why: "this version of vLLM does not know the model's architecture",
        advice: "take a newer vLLM in `runtime`, or another model",
    },
    Cause {
        marks: &["trust_remote_code=true"],
        why: "the model brings code of its own, which was not allowed to run",
        advice: "`vllm: {args: {trust-remote-code: null}}`, if you trust its author",
    },
    Cause {
        marks: &["gated repo", "401 client error", "403 client error"],
        why: "the model hub refuses to give the model",
        advice: "accept the model's terms on its page, and give a token: `env: {HF_TOKEN: {env: HF_TOKEN}}`",
    },
    Cause {
        marks: &[
            "error sending request for url",
            "error happened while trying to locate the file on the hub",
            "we couldn't connect to",
            "max retries exceeded with url",
            "name or service not known",
            "temporary failure in name resolution",
        ],
        why: "the model hub can't be reached",
        advice: "check the network and HF_ENDPOINT; or load the model once and give its directory as `model.id`",
    },
    Cause {
        marks: &[
            "not found in cache",
            "repo id must be in the form",
            "is not a valid model identifier",
            "repository not found",
            "404 client error",
            "no such file or directory: … config.json",
        ],
        why: "the model is not there",
        advice: "correct `model.id`: a directory, or an id as the hub knows it; with HF_HUB_OFFLINE only what was loaded before is found",
    },
    Cause {
        marks: &[
            "invalid repository id or local directory",
            "unrecognized model in",
        ],
        why: "the model's directory is not one that it can read",
        advice: "correct `model.id`: the directory needs config.json, the tokenizer and the weights",
    },
    Cause {
        marks: &[
            "nats not reachable",
            "connect to nats",
            "nats startup connection",
        ],
        why: "it wants a NATS server, and none answers",
        advice: "leave `event-plane` and `request-plane` out of `args`: the ones that bench sets need no NATS",
    },
    Cause {
        marks: &[
            "etcd not reachable",
            "unable to create lease",
            "failed to connect to etcd",
        ],
        why: "etcd does not answer",
        advice: "start the etcd that ETCD_ENDPOINTS names, or unset it and bench starts one",
    },
    Cause {
        marks: &["unable to maintain lease", "unable to reconnect to etcd"],
        why: "it lost its lease in etcd, and does not recover from that",
        advice: "etcd was away or too slow for longer than the lease lives: look at its log, and give it a disk and a core of its own",
    },
    Cause {
        marks: &["cannot access data directory"],
        why: "etcd can't use its data directory",
        advice: "check the room and the rights in $TMPDIR, where bench makes it",
    },
    Cause {
        marks: &["no space left on device"],
        why: "a disk is full",
        advice: "`df -h . /tmp /dev/shm` shows which",
    },
    Cause {
        marks: &["too many open files"],
        why: "it may not open as many files as it wants",
        advice: "raise the limit: `ulimit -n 65536`",
    },
];

/// The meaning of a signal that `bench` did not send.
const SIGNALS: &[(&str, Cause)] = &[
    (
        "(KILL)",
        Cause {
            marks: &[],
            why: "it was killed from outside",
            advice: "most often the system ran out of memory: `dmesg | grep -i oom` tells; else someone ended it",
        },
    ),
    (
        "(ILL)",
        Cause {
            marks: &[],
            why: "it was built for a newer processor",
            advice: "take a build of the engine for this machine",
        },
    ),
    (
        "(BUS)",
        Cause {
            marks: &[],
            why: "it could not use its shared memory",
            advice: "most often /dev/shm is full: `df -h /dev/shm`; a container has little of it unless told otherwise (`--shm-size`)",
        },
    ),
];

impl Cause {
    #[cfg(test)]
    pub(super) fn marks(&self) -> &'static [&'static str] {
        self.marks
    }

    /// The cause that a log line indicates.
    #[must_use]
    pub(crate) fn of(line: &str) -> Option<&'static Self> {
        let line = line.to_lowercase();
        let given_away = |mark: &&str| match mark.split_once('…') {
            None => line.contains(mark),
            Some((before, after)) => line
                .split_once(before.trim())
                .is_some_and(|(_, rest)| rest.contains(after.trim())),
        };
        CAUSES
            .iter()
            .find(|cause| cause.marks.iter().any(given_away))
    }

    /// The cause that an exit status such as `signal 9 (KILL)` indicates by itself.
    #[must_use]
    pub(crate) fn of_status(status: &str) -> Option<&'static Self> {
        let found = SIGNALS.iter().find(|(signal, _)| status.ends_with(signal));
        found.map(|(_, cause)| cause)
    }
}

/// The table in `docs/troubleshooting.md`.
#[cfg(test)]
pub(super) fn table() -> String {
    let mut out =
        "| what the log or the exit says | what it means | what to do |\n| --- | --- | --- |\n"
            .to_owned();
    let logs = CAUSES.iter().map(|cause| (cause.marks.join("`, `"), cause));
    let signals = SIGNALS
        .iter()
        .map(|(signal, cause)| (format!("signal {signal}"), cause));
    for (says, cause) in logs.chain(signals) {
        let row = [&format!("`{says}`"), cause.why, cause.advice].join(" | ");
        out.push_str(&format!("| {row} |\n"));
    }
    out
}
