use super::*;

const VLLM: &str = include_str!("../fixtures/vllm.prom");
const FRONTEND: &str = include_str!("../fixtures/dynamo-frontend.prom");
const WORKER: &str = include_str!("../fixtures/dynamo-worker.prom");

fn reading(pages: &[(&str, &str)]) -> Reading {
    let mut reading = Reading::default();
    for (source, page) in pages {
        reading.add(source, page);
    }
    reading
}

fn gained(before: &str, after: &str) -> ServerWindow {
    window(
        &reading(&[("p", before)]),
        &reading(&[("p", after)]),
        IndexMap::new(),
    )
}

fn near(found: Option<f64>, wanted: f64) {
    let found = found.expect("a figure");
    assert!(
        (found - wanted).abs() < wanted.abs() * 1e-6 + 1e-9,
        "{found} is not {wanted}"
    );
}

/// From pages of vLLM 0.31 and Dynamo 1.6.1, whose sums and counts were divided by hand.
#[test]
fn real_pages_of_native_vllm_are_read() {
    let w = window(
        &Reading::default(),
        &reading(&[("vllm", VLLM)]),
        IndexMap::new(),
    );
    near(w.mean("engine_ttft"), 9.163130760192871 / 16.0 * 1e3);
    near(w.mean("queue"), 0.00047886799961815996 / 16.0 * 1e3);
    near(w.mean("prefill"), 1.1012323370000558 / 16.0 * 1e3);
    near(w.mean("decode"), 3.2693162619998475 / 16.0 * 1e3);
    assert_eq!(w.times["engine_itl"].count, 68);
    assert_eq!(
        (w.counters["prompt_tokens"], w.counters["output_tokens"]),
        (125.0, 84.0)
    );
    assert_eq!(
        (w.counters["prefix_queries"], w.prefix_hit_rate),
        (129.0, Some(0.0))
    );
    assert!(
        w.mean("frontend_ttft").is_none() && !w.counters.contains_key("frontend_output_tokens")
    );
    assert!(w.notes.is_empty());
}

#[test]
fn real_pages_of_dynamo_are_read_together() {
    let pages = [("frontend", FRONTEND), ("worker-0", WORKER)];
    let w = window(&Reading::default(), &reading(&pages), IndexMap::new());
    near(w.mean("frontend_ttft"), 4.829098579000001 / 14.0 * 1e3);
    near(w.mean("engine_ttft"), 4.849352598190308 / 16.0 * 1e3);
    near(w.mean("worker"), 18.547408227 / 16.0 * 1e3);
    near(w.mean("transit"), 0.006887673 / 16.0 * 1e3);
    assert_eq!(
        (
            w.counters["output_tokens"],
            w.counters["frontend_output_tokens"]
        ),
        (77.0, 77.0)
    );
    let sample = reading(&pages).sample(0);
    assert_eq!(
        (sample.gauges["running"], sample.gauges["kv_cache_usage"]),
        (0.0, 0.0)
    );
}

#[test]
fn two_workers_are_one_engine() {
    let pages = |a: u32, b: u32| {
        let page = |n: u32| {
            format!(
                "vllm:num_requests_running{{engine=\"0\"}} {n}\nvllm:kv_cache_usage_perc {n}\nvllm:generation_tokens_total {n}"
            )
        };
        reading(&[("worker-0", &page(a)), ("worker-1", &page(b))])
    };
    let w = window(&pages(1, 2), &pages(4, 6), IndexMap::new());
    assert_eq!(w.counters["output_tokens"], 7.0);
    let gauges = pages(4, 6).sample(0).gauges;
    assert_eq!((gauges["running"], gauges["kv_cache_usage"]), (10.0, 5.0));
}

#[test]
fn a_counter_that_began_anew_gives_what_it_has_since_and_says_so() {
    let page = |n: f64| {
        format!(
            "vllm:generation_tokens_total {n}\nvllm:request_queue_time_seconds_sum {n}\nvllm:request_queue_time_seconds_count {n}\nvllm:num_requests_running {n}"
        )
    };
    // A level falls as it rises, and is none of the two.
    let w = gained(&page(100.0), &page(30.0));
    assert_eq!(w.counters["output_tokens"], 30.0);
    near(w.mean("queue"), 1_000.0);
    assert_eq!(w.notes.len(), 1);
    assert!(
        w.notes[0].starts_with("2 counters began anew"),
        "{}",
        w.notes[0]
    );
}

#[test]
fn the_first_name_that_a_page_has_is_taken_and_no_other() {
    let old =
        "vllm:time_per_output_token_seconds_sum 4\nvllm:time_per_output_token_seconds_count 2\n";
    near(gained("", old).mean("engine_itl"), 2_000.0);
    let both = format!(
        "{old}vllm:inter_token_latency_seconds_sum 3\nvllm:inter_token_latency_seconds_count 3\n"
    );
    let w = gained("", &both);
    near(w.mean("engine_itl"), 1_000.0);
    assert_eq!(w.times["engine_itl"].count, 3);
}

#[test]
fn only_the_endpoint_that_generates_counts() {
    let page = |endpoint: &str, n: u32| {
        format!(
            "dynamo_component_request_duration_seconds_sum{{dynamo_endpoint=\"{endpoint}\"}} {n}\ndynamo_component_request_duration_seconds_count{{dynamo_endpoint=\"{endpoint}\"}} {n}\n"
        )
    };
    let w = gained("", &(page("generate", 2) + &page("clear_kv_blocks", 50)));
    assert_eq!(w.times["worker"].count, 2);
}

#[test]
fn quantiles_lie_in_their_bucket_and_none_beyond_the_last() {
    let page = |counts: [u32; 3]| {
        let bucket = |le: &str, n: u32| {
            format!("vllm:request_queue_time_seconds_bucket{{le=\"{le}\"}} {n}\n")
        };
        bucket("0.1", counts[0])
            + &bucket("0.2", counts[1])
            + &bucket("+Inf", counts[2])
            + &format!(
                "vllm:request_queue_time_seconds_sum 1\nvllm:request_queue_time_seconds_count {}\n",
                counts[2]
            )
    };
    let time = gained(&page([5, 5, 5]), &page([5, 105, 105])).times["queue"];
    near(time.p50, 150.0);
    near(time.p99, 199.0);
    let time = gained(&page([0, 0, 0]), &page([0, 60, 100])).times["queue"];
    assert!(time.p50.is_some() && time.p99.is_none());
}

#[test]
fn what_is_not_counted_is_absent_and_hostile_pages_do_no_harm() {
    let w = gained(VLLM, VLLM);
    assert!(w.times.is_empty() && w.prefix_hit_rate.is_none());
    assert_eq!(w.counters["output_tokens"], 0.0);
    assert!(reading(&[("p", VLLM)]).same_counters(&reading(&[("p", VLLM)])));
    let hostile = "vllm:generation_tokens_total NaN\nvllm:prompt_tokens_total +Inf\nvllm:request_queue_time_seconds_count -5\n<html>";
    let w = gained("", hostile);
    assert!(w.times.is_empty() && w.counters.is_empty());
    let many: String = (0..20_000)
        .map(|i| format!("vllm:num_requests_running{{x=\"{i}\"}} 1\n"))
        .collect();
    assert_eq!(
        reading(&[("p", &many)]).sample(0).gauges["running"],
        10_000.0
    );
}
