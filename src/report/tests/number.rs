use super::*;

#[test]
fn numbers_have_three_or_four_digits() {
    let shown = |v| number(Some(v));
    assert_eq!(shown(0.0), "0");
    assert_eq!(shown(0.000_05), "5.00e-5");
    assert_eq!(shown(0.001_234), "0.00123");
    assert_eq!(shown(0.012_34), "0.0123");
    assert_eq!(shown(0.123_4), "0.123");
    assert_eq!(shown(1.234_4), "1.234");
    assert_eq!(shown(9.999_6), "10.00");
    assert_eq!(shown(12.344), "12.34");
    assert_eq!(shown(123.44), "123.4");
    assert_eq!(shown(999.96), "1,000");
    assert_eq!(shown(1_234.4), "1,234");
    assert_eq!(shown(-1_234_567.0), "-1,234,567");
    assert_eq!(number(None), "-");
    assert_eq!(shown(f64::NAN), "-");
}

#[test]
fn parts_are_told_to_the_microsecond() {
    let shown = |ms| part(Some(ms));
    assert_eq!(shown(1e-6), "0.000");
    assert_eq!(shown(-1e-6), "0.000");
    assert_eq!(shown(-0.365), "-0.365");
    assert_eq!(shown(46_406.123_4), "46,406.123");
    assert_eq!((part(None), share(None)), ("-".to_owned(), String::new()));
    assert_eq!(
        (share(Some(-0.001)), share(Some(0.954))),
        ("0%".to_owned(), "95%".to_owned())
    );
}

#[test]
fn ratios_have_two_decimals() {
    assert_eq!(ratio(Some(1.125)), "1.12x");
    assert_eq!(ratio(Some(0.5)), "0.50x");
    assert_eq!(ratio(Some(1234.5)), "1,235x");
    assert_eq!(ratio(None), "-");
}
