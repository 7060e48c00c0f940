use super::*;

#[test]
fn durations_keep_their_value_and_shortest_text() {
    for (text, nanos, again) in [
        ("30s", 30_000_000_000, "30s"),
        ("500ms", 500_000_000, "500ms"),
        ("100us", 100_000, "100us"),
        ("2m", 120_000_000_000, "2m"),
        ("60m", 3_600_000_000_000, "1h"),
        ("1.5s", 1_500_000_000, "1500ms"),
        ("0.0015ms", 1_500, "1.5us"),
        ("0s", 0, "0s"),
        ("1.0000000009s", 1_000_000_000, "1s"),
    ] {
        let time: Time = text.parse().unwrap();
        assert_eq!(time.0.as_nanos(), nanos, "{text}");
        assert_eq!(time.to_string(), again);
        assert_eq!(again.parse::<Time>().unwrap(), time);
    }
    for text in [
        "",
        "s",
        "5",
        "-1s",
        "1 s",
        "1.s",
        ".5s",
        "1e3s",
        "1h30m",
        "1.2.3s",
        "99999999999h",
        "9999999999999999999h",
        "٣s",
        "1S",
    ] {
        assert!(text.parse::<Time>().is_err(), "{text}");
    }
}

#[test]
fn ranges_have_two_ordered_ends() {
    for (text, low, high) in [
        ("1..64", 1.0, 64.0),
        ("0.5..1.5", 0.5, 1.5),
        ("-2..-1", -2.0, -1.0),
        ("3 .. 3", 3.0, 3.0),
    ] {
        let range: Range = text.parse().unwrap();
        assert_eq!(range, Range { low, high }, "{text}");
        assert_eq!(range.to_string().parse::<Range>().unwrap(), range);
    }
    for text in [
        "", "1", "..", "1..", "..2", "1...2", "2..1", "1-2", "nan..1", "0..inf", "a..b",
    ] {
        assert!(text.parse::<Range>().is_err(), "{text}");
    }
}
