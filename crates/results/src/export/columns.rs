//! Columns of the exported tables. One line here defines everything about a column.

use crate::{Header, Imported, KernelUsed, Row, Tag, TimerChoice, Timing, Verification};
use portamark_inspect::{Resident, Steps};
use portamark_model::plain_text::printable;
use portamark_model::workload::Case;
use portamark_stats::{StopReason, Summary};
use serde::Serialize;
use std::collections::BTreeMap;

/// Value of one cell of an exported table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// UTF-8 text.
    Text(String),
    /// 64-bit signed integer.
    Integer(i64),
    /// Finite 64-bit floating-point number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// No value.
    Missing,
}

/// Type of the values of a column; each value may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// 64-bit signed integers.
    Integer,
    /// 64-bit floating-point numbers.
    Number,
    /// True or false.
    Flag,
}

impl Kind {
    /// Returns the name of the type in Arrow.
    pub fn arrow(self) -> &'static str {
        match self {
            Kind::Text => "Utf8",
            Kind::Integer => "Int64",
            Kind::Number => "Float64",
            Kind::Flag => "Boolean",
        }
    }
}

/// Definition of a column of the exported tables.
pub struct Column {
    /// Name of the column, as in the exported files.
    pub name: &'static str,
    /// Type of the values.
    pub kind: Kind,
    /// Meaning of the values, as listed in `docs/export.md`.
    pub meaning: &'static str,
    /// Returns the value of a row in a file with the given header.
    pub of: fn(&Header, &Row) -> Cell,
}

impl Column {
    /// Returns the value of a row in a file with the given header; a text only shows itself.
    pub(super) fn cell(&self, header: &Header, row: &Row) -> Cell {
        match (self.of)(header, row) {
            Cell::Text(text) => Cell::Text(printable(&text).into_owned()),
            cell => cell,
        }
    }
}

fn text(value: &str) -> Cell {
    Cell::Text(value.into())
}

fn maybe<T>(value: Option<T>, cell: impl FnOnce(T) -> Cell) -> Cell {
    value.map_or(Cell::Missing, cell)
}

/// Leaves out what exceeds Arrow's signed 64-bit integers; no real work or size comes near.
fn integer(value: u64) -> Cell {
    maybe(i64::try_from(value).ok(), Cell::Integer)
}

/// Leaves out numbers that are not finite: JSON has none, and they carry no information.
fn number(value: f64) -> Cell {
    if value.is_finite() { Cell::Number(value) } else { Cell::Missing }
}

/// Returns the pairs as a JSON object, which every reader of tables can parse.
fn pairs<K: Ord + Serialize>(pairs: &BTreeMap<K, String>) -> Cell {
    if pairs.is_empty() { Cell::Missing } else { text(&serde_json::json!(pairs).to_string()) }
}

fn of_case(row: &Row, cell: impl FnOnce(Case) -> Cell) -> Cell {
    maybe(row.case.parse::<Case>().ok(), cell)
}

fn kernel(row: &Row, cell: impl FnOnce(&KernelUsed) -> Cell) -> Cell {
    maybe(row.kernel.as_ref(), cell)
}

fn proof(row: &Row, cell: impl FnOnce(&Verification) -> Cell) -> Cell {
    maybe(row.verification.as_ref(), cell)
}

fn timing(row: &Row, cell: impl FnOnce(&Timing) -> Cell) -> Cell {
    maybe(row.timing.as_ref(), cell)
}

fn summary(row: &Row, cell: impl FnOnce(&Summary) -> Cell) -> Cell {
    timing(row, |timing| cell(&timing.summary))
}

/// Leaves the cell empty if the driver told nothing of the variant.
fn compiled(row: &Row, cell: impl FnOnce(Steps<'_>) -> Cell) -> Cell {
    if row.compiled.is_empty() { Cell::Missing } else { cell(Steps::new(&row.compiled)) }
}

fn resident(row: &Row, cell: impl FnOnce(Resident) -> Cell) -> Cell {
    compiled(row, |steps| maybe(steps.resident(), cell))
}

fn imported(row: &Row, cell: impl FnOnce(&Imported) -> Cell) -> Cell {
    maybe(row.imported.as_deref(), cell)
}

fn timer(choice: TimerChoice) -> &'static str {
    match choice {
        TimerChoice::Device => "device",
        TimerChoice::Host => "host",
    }
}

fn stop(reason: StopReason) -> Cell {
    // The same words as in result files.
    maybe(serde_json::to_value(reason).ok(), |value| maybe(value.as_str(), text))
}

macro_rules! columns {
    ($($name:literal $kind:ident $meaning:literal $of:expr;)*) => {
        &[$(Column { name: $name, kind: Kind::$kind, meaning: $meaning, of: $of }),*]
    };
}

/// All columns in order. New columns are added at the end.
pub const COLUMNS: &[Column] = columns! {
    "run" Text "the run, the same in the files of all its devices" |h, _| text(&h.run);
    "suite" Text "name of the suite, or the program whose results were imported" |h, _| text(&h.suite);
    "run_started" Text "when the run began, RFC 3339, UTC" |h, _| text(&h.started);
    "method" Integer "version of the measuring method; 0 for imported rows" |h, _| integer(h.method.into());
    "portamark" Text "version of portamark" |h, _| text(&h.portamark);
    "seed" Integer "seed of inputs and order" |h, _| integer(h.seed.into());
    "device_id" Text "`api/name/driver version`" |h, _| text(&h.device.id);
    "device" Text "name of the device" |h, _| text(&h.device.name);
    "api" Text "`vulkan`, `metal`, `dx12`, or that of another program" |h, _| text(&h.device.api);
    "driver" Text "name of the driver" |h, _| text(&h.device.driver);
    "driver_version" Text "version of the driver" |h, _| text(&h.device.driver_version);
    "device_type" Text "`discrete`, `integrated`, `virtual`, `software` or `other`"
        |h, _| text(&h.device.device_type.to_string());
    "platform" Text "operating system and processor architecture" |h, _| text(&h.platform);
    "executor" Text "what ran the cases, with its version" |h, _| text(&h.executor);
    "labels" Text "labels given by the user, a JSON object" |h, _| pairs(&h.labels);
    "options" Text "options of the run, a JSON object" |h, _| pairs(&h.options);
    "case" Text "key of the case" |_, r| text(&r.case);
    "family" Text "family of the case" |_, r| of_case(r, |case| text(case.family()));
    "precision" Text "formats of operands and accumulator" |_, r| of_case(r, |c| text(&c.precision().to_string()));
    "repeat" Integer "which process of the case, from 1" |_, r| integer(r.repeat.into());
    "status" Text "`ok`, or how it ended, or `imported`" |_, r| text(r.status.name());
    "reason" Text "why there is no result, for every status but `ok`" |_, r| maybe(r.reason.as_deref(), text);
    "flop" Integer "operations of one execution" |_, r| integer(r.flop);
    "bytes" Integer "bytes that one execution must move" |_, r| integer(r.bytes);
    "started" Text "when the case began, RFC 3339, UTC" |_, r| text(&r.started);
    "median_s" Number "median seconds of one execution" |_, r| summary(r, |s| number(s.median));
    "ci_lo_s" Number "lower end of the 95 % interval of the median"
        |_, r| summary(r, |s| maybe(s.ci_lo, number));
    "ci_hi_s" Number "its upper end" |_, r| summary(r, |s| maybe(s.ci_hi, number));
    "q1_s" Number "first quartile" |_, r| summary(r, |s| number(s.q1));
    "q3_s" Number "third quartile" |_, r| summary(r, |s| number(s.q3));
    "min_s" Number "the least sample" |_, r| summary(r, |s| number(s.min));
    "max_s" Number "the greatest sample" |_, r| summary(r, |s| number(s.max));
    "mean_s" Number "mean of the samples" |_, r| summary(r, |s| number(s.mean));
    "sd_s" Number "standard deviation of the samples" |_, r| summary(r, |s| maybe(s.sd, number));
    "samples" Integer "number of samples" |_, r| summary(r, |s| integer(s.n as u64));
    "flop_per_s" Number "`flop` over `median_s`, for verified rows" |_, r| maybe(r.flop_rate(), number);
    "byte_per_s" Number "`bytes` over `median_s`, for verified rows" |_, r| maybe(r.byte_rate(), number);
    "k" Integer "executions of a sample" |_, r| timing(r, |t| integer(t.k.into()));
    "cache" Text "`rotated`, `partly` or `warm`"
        |_, r| timing(r, |t| maybe(serde_json::to_value(t.cache).ok(), |v| maybe(v.as_str(), text)));
    "timer" Text "clock of the samples, `device` or `host`" |_, r| timing(r, |t| text(timer(t.timer)));
    "stop" Text "why sampling ended" |_, r| timing(r, |t| stop(t.stop));
    "overhead_s" Number "launch overhead of a batch" |_, r| timing(r, |t| maybe(t.overhead_s, number));
    "kernel" Text "the kernel" |_, r| kernel(r, |k| text(&k.variant.kernel));
    "path" Text "`scalar`, `vector`, `subgroup`, `coopmat` or `dot4`"
        |_, r| kernel(r, |k| text(&k.variant.path.to_string()));
    "variant" Text "the kernel with its knobs" |_, r| kernel(r, |k| text(&k.variant.to_string()));
    "sha256" Text "SHA-256 of the kernel source that ran" |_, r| kernel(r, |k| text(&k.sha256));
    "tuned" Flag "whether a tuning table chose the variant" |_, r| kernel(r, |k| Cell::Flag(k.tuned));
    "passed" Flag "whether the result passed verification" |_, r| proof(r, |p| Cell::Flag(p.passed));
    "worst_ratio" Number "largest error relative to its bound" |_, r| proof(r, |p| maybe(p.worst_ratio, number));
    "power_w" Number "mean power while the case ran"
        |_, r| maybe(r.telemetry.as_ref().and_then(|t| t.power_w), number);
    "tags" Text "remarks, joined by `;`" |_, r| if r.tags.is_empty() { Cell::Missing } else { text(&r.tags.iter().map(Tag::word).collect::<Vec<_>>().join(";")) };
    "total_s" Number "wall time of the case" |_, r| number(r.spent.total_s);
    "imported_by" Text "the program that measured an imported row" |_, r| imported(r, |i| text(&i.method));
    "imported_version" Text "its version" |_, r| imported(r, |i| maybe(i.version.as_deref(), text));
    "imported_name" Text "its own name of the case" |_, r| imported(r, |i| text(&i.name));
    "imported_library" Text "the library or backend that computed"
        |_, r| imported(r, |i| maybe(i.library.as_deref(), text));
    "imported_value" Number "the number as reported" |_, r| imported(r, |i| number(i.value));
    "imported_unit" Text "its unit" |_, r| imported(r, |i| text(i.unit.name()));
    "imported_statistic" Text "`median`, `mean`, `best` or `unknown`" |_, r| imported(r, |i| text(i.statistic.name()));
    "imported_lo" Number "lower end of its spread" |_, r| imported(r, |i| maybe(i.spread, |s| number(s.lo)));
    "imported_hi" Number "upper end of its spread" |_, r| imported(r, |i| maybe(i.spread, |s| number(s.hi)));
    "imported_s" Number "its seconds of one execution, where they can be derived" |_, r| maybe(r.imported_seconds(), number);
    "vector_registers" Integer "vector registers of the variant, of its step with the most instructions"
        |_, r| compiled(r, |s| maybe(s.registers(), |n| integer(n.into())));
    "spilled_registers" Integer "registers that it spills to memory"
        |_, r| compiled(r, |s| integer(s.spills().into()));
    "resident_subgroups" Integer "subgroups resident on one scheduler, of the step with the fewest"
        |_, r| resident(r, |it| integer(it.subgroups.into()));
    "resident_limit" Integer "the most that a scheduler of the chip keeps" |_, r| resident(r, |it| integer(it.limit.into()));
};

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn cell(name: &str, row: &Row) -> Cell {
        let column = COLUMNS.iter().find(|column| column.name == name).unwrap();
        (column.of)(&example::header(), row)
    }

    #[test]
    fn every_value_has_the_kind_of_its_column_and_names_differ() {
        let names: BTreeSet<&str> = COLUMNS.iter().map(|column| column.name).collect();
        assert_eq!(names.len(), COLUMNS.len());
        let key = "gemm f32 m512 n512 k512 nn";
        for row in [example::row(key), example::skipped(key, "slow"), example::imported(key)] {
            for column in COLUMNS {
                let fits = match (column.of)(&example::header(), &row) {
                    Cell::Text(_) => column.kind == Kind::Text,
                    Cell::Integer(_) => column.kind == Kind::Integer,
                    Cell::Number(value) => column.kind == Kind::Number && value.is_finite(),
                    Cell::Flag(_) => column.kind == Kind::Flag,
                    Cell::Missing => true,
                };
                assert!(fits, "{}", column.name);
            }
        }
    }

    #[test]
    fn values_are_those_of_the_row_and_missing_ones_are_missing() {
        let key = "gemm f32 m512 n512 k512 nn";
        let row = example::row(key);
        assert_eq!(cell("family", &row), text("gemm"));
        assert_eq!(cell("median_s", &row), Cell::Number(0.0009765625));
        assert_eq!(cell("flop_per_s", &row), Cell::Number(268_435_456.0 / 0.0009765625));
        assert_eq!(cell("labels", &row), text(r#"{"card":"loan from the lab"}"#));
        assert_eq!((cell("stop", &row), cell("cache", &row)), (text("target"), text("rotated")));
        assert_eq!(cell("imported_s", &row), Cell::Missing);
        let skipped = example::skipped(key, "slow");
        assert_eq!((cell("median_s", &skipped), cell("reason", &skipped)), (Cell::Missing, text("slow")));
        let imported = example::imported(key);
        assert_eq!(cell("imported_s", &imported), Cell::Number(0.0009765625));
        assert_eq!(
            (cell("flop_per_s", &imported), cell("passed", &imported)),
            (Cell::Missing, Cell::Missing)
        );
        let mut odd = example::row("no case");
        odd.flop = u64::MAX;
        odd.timing.as_mut().unwrap().summary.mean = f64::NAN;
        assert_eq!((cell("family", &odd), cell("flop", &odd)), (Cell::Missing, Cell::Missing));
        assert_eq!(cell("mean_s", &odd), Cell::Missing);
    }

    #[test]
    fn what_the_compiler_told_has_columns_and_what_it_did_not_tell_is_missing() {
        let names = ["vector_registers", "spilled_registers", "resident_subgroups", "resident_limit"];
        let key = "gemm f32 m512 n512 k512 nn";
        let silent = example::row(key);
        assert!(names.iter().all(|name| cell(name, &silent) == Cell::Missing));
        let told = example::compiled(key);
        assert_eq!(names.map(|name| cell(name, &told)), [120, 40, 1, 16].map(Cell::Integer));
        // A driver that is not known tells registers, and no occupancy.
        let bare = example::compiled(key).but(|it| it.compiled[0].statistics.resident = None);
        assert_eq!((cell(names[1], &bare), cell(names[2], &bare)), (Cell::Integer(40), Cell::Missing));
    }

    /// Returns the table that the documentation has to contain.
    fn documented() -> String {
        let mut table = String::from("| column | type | meaning |\n| --- | --- | --- |\n");
        for Column { name, kind, meaning, .. } in COLUMNS {
            table += &format!("| `{name}` | {} | {meaning} |\n", kind.arrow());
        }
        table
    }

    #[test]
    fn the_documentation_has_the_columns() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/export.md");
        let stored = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        let (begin, end) = ("<!-- columns -->\n\n", "\n<!-- end of columns -->");
        let (before, rest) = stored.split_once(begin).expect("the beginning of the table is marked");
        let (table, after) = rest.split_once(end).expect("the end of the table is marked");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, format!("{before}{begin}{}{end}{after}", documented())).unwrap();
        }
        assert!(
            table == documented(),
            "docs/export.md does not have the columns of crates/results/src/export/columns.rs. If the change is \
             meant: UPDATE_DOCS=1 cargo test -p portamark-results the_documentation_has_the_columns"
        );
    }
}
