use super::*;

#[test]
fn torch_says_what_cuda_it_needs() {
    assert_eq!(built_for("2.9.0+cu128"), Some((12, 8)));
    assert_eq!(built_for("2.11.0+cu130"), Some((13, 0)));
    assert_eq!(built_for("2.9.0+cpu"), None);
    assert_eq!(built_for("2.9.0"), None);
}
