//! A driver that dies while it compiles costs one cell.

use crate::judge::worse;
use crate::table::Table;
use portamark_inspect::{Cell, Outcome};
use portamark_kernels::KernelSource;
use portamark_model::suite::Suite;
use portamark_runner::{Executors, Kept, Silent, Target, Wanted, inspect};
use std::time::Duration;

/// Every process of it aborts at its third compilation.
const SCRIPT: &str = r#"
[compiled]
compile_ns = 1
[[compiled.executables]]
name = "main"
subgroup_size = 8
statistics = []

[[rules]]
on = "inspect"
act = "abort"
after = 2
"#;

/// What became of five cases on a compiler that dies at every third.
fn cells() -> Vec<Cell> {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.toml");
    std::fs::write(&script, SCRIPT).unwrap();
    let command =
        format!("'{}' executor fake --script '{}'", env!("CARGO_BIN_EXE_portamark"), script.display());
    let mut executors = Executors::default();
    executors.command = Some(command);
    let found = executors.find(&["0".into()], &Silent).unwrap();
    let mut target = Target::of(&found.chosen[0]);
    let keys = (10..15).map(|power| format!("stream f32 copy n{}", 1u64 << power).parse().unwrap());
    let suite = Suite::new("five", keys);
    let (source, mut kept, mut cells) = (KernelSource::embedded(), Kept::default(), Vec::new());
    let deadline = Duration::from_secs(60);
    inspect(&suite, &mut target, &Wanted::Default, &source, &mut kept, deadline, &mut |cell| {
        cells.push(cell);
        true
    });
    cells
}

#[test]
fn a_driver_that_crashes_costs_one_case_and_the_next_is_compiled_by_a_new_child() {
    let cells = cells();
    let compiled: Vec<bool> =
        cells.iter().map(|cell| matches!(cell.outcome, Outcome::Compiled { .. })).collect();
    // Two by the first child; the third ends it; the next child does the fourth and the fifth.
    assert_eq!(compiled, [true, true, false, true, true]);
    let complaints = worse(&Table::here(), &cells);
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    let said = &complaints[0];
    assert!(said.contains("stream f32 copy n4096") && said.contains("does not compile"), "{said}");
    #[cfg(unix)]
    assert!(said.contains("SIGABRT") || said.contains("signal 6"), "{said}");
}
