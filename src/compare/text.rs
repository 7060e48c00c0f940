//! Whether two variants answered the same requests with the same text, as greedy decoding of one model should.

use crate::record::model::Check;
use crate::record::{Sample, SampleRow};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Differences that are kept word for word.
const EXAMPLES: usize = 3;
/// Characters shown after the first word that differs.
const AFTER: usize = 40;
/// Characters shown before it.
const BEFORE: usize = 20;

/// What became of the comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SameText {
    /// Requests that both variants answered.
    pub requests: u64,
    /// Of those, answered with the same text.
    pub identical: u64,
    /// Requests that only one of the two answered.
    pub unanswered: u64,
    /// The first that differ.
    pub examples: Vec<Difference>,
}

/// One request answered differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Index of the phase, warm-up included.
    pub phase: u32,
    /// Index of the request in its phase.
    pub index: u64,
    /// Words that agree before the texts part; `None` where only hashes were kept.
    pub agree: Option<usize>,
    /// The baseline's text around there.
    pub baseline: Excerpt,
    /// The variant's.
    pub variant: Excerpt,
}

/// A text around the first word that differs, in one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// What is alike.
    pub before: String,
    /// The first word that is not; empty where the text has ended.
    pub word: String,
    /// What follows.
    pub after: String,
}

impl std::fmt::Display for Excerpt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            before,
            word,
            after,
        } = self;
        let word = if word.is_empty() { "(end)" } else { word };
        write!(f, "{before}[{word}]{after}")
    }
}

/// Compares the texts of successful requests by round, phase and index.
pub fn same_text<'a>(
    baseline: impl IntoIterator<Item = &'a SampleRow>,
    variant: impl IntoIterator<Item = &'a SampleRow>,
) -> SameText {
    let key = |row: &SampleRow| (row.round, row.sample.phase, row.sample.index);
    let mut pairs: BTreeMap<_, [Option<&Sample>; 2]> = BTreeMap::new();
    for row in baseline {
        pairs.entry(key(row)).or_default()[0] = Some(&row.sample).filter(|s| s.ok());
    }
    for row in variant {
        pairs.entry(key(row)).or_default()[1] = Some(&row.sample).filter(|s| s.ok());
    }
    let mut found = SameText::default();
    for pair in pairs.into_values() {
        match pair {
            [Some(a), Some(b)] => {
                found.requests += 1;
                if a.text_sha == b.text_sha && a.text == b.text {
                    found.identical += 1;
                } else if found.examples.len() < EXAMPLES {
                    found.examples.push(difference(a, b));
                }
            }
            [None, None] => {}
            _ => found.unanswered += 1,
        }
    }
    found
}

impl SameText {
    /// As a check on `variant`; it holds when at least this share of all requests has the same text from both. Requests that
    /// failed with both are not its business, but nothing compared is nothing proven.
    #[must_use]
    pub fn check(&self, baseline: &str, variant: &str, share: f64) -> Check {
        let Self {
            requests,
            identical,
            unanswered,
            ..
        } = *self;
        let mut detail = match (requests, identical) {
            (0, _) => "no request was answered by both".to_owned(),
            (n, same) if n == same => format!("all {n} requests were answered with the same text"),
            (n, same) => format!("{same} of {n} requests were answered with the same text"),
        };
        if share < 1.0 {
            let _ = write!(detail, "; {:.1}% must be", share * 100.0);
        }
        if unanswered > 0 {
            let _ = write!(detail, "; {unanswered} failed with one of the two");
        }
        for example in &self.examples {
            let Difference {
                phase,
                index,
                agree,
                baseline: a,
                variant: b,
            } = example;
            let _ = match agree {
                Some(n) => write!(
                    detail,
                    "\nphase {phase} request {index}: the same for {n} words, then\n{baseline}: {a}\n{variant}: {b}"
                ),
                None => write!(
                    detail,
                    "\nphase {phase} request {index}: the texts' hashes differ"
                ),
            };
        }
        Check {
            name: format!("same text as {baseline}"),
            scope: variant.to_owned(),
            passed: requests > 0 && identical as f64 >= share * (requests + unanswered) as f64,
            detail,
        }
    }
}

fn difference(a: &Sample, b: &Sample) -> Difference {
    let (agree, baseline, variant) = match (&a.text, &b.text) {
        (Some(x), Some(y)) => {
            // Choices are told apart by a character that no text of a choice holds.
            let (x, y) = (x.join("\u{1e}"), y.join("\u{1e}"));
            let same = words(&x).zip(words(&y)).take_while(|(x, y)| x == y);
            let (count, bytes) = same.fold((0, 0), |(n, bytes), (x, _)| (n + 1, bytes + x.len()));
            (Some(count), excerpt(&x, bytes), excerpt(&y, bytes))
        }
        _ => (None, Excerpt::default(), Excerpt::default()),
    };
    Difference {
        phase: a.phase,
        index: a.index,
        agree,
        baseline,
        variant,
    }
}

/// Words, each with the space before it, as tokens have it; space at the end is a word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest
            .find(|c: char| !c.is_whitespace())
            .unwrap_or(rest.len());
        let end = rest[start..].find(char::is_whitespace);
        let (word, after) = rest.split_at(end.map_or(rest.len(), |end| start + end));
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// The surroundings of the word at a byte.
fn excerpt(text: &str, at: usize) -> Excerpt {
    let (before, rest) = text.split_at(at);
    let word = words(rest).next().unwrap_or_default();
    let after = &rest[word.len()..];
    let skipped = before.chars().count().saturating_sub(BEFORE);
    let tail: String = before.chars().skip(skipped).collect();
    let head: String = after.chars().take(AFTER).collect();
    let cut = |more: bool| if more { "..." } else { "" };
    Excerpt {
        before: cut(skipped > 0).to_owned() + &plain(tail.trim_start()),
        word: plain(word),
        after: plain(&head) + cut(head.len() < after.len()),
    }
}

/// A text in one line, with what is not to be seen written out.
fn plain(text: &str) -> String {
    let written = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::sample::ErrorClass;
    use crate::record::fixture;
    use proptest::prelude::*;

    fn whole(sample: Sample) -> SampleRow {
        let variant = "v".to_owned();
        SampleRow {
            variant,
            round: 1,
            sample,
        }
    }

    fn row(index: u64, text: &str) -> SampleRow {
        let text_sha = format!("{:x}", text.len());
        whole(Sample {
            text: Some(vec![text.to_owned()]),
            text_sha,
            ..fixture::sample(index)
        })
    }

    #[test]
    fn rounds_are_kept_apart() {
        let second = SampleRow {
            round: 2,
            ..row(0, "y")
        };
        let found = same_text(&[row(0, "x"), second.clone()], &[row(0, "x"), second]);
        assert_eq!((found.requests, found.identical), (2, 2));
    }

    #[test]
    fn the_same_answers_pass_in_any_order() {
        let (a, b) = ([row(0, "x"), row(1, "y")], [row(1, "y"), row(0, "x")]);
        let check = same_text(&a, &b).check("native", "dynamo", 1.0);
        assert!(check.passed);
        assert_eq!(check.name, "same text as native");
        assert_eq!(
            check.detail,
            "all 2 requests were answered with the same text"
        );
    }

    #[test]
    fn a_difference_is_shown_from_where_it_begins() {
        let a = [
            row(0, "x"),
            row(1, "The capital of France is Paris, of course."),
        ];
        let b = [row(0, "x"), row(1, "The capital of France is Lyon.\u{1b}")];
        let check = same_text(&a, &b).check("native", "dynamo", 1.0);
        assert!(!check.passed);
        insta::assert_snapshot!(check.detail, @r#"
        1 of 2 requests were answered with the same text
        phase 1 request 1: the same for 5 words, then
        native: ...capital of France is[ Paris,] of course.
        dynamo: ...capital of France is[ Lyon.\u{1b}]
        "#);
    }

    #[test]
    fn a_share_of_all_may_do() {
        let a = [row(0, "x"), row(1, "y"), row(2, "z"), row(3, "w")];
        let b = [row(0, "x"), row(1, "y"), row(2, "z"), row(3, "v")];
        let found = same_text(&a, &b);
        assert!(found.check("a", "b", 0.75).passed && !found.check("a", "b", 0.76).passed);
        // A request that one failed is not answered alike.
        assert!(!same_text(&a, &b[..3]).check("a", "b", 0.76).passed);
        let detail = found.check("a", "b", 0.75).detail;
        assert!(
            detail.starts_with("3 of 4 requests were answered with the same text; 75.0% must be"),
            "{detail}"
        );
    }

    #[test]
    fn a_text_that_ends_first_is_told() {
        let check = same_text(&[row(0, "a b\nc")], &[row(0, "a b")]).check("x", "y", 1.0);
        insta::assert_snapshot!(check.detail, @r"
        0 of 1 requests were answered with the same text
        phase 1 request 0: the same for 2 words, then
        x: a b[\nc]
        y: a b[(end)]
        ");
    }

    #[test]
    fn what_one_failed_to_answer_is_not_the_same() {
        let failed = whole(Sample {
            error: Some(ErrorClass::Timeout),
            ..fixture::sample(1)
        });
        let (a, b) = ([row(0, "x"), row(1, "y")], [row(0, "x"), failed.clone()]);
        let found = same_text(&a, &b);
        assert_eq!(
            (found.requests, found.identical, found.unanswered),
            (1, 1, 1)
        );
        assert!(!found.check("a", "b", 1.0).passed);
        assert!(
            !same_text([&failed], [&failed]).check("a", "b", 1.0).passed,
            "nothing compared"
        );
        assert!(!same_text(&[], &[]).check("a", "b", 1.0).passed);
    }

    #[test]
    fn without_texts_the_hashes_speak() {
        let bare = |sha: &str| {
            whole(Sample {
                text: None,
                text_sha: sha.to_owned(),
                ..fixture::sample(0)
            })
        };
        assert!(
            same_text(&[bare("a")], &[bare("a")])
                .check("a", "b", 1.0)
                .passed
        );
        let found = same_text(&[bare("a")], &[bare("b")]).check("a", "b", 1.0);
        assert!(!found.passed && found.detail.ends_with("hashes differ"));
    }

    proptest! {
        #[test]
        fn any_two_texts_are_compared(x in ".*", y in ".*") {
            let found = same_text(&[row(0, &x)], &[row(0, &y)]);
            prop_assert_eq!(found.identical == 1, x == y);
            prop_assert_eq!(found.examples.len(), usize::from(x != y));
        }
    }
}
