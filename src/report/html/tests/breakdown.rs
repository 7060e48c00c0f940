use super::*;
use crate::record::fixture;

#[test]
fn every_part_has_a_row_and_a_piece_of_both_bars() {
    let run = fixture::pass();
    assert!(!run.decompositions.is_empty());
    let page = bars(&run).into_string();
    let split = &run.decompositions[0].splits[0];
    let first = page.split("</table>").next().unwrap_or_default();
    for part in &split.parts {
        assert!(
            first.contains(&format!("</i>{}</th>", part.name)),
            "{}",
            part.name
        );
    }
    let there = |side: fn(&BreakdownPart) -> Option<f64>| {
        split
            .parts
            .iter()
            .filter_map(side)
            .filter(|ms| *ms > 0.0)
            .count()
    };
    let pieces = there(|p| p.baseline_ms) + there(|p| p.variant_ms) + 2;
    assert_eq!(first.matches("<rect").count(), pieces);
    assert!(first.contains("mostly prefill"), "{first}");
    assert_eq!(bars(&fixture::empty()).into_string(), "");
}
