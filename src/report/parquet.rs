//! Every request as a row of a Parquet file, for data frames and databases. `parquet` without Arrow is the leanest crate
//! that is kept up and that every reader agrees with.

use crate::record::{Error, Sample, SampleRow};
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// Rows held in memory at a time.
const GROUP: usize = 100_000;

/// Where a column's values come from; what did not happen is null.
enum Column {
    Long(fn(&Sample) -> Option<u64>),
    Int(fn(&Sample) -> Option<u32>),
    Real(fn(&Sample) -> Option<f64>),
    Flag(fn(&Sample) -> bool),
    Text(fn(&SampleRow) -> Option<String>),
    Round,
}

/// Instants are nanoseconds since the variant's load began.
const COLUMNS: [(&str, Column); 22] = [
    ("variant", Column::Text(|row| Some(row.variant.clone()))),
    ("round", Column::Round),
    ("phase", Column::Int(|s| Some(s.phase))),
    ("index", Column::Long(|s| Some(s.index))),
    ("batch", Column::Int(|s| s.batch)),
    ("due_ns", Column::Long(|s| Some(s.due_ns))),
    ("sent_ns", Column::Long(|s| s.sent_ns)),
    ("connect_ns", Column::Long(|s| s.connect_ns)),
    ("reused", Column::Flag(|s| s.reused)),
    ("first_text_ns", Column::Long(|s| s.first_text_ns)),
    ("last_text_ns", Column::Long(|s| s.last_text_ns)),
    ("end_ns", Column::Long(|s| Some(s.end_ns))),
    ("chunks", Column::Int(|s| Some(s.chunks))),
    ("status", Column::Int(|s| s.status.map(u32::from))),
    ("prompt_tokens", Column::Long(|s| s.prompt_tokens)),
    ("output_tokens", Column::Long(|s| s.output_tokens)),
    ("ttft_ns", Column::Long(Sample::ttft)),
    ("tpot_ns", Column::Real(Sample::tpot)),
    ("e2e_ns", Column::Long(Sample::e2e)),
    (
        "error",
        Column::Text(|row| row.sample.error.as_ref().map(ToString::to_string)),
    ),
    ("detail", Column::Text(|row| row.sample.detail.clone())),
    (
        "text_sha",
        Column::Text(|row| Some(row.sample.text_sha.clone())),
    ),
];

/// Writes rows as a Parquet file.
///
/// # Errors
/// When a row can't be read or the file can't be written.
pub(crate) fn parquet<W: Write + Send>(
    mut rows: impl Iterator<Item = std::result::Result<SampleRow, Error>>,
    to: W,
) -> Result<()> {
    let field = |(name, column): &(&str, Column)| {
        let text = if let Column::Text(_) = column {
            " (utf8)"
        } else {
            ""
        };
        format!("optional {} {name}{text};", column.kind())
    };
    let fields = COLUMNS.iter().map(field);
    let schema = format!("message sample {{ {} }}", fields.collect::<String>());
    let schema = Arc::new(parse_message_type(&schema)?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let mut file = SerializedFileWriter::new(to, schema, Arc::new(properties.build()))?;
    loop {
        let group: std::result::Result<Vec<_>, _> = rows.by_ref().take(GROUP).collect();
        let group = group.map_err(|error| ParquetError::External(Box::new(error)))?;
        if group.is_empty() {
            break;
        }
        let mut writer = file.next_row_group()?;
        for (_, column) in &COLUMNS {
            if let Some(mut next) = writer.next_column()? {
                column.write(&mut next, &group)?;
                next.close()?;
            }
        }
        writer.close()?;
    }
    file.close()?;
    Ok(())
}

impl Column {
    fn kind(&self) -> &'static str {
        match self {
            Self::Long(_) => "int64",
            Self::Int(_) | Self::Round => "int32",
            Self::Real(_) => "double",
            Self::Flag(_) => "boolean",
            Self::Text(_) => "binary",
        }
    }

    fn write(&self, to: &mut SerializedColumnWriter<'_>, rows: &[SampleRow]) -> Result<()> {
        let samples = rows.iter().map(|row| &row.sample);
        match self {
            Self::Long(of) => put::<Int64Type>(to, samples.map(|s| of(s).map(u64::cast_signed))),
            Self::Int(of) => put::<Int32Type>(to, samples.map(|s| of(s).map(u32::cast_signed))),
            Self::Round => {
                put::<Int32Type>(to, rows.iter().map(|row| Some(row.round.cast_signed())))
            }
            Self::Real(of) => put::<DoubleType>(to, samples.map(of)),
            Self::Flag(of) => put::<BoolType>(to, samples.map(|s| Some(of(s)))),
            Self::Text(of) => {
                let bytes = |row| of(row).map(|text| ByteArray::from(text.into_bytes()));
                put::<ByteArrayType>(to, rows.iter().map(bytes))
            }
        }
    }
}

/// Writes the values that are there, and which rows those are.
fn put<T: DataType>(
    to: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<()> {
    let values: Vec<_> = values.collect();
    let there: Vec<i16> = values
        .iter()
        .map(|value| i16::from(value.is_some()))
        .collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    to.typed::<T>().write_batch(&values, Some(&there), None)?;
    Ok(())
}

#[cfg(test)]
#[path = "tests/parquet.rs"]
mod tests;
