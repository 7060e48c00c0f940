use super::{returned, satisfied};
use std::time::Duration;

#[test]
fn memory_is_awaited_until_it_is_back_or_time_is_up() {
    let mut looks = [9 << 30, 5 << 30, (1 << 30) + (8 << 20)].into_iter();
    let read = || Some(vec![2 << 30, looks.next()?]);
    let before = [2 << 30, 1 << 30];
    assert_eq!(returned(&before, read, Duration::from_secs(60)), Ok(()));
    assert_eq!(looks.next(), None, "it returned before memory did");
    let held = returned(&before, || Some(vec![2 << 30, 4 << 30]), Duration::ZERO);
    assert!(
        held.unwrap_err()
            .to_string()
            .starts_with("GPU 1 still holds 3072 MiB more")
    );
    assert_eq!(returned(&[], || None, Duration::ZERO), Ok(()));
}

#[test]
fn a_gpu_is_found_by_part_of_its_name() {
    let names = ["Tesla T4".to_owned(), "NVIDIA H100 80GB HBM3".to_owned()];
    assert!(satisfied(&names, "t4", 1));
    assert!(!satisfied(&names, "t4", 2));
    assert!(satisfied(&names, "any", 2));
    assert!(!satisfied(&[], "any", 1));
}
