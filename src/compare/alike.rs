//! Whether two variants answered the same requests alike in what a scenario names, such as the number of prompt tokens.

use crate::record::model::Check;
use crate::record::{Sample, SampleRow};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Differences that are kept word for word.
const EXAMPLES: usize = 3;

/// Holds one figure of every request that both answered against each other's.
pub fn alike<'a>(
    what: &str,
    get: impl Fn(&Sample) -> Option<u64>,
    (baseline, of_baseline): (&str, impl IntoIterator<Item = &'a SampleRow>),
    (variant, of_variant): (&str, impl IntoIterator<Item = &'a SampleRow>),
) -> Check {
    let key = |row: &SampleRow| (row.round, row.sample.phase, row.sample.index);
    let known: BTreeMap<_, Option<u64>> = of_baseline
        .into_iter()
        .filter(|row| row.sample.ok())
        .map(|row| (key(row), get(&row.sample)))
        .collect();
    let (mut both, mut different, mut examples) = (0, 0, String::new());
    for row in of_variant.into_iter().filter(|row| row.sample.ok()) {
        let Some(&a) = known.get(&key(row)) else {
            continue;
        };
        both += 1;
        let b = get(&row.sample);
        if a.is_some() && a == b {
            continue;
        }
        different += 1;
        if different <= EXAMPLES {
            let shown = |n: Option<u64>| n.map_or("nothing".to_owned(), |n| n.to_string());
            let _ = write!(
                examples,
                "\nphase {} request {}: {baseline} {}, {variant} {}",
                row.sample.phase,
                row.sample.index,
                shown(a),
                shown(b)
            );
        }
    }
    Check {
        name: format!("same {what} as {baseline}"),
        scope: variant.to_owned(),
        passed: both > 0 && different == 0,
        detail: match (both, different) {
            (0, _) => "no request was answered by both".to_owned(),
            (n, 0) => format!("alike in all {n} requests"),
            (n, d) => format!("different in {d} of {n} requests{examples}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    fn row(index: u64, prompt_tokens: Option<u64>) -> SampleRow {
        SampleRow {
            variant: String::new(),
            round: 1,
            sample: Sample {
                prompt_tokens,
                ..fixture::sample(index)
            },
        }
    }

    fn check(a: &[SampleRow], b: &[SampleRow]) -> Check {
        alike(
            "prompt tokens",
            |s| s.prompt_tokens,
            ("native", a),
            ("dynamo", b),
        )
    }

    #[test]
    fn another_tokenizer_is_found() {
        let a = [row(0, Some(5)), row(1, Some(7))];
        assert!(check(&a, &[row(1, Some(7)), row(0, Some(5))]).passed);
        let other = check(&a, &[row(0, Some(5)), row(1, Some(9))]);
        assert!(!other.passed);
        assert_eq!(other.name, "same prompt tokens as native");
        assert_eq!(
            other.detail,
            "different in 1 of 2 requests\nphase 1 request 1: native 7, dynamo 9"
        );
    }

    #[test]
    fn what_nobody_tells_is_not_alike() {
        assert!(!check(&[row(0, None)], &[row(0, None)]).passed);
        assert!(!check(&[], &[]).passed);
    }
}
