use super::*;
use crate::compare::answers::tests::answers;
use crate::measure::sample::ErrorClass;
use crate::record::{Sample, SampleRow, fixture};
use std::slice;

fn whole(sample: Sample) -> SampleRow {
    SampleRow {
        variant: String::new(),
        round: 1,
        sample,
    }
}

fn row(index: u64, text: &str) -> SampleRow {
    use sha2::{Digest as _, Sha256};
    let hash = Sha256::digest(text);
    whole(Sample {
        text: Some(vec![text.to_owned()]),
        text_sha: hex::encode(&hash[..8]),
        ..fixture::sample(index)
    })
}

fn found(a: &[SampleRow], b: &[SampleRow]) -> SameText {
    let ((_a, a), (_b, b)) = (answers("native", a), answers("dynamo", b));
    same_text(&a, &b, || None).expect("read")
}

#[test]
fn rounds_are_kept_apart() {
    let second = SampleRow {
        round: 2,
        ..row(0, "y")
    };
    let rows = [row(0, "x"), second];
    let found = found(&rows, &rows);
    assert_eq!((found.requests, found.identical), (2, 2));
}

#[test]
fn the_same_answers_pass_in_any_order() {
    let check = found(&[row(0, "x"), row(1, "y")], &[row(1, "y"), row(0, "x")]).check(1.0);
    assert!(check.passed);
    assert_eq!(check.name, "same text as native");
    assert_eq!(
        check.detail,
        "all 2 requests were answered with the same text"
    );
}

#[test]
fn differences_are_shown_from_where_they_begin() {
    let a = [
        row(0, "x"),
        row(1, "The capital of France is Paris, of course."),
        row(2, "One."),
    ];
    let b = [
        row(0, "x"),
        row(1, "The capital of France is Lyon.\u{1b}"),
        row(2, "Two."),
    ];
    let found = found(&a, &b);
    let check = found.check(1.0);
    assert!(!check.passed);
    insta::assert_snapshot!(check.detail, @r"
    1 of 3 requests were answered with the same text
    the 2 others begin with 0 to 5 words in common (median 0); batch 1 goes on with [ Paris,] and [ Lyon.\u{1b}]
    ");
    let shown: Vec<_> = found
        .examples
        .iter()
        .map(|d| (d.place(), d.agree, d.left.to_string(), d.right.to_string()))
        .collect();
    assert_eq!(
        shown[0],
        (
            "batch 1".to_owned(),
            5,
            "The capital of France is[ Paris,] of course.".to_owned(),
            "The capital of France is[ Lyon.\\u{1b}]".to_owned(),
        )
    );
    assert_eq!((shown.len(), shown[1].1), (2, 0));
}

#[test]
fn tokens_are_asked_for_only_where_texts_differ() {
    let letters = || -> Option<Tokenizer> {
        Some(Box::new(|text| {
            let each = text.char_indices();
            Some(
                each.map(|(at, c)| (c.into(), at..at + c.len_utf8()))
                    .collect(),
            )
        }))
    };
    let (_a, a) = answers("a", &[row(0, "Paris")]);
    let (_b, b) = answers("b", &[row(0, "Parma")]);
    let found = same_text(&a, &b, letters).expect("read");
    assert_eq!((found.unit.as_str(), found.examples[0].agree), ("token", 3));
    assert!(
        found
            .check(1.0)
            .detail
            .contains("the other begins with 3 tokens in common")
    );
    let same = same_text(&a, &a, || panic!("not needed")).expect("read");
    assert_eq!(same.identical, 1);
}

#[test]
fn every_choice_is_compared() {
    let choices = |texts: [&str; 2]| {
        let mut row = row(0, texts[1]);
        row.sample.text = Some(texts.map(str::to_owned).to_vec());
        row
    };
    let found = found(&[choices(["x", "a b"])], &[choices(["x", "a c"])]);
    assert_eq!(found.examples[0].place(), "batch 0, choice 2");
}

#[test]
fn a_share_of_all_may_do() {
    let a = ["x", "y", "z", "w"];
    let a: Vec<_> = (0..).zip(a).map(|(i, text)| row(i, text)).collect();
    let mut b = a.clone();
    b[3] = row(3, "v");
    let all = found(&a, &b);
    assert!(all.check(0.75).passed && !all.check(0.76).passed);
    // A request that one failed is not answered alike.
    assert!(!found(&a, &b[..3]).check(0.76).passed);
    let detail = all.check(0.75).detail;
    let begin = "3 of 4 requests were answered with the same text; 75.0% must be\n";
    assert!(detail.starts_with(begin), "{detail}");
}

#[test]
fn what_one_failed_to_answer_is_not_the_same() {
    let failed = whole(Sample {
        error: Some(ErrorClass::Timeout),
        ..fixture::sample(1)
    });
    let some = found(&[row(0, "x"), row(1, "y")], &[row(0, "x"), failed.clone()]);
    assert_eq!((some.requests, some.identical, some.unanswered), (1, 1, 1));
    assert!(!some.check(1.0).passed);
    let none = found(slice::from_ref(&failed), slice::from_ref(&failed));
    assert!(!none.check(1.0).passed, "nothing compared");
    assert!(!found(&[], &[]).check(1.0).passed);
}

#[test]
fn without_texts_the_hashes_speak() {
    let bare = |text: &str| {
        let mut row = row(0, text);
        row.sample.text = None;
        row
    };
    assert!(found(&[bare("a")], &[bare("a")]).check(1.0).passed);
    let check = found(&[bare("a")], &[bare("b")]).check(1.0);
    assert!(!check.passed && check.detail.ends_with("only hashes were kept"));
}

#[test]
fn two_answers_without_text_are_not_the_same_answer() {
    let some = found(&[row(0, "x"), row(1, "")], &[row(0, "x"), row(1, "")]);
    assert_eq!(
        (some.requests, some.identical, some.without_text),
        (1, 1, 1)
    );
    let detail = some.check(1.0).detail;
    assert!(
        detail.ends_with("; 1 that neither answered with text are left out"),
        "{detail}"
    );
    let none = found(&[row(0, "")], &[row(0, "")]).check(0.0);
    assert!(!none.passed, "nothing was compared");
    assert!(
        none.detail.starts_with("no request was answered with text"),
        "{}",
        none.detail
    );
    let one = found(&[row(0, "x")], &[row(0, "")]);
    assert_eq!((one.requests, one.identical), (1, 0));
}
