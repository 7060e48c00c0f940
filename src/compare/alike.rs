//! Whether two variants answered the same requests alike in what a scenario names, such as the number of prompt tokens.

use super::answers::{Answer, Answers, pairs};
use crate::record::model::Check;
use std::fmt::Write as _;

/// Differences that are kept word for word.
const EXAMPLES: usize = 3;

/// Holds one figure of every request that both answered against each other's.
#[must_use]
pub(crate) fn alike(
    what: &str,
    get: impl Fn(&Answer) -> Option<u64>,
    a: &Answers,
    b: &Answers,
) -> Check {
    let (baseline, variant) = (&a.variant, &b.variant);
    let (mut both, mut different, mut examples) = (0, 0, String::new());
    for pair in pairs(a, b) {
        let [Some(x), Some(y)] = pair else { continue };
        both += 1;
        let (a, b) = (get(x), get(y));
        if a.is_some() && a == b {
            continue;
        }
        different += 1;
        if different <= EXAMPLES {
            let shown = |n: Option<u64>| n.map_or("nothing".to_owned(), |n| n.to_string());
            let _ = write!(
                examples,
                "\nphase {} request {}: {baseline} {}, {variant} {}",
                y.phase,
                y.index,
                shown(a),
                shown(b)
            );
        }
    }
    Check {
        name: format!("same {what} as {baseline}"),
        scope: variant.clone(),
        passed: both > 0 && different == 0,
        detail: match (both, different) {
            (0, _) => "no request was answered by both".to_owned(),
            (n, 0) => format!("alike in all {n} requests"),
            (n, d) => format!("different in {d} of {n} requests{examples}"),
        },
    }
}

#[cfg(test)]
#[path = "tests/alike.rs"]
mod tests;
