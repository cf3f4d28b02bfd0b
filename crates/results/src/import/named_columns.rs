//! Import of comma-separated values with named columns, for programs without their own format here.
//! `docs/import.md` describes the columns.

use super::measured::{Import, Measured, number, told};
use super::table::{Table, TableRow};
use crate::imported::{ImportUnit, SpreadKind, Statistic};

const METHOD: &str = "csv";

/// All columns with a meaning, the required ones first.
pub(super) const COLUMNS: [&str; 13] = [
    "case",
    "value",
    "unit",
    "lo",
    "hi",
    "spread",
    "statistic",
    "samples",
    "method",
    "version",
    "library",
    "device",
    "api",
];
const NEEDED: usize = 3;

/// Returns whether `text` is such a table.
pub(super) fn fits(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default().to_lowercase();
    let names: Vec<&str> = first.split(',').map(|name| name.trim().trim_matches('"')).collect();
    COLUMNS[..NEEDED].iter().all(|column| names.contains(column))
}

/// Reads the table in `text`.
pub(super) fn read(text: &str) -> Result<Import, String> {
    let table = Table::read(text, 0)?;
    for (at, column) in COLUMNS.iter().enumerate() {
        if at < NEEDED && !table.names().iter().any(|name| name == column) {
            return Err(format!("line 1: there is no column `{column}`"));
        }
    }
    let mut import = Import::default();
    for row in table.rows() {
        import.add(of_row(&table, row)?)?;
    }
    Ok(import)
}

fn of_row(table: &Table, row: TableRow) -> Result<Measured, String> {
    let (unit, factor) = unit(row.need("unit")?).map_err(|why| format!("{}: {why}", row.place("unit")))?;
    let value = |column: &str| Ok::<f64, String>(number(row.need(column)?, &row.place(column))? * factor);
    let method = row.get("method").map_or(METHOD.into(), told);
    let statistic = word(&row, "statistic", &Statistic::ALL, Statistic::name)?.unwrap_or(Statistic::Unknown);
    let place = row.place("value");
    let mut measured = Measured::new(&method, row.need("case")?, (unit, statistic), value("value")?, &place)?
        .version(row.get("version").unwrap_or_default())
        .library(row.get("library").unwrap_or_default())
        .on(row.get("device").unwrap_or_default(), row.get("api").unwrap_or_default());
    if row.get("lo").is_some() || row.get("hi").is_some() {
        let (lo, hi) = (value("lo")?, value("hi")?);
        if !(lo..=hi).contains(&measured.imported.value) {
            return Err(format!("line {}: the value does not lie between `lo` and `hi`", row.line));
        }
        let what = word(&row, "spread", &SpreadKind::ALL, SpreadKind::name)?.unwrap_or(SpreadKind::Interval);
        measured = measured.spread(what, lo, hi);
    }
    if let Some(samples) = row.get("samples") {
        let count = samples.parse().map_err(|_| format!("{}: no whole number", row.place("samples")))?;
        measured = measured.samples(count);
    }
    for name in table.names().iter().filter(|name| !COLUMNS.contains(&name.as_str())) {
        if let Some(value) = row.get(name) {
            measured = measured.parameter(name, value);
        }
    }
    Ok(measured)
}

/// Returns the element of `all` that the cell names; `None` if the cell is empty.
fn word<T: Copy>(
    row: &TableRow,
    column: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<Option<T>, String> {
    let Some(text) = row.get(column) else { return Ok(None) };
    let found = all.iter().copied().find(|one| name(*one) == text.to_lowercase());
    let names = || all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| format!("{}: `{}` is none of {}", row.place(column), told(text), names()))
}

/// Parses a unit with or without a decimal prefix, e.g. `s`, `us`, `GFLOP/s`, `TOP/s`, `GB/s`, `token/s`;
/// returns the unit without prefix and the factor to it.
fn unit(text: &str) -> Result<(ImportUnit, f64), String> {
    const TIMES: [(&str, f64); 4] = [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)];
    const PREFIXES: [(&str, f64); 6] =
        [("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12), ("P", 1e15)];
    if let Some((_, factor)) = TIMES.iter().find(|(name, _)| *name == text) {
        return Ok((ImportUnit::Seconds, *factor));
    }
    let rates = ImportUnit::ALL.into_iter().filter(|unit| *unit != ImportUnit::Seconds);
    let mut rates = rates.flat_map(|unit| PREFIXES.map(|(prefix, factor)| (unit, prefix, factor)));
    let found = rates.find(|(unit, prefix, _)| text.strip_prefix(prefix) == Some(unit.name()));
    found.map(|(unit, _, factor)| (unit, factor)).ok_or_else(|| {
        let known = "s, ms, us, ns, and FLOP/s, OP/s, B/s and token/s with a prefix k, M, G, T or P";
        format!("unknown unit `{}`; supported are {known}", told(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Measured, String> {
        read(text).map(|mut import| import.measured.remove(0))
    }

    #[test]
    fn a_table_gives_cases_numbers_in_base_units_and_whose_they_are() {
        let text = "case,value,unit,lo,hi,spread,statistic,samples,method,version,library,device,batch\n\
                    gemm f32 m512 n512 k512 nn,2.5,us,2,3,quartiles,median,30,cublaslt-bench,12.4,cuBLAS,H20,7\n";
        let measured = one(text).unwrap();
        let imported = &measured.imported;
        assert_eq!(measured.case.unwrap().key(), "gemm f32 m512 n512 k512 nn");
        assert!((imported.value - 2.5e-6).abs() < 1e-18 && imported.unit == ImportUnit::Seconds);
        assert_eq!(imported.spread.unwrap().what, SpreadKind::Quartiles);
        assert_eq!((imported.method.as_str(), imported.statistic), ("cublaslt-bench", Statistic::Median));
        assert_eq!((imported.library.as_deref(), imported.samples), (Some("cuBLAS"), Some(30)));
        assert_eq!((measured.device.name.as_str(), &*imported.parameters["batch"]), ("H20", "7"));
        let own = one("unit,case,value\nGB/s,dot over two arrays,812.5\n").unwrap();
        assert_eq!((own.case, own.imported.value), (None, 812.5e9));
        assert_eq!((own.imported.method.as_str(), own.imported.statistic), ("csv", Statistic::Unknown));
    }

    #[test]
    fn units_have_decimal_prefixes() {
        assert_eq!(unit("TFLOP/s"), Ok((ImportUnit::FlopRate, 1e12)));
        assert_eq!(unit("OP/s"), Ok((ImportUnit::OpRate, 1.0)));
        assert_eq!(unit("ms"), Ok((ImportUnit::Seconds, 1e-3)));
        for text in ["", "S", "GiB/s", "FLOPS", "Ms"] {
            assert!(unit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_line_and_column() {
        for (row, part) in [
            ("a,NaN,s,,", "line 2, column `value`: NaN is not a plausible measurement"),
            ("a,1e999,s,,", "line 2, column `value`: inf is not a plausible measurement"),
            ("a,-1,s,,", "line 2, column `value`: -1 is not a plausible measurement"),
            ("a,fast,s,,", "line 2, column `value`: `fast` is no number"),
            ("a,,s,,", "line 2, column `value`: nothing is there"),
            ("a,1,parsec,,", "line 2, column `unit`: unknown unit `parsec`"),
            (",1,s,,", "line 2, column `case`: nothing is there"),
            ("a,1,s,2,3", "line 2: the value does not lie between"),
            ("a,1,s,0.5,", "line 2, column `hi`: nothing is there"),
        ] {
            let error = one(&format!("case,value,unit,lo,hi\n{row}\n")).unwrap_err();
            assert!(error.starts_with(part), "{row}: {error}");
        }
        assert_eq!(read("case,value\na,1\n").unwrap_err(), "line 1: there is no column `unit`");
        let error = one("case,value,unit,statistic\na,1,s,mode\n").unwrap_err();
        assert!(error.ends_with("`mode` is none of median, mean, best, unknown"), "{error}");
    }
}
