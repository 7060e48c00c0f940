use super::*;
use crate::record::fixture;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;

#[test]
fn rows_read_back() {
    let rows = || {
        (0..50).map(|index| SampleRow {
            variant: "native".to_owned(),
            round: 1,
            sample: fixture::sample(index),
        })
    };
    let mut file = tempfile::tempfile().expect("a file");
    parquet(rows().map(Ok), &mut file).expect("written");
    let reader = SerializedFileReader::new(file).expect("a file of Parquet");
    let read: Vec<_> = reader.get_row_iter(None).expect("rows").collect();
    assert_eq!(read.len(), 50);
    let at = |name| {
        COLUMNS
            .iter()
            .position(|(known, _)| *known == name)
            .expect("a column")
    };
    for (row, kept) in read.into_iter().zip(rows()) {
        let row = row.expect("a row");
        assert_eq!(
            row.get_long(at("end_ns")).ok(),
            Some(kept.sample.end_ns.cast_signed())
        );
        assert_eq!(
            row.get_long(at("ttft_ns")).ok(),
            kept.sample.ttft().map(u64::cast_signed)
        );
        assert_eq!(row.get_string(at("variant")).ok(), Some(&kept.variant));
        let error = kept.sample.error.map(|class| class.to_string());
        assert_eq!(row.get_string(at("error")).ok().cloned(), error);
    }
}
