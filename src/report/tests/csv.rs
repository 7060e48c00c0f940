use super::*;
use crate::record::fixture;

#[test]
fn every_figure_has_a_row() {
    let run = fixture::pass();
    let text = csv(&run);
    let id = &run.run_id;
    assert!(text.contains(&format!(
        "{id},dynamo,batch,batch,batch_ms.p50,565.03125\r\n"
    )));
    assert!(text.contains(&format!(
        "{id},native,closed,closed,goodput.share,0.9925\r\n"
    )));
    assert!(text.contains(&format!("{id},native,topology,,ready_ms,41250\r\n")));
    assert!(
        !text.contains("native,closed,closed,tpot_ms"),
        "not applicable"
    );
    assert!(text.lines().all(|row| row.split(',').count() == 6));
}

#[test]
fn names_neither_break_rows_nor_compute() {
    assert_eq!(cell("=1+1"), "'=1+1");
    assert_eq!(cell("-1.5"), "-1.5");
    let mut run = fixture::pass();
    run.variants[0].name = "a,\"b\"\r\nc".to_owned();
    let text = csv(&run);
    assert!(text.contains(",\"a,\"\"b\"\"  c\",closed,"), "{text}");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for row in reader.records() {
        assert_eq!(row.expect("a row").len(), HEAD.len());
    }
}
