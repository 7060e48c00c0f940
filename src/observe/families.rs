//! Which families of vLLM's and Dynamo's pages are read, and under which names they are kept. A name with several families
//! takes the first that a page has: they are one quantity under the names of several versions.

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A histogram of seconds.
    Time,
    /// A number that only grows.
    Counter,
    /// A level; those of several engines are added.
    Level,
    /// A share of something; the mean of several engines' is taken.
    Share,
}

impl Kind {
    /// Whether it never falls while its process lives.
    pub(super) fn grows(self) -> bool {
        matches!(self, Self::Time | Self::Counter)
    }
}

/// One quantity.
#[derive(Debug)]
pub(super) struct Family {
    /// What it is called here.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// What pages call it, newest first.
    pub(super) families: &'static [&'static str],
    /// A label that a series must have for its own.
    pub(super) label: Option<(&'static str, &'static str)>,
}

const fn family(name: &'static str, kind: Kind, families: &'static [&'static str]) -> Family {
    Family {
        name,
        kind,
        families,
        label: None,
    }
}

const fn of_generate(name: &'static str, families: &'static [&'static str]) -> Family {
    Family {
        name,
        kind: Kind::Time,
        families,
        label: Some(("dynamo_endpoint", "generate")),
    }
}

/// Every quantity that is read.
#[rustfmt::skip]
pub(super) const FAMILIES: &[Family] = &[
    family("engine_ttft", Kind::Time, &["vllm:time_to_first_token_seconds"]),
    family("queue", Kind::Time, &["vllm:request_queue_time_seconds"]),
    family("prefill", Kind::Time, &["vllm:request_prefill_time_seconds"]),
    family("decode", Kind::Time, &["vllm:request_decode_time_seconds"]),
    family("engine_itl", Kind::Time, &["vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"]),
    family("engine_e2e", Kind::Time, &["vllm:e2e_request_latency_seconds"]),
    of_generate("worker", &["dynamo_component_request_duration_seconds"]),
    family("transit", Kind::Time, &["dynamo_work_handler_network_transit_seconds"]),
    family("frontend_ttft", Kind::Time, &["dynamo_frontend_time_to_first_token_seconds"]),
    family("frontend_itl", Kind::Time, &["dynamo_frontend_inter_token_latency_seconds"]),
    family("frontend_e2e", Kind::Time, &["dynamo_frontend_request_duration_seconds"]),
    family("prompt_tokens", Kind::Counter, &["vllm:prompt_tokens_total"]),
    family("output_tokens", Kind::Counter, &["vllm:generation_tokens_total"]),
    family("prefix_queries", Kind::Counter, &["vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"]),
    family("prefix_hits", Kind::Counter, &["vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"]),
    family("preemptions", Kind::Counter, &["vllm:num_preemptions_total"]),
    family("frontend_prompt_tokens", Kind::Counter, &["dynamo_frontend_input_sequence_tokens_sum"]),
    family("frontend_output_tokens", Kind::Counter, &["dynamo_frontend_output_tokens_total", "dynamo_frontend_output_sequence_tokens_sum"]),
    family("running", Kind::Level, &["vllm:num_requests_running"]),
    family("waiting", Kind::Level, &["vllm:num_requests_waiting"]),
    family("kv_cache_usage", Kind::Share, &["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "dynamo_component_gpu_cache_usage_percent"]),
    family("frontend_inflight", Kind::Level, &["dynamo_frontend_inflight_requests"]),
    family("frontend_queued", Kind::Level, &["dynamo_frontend_queued_requests"]),
];

/// Where a sample's name belongs: the quantity, which of its families, and what the name ends with (`_sum`, ...).
pub(super) fn find(name: &str) -> Option<(usize, usize, &str)> {
    FAMILIES.iter().enumerate().find_map(|(quantity, family)| {
        family.families.iter().enumerate().find_map(|(n, known)| {
            let end = name.strip_prefix(known)?;
            let fits = match family.kind {
                Kind::Time => matches!(end, "_bucket" | "_sum" | "_count"),
                _ => end.is_empty(),
            };
            fits.then_some((quantity, n, end))
        })
    })
}

#[cfg(test)]
#[path = "tests/families.rs"]
mod tests;
