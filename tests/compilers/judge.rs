//! Holds what compilers made of kernels against the table.

use crate::table::{Column, Fault, Floor, Group, Table};
use portamark_inspect::{Cell, Class, LOW_OCCUPANCY, Outcome};
use std::collections::BTreeMap;

/// What was seen of one group on one chip.
#[derive(Default)]
struct Seen<'a> {
    /// Cells with a fault, and its number.
    faults: BTreeMap<Fault, Vec<(&'a Cell, u32)>>,
    /// Values of cells without a fault of that kind.
    values: BTreeMap<Column, Vec<(&'a Cell, f64)>>,
}

/// Returns the faults of `cell`, with the number of each.
fn faults(cell: &Cell) -> Vec<(Fault, u32)> {
    match &cell.outcome {
        Outcome::Failed { .. } => return vec![(Fault::Fails, 0)],
        Outcome::Unsupported { .. } => return vec![(Fault::Unsupported, 0)],
        _ => {}
    }
    let mut found = Vec::new();
    if cell.spills() > 0 {
        found.push((Fault::Spills, cell.spills()));
    }
    if cell.demand.matrix && cell.uses_matrix_unit() == Some(false) {
        found.push((Fault::MatrixUnused, 0));
    }
    if let Some(resident) = cell.resident().filter(|resident| resident.subgroups < LOW_OCCUPANCY) {
        found.push((Fault::LowOccupancy, resident.subgroups));
    }
    found
}

/// Returns the value of `cell` that the floor of `column` is for.
fn value(cell: &Cell, column: Column) -> Option<f64> {
    let width = |class| cell.main_step()?.hot_loop.as_ref()?.mix.mean_width(class);
    match column {
        Column::Resident => {
            let resident = cell.resident().filter(|resident| resident.subgroups >= LOW_OCCUPANCY)?;
            Some(f64::from(resident.subgroups))
        }
        // Beside an unused matrix unit, the share of the vector peak says little.
        Column::Ceiling if cell.demand.matrix && cell.uses_matrix_unit() == Some(false) => None,
        Column::Ceiling => cell.ceiling().filter(|_| cell.demand.computes).map(|ceiling| ceiling.share),
        Column::GlobalLoad => width(Class::GlobalLoad),
        Column::WorkgroupLoad => width(Class::WorkgroupLoad),
    }
}

/// Names a cell: chip, case and variant.
fn name(cell: &Cell) -> String {
    let variant = cell.variant.as_deref().unwrap_or("no variant");
    format!("{}: {}: {variant}", cell.chip, cell.case)
}

/// Says what a fault is, with its number.
fn spoken(cell: &Cell, fault: Fault, number: u32) -> String {
    match (&cell.outcome, fault) {
        (Outcome::Failed { reason }, _) => format!("does not compile: {reason}"),
        (Outcome::Unsupported { reason }, _) => format!("unsupported: {reason}"),
        (_, Fault::Spills) => format!("{number} registers spilled"),
        (_, Fault::LowOccupancy) => format!("{number} resident subgroups"),
        _ => "does not use the matrix unit".into(),
    }
}

fn by_group<'a>(table: &'a Table, cells: &'a [Cell]) -> Vec<(&'a Group, &'a str, Seen<'a>)> {
    let mut seen: BTreeMap<(usize, &str), Seen> = BTreeMap::new();
    for cell in cells {
        let group = table.groups.iter().position(|group| group.cases.matches(&cell.case));
        let Some(group) = group else { continue };
        let of_group = seen.entry((group, &cell.chip)).or_default();
        for (fault, number) in faults(cell) {
            of_group.faults.entry(fault).or_default().push((cell, number));
        }
        for column in Column::ALL {
            let value = value(cell, column).map(|value| (cell, value));
            of_group.values.entry(column).or_default().extend(value);
        }
    }
    seen.into_iter().map(|((group, chip), seen)| (&table.groups[group], chip, seen)).collect()
}

/// Returns what is worse than the table allows, a line for each cell.
pub fn worse(table: &Table, cells: &[Cell]) -> Vec<String> {
    let mut complaints = Vec::new();
    for cell in cells.iter().filter(|cell| table.group_of(&cell.case).is_none()) {
        complaints.push(format!("{}: no group of floors.toml has this case", name(cell)));
    }
    for (group, chip, seen) in by_group(table, cells) {
        for (fault, found) in &seen.faults {
            let allowed = table.allowed(&group.name, chip, *fault);
            let beyond = |(_, number): &&(&Cell, u32)| {
                allowed.is_none_or(|allowed| fault.is_worse(*number, allowed.worst))
            };
            let rule = match allowed {
                None => format!("floors.toml allows none in `{}`", group.name),
                Some(allowed) => format!("floors.toml allows {} in `{}`", allowed.worst, group.name),
            };
            for (cell, number) in found.iter().filter(beyond) {
                complaints.push(format!("{}: {}; {rule}", name(cell), spoken(cell, *fault, *number)));
            }
            if let Some(allowed) = allowed.filter(|allowed| found.len() > allowed.cases) {
                let cases: Vec<&str> = found.iter().map(|(cell, _)| cell.case.as_str()).collect();
                complaints.push(format!(
                    "{chip}: {fault} in {} cases of `{}`; floors.toml allows it in {}: {}",
                    found.len(),
                    group.name,
                    allowed.cases,
                    cases.join(", ")
                ));
            }
        }
        let Some(floor) = group.floors.get(chip) else { continue };
        for (column, values) in &seen.values {
            let Some(floor) = column.of(floor) else { continue };
            for (cell, value) in values.iter().filter(|(_, value)| *value < floor) {
                complaints.push(format!(
                    "{}: {column} {}, below the floor {floor} of `{}`",
                    name(cell),
                    rounded(*value),
                    group.name
                ));
            }
        }
    }
    complaints
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Returns where the table allows more than is needed, or has no floor, for the cells of whole suites. Floors may only
/// rise, and an exception goes with its fault.
pub fn loose(table: &Table, cells: &[Cell]) -> Vec<String> {
    let mut complaints = Vec::new();
    let all = by_group(table, cells);
    for (exception, name, chip, allowed) in table.all_allowed() {
        let seen = all.iter().find(|(group, of, _)| group.name == name && *of == chip);
        let Some((_, _, seen)) = seen else { continue };
        let fault = exception.fault;
        let found = seen.faults.get(&fault).map_or(&[][..], Vec::as_slice);
        let place = format!("{chip}: the exception `{fault}` of `{name}`");
        let worst = found
            .iter()
            .map(|(_, number)| *number)
            .reduce(|worst, number| if fault.is_worse(number, worst) { number } else { worst });
        match worst {
            None => complaints.push(format!("{place} is no longer needed: remove the chip from it")),
            Some(worst) if fault.is_worse(allowed.worst, worst) || found.len() < allowed.cases => {
                complaints.push(format!(
                    "{place} allows more than is needed: write {chip} = {{ cases = {}, worst = {worst} }}",
                    found.len()
                ));
            }
            Some(_) => {}
        }
    }
    for (group, chip, seen) in &all {
        let floor = group.floors.get(*chip).copied().unwrap_or_default();
        let worst = |column: Column| {
            let values = seen.values.get(&column).into_iter().flatten().map(|(_, value)| *value);
            values.min_by(f64::total_cmp)
        };
        let is_wrong = |column: &Column| match (column.of(&floor), worst(*column)) {
            (Some(floor), Some(worst)) => column.is_loose(floor, worst),
            (Some(_), None) => true,
            (None, Some(_)) => column.is_required(),
            (None, None) => false,
        };
        let wrong: Vec<String> =
            Column::ALL.into_iter().filter(is_wrong).map(|column| column.to_string()).collect();
        if !wrong.is_empty() {
            complaints.push(format!(
                "{chip}: {} of `{}`: the floor is lower than needed, missing, or of nothing: write {chip} = {{ {} }}",
                wrong.join(", "),
                group.name,
                line(&floor, worst)
            ));
        }
    }
    complaints
}

/// Returns the floors of one chip as they should stand in the table.
fn line(floor: &Floor, worst: impl Fn(Column) -> Option<f64>) -> String {
    let of = |column: Column| {
        let had = column.of(floor);
        let value = column.suggested(worst(column)?);
        let wanted = column.is_required() || had.is_some();
        wanted.then(|| format!("{column} = {}", had.unwrap_or(0.0).max(value)))
    };
    Column::ALL.into_iter().filter_map(of).collect::<Vec<_>>().join(", ")
}
