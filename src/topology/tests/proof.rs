use super::*;

/// Waits for what answers as `answers` say, the last for ever; how many tries were made.
fn waited(timeout: Duration, answers: &[Proof]) -> (Result<(), Unproven>, usize) {
    let (events, _received) = Events::channel();
    let mut tries = 0;
    let result = Waiting {
        whom: "it",
        prove: &mut |_| {
            tries += 1;
            answers[(tries - 1).min(answers.len() - 1)].clone()
        },
        completions: 3,
        began: Instant::now(),
        timeout,
        back_off: BackOff {
            shortest: Duration::ZERO,
            longest: Duration::from_millis(1),
        },
        alarm: &Alarm::default(),
        events: &events,
    }
    .wait();
    (result, tries)
}

const LONG: Duration = Duration::from_secs(600);

fn not_yet() -> Proof {
    Proof::NotYet("connection refused".into())
}

#[test]
fn what_does_not_answer_yet_is_waited_for() {
    let answers = [not_yet(), not_yet(), Proof::Good, not_yet(), Proof::Good];
    assert_eq!(waited(LONG, &answers), (Ok(()), 7), "three in a row");
    let (result, tries) = waited(Duration::ZERO, &[not_yet()]);
    let Err(Unproven::TooLate { last, .. }) = result else {
        panic!("{result:?}");
    };
    assert_eq!((last.as_str(), tries), ("connection refused", 1));
}

#[test]
fn lasting_failures_end_it_after_three_in_a_row() {
    let refused = Proof::Refused("400".into());
    let end = (Err(Unproven::Refused("400".into())), 3);
    assert_eq!(waited(LONG, std::slice::from_ref(&refused)), end);
    let wrong = Proof::Wrong("no text".into());
    let end = (Err(Unproven::Wrong("no text".into())), 3);
    assert_eq!(waited(LONG, std::slice::from_ref(&wrong)), end);
    let unusable = Proof::Unusable("no TLS".into());
    let end = (Err(Unproven::Unusable("no TLS".into())), 3);
    assert_eq!(waited(LONG, std::slice::from_ref(&unusable)), end);
    let answers = [refused.clone(), wrong.clone(), not_yet(), refused, wrong];
    let end = (Err(Unproven::Wrong("no text".into())), 6);
    assert_eq!(waited(LONG, &answers), end, "something else came between");
}

#[test]
fn an_alarm_ends_it_at_once() {
    let (events, _received) = Events::channel();
    let alarm = Alarm::default();
    let result = Waiting {
        whom: "it",
        prove: &mut |_| {
            alarm.raise();
            not_yet()
        },
        completions: 1,
        began: Instant::now(),
        timeout: LONG,
        back_off: BackOff {
            shortest: LONG,
            longest: LONG,
        },
        alarm: &alarm,
        events: &events,
    };
    assert_eq!(result.wait(), Err(Unproven::Stopped));
}

#[test]
fn the_user_is_told_at_most_every_few_seconds() {
    let (events, received) = Events::channel();
    let began = Instant::now();
    let teller = |began| Teller {
        whom: "it",
        began,
        timeout: LONG,
        events: &events,
    };
    let mut told = Told::default();
    teller(began).tell("refused", &mut told);
    assert_eq!(received.try_iter().count(), 0, "it has only begun");
    let Some(earlier) = began.checked_sub(2 * TOLD_AFTER) else {
        return;
    };
    for _ in 0..9 {
        teller(earlier).tell("refused", &mut told);
    }
    let all: Vec<Event> = received.try_iter().collect();
    assert!(
        matches!(&all[..], [Event::Waiting { whom, reason, .. }] if whom == "it" && reason == "refused"),
        "{all:?}"
    );
}
