use super::*;

#[test]
fn margins_are_shares() {
    for (text, share) in [
        ("5%", 0.05),
        ("0.1%", 0.001),
        ("12.5 %", 0.125),
        ("100%", 1.0),
    ] {
        let margin: Margin = text.parse().unwrap();
        assert!((margin.0 - share).abs() < 1e-12, "{text}");
        assert_eq!(margin.to_string().parse::<Margin>().unwrap(), margin);
    }
    assert_eq!(Margin(0.05).to_string(), "5%");
    for wrong in ["5", "0%", "101%", "%", "-5%", "five%", "1e1%", ""] {
        assert!(wrong.parse::<Margin>().is_err(), "{wrong}");
    }
}
