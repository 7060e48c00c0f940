use super::*;
use crate::record::fixture;

#[test]
fn every_line_is_a_comment_or_a_sample_and_families_are_not_split() {
    let text = openmetrics(&fixture::fail());
    assert!(text.ends_with("# EOF\n"));
    let sample =
        regex::Regex::new(r#"^bench_[a-z0-9_]+\{([a-z_]+="([^"\\]|\\.)*",?)+\} [0-9.e-]+$"#);
    let sample = sample.expect("a pattern");
    for line in text.lines() {
        assert!(line.starts_with("# ") || sample.is_match(line), "{line}");
    }
    let heads: Vec<_> = text.lines().filter(|l| l.starts_with("# TYPE")).collect();
    let mut once = heads.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(heads.len(), once.len());
    assert!(text.contains("phase=\"batch\",quantile=\"0.5\"} 0.03141"));
    assert!(text.contains("verdict=\"fail\""));
}
