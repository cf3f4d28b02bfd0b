//! The table itself, and how cells are held against it, on made-up cells.

use crate::chips::CHIPS;
use crate::judge::{loose, worse};
use crate::table::Table;
use portamark_inspect::{Cell, Demand, Facts, Outcome};
use portamark_model::suite::Suite;
use serde_json::json;

const TABLE: &str = r#"
driver = "Mesa 1."
[[group]]
name = "product"
cases = "gemm *"
floors.x = { resident = 4, ceiling = 0.6, workgroup_load = 8 }
[[group]]
name = "rest"
cases = "*"
[[exception]]
fault = "spills"
reason = "tiles are too large"
[exception.groups.product]
x = { cases = 2, worst = 34 }
"#;

/// A cell of the chip x: resident subgroups, ceiling, bytes of a load, spilled registers.
fn cell(case: &str, resident: u32, ceiling: f64, bytes: u32, spills: u32) -> Cell {
    let mix = json!({
        "classes": { "multiply-add": 8, "workgroup-load": 2 },
        "widths": { "workgroup-load": { bytes.to_string(): 2 } },
    });
    let facts: Facts = serde_json::from_value(json!({
        "spills": if spills > 0 { json!({ "Spilled VGPRs": spills }) } else { json!({}) },
        "resident": { "subgroups": resident, "limit": 16, "limited_by": "registers" },
        "mix": mix,
        "hot_loop": { "mix": mix, "lines": [], "ceiling": { "share": ceiling, "of": "multiply-add" } },
        "compile_ns": 1,
    }))
    .unwrap();
    let outcome = Outcome::Compiled { steps: vec![facts] };
    Cell::new(case, "x", "X", "driver Mesa 1.2", Demand::new(false, true), outcome).of_variant("tiled tm4")
}

/// As good as the table says: two cases, one with the spills of the exception.
fn good() -> Vec<Cell> {
    vec![cell("gemm a", 4, 0.62, 8, 34), cell("gemm b", 5, 0.9, 16, 7)]
}

#[test]
fn every_case_of_the_suites_has_a_group_and_every_chip_of_the_table_is_compiled_for() {
    let table = Table::here();
    for case in Suite::resolve("full").unwrap().cases {
        assert!(table.group_of(&case.key()).is_some(), "{case}");
    }
    let of_groups = table.groups.iter().flat_map(|group| group.floors.keys());
    let of_exceptions = table.all_allowed().map(|(_, _, chip, _)| chip);
    for chip in of_groups.map(String::as_str).chain(of_exceptions) {
        let is_compiled_for = CHIPS.iter().any(|(name, _)| *name == chip);
        assert!(is_compiled_for, "floors.toml names {chip}, which is not compiled for");
    }
}

#[test]
fn cells_at_their_floors_and_within_their_exceptions_are_in_order() {
    let table = Table::parse(TABLE).unwrap();
    assert_eq!(worse(&table, &good()), [""; 0]);
    assert_eq!(loose(&table, &good()), [""; 0]);
    assert!(table.is_of_driver(&good()));
    assert!(!Table::parse(&TABLE.replace("Mesa 1.", "Mesa 2.")).unwrap().is_of_driver(&good()));
}

#[test]
fn what_is_below_a_floor_is_named_with_chip_case_variant_number_and_floor() {
    let table = Table::parse(TABLE).unwrap();
    let said = |cell: Cell| worse(&table, &[cell]);
    assert_eq!(
        said(cell("gemm a", 3, 0.7, 8, 0)),
        ["x: gemm a: tiled tm4: resident 3, below the floor 4 of `product`"]
    );
    assert_eq!(
        said(cell("gemm a", 4, 0.5, 4, 0)),
        [
            "x: gemm a: tiled tm4: ceiling 0.5, below the floor 0.6 of `product`",
            "x: gemm a: tiled tm4: workgroup_load 4, below the floor 8 of `product`"
        ]
    );
    // One resident subgroup is a fault of its own, also where there is no floor.
    let one = "x: stream a: tiled tm4: 1 resident subgroups; floors.toml allows none in `rest`";
    assert_eq!(said(cell("stream a", 1, 0.7, 8, 0)), [one]);
    let mut dead = cell("stream a", 4, 0.7, 8, 0);
    dead.outcome = Outcome::Failed { reason: "killed by signal 11".into() };
    let line =
        "x: stream a: tiled tm4: does not compile: killed by signal 11; floors.toml allows none in `rest`";
    assert_eq!(said(dead), [line]);
}

#[test]
fn more_spills_or_more_cases_than_an_exception_allows_are_too_many() {
    let table = Table::parse(TABLE).unwrap();
    let more = worse(&table, &[cell("gemm a", 4, 0.7, 8, 35)]);
    assert_eq!(more, ["x: gemm a: tiled tm4: 35 registers spilled; floors.toml allows 34 in `product`"]);
    let mut three = good();
    three.push(cell("gemm c", 4, 0.7, 8, 1));
    let many = "x: spills in 3 cases of `product`; floors.toml allows it in 2: gemm a, gemm b, gemm c";
    assert_eq!(worse(&table, &three), [many]);
}

#[test]
fn a_floor_that_is_too_low_or_missing_is_written_out_as_it_should_be() {
    let table = Table::parse(TABLE).unwrap();
    let better = [cell("gemm a", 6, 0.80, 16, 34), cell("gemm b", 8, 0.9, 16, 7)];
    let line = "x: resident, ceiling, workgroup_load of `product`: the floor is lower than needed, missing, or of \
                nothing: write x = { resident = 6, ceiling = 0.77, workgroup_load = 15.5 }";
    assert_eq!(loose(&table, &better), [line]);
    let bare = Table::parse(&TABLE.replace("floors.x", "floors.y")).unwrap();
    let said = loose(&bare, &good());
    assert!(said[0].ends_with("write x = { resident = 4, ceiling = 0.6 }"), "{said:?}");
}

#[test]
fn an_exception_whose_fault_is_mended_has_to_go_and_one_that_allows_too_much_to_shrink() {
    let table = Table::parse(TABLE).unwrap();
    let mended = [cell("gemm a", 4, 0.62, 8, 0), cell("gemm b", 5, 0.9, 16, 0)];
    let gone = "x: the exception `spills` of `product` is no longer needed: remove the chip from it";
    assert_eq!(loose(&table, &mended), [gone]);
    let fewer = "x: the exception `spills` of `product` allows more than is needed: write x = { cases = 1, worst = 20 }";
    assert_eq!(loose(&table, &[cell("gemm a", 4, 0.62, 8, 20)]), [fewer]);
}

#[test]
fn a_table_with_an_exception_of_no_group_or_without_a_reason_is_refused() {
    for (from, to, part) in [
        ("groups.product", "groups.produce", "`produce`, which is no group"),
        ("tiles are too large", "", "has no reason"),
        ("resident = 4", "resident = 1", "need an exception"),
        ("fault = \"spills\"", "fault = \"slow\"", "slow"),
        ("cases = \"gemm *\"", "cases = \"[\"", "not a pattern"),
    ] {
        let error = Table::parse(&TABLE.replace(from, to)).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}
