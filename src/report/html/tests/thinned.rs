use super::*;

#[test]
fn many_requests_are_thinned_evenly() {
    let mut thinned = Thinned::default();
    let count = 5 * POINTS as u64 + 3;
    for end in 0..count {
        thinned.add(Point {
            end,
            ..Point::default()
        });
    }
    let points = &thinned.points;
    assert!(points.iter().all(|p| p.each == 8));
    let ends: Vec<u64> = points.iter().map(|p| p.end).collect();
    let every: Vec<u64> = (0..count).step_by(8).collect();
    assert!(ends == every);
    thinned.clear();
    thinned.add(Point::default());
    assert_eq!((thinned.points.len(), thinned.points[0].each), (1, 1));
}
