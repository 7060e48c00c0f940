//! How long it takes to say when the next request of an open loop is due.

use bench::load::arrivals::{Arrivals, Next};
use bench::plan::pace::{Pace, Rates};
use bench::plan::{Limit, Shape};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn arrivals(c: &mut Criterion) {
    for (name, cv) in [("constant", 0.0), ("poisson", 1.0), ("gamma of cv 2", 2.0)] {
        let shape = Shape::Open {
            pace: Pace {
                rate: Rates::Steady(1_000.0),
                cv,
                seed: 1,
            },
            limit: Limit::requests(u64::MAX),
            max_in_flight: u32::MAX,
        };
        let mut arrivals = Arrivals::new(&shape, 0, 0);
        c.bench_function(&format!("arrivals/{name}"), |b| {
            b.iter(|| {
                let due = arrivals.issue(u64::MAX);
                arrivals.ended(0);
                assert!(matches!(black_box(due), Next::Send(_)));
            });
        });
    }
}

criterion_group!(benches, arrivals);
criterion_main!(benches);
