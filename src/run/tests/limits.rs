use super::*;

#[test]
fn a_limit_that_was_met_is_named_once() {
    let message = advised("failed to write x: File too large (os error 27)".into());
    assert!(message.ends_with("raise the limit (`ulimit -f`)"));
    assert_eq!(advised(message.clone()), message);
    let other = "no such file (os error 2)";
    assert_eq!(advised(other.into()), other);
}

#[test]
fn files_are_counted_for_the_largest_phase() {
    let of = |phases: &str| {
        let text = format!(
            "version: 1\nname: x\nmodel: {{id: m}}\nengine: {{sim: {{}}}}\nprompts: {{inline: [a]}}\nload: {{phases: [{phases}]}}\n"
        );
        let input = crate::scenario::Input {
            file: ("x.yaml".into(), text),
            overlays: Vec::new(),
            sets: Vec::new(),
        };
        let loaded = crate::scenario::load(&input, &|_| None).unwrap();
        let Files { least, most } = Files::of(&loaded.scenario);
        (least - OTHER_FILES, most - OTHER_FILES)
    };
    let closed = "{closed: {concurrency: 40, requests: 100}}";
    let open = "{open: {rate: 1/s, requests: 300, max_in_flight: 200}}";
    assert_eq!(of(closed), (40, 40));
    assert_eq!(of(&format!("{closed}, {open}")), (40, 200));
}

#[test]
fn a_panic_is_a_failure() {
    let failure = caught::<()>(|| panic!("for {}", "a test"));
    let said = failure.unwrap_err().to_string();
    assert!(said.contains("internal error: for a test"), "{said}");
}
