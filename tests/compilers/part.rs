//! The part of the tuning spaces that is compiled: another one each day.
//!
//! The spaces of all cases are hundreds of thousands of variants, most of them the same text with other sizes. So in
//! [`PARTS`] days each variant of each group of cases is compiled once, with one case of the group; in the next as many
//! days with the next case.

use crate::table::Table;
use portamark_model::suite::Suite;
use portamark_model::workload::Case;
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Number of days after which all variants were compiled.
pub const PARTS: u64 = 180;

/// What of the tuning spaces is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All variants of all cases.
    All,
    /// The part of a day, counted from 1970 on.
    Day(u64),
}

impl Part {
    /// As `PORTAMARK_SPACE_PART` says, `all` or a number; without it, the part of today.
    pub fn of_this_run() -> Self {
        let days = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() / 86_400);
        let wish = std::env::var("PORTAMARK_SPACE_PART").unwrap_or_default();
        Part::read(&wish, days).unwrap_or_else(|error| panic!("{error}"))
    }

    fn read(wish: &str, days: u64) -> Result<Self, String> {
        let refused = || format!("PORTAMARK_SPACE_PART is `{wish}`, and neither `all` nor a number");
        match wish {
            "" => Ok(Part::Day(days)),
            "all" => Ok(Part::All),
            number => number.parse().map(Part::Day).map_err(|_| refused()),
        }
    }

    /// Returns the cases of `suite` whose variants are compiled: one of each group, or all.
    pub fn cases(&self, table: &Table, suite: &Suite) -> Vec<Case> {
        let Part::Day(day) = self else { return suite.cases.clone() };
        let of_group = |name: &str| -> Vec<&Case> {
            let is_of = |case: &&Case| table.group_of(&case.key()).is_some_and(|group| group.name == name);
            suite.cases.iter().filter(is_of).collect()
        };
        let groups = table.groups.iter().map(|group| of_group(&group.name)).filter(|cases| !cases.is_empty());
        groups.map(|cases| cases[((day / PARTS) % cases.len() as u64) as usize].clone()).collect()
    }

    /// Whether `variant` of `case` is compiled for `chip`.
    pub fn has(&self, chip: &str, case: &Case, variant: &str) -> bool {
        let hash = Sha256::digest(format!("{chip} {case} {variant}"));
        let number = u64::from_le_bytes(hash[..8].try_into().expect("eight bytes"));
        match self {
            Part::All => true,
            Part::Day(day) => number % PARTS == day % PARTS,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::All => f.write_str("all variants of all cases"),
            Part::Day(day) => {
                let part = day % PARTS + 1;
                write!(f, "part {part} of {PARTS} (again with PORTAMARK_SPACE_PART={day})")
            }
        }
    }
}

#[test]
fn each_variant_is_in_one_part_and_each_case_of_a_group_has_its_turn() {
    let case: Case = "gemm f32 m64 n64 k64 nn".parse().unwrap();
    for variant in ["tiled tm4", "tiled tm8", "reference"] {
        let days = (600..600 + PARTS).filter(|day| Part::Day(*day).has("navi31", &case, variant)).count();
        assert_eq!((days, Part::All.has("navi31", &case, variant)), (1, true));
    }
    let table = "driver = 'x'\n[[group]]\nname = 'a'\ncases = 'gemm *'\n[[group]]\nname = 'b'\ncases = '*'";
    let table = Table::parse(table).unwrap();
    let keys = ["gemm f32 m64 n64 k64 nn", "gemm f32 m32 n32 k32 nn", "stream f32 copy n1024"];
    let suite = Suite::new("three", keys.map(|key| key.parse().unwrap()));
    let cases = |part: Part| -> Vec<String> { part.cases(&table, &suite).iter().map(Case::key).collect() };
    assert_eq!(cases(Part::Day(PARTS - 1)), [keys[0], keys[2]]);
    assert_eq!(cases(Part::Day(PARTS)), [keys[1], keys[2]]);
    assert_eq!(cases(Part::Day(2 * PARTS)), [keys[0], keys[2]]);
    assert_eq!(cases(Part::All), keys);
    assert_eq!(Part::read("", 5), Ok(Part::Day(5)));
    assert_eq!(Part::read("all", 5), Ok(Part::All));
    assert_eq!(Part::read("3", 5), Ok(Part::Day(3)));
    assert!(Part::read("x", 5).is_err());
}
