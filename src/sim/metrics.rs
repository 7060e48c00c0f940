//! The engine's counters, and the metrics page of each imitated server.

use super::engine::Timing;
use super::options::Flavour;
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0,
];
const TOKENS: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0,
    20_000.0, 50_000.0,
];

/// The figures. The engine changes them, the metrics page shows them.
#[derive(Debug, Default)]
pub(super) struct Metrics(Mutex<Figures>);

/// Everything counted since start.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) running: usize,
    pub(super) waiting: usize,
    /// Tokens that running sequences hold.
    pub(super) kv_tokens: u64,
    /// Tokens that the KV cache can hold.
    kv_room: u64,
    prompt_tokens: u64,
    generation_tokens: u64,
    time_to_first_token: Histogram,
    frontend_time_to_first_token: Histogram,
    inter_token_latency: Histogram,
    duration: Histogram,
    frontend_duration: Histogram,
    queue: Histogram,
    prefill: Histogram,
    decode: Histogram,
    input_tokens: Histogram,
    output_tokens: Histogram,
    /// Answers by endpoint, `stream` or `unary`, and `success` or `error`.
    requests: BTreeMap<[&'static str; 3], u64>,
}

#[derive(Debug)]
struct Histogram {
    bounds: &'static [f64],
    counts: Vec<u64>,
    sum: f64,
    count: u64,
}

impl Metrics {
    /// Figures of an engine whose KV cache holds this many tokens.
    pub(super) fn new(kv_room: u64) -> Self {
        Self(Mutex::new(Figures {
            kv_room: kv_room.max(1),
            ..Figures::default()
        }))
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The page at `/metrics`.
    pub(super) fn page(&self, flavour: Flavour, model: &str) -> String {
        let figures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let model = model
            .replace('\\', r"\\")
            .replace('"', r#"\""#)
            .replace('\n', r"\n");
        match flavour {
            Flavour::Vllm => figures.vllm_page(&model),
            // There is only one process, so the worker's families are on the frontend's page.
            Flavour::Dynamo => figures.dynamo_page(&model) + &figures.vllm_page(&model),
        }
    }
}

impl Default for Figures {
    fn default() -> Self {
        let seconds = || Histogram::new(SECONDS);
        Self {
            running: 0,
            waiting: 0,
            kv_tokens: 0,
            kv_room: 1,
            prompt_tokens: 0,
            generation_tokens: 0,
            time_to_first_token: seconds(),
            frontend_time_to_first_token: seconds(),
            inter_token_latency: seconds(),
            duration: seconds(),
            frontend_duration: seconds(),
            queue: seconds(),
            prefill: seconds(),
            decode: seconds(),
            input_tokens: Histogram::new(TOKENS),
            output_tokens: Histogram::new(TOKENS),
            requests: BTreeMap::new(),
        }
    }
}

impl Figures {
    pub(super) fn first_token(
        &mut self,
        prompt_tokens: u32,
        since_receipt: Duration,
        front: Duration,
    ) {
        self.prompt_tokens += u64::from(prompt_tokens);
        self.generation_tokens += 1;
        self.time_to_first_token
            .observe(since_receipt.as_secs_f64());
        self.frontend_time_to_first_token
            .observe((front + since_receipt).as_secs_f64());
    }

    pub(super) fn next_token(&mut self, gap: Duration) {
        self.generation_tokens += 1;
        self.inter_token_latency.observe(gap.as_secs_f64());
    }

    pub(super) fn finished(&mut self, prompt_tokens: u32, output_tokens: u32, timing: Timing) {
        let decode = timing.total.saturating_sub(timing.wait + timing.prefill);
        self.duration.observe(timing.total.as_secs_f64());
        self.frontend_duration
            .observe((timing.front + timing.total).as_secs_f64());
        self.queue.observe(timing.wait.as_secs_f64());
        self.prefill.observe(timing.prefill.as_secs_f64());
        self.decode.observe(decode.as_secs_f64());
        self.input_tokens.observe(prompt_tokens.into());
        self.output_tokens.observe(output_tokens.into());
    }

    pub(super) fn answered(&mut self, endpoint: &'static str, stream: bool, success: bool) {
        let kind = if stream { "stream" } else { "unary" };
        let status = if success { "success" } else { "error" };
        *self.requests.entry([endpoint, kind, status]).or_default() += 1;
    }

    fn vllm_page(&self, model: &str) -> String {
        let mut page = Page::new("vllm:", format!(r#"engine="0",model_name="{model}""#));
        page.gauge("num_requests_running", self.running);
        page.gauge("num_requests_waiting", self.waiting);
        page.gauge(
            "kv_cache_usage_perc",
            self.kv_tokens as f64 / self.kv_room as f64,
        );
        // It looks up every prompt token and caches none.
        page.counter("prefix_cache_queries_total", self.prompt_tokens);
        page.counter("prefix_cache_hits_total", 0);
        page.counter("num_preemptions_total", 0);
        page.counter("prompt_tokens_total", self.prompt_tokens);
        page.counter("generation_tokens_total", self.generation_tokens);
        page.histogram("time_to_first_token_seconds", &self.time_to_first_token);
        page.histogram("inter_token_latency_seconds", &self.inter_token_latency);
        page.histogram("e2e_request_latency_seconds", &self.duration);
        page.histogram("request_queue_time_seconds", &self.queue);
        page.histogram("request_prefill_time_seconds", &self.prefill);
        page.histogram("request_decode_time_seconds", &self.decode);
        page.histogram("request_prompt_tokens", &self.input_tokens);
        page.histogram("request_generation_tokens", &self.output_tokens);
        page.text
    }

    fn dynamo_page(&self, model: &str) -> String {
        let mut page = Page::new("dynamo_frontend_", format!(r#"model="{model}""#));
        page.gauge("inflight_requests", self.running + self.waiting);
        page.gauge("queued_requests", self.waiting);
        page.counter("output_tokens_total", self.generation_tokens);
        page.histogram(
            "time_to_first_token_seconds",
            &self.frontend_time_to_first_token,
        );
        page.histogram("inter_token_latency_seconds", &self.inter_token_latency);
        page.histogram("request_duration_seconds", &self.frontend_duration);
        page.histogram("input_sequence_tokens", &self.input_tokens);
        page.histogram("output_sequence_tokens", &self.output_tokens);
        page.kind("requests_total", "counter");
        for ([endpoint, kind, status], n) in &self.requests {
            let labels =
                format!(r#"endpoint="{endpoint}",request_type="{kind}",status="{status}","#);
            page.sample("requests_total", &labels, n);
        }
        page.text
    }
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len()],
            sum: 0.0,
            count: 0,
        }
    }

    fn observe(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum += value;
        self.count += 1;
    }
}

/// A page in the text exposition format. All names have one prefix, all samples the same labels.
struct Page {
    prefix: &'static str,
    labels: String,
    text: String,
}

impl Page {
    const fn new(prefix: &'static str, labels: String) -> Self {
        Self {
            prefix,
            labels,
            text: String::new(),
        }
    }

    fn kind(&mut self, name: &str, kind: &str) {
        let _ = writeln!(self.text, "# TYPE {}{name} {kind}", self.prefix);
    }

    fn sample(&mut self, name: &str, extra: &str, value: impl Display) {
        let Self {
            prefix,
            labels,
            text,
        } = self;
        let _ = writeln!(text, "{prefix}{name}{{{extra}{labels}}} {value}");
    }

    fn gauge(&mut self, name: &str, value: impl Display) {
        self.kind(name, "gauge");
        self.sample(name, "", value);
    }

    fn counter(&mut self, name: &str, value: u64) {
        self.kind(name, "counter");
        self.sample(name, "", value);
    }

    fn histogram(&mut self, name: &str, histogram: &Histogram) {
        self.kind(name, "histogram");
        let mut below = 0;
        for (bound, count) in histogram.bounds.iter().zip(&histogram.counts) {
            below += count;
            self.sample(
                &format!("{name}_bucket"),
                &format!(r#"le="{bound}","#),
                below,
            );
        }
        self.sample(&format!("{name}_bucket"), r#"le="+Inf","#, histogram.count);
        self.sample(&format!("{name}_sum"), "", histogram.sum);
        self.sample(&format!("{name}_count"), "", histogram.count);
    }
}
