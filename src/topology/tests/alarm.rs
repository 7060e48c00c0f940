use super::*;
use std::thread;
use std::time::Instant;

const LONG: Duration = Duration::from_secs(600);

#[test]
fn an_alarm_ends_a_pause_at_once_and_for_good() {
    let alarm = Alarm::default();
    assert!(!pause(&alarm, Duration::ZERO));
    let began = Instant::now();
    thread::scope(|scope| {
        let paused = scope.spawn(|| pause(&alarm, LONG));
        alarm.raise();
        assert!(paused.join().unwrap());
    });
    assert!(pause(&alarm, LONG), "also one that begins later");
    assert!(began.elapsed() < LONG);
}

#[test]
fn pauses_grow_with_the_time_waited_within_their_bounds() {
    let ms = Duration::from_millis;
    let back_off = BackOff {
        shortest: ms(2),
        longest: ms(50),
    };
    let pauses = [0, 10, 100, 499, 500, 60_000].map(|waited| back_off.after(ms(waited)));
    assert_eq!(
        pauses,
        [
            ms(2),
            ms(2),
            ms(10),
            Duration::from_micros(49_900),
            ms(50),
            ms(50)
        ]
    );
}
