use super::*;

#[test]
fn a_slow_clock_and_a_lazy_governor_are_told() {
    assert!(pace::reads_fast("tsc") && pace::reads_fast("hyperv_clocksource_tsc_page"));
    assert!(!pace::reads_fast("hpet") && !pace::reads_fast("acpi_pm"));
    assert!(governor("performance").is_none());
    assert_eq!(
        governor("powersave").map(|found| found.weight),
        Some(Weight::Note)
    );
}
