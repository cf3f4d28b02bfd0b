//! Export of rows as Parquet.

use super::columns::{COLUMNS, Cell, Column, Kind};
use crate::{Header, Row, RunFile};
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::io::{self, Write};
use std::sync::Arc;

/// Maximum number of rows in a row group.
const GROUP: usize = 65_536;

/// Writes all rows as Parquet: every column is optional, uncompressed and dictionary-encoded.
///
/// # Errors
/// Fails if `out` cannot be written.
pub fn write(runs: &[RunFile], out: impl Write + Send) -> io::Result<()> {
    write_groups(runs, out).map_err(|error| match error {
        ParquetError::External(inner) => io::Error::other(inner),
        other => io::Error::other(other.to_string()),
    })
}

fn write_groups(runs: &[RunFile], out: impl Write + Send) -> ParquetResult<()> {
    let rows: Vec<(&Header, &Row)> =
        runs.iter().flat_map(|run| run.rows.iter().map(|row| (&run.header, row))).collect();
    let properties = WriterProperties::builder().set_created_by("portamark".into()).build();
    let mut writer = SerializedFileWriter::new(out, Arc::new(schema()?), Arc::new(properties))?;
    for group in rows.chunks(GROUP) {
        let mut row_group = writer.next_row_group()?;
        for column in COLUMNS {
            write_column(&mut row_group, column, group)?;
        }
        row_group.close()?;
    }
    writer.close()?;
    Ok(())
}

fn schema() -> ParquetResult<Type> {
    let field = |column: &Column| {
        let (physical, logical) = match column.kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Integer => (Physical::INT64, None),
            Kind::Number => (Physical::DOUBLE, None),
            Kind::Flag => (Physical::BOOLEAN, None),
        };
        let builder = Type::primitive_type_builder(column.name, physical);
        builder.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build().map(Arc::new)
    };
    let fields = COLUMNS.iter().map(field).collect::<ParquetResult<Vec<_>>>()?;
    Type::group_type_builder("row").with_fields(fields).build()
}

fn write_column<W: Write + Send>(
    row_group: &mut SerializedRowGroupWriter<'_, W>,
    column: &Column,
    rows: &[(&Header, &Row)],
) -> ParquetResult<()> {
    let mut writer =
        row_group.next_column()?.ok_or_else(|| ParquetError::General("a column is missing".into()))?;
    let cells: Vec<Cell> = rows.iter().map(|(header, row)| column.cell(header, row)).collect();
    match column.kind {
        Kind::Text => values::<ByteArrayType>(&mut writer, &cells, |cell| match cell {
            Cell::Text(text) => Some(ByteArray::from(text.as_str())),
            _ => None,
        }),
        Kind::Integer => values::<Int64Type>(&mut writer, &cells, |cell| match cell {
            Cell::Integer(value) => Some(*value),
            _ => None,
        }),
        Kind::Number => values::<DoubleType>(&mut writer, &cells, |cell| match cell {
            Cell::Number(value) => Some(*value),
            _ => None,
        }),
        Kind::Flag => values::<BoolType>(&mut writer, &cells, |cell| match cell {
            Cell::Flag(value) => Some(*value),
            _ => None,
        }),
    }?;
    writer.close()
}

/// Writes the values that are present, and a definition level for each cell: 1 if it is present, 0 if it is
/// missing.
fn values<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    cells: &[Cell],
    value: fn(&Cell) -> Option<T::T>,
) -> ParquetResult<()> {
    let values: Vec<Option<T::T>> = cells.iter().map(value).collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let there: Vec<T::T> = values.into_iter().flatten().collect();
    writer.typed::<T>().write_batch(&there, Some(&levels), None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    #[test]
    fn every_value_reads_back_also_those_that_are_missing() {
        let key = "gemm f32 m512 n512 k512 nn";
        let rows = vec![example::row(key), example::skipped(key, "slow"), example::imported(key)];
        let header = example::header();
        let run = RunFile { path: "x".into(), header: header.clone(), rows, end: None, problems: vec![] };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.parquet");
        write(&[run.clone(), run.clone()], std::fs::File::create(&path).unwrap()).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 6);
        let read = reader.get_row_iter(None).unwrap().map(Result::unwrap);
        for (read, row) in read.zip(run.rows.iter().cycle()) {
            for ((name, field), column) in read.get_column_iter().zip(COLUMNS) {
                let expected = match (column.of)(&header, row) {
                    Cell::Text(text) => Field::Str(text),
                    Cell::Integer(value) => Field::Long(value),
                    Cell::Number(value) => Field::Double(value),
                    Cell::Flag(value) => Field::Bool(value),
                    Cell::Missing => Field::Null,
                };
                assert_eq!((name.as_str(), field), (column.name, &expected));
            }
        }
    }

    #[test]
    fn no_rows_are_a_table_without_rows() {
        let mut out = Vec::new();
        write(&[], &mut out).unwrap();
        assert!(out.starts_with(b"PAR1") && out.ends_with(b"PAR1"));
    }

    #[test]
    fn a_disk_that_is_full_is_an_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(write(&[], Full).is_err());
    }
}
