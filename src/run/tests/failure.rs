use super::*;
use crate::record::fixture;

#[test]
fn a_failure_has_the_same_exit_code_with_a_record_and_without() {
    let said = || "why".to_owned();
    let all = [
        Failure::Requirement(said()),
        Failure::Setup(said()),
        Failure::Topology(said()),
        Failure::Interrupted,
    ];
    for failure in all {
        let mut run = fixture::empty();
        let code = conclude(
            &mut run,
            failure.clone().ending(),
            Vec::new(),
            Vec::new(),
            Quality::default(),
        );
        assert_eq!(code, failure.exit_code(), "{failure:?}");
    }
}
