//! What is kept of requests to be drawn, in memory that does not grow with them.

use super::detail::Point;
use hdrhistogram::Histogram;

/// Most points; even, so that what is thinned stays even.
const POINTS: usize = 1 << 16;
/// Times that are kept as they are; beyond, they have three significant digits, as in `run.json`.
const EXACT: usize = 10_000;

/// Requests in the order in which they ended; once they are many every second, then every fourth, and so on.
#[derive(Debug, Default)]
pub(super) struct Thinned {
    pub(super) points: Vec<Point>,
    seen: u64,
}

impl Thinned {
    pub(super) fn add(&mut self, mut point: Point) {
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

    pub(super) fn clear(&mut self) {
        (self.seen, self.points) = (0, Vec::new());
    }
}

/// One time of many requests, in nanoseconds.
#[derive(Debug, Default)]
pub(in crate::report) struct Times {
    kept: Vec<u64>,
    histogram: Option<Histogram<u64>>,
    count: u64,
    min: u64,
    max: u64,
}

impl Times {
    pub(super) fn add(&mut self, time: u64) {
        self.min = if self.count == 0 {
            time
        } else {
            self.min.min(time)
        };
        self.max = self.max.max(time);
        self.count += 1;
        if self.kept.len() < EXACT {
            self.kept.push(time);
            return;
        }
        if self.histogram.is_none() {
            self.histogram = of(&self.kept);
        }
        if let Some(histogram) = &mut self.histogram {
            // It grows to what it is given.
            let _ = histogram.record(time);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// To be done when all are in, before ranks are asked for.
    pub(super) fn sort(&mut self) {
        self.kept.sort_unstable();
    }

    /// The time of a rank, the first of which is 1.
    pub(super) fn ranked(&self, rank: u64) -> Option<u64> {
        match &self.histogram {
            _ if rank == 0 || rank > self.count => None,
            Some(_) if rank == 1 => Some(self.min),
            Some(_) if rank == self.count => Some(self.max),
            Some(histogram) => {
                let quantile = (rank as f64 - 0.5) / self.count as f64;
                Some(histogram.value_at_quantile(quantile).min(self.max))
            }
            None => self.kept.get(usize::try_from(rank - 1).ok()?).copied(),
        }
    }

    /// All of them, to three significant digits; none where there are none.
    pub(in crate::report) fn histogram(&self) -> Option<Histogram<u64>> {
        match &self.histogram {
            Some(histogram) => Some(histogram.clone()),
            None if self.count == 0 => None,
            None => of(&self.kept),
        }
    }
}

fn of(times: &[u64]) -> Option<Histogram<u64>> {
    let mut histogram = Histogram::new(3).ok()?;
    for time in times {
        histogram.record(*time).ok()?;
    }
    Some(histogram)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn ranks_are_exact_while_they_are_few_and_close_beyond() {
        for count in [200, 100_000_u64] {
            let mut times = Times::default();
            // In no order: 7,919 has no divisor in common with either count.
            (0..count).for_each(|i| times.add((i * 7_919 % count + 1) * 1_000));
            times.sort();
            for rank in [1, count / 2, count * 99 / 100, count] {
                let (found, is) = (times.ranked(rank).expect("a time"), rank * 1_000);
                let within = if count == 200 { 0 } else { is / 1_000 };
                assert!(found.abs_diff(is) <= within, "{rank} of {count}: {found}");
            }
            assert_eq!((times.ranked(0), times.ranked(count + 1)), (None, None));
            assert_eq!(times.histogram().map(|h| h.len()), Some(count));
        }
        assert_eq!(Times::default().ranked(1), None);
    }
}
