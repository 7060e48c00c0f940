use super::*;

fn plan(load: serde_json::Value) -> Vec<PhasePlan> {
    phases(&serde_json::from_value(load).unwrap())
}

#[test]
fn every_step_is_a_phase() {
    let load = serde_json::json!({"phases": [
        {"steps": {"rates": ["1/s", "0.5/s"], "each": "10s"}},
        {"steps": {"name": "users", "concurrency": [1, 8], "each": "10s"}},
    ]});
    let all = plan(load);
    let names: Vec<&str> = all.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, ["steps-1", "steps-0.5", "users-1", "users-8"]);
    assert!(
        all.iter()
            .all(|phase| phase.kind == PhaseKind::Steps && phase.measured)
    );
    assert_eq!(all[3].shape.most_in_flight(), 8);
    assert_eq!(all[3].requests(), None);
}

#[test]
fn the_requests_of_an_open_loop_are_counted_in_advance() {
    let open = |more: serde_json::Value| {
        let mut open = serde_json::json!({"rate": "100/s", "arrival": "constant"});
        open.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        plan(serde_json::json!({"phases": [{"open": open}]}))[0].requests()
    };
    assert_eq!(open(serde_json::json!({"duration": "2s"})), Some(200));
    assert_eq!(open(serde_json::json!({"requests": 7})), Some(7));
    assert_eq!(
        open(serde_json::json!({"requests": 500, "duration": "1s"})),
        Some(100)
    );
}

#[test]
fn phases_have_different_arrivals() {
    let open = serde_json::json!({"open": {"rate": "1/s", "requests": 1}});
    let all = plan(serde_json::json!({"seed": 3, "phases": [open, open]}));
    let Shape::Open { pace: a, .. } = &all[0].shape else {
        panic!()
    };
    let Shape::Open { pace: b, .. } = &all[1].shape else {
        panic!()
    };
    assert_ne!(a.times().next(), b.times().next());
}
