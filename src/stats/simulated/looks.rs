//! Comparisons that are looked at every two rounds until they are decided.

use super::{Random, at_most, comparisons, row};
use crate::stats::{BUDGET, Look, Outcome, Pair, Spending, look_rounds, looks, outcome, paired};

/// Metrics that are judged; the error budget is divided among them.
const METRICS: f64 = 3.0;
const MARGIN: f64 = 0.05;

/// What a round's difference looks like beside the effect. Its standard deviation is given apart.
#[derive(Debug, Clone, Copy)]
enum Noise {
    Normal,
    /// Student's t with three degrees of freedom.
    HeavyTails,
    /// The machine gets 1% slower in every turn.
    Drift,
    /// Each turn is correlated with the turn before by this much.
    Autocorrelated(f64),
}

/// A machine on which two variants take turns.
struct Machine<'a> {
    noise: Noise,
    /// Standard deviation of one turn's logarithm.
    spread: f64,
    state: f64,
    turn: f64,
    random: &'a mut Random,
}

impl Machine<'_> {
    fn turn(&mut self) -> f64 {
        self.turn += 1.0;
        let normal = self.random.normal();
        match self.noise {
            Noise::Normal => self.spread * normal,
            Noise::HeavyTails => {
                let squares: f64 = (0..3).map(|_| self.random.normal().powi(2)).sum();
                // The variance of t with three degrees of freedom is three.
                self.spread * normal / squares.sqrt()
            }
            Noise::Drift => self.spread * normal + 0.01 * self.turn,
            Noise::Autocorrelated(correlation) => {
                let fresh = (1.0 - correlation * correlation).sqrt();
                self.state = correlation * self.state + fresh * normal;
                self.spread * self.state
            }
        }
    }

    fn round(&mut self, slower: f64, baseline_first: bool) -> Pair {
        let (first, second) = (self.turn(), self.turn());
        let change = if baseline_first {
            second - first
        } else {
            first - second
        };
        Pair {
            difference: change + slower.ln(),
            baseline_first,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Case {
    noise: Noise,
    /// Standard deviation of a round's difference where turns are independent.
    spread: f64,
    slower: f64,
}

#[derive(Debug, Default)]
struct Found {
    worse: f64,
    not_worse: f64,
    rounds: f64,
}

impl Case {
    fn simulated(self, plan: &[Look]) -> Found {
        let n = comparisons();
        let mut random = Random::new(11);
        let mut found = Found::default();
        for _ in 0..n {
            let (verdict, rounds) = self.compared(plan, &mut random);
            found.rounds += f64::from(rounds) / n as f64;
            match verdict {
                Outcome::Worse => found.worse += 1.0 / n as f64,
                Outcome::Better | Outcome::Equivalent | Outcome::NotWorse => {
                    found.not_worse += 1.0 / n as f64;
                }
                Outcome::Inconclusive | Outcome::Invalid => {}
            }
        }
        found
    }

    /// One comparison's verdict, and after how many rounds.
    fn compared(self, plan: &[Look], random: &mut Random) -> (Outcome, u32) {
        let mut machine = Machine {
            noise: self.noise,
            spread: self.spread / 2.0_f64.sqrt(),
            state: random.normal(),
            turn: 0.0,
            random,
        };
        let mut pairs = Vec::new();
        let mut last = (Outcome::Inconclusive, 0);
        for look in plan {
            while pairs.len() < look.rounds as usize {
                pairs.push(machine.round(self.slower, pairs.len() % 2 == 0));
            }
            let estimate = paired(&pairs).unwrap();
            last = (outcome(&estimate, MARGIN.ln_1p(), look.level), look.rounds);
            if last.0 != Outcome::Inconclusive {
                break;
            }
        }
        last
    }
}

fn plan(spending: Spending) -> Vec<Look> {
    looks(&look_rounds(6, 40), BUDGET / METRICS, spending)
}

/// Spreads in percent, and the least share of clear cases that is decided. The usual tests take one.
fn spreads() -> Vec<(f64, f64)> {
    let all = [(5.0, 0.95), (2.0, 0.99), (10.0, 0.2)];
    let count = if comparisons() < 1_000 { 1 } else { all.len() };
    all[..count].to_vec()
}

/// A row of the second table of docs/comparing.md.
#[expect(clippy::print_stdout, reason = "ci/statistics shows it")]
fn line(what: &str, [equal, ten, fifteen, margin]: &[Found; 4]) {
    println!(
        "| {what} | {:.1}% / {:.1} | {:.1}% / {:.1} | {:.1}% / {:.1} | {:.2}% / {:.2}% |",
        equal.not_worse * 100.0,
        equal.rounds,
        ten.worse * 100.0,
        ten.rounds,
        fifteen.worse * 100.0,
        fifteen.rounds,
        margin.worse * 100.0,
        margin.not_worse * 100.0,
    );
}

#[test]
fn looks_keep_the_error_and_decide() {
    let n = comparisons();
    for spending in [Spending::Pocock, Spending::OBrienFleming] {
        let plan = plan(spending);
        for noise in [
            Noise::Normal,
            Noise::HeavyTails,
            Noise::Drift,
            // Of all correlations, 0.3 costs most in the order A B B A.
            Noise::Autocorrelated(0.3),
            Noise::Autocorrelated(0.8),
        ] {
            for (percent, decided) in spreads() {
                let spread = percent / 100.0;
                let case = |slower| {
                    let case = Case {
                        noise,
                        spread,
                        slower,
                    };
                    case.simulated(&plan)
                };
                let found = [1.0, 1.10, 1.15, 1.0 + MARGIN].map(case);
                line(&format!("{percent}%, {noise:?}, {spending:?}"), &found);
                let [equal, _, fifteen, margin] = found;
                assert!(margin.worse <= at_most(BUDGET, n), "{margin:?}");
                assert!(margin.not_worse <= at_most(BUDGET, n), "{margin:?}");
                assert!(equal.worse <= at_most(BUDGET / METRICS, n), "{equal:?}");
                let chance = 4.0 * (decided * (1.0 - decided) / n as f64).sqrt();
                assert!(equal.not_worse >= decided - chance, "{noise:?} {equal:?}");
                assert!(fifteen.worse >= decided - chance, "{noise:?} {fifteen:?}");
            }
        }
    }
}

#[test]
fn the_planned_power_is_the_simulated_one() {
    let plan = plan(Spending::Pocock);
    let distance = crate::stats::detectable_distance(&plan);
    let n = comparisons();
    for spread in [0.02, 0.05] {
        let case = Case {
            noise: Noise::Normal,
            spread,
            slower: (1.0 + MARGIN) * (distance * spread).exp(),
        };
        let found = case.simulated(&plan).worse;
        row(
            &format!("planned looks, the detectable effect at {spread}"),
            found,
        );
        // The walk takes a round's spread for known, which it is not after six rounds.
        let chance = 4.0 * (0.9 * 0.1 / n as f64).sqrt();
        assert!((found - 0.9).abs() <= 0.03 + chance, "{spread}: {found}");
    }
}
