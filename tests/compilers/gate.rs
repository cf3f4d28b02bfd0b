//! The gate: no default variant is worse than the table says, the table is not looser than needed, and what tuning
//! may try compiles.

use crate::judge::{loose, worse};
use crate::sweep::sweep;
use crate::table::Table;
use portamark_inspect::Outcome;
use std::collections::BTreeMap;

fn expect_none(what: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{what}: {}\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn every_default_variant_of_the_suites_is_as_good_as_the_table_says() {
    let Some(sweep) = sweep() else { return };
    expect_none("worse than floors.toml", &worse(&Table::here(), &sweep.defaults));
}

#[test]
fn no_floor_is_lower_than_needed_and_no_exception_outlives_its_fault() {
    let Some(sweep) = sweep() else { return };
    let table = Table::here();
    if !table.is_of_driver(&sweep.defaults) {
        let driver = sweep.defaults.first().map_or("", |cell| &cell.driver);
        return eprintln!(
            "floors.toml is of {}, and the driver is {driver}: floors are not raised",
            table.driver
        );
    }
    expect_none("floors.toml allows more than is needed", &loose(&table, &sweep.defaults));
}

#[test]
fn every_variant_that_tuning_may_try_compiles_in_the_part_of_the_day() {
    let Some(sweep) = sweep() else { return };
    // What spills is slow, and tuning finds that by itself: it goes to the edge of what registers hold, and a little
    // beyond. More than a little is time of every user's tuning.
    let mut spilling: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for cell in sweep.space.iter().filter(|cell| cell.spills() > 0) {
        let kernel = cell.variant.as_deref().and_then(|variant| variant.split(' ').next());
        *spilling.entry((&cell.chip, kernel.unwrap_or_default())).or_default() += 1;
    }
    let said = format!("of {} variants of tuning spaces these spill: {spilling:?}", sweep.space.len());
    eprintln!("{said}");
    assert!(spilling.values().sum::<usize>() * 10 <= sweep.space.len(), "{said}");
    let failed = sweep.space.iter().filter_map(|cell| match &cell.outcome {
        Outcome::Failed { reason } => {
            let variant = cell.variant.as_deref().unwrap_or("no variant");
            Some(format!("{}: {}: {variant}: does not compile: {reason}", cell.chip, cell.case))
        }
        _ => None,
    });
    expect_none("variants that tuning may try", &failed.collect::<Vec<_>>());
}
