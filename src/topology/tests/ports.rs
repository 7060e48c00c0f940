use super::*;
use std::time::Duration;

#[test]
fn ports_held_by_one_are_not_given_to_another() {
    let one = Ports::take(20).unwrap();
    let two = Ports::take(20).unwrap();
    for number in one.numbers() {
        assert!(*number <= LAST);
        assert!(!two.numbers().contains(number));
    }
}

#[test]
fn a_name_is_free_again_when_its_holder_is_gone() {
    let name = format!("bench-test-{}", std::process::id());
    let held = hold(&name).unwrap();
    assert!(held.is_some());
    assert!(hold(&name).unwrap().is_none());
    drop(held);
    // A process that another test forks meanwhile holds it too, until it becomes its program.
    let mut tries = (0..5_000).inspect(|_| std::thread::sleep(Duration::from_millis(1)));
    assert!(tries.any(|_| hold(&name).unwrap().is_some()));
}

/// Holds every name of a kind, as a hostile user does.
fn hold_all(name: Name<'_>) -> Vec<UnixDatagram> {
    let all = FIRST..=FIRST + 30;
    all.filter_map(|number| hold(&name(number)).unwrap())
        .collect()
}

#[test]
fn names_held_by_others_are_told_of_and_done_without() {
    let me = std::process::id();
    let shared = |number: u16| format!("bench-squat-{me}-{number}");
    let own = |number: u16| format!("bench-squat-own-{me}-{number}");
    let none = |number: u16| format!("bench-squat-none-{me}-{number}");
    let mut ports = Ports {
        numbers: Vec::new(),
        names: Vec::new(),
        warning: None,
    };
    let squatted = hold_all(&shared);
    assert!(squatted.len() > 20);
    let held = ports.add(5, FIRST..=FIRST + 30, &shared).unwrap();
    assert!(ports.numbers.is_empty() && held.len() > 5);
    let names: Vec<String> = held.iter().map(|number| shared(*number)).collect();
    let said = holder(&names).unwrap();
    assert!(said.contains(&format!("process {me} (")), "{said}");
    assert!(ports.add(5, held.iter().copied(), &own).unwrap().is_empty());
    assert_eq!(ports.numbers.len(), 5);
    assert!(ports.add(9, held.iter().copied(), &none).is_ok());
}

#[test]
fn a_port_with_a_listener_is_not_free() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    assert!(!free(listener.local_addr().unwrap().port()));
}
