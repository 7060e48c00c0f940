use super::*;

/// Values from the usual printed tables of the t distribution.
#[test]
fn quantiles_are_those_of_the_tables() {
    for (p, freedom, expected) in [
        (0.975, 1.0, 12.7062),
        (0.95, 2.0, 2.9200),
        (0.99, 8.0, 2.8965),
        (0.995, 10.0, 3.1693),
        (0.9995, 5.0, 6.8688),
        (0.9, 30.0, 1.3104),
        (0.975, 1e6, 1.9600),
    ] {
        let found = quantile(p, freedom);
        assert!((found - expected).abs() < 1e-4, "{p} {freedom}: {found}");
        assert!((quantile(1.0 - p, freedom) + found).abs() < 1e-9);
        assert!((cdf(found, freedom) - p).abs() < 1e-9);
    }
    assert_eq!(quantile(0.99, 0.0), f64::INFINITY);
    assert_eq!(cdf(0.0, 3.0), 0.5);
}
