use super::*;

fn wall() -> u64 {
    read(ClockId::CLOCK_REALTIME)
}

#[test]
fn a_stamp_lands_between_the_instants_around_it() {
    let mut clock = Realtime::new();
    let before = now();
    let stamp = wall();
    let after = now();
    let at = clock.monotonic_of(stamp, before, after).unwrap_or(0);
    assert!((before..=after).contains(&at), "{before} {at} {after}");
}

#[test]
fn a_stamp_from_another_time_is_refused() {
    let mut clock = Realtime::new();
    let since = now();
    let (early, late) = (wall() - 3_600_000_000_000, wall() + 3_600_000_000_000);
    let user = now();
    assert_eq!(clock.monotonic_of(early, since, user), None);
    assert_eq!(clock.monotonic_of(late, since, user), None);
}

#[test]
fn a_step_is_counted_and_followed() {
    let mut clock = Realtime::new();
    clock.offset += 5_000_000_000;
    let before = now();
    let stamp = wall();
    let after = now();
    // The stale offset puts the stamp 5 s too early; the fresh sample puts it right.
    let at = clock.monotonic_of(stamp, before, after).unwrap_or(0);
    assert!((before..=after).contains(&at));
    assert_eq!(clock.steps(), 1);
    clock.resample();
    assert_eq!(clock.steps(), 1, "sampling alone is no step");
}

#[test]
fn processor_time_grows() {
    let before = cpu_time();
    let mut x = 1_u64;
    for i in 0..20_000_000_u64 {
        x = std::hint::black_box(x.wrapping_mul(31).wrapping_add(i));
    }
    assert!(x != 0 && cpu_time() > before);
}
