use super::*;

#[test]
fn percentiles_are_written_as_in_gates() {
    for text in ["p99 ttft", "p50 e2e_from_due", "p99.9 ttft_from_due"] {
        let read: Percentile = text.parse().unwrap();
        assert_eq!(read.to_string(), text);
    }
    let spaced: Percentile = " p90  e2e ".parse().unwrap();
    assert_eq!(spaced.to_string(), "p90 e2e");
    for wrong in [
        "ttft",
        "mean ttft",
        "p99 chunk_gap",
        "p98 ttft",
        "p99",
        "",
        "p99 ttft < 1s",
    ] {
        assert!(wrong.parse::<Percentile>().is_err(), "{wrong}");
    }
}
