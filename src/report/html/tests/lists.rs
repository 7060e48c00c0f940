use super::*;
use crate::record::fixture;

#[test]
fn the_processor_time_of_bench_is_shown_per_phase_and_per_event() {
    let mut run = fixture::pass();
    assert_eq!(cost(&run).into_string(), "", "it was not measured");
    let phase = &mut run.variants[0].phases[0];
    phase.client.cpu_ns = Some(30_000_000);
    phase.client.events = 6_000;
    let name = format!(
        "{}/{}",
        run.variants[0].name, run.variants[0].phases[0].name
    );
    let table = cost(&run).into_string();
    let row = table.split("<tr>").last().unwrap_or_default();
    for cell in [name.as_str(), "30.0", "5.00"] {
        assert!(row.contains(cell), "{cell} in {row}");
    }
    assert_eq!(table.matches("<th scope=\"row\"").count(), 1);
}
