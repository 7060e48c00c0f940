use super::*;

#[test]
fn many_requests_are_downsampled_evenly() {
    let mut downsampled = Downsample::default();
    let count = 5 * POINTS as u64 + 3;
    for end in 0..count {
        downsampled.add(Point {
            end,
            ..Point::default()
        });
    }
    let points = &downsampled.points;
    assert!(points.iter().all(|p| p.each == 8));
    let ends: Vec<u64> = points.iter().map(|p| p.end).collect();
    let every: Vec<u64> = (0..count).step_by(8).collect();
    assert!(ends == every);
    downsampled.clear();
    downsampled.add(Point::default());
    assert_eq!(
        (downsampled.points.len(), downsampled.points[0].each),
        (1, 1)
    );
}
