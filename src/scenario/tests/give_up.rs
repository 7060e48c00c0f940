use super::*;

#[test]
fn the_limit_is_a_duration_or_never() {
    assert_eq!("never".parse(), Ok(GiveUp::Never));
    assert_eq!(
        "30s".parse::<GiveUp>().ok().and_then(GiveUp::limit),
        Some(Duration::from_secs(30))
    );
    for wrong in ["0s", "nevr", "10", ""] {
        assert!(wrong.parse::<GiveUp>().is_err(), "{wrong}");
    }
    assert_eq!(GiveUp::default().to_string(), "10s");
}
