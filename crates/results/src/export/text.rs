//! Export of rows as CSV and JSON Lines.

use super::columns::{COLUMNS, Cell};
use crate::RunFile;
use serde_json::{Map, Value};
use std::io::{self, Write};

/// Writes CSV (RFC 4180): a line of column names and a line for each row; missing values are empty.
///
/// # Errors
/// Fails if `out` cannot be written.
pub fn write_csv(runs: &[RunFile], out: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS.iter().map(|column| column.name))?;
    for run in runs {
        for row in &run.rows {
            writer.write_record(COLUMNS.iter().map(|column| match column.cell(&run.header, row) {
                Cell::Text(text) => text,
                Cell::Integer(value) => value.to_string(),
                // The shortest text that reads back to the same number.
                Cell::Number(value) => format!("{value:?}"),
                Cell::Flag(value) => value.to_string(),
                Cell::Missing => String::new(),
            }))?;
        }
    }
    writer.flush()
}

/// Writes JSON Lines: a flat JSON object for each row, one per line; missing values are absent.
///
/// # Errors
/// Fails if `out` cannot be written.
pub fn write_jsonl(runs: &[RunFile], mut out: impl Write) -> io::Result<()> {
    for run in runs {
        for row in &run.rows {
            let mut object = Map::new();
            for column in COLUMNS {
                let value = match column.cell(&run.header, row) {
                    Cell::Text(text) => Value::from(text),
                    Cell::Integer(value) => Value::from(value),
                    Cell::Number(value) => Value::from(value),
                    Cell::Flag(value) => Value::from(value),
                    Cell::Missing => continue,
                };
                object.insert(column.name.into(), value);
            }
            serde_json::to_writer(&mut out, &object)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;
    use crate::Row;

    fn runs() -> Vec<RunFile> {
        let key = "gemm f32 m512 n512 k512 nn";
        let quoted = Row { reason: Some("a \"b\",\nc".into()), ..example::skipped(key, "") };
        let rows = vec![example::row(key), quoted, example::imported(key)];
        vec![RunFile { path: "x.jsonl".into(), header: example::header(), rows, end: None, problems: vec![] }]
    }

    #[test]
    fn csv_reads_back_to_the_same_numbers_and_words() {
        let mut out = Vec::new();
        write_csv(&runs(), &mut out).unwrap();
        let mut reader = csv::Reader::from_reader(&out[..]);
        let names: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
        assert!(names.iter().eq(COLUMNS.iter().map(|column| column.name)));
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let cell = |row: usize, name: &str| &rows[row][names.iter().position(|n| n == name).unwrap()];
        assert_eq!(rows.len(), 3);
        assert_eq!(cell(0, "median_s").parse::<f64>(), Ok(0.0009765625));
        assert_eq!((cell(1, "reason"), cell(1, "median_s")), ("a \"b\",\nc", ""));
        assert_eq!((cell(2, "status"), cell(2, "imported_by")), ("imported", "nvbench"));
    }

    #[test]
    fn json_lines_have_an_object_for_each_row_without_what_is_missing() {
        let mut out = Vec::new();
        write_jsonl(&runs(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0]["median_s"], 0.0009765625);
        assert_eq!((&rows[1]["status"], rows[1].get("median_s")), (&Value::from("skipped"), None));
        assert_eq!(rows[2]["imported_unit"], "s");
    }
}
