//! Tables of comma-separated values (RFC 4180) with a header line of column names.

use super::measured::told;
use csv::{ReaderBuilder, StringRecord, Trim};

/// Maximum number of lines of a table, far more than any program prints: a record takes much more memory than
/// its text.
const MOST_LINES: usize = 100_000;

/// Parsed table, including its column names.
#[derive(Debug)]
pub(super) struct Table {
    names: Vec<String>,
    rows: Vec<(u64, StringRecord)>,
}

/// Line of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableRow<'a> {
    table: &'a Table,
    /// Line number in the file, from 1.
    pub line: u64,
    record: &'a StringRecord,
}

impl Table {
    /// Parses `text`, which is preceded by `before` lines in the file.
    pub(super) fn read(text: &str, before: u64) -> Result<Self, String> {
        // The reader counts a line that ends in CR LF from its CR on, one too few.
        let text = text.replace("\r\n", "\n");
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text.as_bytes());
        let words = |error: csv::Error| {
            let line = error.position().map_or(1, csv::Position::line) + before;
            match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("line {line}: {len} columns where the first line names {expected_len}")
                }
                _ => format!("line {line}: {}", told(&error.to_string())),
            }
        };
        let names: Vec<String> =
            reader.headers().map_err(words)?.iter().map(|name| name.to_lowercase()).collect();
        if let Some(name) = names.iter().enumerate().find_map(|(at, n)| names[..at].contains(n).then_some(n))
        {
            return Err(format!("line {}: the column `{}` is named twice", before + 1, told(name)));
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(words)?;
            let line = record.position().map_or(0, csv::Position::line) + before;
            if rows.len() >= MOST_LINES {
                return Err(format!("line {line}: more than {MOST_LINES} lines, the most that are read"));
            }
            if record.iter().any(|cell| !cell.is_empty()) {
                rows.push((line, record));
            }
        }
        Ok(Table { names, rows })
    }

    /// Returns the names of the columns, in lower case.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns all lines except the header line and empty ones.
    pub(super) fn rows(&self) -> impl Iterator<Item = TableRow<'_>> {
        self.rows.iter().map(|(line, record)| TableRow { table: self, line: *line, record })
    }
}

impl<'a> TableRow<'a> {
    /// Returns the cell of a column; `None` if there is no such column or the cell is empty.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let at = self.table.names.iter().position(|other| other == name)?;
        self.record.get(at).filter(|cell| !cell.is_empty())
    }

    /// Returns the cell of a required column, or an error if it is empty.
    pub(super) fn need(&self, name: &str) -> Result<&'a str, String> {
        self.get(name).ok_or_else(|| format!("{}: nothing is there", self.place(name)))
    }

    /// Describes where the cell of a column stands, for messages.
    pub(super) fn place(&self, name: &str) -> String {
        format!("line {}, column `{name}`", self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_name_and_lines_counted_in_the_file() {
        let table = Table::read("A, b\n1,\"x, y\"\n\n , \n2,\n", 3).unwrap();
        assert_eq!(table.names(), ["a", "b"]);
        let cells: Vec<_> = table.rows().map(|row| (row.line, row.get("a"), row.get("b"))).collect();
        assert_eq!(cells, [(5, Some("1"), Some("x, y")), (8, Some("2"), None)]);
        let last = table.rows().last().unwrap();
        assert_eq!(last.need("b").unwrap_err(), "line 8, column `b`: nothing is there");
        assert_eq!(last.get("c"), None);
    }

    #[test]
    fn a_ragged_or_ambiguous_table_says_where() {
        let error = Table::read("a,b\n1\n", 0).unwrap_err();
        assert_eq!(error, "line 2: 1 columns where the first line names 2");
        let windows = Table::read("a,b\r\n1,2\r\n", 0).unwrap();
        assert_eq!(windows.rows().next().unwrap().line, 2);
        assert_eq!(Table::read("a,A\n", 0).unwrap_err(), "line 1: the column `a` is named twice");
    }
}
