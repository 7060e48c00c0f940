use super::*;

#[test]
fn pauses_grow_up_to_a_second() {
    let of = [1, 2, 3, 7, 8, 100, u32::MAX].map(|n| back_off(n) / 1_000_000);
    assert_eq!(of, [10, 20, 40, 640, 1_000, 1_000, 1_000]);
}

#[test]
fn failures_since_the_last_success_are_what_counts() {
    let seen = Seen::new();
    for at in [10, 20, 30] {
        seen.note(false, at, at + 5);
    }
    let failing = |limit| seen.failing_for(limit, seen.succeeded_at());
    assert_eq!((failing(25), failing(26)), (Some(10), None));
    seen.note(true, 12, 40);
    assert_eq!(failing(1), None);
    assert_eq!((seen.succeeded_at(), seen.assessed()), (40, 4));
    seen.note(false, 35, 60);
    seen.note(false, 45, 900);
    assert_eq!(failing(1), None, "two may be chance");
    seen.note(false, 51, 901);
    assert_eq!(failing(861), Some(40), "one was sent before the success");
}

#[test]
fn most_of_the_last_answers_must_fail_before_success_is_doubted() {
    let seen = Seen::new();
    for _ in 0..32 {
        seen.note(false, 0, 1);
    }
    assert!(!seen.is_failing());
    seen.note(false, 0, 1);
    assert!(seen.is_failing());
    for _ in 0..64 {
        seen.note(true, 0, 1);
    }
    assert!(!seen.is_failing());
}
