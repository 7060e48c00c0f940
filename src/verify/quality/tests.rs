use super::*;

fn late(weight: Weight, figure: &str) -> Doubt {
    Doubt {
        weight,
        code: "schedule_lag",
        what: "requests left late".to_owned(),
        figure: figure.to_owned(),
        advice: "give bench cores of its own",
    }
}

fn said(doubts: &[(&str, Doubt)]) -> Vec<String> {
    let mut all = Vec::new();
    for (scope, doubt) in doubts {
        add(&mut all, scope, doubt.clone(), None);
    }
    all.iter().map(|shared| shared.finding().shown()).collect()
}

#[test]
fn a_doubt_is_said_once_with_the_phases_it_touches() {
    let found = said(&[
        ("a/x", late(Weight::Marked, "1 ms")),
        ("a/y", late(Weight::Marked, "2 ms")),
        ("b/x", late(Weight::Note, "")),
    ]);
    assert_eq!(
        found,
        [
            "requests left late: a/x 1 ms, a/y 2 ms; give bench cores of its own",
            "note: requests left late: b/x; give bench cores of its own",
        ]
    );
}

#[test]
fn of_many_phases_the_first_are_named() {
    let scopes: Vec<String> = (0..8).map(|n| format!("a/{n}")).collect();
    let doubts: Vec<_> = scopes
        .iter()
        .map(|scope| (scope.as_str(), late(Weight::Marked, "")))
        .collect();
    let found = said(&doubts);
    assert!(found[0].contains("a/4, a/5 and 2 more; give"), "{found:?}");
}
