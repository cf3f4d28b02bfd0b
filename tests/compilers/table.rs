//! The table of floors and exceptions, `floors.toml`.

use portamark_inspect::Cell;
use portamark_model::suite::Pattern;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// What kernels have to reach on each chip, and what is known to be bad.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Start of the driver's version that the numbers are of.
    pub driver: String,
    /// Groups of cases; a case is of the first one that it matches.
    #[serde(rename = "group")]
    pub groups: Vec<Group>,
    /// Faults that are known.
    #[serde(default, rename = "exception")]
    pub exceptions: Vec<Exception>,
}

/// Cases that one kernel serves in one way.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Name, of which exceptions speak.
    pub name: String,
    /// Keys of its cases.
    #[serde(deserialize_with = "pattern")]
    pub cases: Pattern,
    /// Floors by chip.
    #[serde(default)]
    pub floors: BTreeMap<String, Floor>,
}

/// What the worst case of a group has to reach on one chip.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// Resident subgroups on a scheduler.
    pub resident: Option<f64>,
    /// Share of the peak that the hot loop can issue, of cases that arithmetic bounds.
    pub ceiling: Option<f64>,
    /// Mean bytes of a load from global memory in the hot loop.
    pub global_load: Option<f64>,
    /// Mean bytes of a load from workgroup memory in the hot loop.
    pub workgroup_load: Option<f64>,
}

/// A quantity that has a floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// See [`Floor::resident`].
    Resident,
    /// See [`Floor::ceiling`].
    Ceiling,
    /// See [`Floor::global_load`].
    GlobalLoad,
    /// See [`Floor::workgroup_load`].
    WorkgroupLoad,
}

/// A fault that is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Which fault.
    pub fault: Fault,
    /// Why it is there, or what would remove it.
    pub reason: String,
    /// What is allowed, by the name of the group and the chip.
    pub groups: BTreeMap<String, BTreeMap<String, Allowed>>,
}

/// How much of a fault is allowed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// Number of cases of the group.
    pub cases: usize,
    /// The worst of them: the most spilled registers, or the fewest resident subgroups.
    #[serde(default)]
    pub worst: u32,
}

/// What is bad about a case, whatever the floors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It does not compile, or the driver crashes.
    Fails,
    /// The chip cannot run it.
    Unsupported,
    /// Registers are spilled to memory.
    Spills,
    /// The matrix unit takes the operands and is not used.
    MatrixUnused,
    /// Fewer than two subgroups are resident.
    LowOccupancy,
}

impl Fault {
    /// Whether the number `one` of this fault is worse than `other`.
    pub fn is_worse(self, one: u32, other: u32) -> bool {
        if self == Fault::LowOccupancy { one < other } else { one > other }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Fails => "fails",
            Fault::Unsupported => "unsupported",
            Fault::Spills => "spills",
            Fault::MatrixUnused => "matrix-unused",
            Fault::LowOccupancy => "low-occupancy",
        })
    }
}

impl Column {
    /// All columns.
    pub const ALL: [Column; 4] =
        [Column::Resident, Column::Ceiling, Column::GlobalLoad, Column::WorkgroupLoad];

    /// Returns the floor of this column.
    pub fn of(self, floor: &Floor) -> Option<f64> {
        match self {
            Column::Resident => floor.resident,
            Column::Ceiling => floor.ceiling,
            Column::GlobalLoad => floor.global_load,
            Column::WorkgroupLoad => floor.workgroup_load,
        }
    }

    /// Whether each group that has such a value needs a floor. Widths have one for a few groups.
    pub fn is_required(self) -> bool {
        matches!(self, Column::Resident | Column::Ceiling)
    }

    /// Returns the floor for a group whose worst value is `worst`: a little below it, so that a compiler may move an
    /// instruction.
    pub fn suggested(self, worst: f64) -> f64 {
        match self {
            Column::Resident => worst,
            Column::Ceiling => (worst * 97.0).floor() / 100.0,
            Column::GlobalLoad | Column::WorkgroupLoad => (worst * 9.7).floor() / 10.0,
        }
    }

    /// Whether `floor` is so far below the worst value of its group that it has to be raised.
    pub fn is_loose(self, floor: f64, worst: f64) -> bool {
        worst > floor * 1.15 && worst > floor + 0.05
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Column::Resident => "resident",
            Column::Ceiling => "ceiling",
            Column::GlobalLoad => "global_load",
            Column::WorkgroupLoad => "workgroup_load",
        })
    }
}

fn pattern<'de, D: Deserializer<'de>>(from: D) -> Result<Pattern, D::Error> {
    Pattern::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

impl Table {
    /// The table of this folder.
    pub fn here() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compilers/floors.toml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Table::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Reads a table.
    ///
    /// # Errors
    /// Says what is no table, or which floor is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Table = toml::from_str(text).map_err(|error| error.to_string())?;
        for group in &table.groups {
            // What is below two is a fault, and needs a reason.
            if let Some((chip, _)) =
                group.floors.iter().find(|(_, floor)| floor.resident < Some(2.0) && floor.resident.is_some())
            {
                return Err(format!(
                    "{}, {chip}: fewer than two resident subgroups need an exception",
                    group.name
                ));
            }
        }
        for exception in &table.exceptions {
            let is_group = |name: &&String| table.groups.iter().any(|group| group.name == **name);
            if let Some(name) = exception.groups.keys().find(|name| !is_group(name)) {
                return Err(format!("an exception is of `{name}`, which is no group"));
            }
            if exception.reason.len() < 10 {
                return Err(format!("an exception `{}` has no reason", exception.fault));
            }
        }
        Ok(table)
    }

    /// Returns the group of a case.
    pub fn group_of(&self, case: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.cases.matches(case))
    }

    /// Returns what of `fault` is allowed in `group` on `chip`.
    pub fn allowed(&self, group: &str, chip: &str, fault: Fault) -> Option<Allowed> {
        let of_fault = self.exceptions.iter().filter(|one| one.fault == fault);
        of_fault.filter_map(|one| one.groups.get(group)).find_map(|chips| chips.get(chip).copied())
    }

    /// Returns all that is allowed, with its exception, the name of the group and the chip.
    pub fn all_allowed(&self) -> impl Iterator<Item = (&Exception, &str, &str, Allowed)> {
        self.exceptions.iter().flat_map(|one| {
            one.groups.iter().flat_map(move |(group, chips)| {
                chips.iter().map(move |(chip, allowed)| (one, group.as_str(), chip.as_str(), *allowed))
            })
        })
    }

    /// Whether the numbers are of the driver that compiled `cells`. Those of another version differ by its doing.
    pub fn is_of_driver(&self, cells: &[Cell]) -> bool {
        cells.iter().all(|cell| cell.driver.contains(&self.driver))
    }
}
