//! Keeps an evenly spaced sample of the requests for the charts over time, in bounded memory.

use super::detail::Point;

/// Most points; even, so that halving keeps the points evenly spaced.
const POINTS: usize = 1 << 16;

/// Requests in the order in which they ended: all of them at first, then every second, every fourth, and so on.
#[derive(Debug, Default)]
pub(crate) struct Downsample {
    pub(crate) points: Vec<Point>,
    seen: u64,
}

impl Downsample {
    pub(crate) fn add(&mut self, mut point: Point) {
        let mut each = self.points.first().map_or(1, |p| p.each);
        if self.seen.is_multiple_of(each.into()) {
            if self.points.len() == POINTS {
                each *= 2;
                let mut kept = false;
                self.points.retain_mut(|p| {
                    (kept, p.each) = (!kept, each);
                    kept
                });
            }
            point.each = each;
            self.points.push(point);
        }
        self.seen += 1;
    }

    pub(crate) fn clear(&mut self) {
        (self.seen, self.points) = (0, Vec::new());
    }
}

#[cfg(test)]
#[path = "tests/downsample.rs"]
mod tests;
