use super::*;

#[test]
fn the_first_request_of_all_rounds_is_kept_and_all_are_counted() {
    let said = |what: &'static str| move || what.to_owned();
    let mut all = Examples::default();
    all.add(Cause::Empty, "closed", 3, said("nothing"));
    let mut other = Examples::default();
    let kind = Miscount::Absurd;
    other.add(Cause::Miscounted(kind), "closed", 5, said("-1 tokens"));
    other.add(Cause::Miscounted(kind), "closed", 6, said("-2 tokens"));
    other.add(Cause::Empty, "closed", 1, said("again"));
    all.join(&other);
    assert_eq!(all.first(Cause::Empty), Some("closed request 3: nothing"));
    assert_eq!(all.first(Cause::AtOnce), None);
    let miscounts: Vec<_> = all.miscounts().collect();
    assert_eq!(miscounts, [(kind, 2, "closed request 5: -1 tokens")]);
}
