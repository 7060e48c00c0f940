use super::*;

#[test]
fn rates_have_a_unit() {
    for (text, rate, again) in [
        ("8/s", 8.0, "8/s"),
        ("90/m", 1.5, "1.5/s"),
        ("0.25 / s", 0.25, "0.25/s"),
    ] {
        let read: Rate = text.parse().unwrap();
        assert_eq!((read, read.to_string().as_str()), (Rate(rate), again));
    }
    for text in [
        "8", "8/h", "/s", "-1/s", "0/s", "inf/s", "nan/s", "1e9/s", "8/s/s", "",
    ] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
}

#[test]
fn both_ends_of_a_search_have_the_same_unit() {
    let read = |text: &str| text.parse::<Bounds>();
    assert_eq!(read("1/s..64/s"), Ok(Bounds::Rate(Rate(1.0), Rate(64.0))));
    assert_eq!(read("1 .. 256"), Ok(Bounds::Concurrency(1, 256)));
    for text in [
        "1..1", "0..4", "4..1", "1/s..4", "2/s..1/s", "1", "..", "1..2..3",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}
