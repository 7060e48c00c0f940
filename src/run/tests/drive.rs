use super::*;

#[test]
fn all_answers_in_flight_may_end_at_once() {
    let of = |shapes: &[Shape]| may_wait(shapes.iter());
    assert_eq!(of(&[Shape::closed(4, 40)]), ASSESSING);
    assert_eq!(
        of(&[Shape::closed(4, 40), Shape::closed(10_000, 20_000)]),
        10_000
    );
}
