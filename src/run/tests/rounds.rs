use super::*;

#[test]
fn every_other_round_is_turned_round() {
    let comparing = |alternate| Comparing {
        min: 4,
        max: 4,
        until_decided: false,
        alternate,
        restart: true,
        judged: Vec::new(),
    };
    let (abba, fixed) = (comparing(true), comparing(false));
    assert_eq!(order(3, 1, Some(&abba)), [0, 1, 2]);
    assert_eq!(order(3, 2, Some(&abba)), [2, 1, 0]);
    assert_eq!(order(3, 2, Some(&fixed)), [0, 1, 2]);
    assert_eq!(order(2, 1, None), [0, 1]);
}

#[test]
fn a_percentile_needs_ten_values_beyond_it() {
    let of = ["ttft_ms.p50", "e2e_ms.p95", "ttft_ms.p99", "ready_ms"].map(needed);
    assert_eq!(of, [20, 200, 1_000, 0]);
}
