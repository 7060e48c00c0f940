use super::*;

#[test]
fn the_first_message_of_each_class_is_kept_and_others_are_counted() {
    let mut failures = Failures::default();
    for (class, message) in [
        ("status 500", "out of memory"),
        ("timeout", "no answer"),
        ("status 500", "out of memory"),
        ("status 500", "shard 3 is gone"),
        ("status 500", "shard 4 is gone"),
    ] {
        failures.add(class, message);
    }
    let [status, timeout] = &failures.finish()[..] else {
        panic!()
    };
    assert_eq!((status.class.as_str(), status.count), ("status 500", 4));
    assert_eq!(status.first_message, "out of memory");
    assert_eq!((status.other_messages, timeout.other_messages), (2, 0));
}

#[test]
fn messages_without_end_are_bounded_in_length_and_number() {
    let mut failures = Failures::default();
    for n in 0..3_000 {
        failures.add("status 500", &format!("{n} {}", "é".repeat(2_000)));
    }
    let [failure] = &failures.finish()[..] else {
        panic!()
    };
    assert_eq!(failure.first_message.chars().count(), LONGEST + 3);
    assert_eq!(
        (failure.count, failure.other_messages),
        (3_000, DISTINCT as u64)
    );
    assert!(failures.0[0].seen.len() <= DISTINCT + 1);
}

#[test]
fn rounds_add_up() {
    let round = |class: &str, count, first: &str| Failure {
        class: class.to_owned(),
        count,
        first_message: first.to_owned(),
        other_messages: 0,
    };
    let (a, b) = (
        [round("timeout", 2, "x")],
        [round("timeout", 3, "y"), round("connect", 1, "z")],
    );
    let all = joined([&a[..], &b[..]]);
    assert_eq!(all.len(), 2);
    assert_eq!(
        (
            all[0].count,
            all[0].first_message.as_str(),
            all[0].other_messages
        ),
        (5, "x", 1)
    );
}
