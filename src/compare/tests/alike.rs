use super::*;
use crate::compare::answers::tests::answers;
use crate::record::{Sample, SampleRow, fixture};

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
    let ((_a, a), (_b, b)) = (answers("native", a), answers("dynamo", b));
    alike("prompt tokens", |answer| answer.prompt_tokens, &a, &b)
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
