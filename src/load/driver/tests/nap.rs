use super::*;

/// `streams`, each read every `gap` nanoseconds.
fn nap(streams: usize, gap: u64) -> Nanos {
    let mut naps = Naps::default();
    naps.note(0, 1_000_000_000);
    naps.note(streams, 1_000_000_000 + gap.max(WINDOW));
    naps.rate = streams as f64 / gap as f64;
    naps.length(streams)
}

#[test]
fn many_streams_are_read_together_and_few_at_once() {
    assert_eq!(nap(512, 10_000_000), 500_000);
    assert_eq!(nap(10_000, 100_000_000), 1_000_000, "never longer");
    assert_eq!(nap(16, 10_000_000), 0, "too few to gather");
    assert_eq!(Naps::default().length(100), 0, "nothing known yet");
}

#[test]
fn reads_are_counted_over_a_window() {
    let mut naps = Naps::default();
    naps.note(0, WINDOW);
    naps.note(1_000, WINDOW + 1);
    assert_eq!(naps.length(100), 0);
    naps.note(1_000, 2 * WINDOW);
    assert_eq!(
        naps.length(100),
        50_000,
        "2,000 reads in 20 ms over 100 streams"
    );
}
