//! Simulations of whole comparisons: how often equal engines are called worse, and how often planted slowdowns are found.
//! `ci/statistics` runs them in full and prints the table of docs/comparing.md.

mod looks;

use super::{BUDGET, MOST_GATED, Outcome, Pair, changes, outcome, paired, sign_flip};

/// Requests of one round of one variant.
const REQUESTS: usize = 500;

/// A source of random numbers.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    /// The source that this seed stands for.
    const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Sixty-four random bits.
    const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in (0, 1).
    fn uniform(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Standard normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }
}

/// An engine and its surroundings. All are standard deviations of logarithms, but `drift`, which is per round.
#[derive(Clone, Copy)]
struct World {
    /// From one start of the engine to the next.
    starts: f64,
    /// Of requests, each correlated with the one before.
    requests: f64,
    /// That correlation.
    correlation: f64,
    /// Share of requests in the heavy tail (Pareto, shape 1.5: no variance).
    tail: f64,
    /// What each round adds, as on a machine that warms up.
    drift: f64,
}

const WORLD: World = World {
    starts: 0.02,
    requests: 0.15,
    correlation: 0.8,
    tail: 0.02,
    drift: 0.01,
};

impl World {
    /// One percentile of a round, as a logarithm.
    fn round(&self, turn: usize, percent: usize, random: &mut Random) -> f64 {
        let start = self.starts * random.normal() + self.drift * turn as f64 / 2.0;
        let fresh = (1.0 - self.correlation * self.correlation).sqrt();
        let mut state = random.normal();
        let mut values: Vec<f64> = (0..REQUESTS)
            .map(|_| {
                state = self.correlation * state + fresh * random.normal();
                let tail = if random.uniform() < self.tail {
                    -random.uniform().ln() / 1.5
                } else {
                    0.0
                };
                start + self.requests * state + tail
            })
            .collect();
        let rank = (REQUESTS * percent).div_ceil(100) - 1;
        *values.select_nth_unstable_by(rank, f64::total_cmp).1
    }

    fn rounds(
        &self,
        rounds: std::ops::Range<usize>,
        slower: f64,
        percent: usize,
        random: &mut Random,
    ) -> Vec<Pair> {
        rounds
            .map(|k| {
                let baseline_first = k % 2 == 0;
                let turns = if baseline_first {
                    [2 * k, 2 * k + 1]
                } else {
                    [2 * k + 1, 2 * k]
                };
                let [baseline, variant] = turns.map(|turn| self.round(turn, percent, random));
                let difference = variant - baseline + slower.ln();
                Pair {
                    difference,
                    baseline_first,
                }
            })
            .collect()
    }
}

/// Share of comparisons that end in `wanted`.
fn share(comparisons: usize, wanted: impl Fn(&mut Random) -> bool) -> f64 {
    let mut random = Random::new(7);
    let found = (0..comparisons).filter(|_| wanted(&mut random)).count();
    found as f64 / comparisons as f64
}

#[derive(Clone, Copy)]
struct Design {
    rounds: usize,
    extended: usize,
    slower: f64,
    margin: f64,
    percent: usize,
    metrics: usize,
}

const DESIGN: Design = Design {
    rounds: 10,
    extended: 10,
    slower: 1.0,
    margin: 1.05,
    percent: 50,
    metrics: MOST_GATED,
};

impl Design {
    fn worse(self, comparisons: usize) -> f64 {
        let looks = if self.extended > self.rounds {
            2.0
        } else {
            1.0
        };
        let alpha = BUDGET / self.metrics as f64 / looks;
        let judge = |pairs: &[Pair]| outcome(&paired(pairs).unwrap(), self.margin.ln(), alpha);
        share(comparisons, |random| {
            let mut pairs = WORLD.rounds(0..self.rounds, self.slower, self.percent, random);
            let first = judge(&pairs);
            if first != Outcome::Inconclusive || self.extended == self.rounds {
                return first == Outcome::Worse;
            }
            pairs.extend(WORLD.rounds(
                self.rounds..self.extended,
                self.slower,
                self.percent,
                random,
            ));
            judge(&pairs) == Outcome::Worse
        })
    }

    /// Share of comparisons whose interval, at the whole budget, leaves the truth out on the side of a false alarm.
    fn missed(self, comparisons: usize) -> f64 {
        share(comparisons, |random| {
            let pairs = WORLD.rounds(0..self.rounds, 1.0, self.percent, random);
            paired(&pairs).unwrap().interval(BUDGET).0 > 0.0
        })
    }
}

/// Comparisons of each row: all of them where `ci/statistics` asks.
fn comparisons() -> usize {
    if std::env::var_os("BENCH_STATISTICS").is_some() {
        10_000
    } else {
        150
    }
}

/// The largest share that chance explains (four standard deviations) where the truth is `share`.
fn at_most(share: f64, comparisons: usize) -> f64 {
    share + 4.0 * (share * (1.0 - share) / comparisons as f64).sqrt()
}

/// Prints a row of the table in docs/comparing.md.
#[expect(clippy::print_stdout, reason = "ci/statistics shows it")]
fn row(what: &str, found: f64) {
    println!("| {what} | {:.2}% |", found * 100.0);
}

#[test]
fn equal_engines_are_not_called_worse() {
    let n = comparisons();
    for (what, percent) in [("p50", 50), ("p95", 95)] {
        let missed = Design { percent, ..DESIGN }.missed(n);
        row(
            &format!("equal, {what}, no margin, one metric at 1%"),
            missed,
        );
        assert!(missed <= at_most(BUDGET, n), "{what}: {missed}");
        let worse = Design {
            percent,
            metrics: 1,
            ..DESIGN
        }
        .worse(n);
        row(&format!("equal, {what}, margin 5%"), worse);
        assert!(worse < BUDGET, "{what}: {worse}");
    }
    let worse = Design {
        slower: 1.05,
        metrics: 1,
        ..DESIGN
    }
    .worse(n);
    row(
        "slower by just the margin (5%), p50, one metric at 1%",
        worse,
    );
    assert!(worse <= at_most(BUDGET, n), "at the margin: {worse}");
    let twice = Design {
        slower: 1.05,
        metrics: 1,
        rounds: 6,
        extended: 12,
        ..DESIGN
    }
    .worse(n);
    row("the same, 6 rounds and an extension to 12", twice);
    assert!(twice <= at_most(BUDGET, n), "two looks: {twice}");
}

#[test]
fn planted_slowdowns_are_found() {
    let n = comparisons();
    for (percent_slower, least) in [(5.0, 0.0), (10.0, 0.0), (15.0, 0.9), (30.0, 0.99)] {
        let slower = 1.0 + percent_slower / 100.0;
        let one = Design {
            slower,
            metrics: 1,
            ..DESIGN
        }
        .worse(n);
        let four = Design { slower, ..DESIGN }.worse(n);
        row(
            &format!("+{percent_slower}%, 10 rounds, one gated metric"),
            one,
        );
        row(
            &format!("+{percent_slower}%, 10 rounds, four gated metrics"),
            four,
        );
        assert!(one >= least, "{slower}: {one}");
    }
}

#[test]
fn the_sign_flip_test_agrees_on_equal_engines() {
    let n = comparisons();
    let found = share(n, |random| {
        let pairs = WORLD.rounds(0..10, 1.0, 50, random);
        let differences: Vec<f64> = pairs.iter().map(|pair| pair.difference).collect();
        sign_flip(&differences).unwrap() < BUDGET
    });
    row("equal, sign-flip p < 1%, 10 rounds", found);
    assert!(found <= at_most(BUDGET, n), "{found}");
}

/// Thirty runs one after the other, the second half so many times as slow, on a machine that does not drift.
fn series(slower: f64, random: &mut Random) -> Vec<f64> {
    let world = World {
        drift: 0.0,
        ..WORLD
    };
    let shift = |k: usize| if k < 15 { 0.0 } else { slower.ln() };
    (0..30)
        .map(|k| world.round(k, 50, random) + shift(k))
        .collect()
}

#[test]
fn shifts_of_a_series_are_found_and_not_made_up() {
    let n = comparisons();
    let false_alarm = share(n, |random| {
        !changes(&series(1.0, random), BUDGET).is_empty()
    });
    row("trend: 30 equal runs, a shift is said", false_alarm);
    assert!(false_alarm <= at_most(BUDGET, n), "{false_alarm}");
    for (percent_slower, least) in [(5.0, 0.0), (10.0, 0.9), (15.0, 0.9)] {
        let found = share(n, |random| {
            let found = changes(&series(1.0 + percent_slower / 100.0, random), BUDGET);
            found.iter().any(|change| change.at.abs_diff(15) <= 1)
        });
        row(
            &format!("trend: +{percent_slower}% from run 16 of 30, found there or one beside"),
            found,
        );
        assert!(found >= least, "{percent_slower}: {found}");
    }
}
