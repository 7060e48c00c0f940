use super::*;

#[test]
fn a_name_is_whole_or_not_known() {
    let of = |name| find(name).map(|(quantity, n, end)| (quantities()[quantity].name, n, end));
    assert_eq!(
        of("vllm:request_queue_time_seconds_sum"),
        Some(("queue", 0, "_sum"))
    );
    assert_eq!(
        of("vllm:gpu_cache_usage_perc"),
        Some(("kv_cache_usage", 1, ""))
    );
    assert_eq!(of("vllm:request_queue_time_seconds_created"), None);
    assert_eq!(of("vllm:num_requests_waiting_by_reason"), None);
    assert_eq!(of("vllm:num_requests_running_sum"), None);
}
