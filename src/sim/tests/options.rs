use super::{duration, rate};
use std::time::Duration;

#[test]
fn durations_need_a_unit() {
    assert_eq!(duration("100us"), Ok(Duration::from_micros(100)));
    assert_eq!(duration("2.5s"), Ok(Duration::from_millis(2500)));
    assert_eq!(duration("1m"), Ok(Duration::from_secs(60)));
    for bad in ["5", "", "ms", "-1s", "1h", "1 s", "1e300s"] {
        assert!(duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn rates_are_one_or_more() {
    assert_eq!(rate("20000.0"), Ok(20_000.0));
    for bad in ["0.5", "-1", "inf", "NaN", "x"] {
        assert!(rate(bad).is_err(), "{bad}");
    }
}
