use super::*;

#[test]
fn p_is_the_share_of_assignments_as_extreme() {
    assert_eq!(sign_flip(&[1.0; 8]), Some(2.0 / 256.0));
    assert_eq!(sign_flip(&[1.0, -1.0]), Some(1.0));
    // Sums of +-1 +-2 +-3: |sum| >= 4 for 6, 4, -4, -6.
    assert_eq!(sign_flip(&[-1.0, 2.0, 3.0]), Some(4.0 / 8.0));
    assert_eq!(sign_flip(&[]), None);
    assert_eq!(sign_flip(&[0.0; 21]), None);
}
