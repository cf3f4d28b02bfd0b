//! Tuning tables: the tuned variants of one device, their TOML form, and the choice of a variant.

use super::entry::Kernel;
use super::error::PlanError;
use super::registry::{candidates, space};
use super::tuning_key::TuningKey;
use portamark_model::device::Capabilities;
use portamark_model::variant::{Path, Variant};
use portamark_model::workload::Case;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the format of tuning tables. Tables of any other version are refused.
pub const TUNING_VERSION: u32 = 1;

/// Version of wgpu that kernels are compiled with; another version may generate other code.
pub const WGPU_VERSION: &str = "30.0.1";

/// Result of tuning for one key.
#[derive(Debug, Clone, PartialEq)]
pub struct TunedEntry {
    /// Variant to run: the winner of tuning, or the untuned variant if nothing beat it.
    pub variant: Variant,
    /// Key of the case on which it was tuned.
    pub case: String,
    /// Name of the variant that runs untuned, with its knobs.
    pub default: String,
    /// Time of the variant divided by that of the untuned one; 1 if the untuned one was kept.
    pub ratio: f64,
}

impl TunedEntry {
    /// Whether tuning kept the untuned variant.
    pub fn keeps_default(&self) -> bool {
        self.variant.to_string() == self.default
    }
}

/// Tuned variants of one device, for one version of its driver and of wgpu.
#[derive(Debug, Clone, PartialEq)]
pub struct TuningTable {
    /// Identifier of the device, as in [`Capabilities::id`].
    pub device: String,
    /// Name and version of the driver.
    pub driver: String,
    /// Version of wgpu, as in [`WGPU_VERSION`].
    pub wgpu: String,
    /// Results of tuning, by key.
    pub entries: BTreeMap<TuningKey, TunedEntry>,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    device: String,
    driver: String,
    wgpu: String,
    #[serde(default)]
    entry: Vec<FileEntry>,
}

#[derive(Serialize, Deserialize)]
struct FileEntry {
    key: String,
    kernel: String,
    path: Path,
    #[serde(default)]
    checks: bool,
    case: String,
    default: String,
    ratio: f64,
    // A table, which has to stand last.
    #[serde(default)]
    knobs: BTreeMap<String, u32>,
}

fn driver(device: &Capabilities) -> String {
    format!("{} {}", device.driver, device.driver_version)
}

impl TuningTable {
    /// Returns an empty table for `device`, its driver and this version of wgpu.
    pub fn new(device: &Capabilities) -> Self {
        TuningTable {
            device: device.id.clone(),
            driver: driver(device),
            wgpu: WGPU_VERSION.into(),
            entries: BTreeMap::new(),
        }
    }

    /// Whether the table was made on this device with this driver and this version of wgpu.
    pub fn is_of(&self, device: &Capabilities) -> bool {
        self.device == device.id && self.driver == driver(device) && self.wgpu == WGPU_VERSION
    }

    /// Parses a table from TOML. Never panics, whatever the text contains.
    ///
    /// # Errors
    /// Returns a message if the text is no tuning table or one of another version.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let one_line = |error: toml::de::Error| error.message().replace('\n', ", ");
        // Check the version first: another version may differ in everything else.
        let value: toml::Table = toml::from_str(text).map_err(|e| format!("not TOML: {}", one_line(e)))?;
        match value.get("version").and_then(toml::Value::as_integer) {
            Some(version) if version == i64::from(TUNING_VERSION) => {}
            Some(version) => {
                return Err(format!(
                    "a tuning table of version {version}; this portamark reads version {TUNING_VERSION}"
                ));
            }
            None => return Err("not a tuning table: it has no `version`".into()),
        }
        let file: File =
            toml::from_str(text).map_err(|e| format!("the tuning table cannot be read: {}", one_line(e)))?;
        let mut entries = BTreeMap::new();
        for (number, entry) in file.entry.into_iter().enumerate() {
            let wrong = |what: String| format!("entry {}: {what}", number + 1);
            let key: TuningKey = entry.key.parse().map_err(wrong)?;
            if !(entry.ratio.is_finite() && entry.ratio > 0.0) {
                return Err(wrong(format!("{} is not a valid ratio", entry.ratio)));
            }
            let FileEntry { kernel, path, knobs, checks, case, default, ratio, .. } = entry;
            let variant = Variant::new(&kernel, path).but(|it| (it.knobs, it.checks) = (knobs, checks));
            if entries.insert(key, TunedEntry { variant, case, default, ratio }).is_some() {
                return Err(wrong(format!("the key `{}` is there twice", entry.key)));
            }
        }
        Ok(TuningTable { device: file.device, driver: file.driver, wgpu: file.wgpu, entries })
    }

    /// Returns the table as TOML that [`TuningTable::from_toml`] reads, sorted by key.
    pub fn to_toml(&self) -> String {
        let entry = |(key, entry): (&TuningKey, &TunedEntry)| FileEntry {
            key: key.to_string(),
            kernel: entry.variant.kernel.clone(),
            path: entry.variant.path,
            checks: entry.variant.checks,
            case: entry.case.clone(),
            default: entry.default.clone(),
            ratio: entry.ratio,
            knobs: entry.variant.knobs.clone(),
        };
        let file = File {
            version: TUNING_VERSION,
            device: self.device.clone(),
            driver: self.driver.clone(),
            wgpu: self.wgpu.clone(),
            entry: self.entries.iter().map(entry).collect(),
        };
        let table = toml::to_string(&file).expect("strings, numbers and tables are TOML");
        format!("# Written by `portamark tune`; `portamark run` reads it.\n{table}")
    }

    /// Returns the entry for the key of `case` and true, or the entry of the nearest size with the same
    /// operation, formats and alignment and false. `None` if there is neither, or if the nearest size kept
    /// its untuned variant, which tells nothing about other sizes.
    pub fn lookup(&self, case: &Case) -> Option<(&TunedEntry, bool)> {
        let key = TuningKey::of(case);
        let near =
            self.entries.iter().filter_map(|(other, entry)| Some((key.distance(other)?, other, entry)));
        let (distance, _, entry) = near.min_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)))?;
        (distance == 0 || !entry.keeps_default()).then_some((entry, distance == 0))
    }
}

/// A chosen variant, with its kernel and the origin of the choice.
#[derive(Clone)]
pub struct Choice {
    /// Kernel that the variant belongs to.
    pub kernel: &'static Kernel,
    /// Variant to run.
    pub variant: Variant,
    /// Whether the variant comes from a tuning table; false if it is untuned or was named by the user.
    pub tuned: bool,
}

/// Chooses the variant for `case` on `device`: the one of the first of `tables` that was made for this
/// device and has an entry whose variant exists for this case; otherwise the first untuned variant.
pub fn choose(case: &Case, device: &Capabilities, tables: &[TuningTable]) -> Result<Choice, PlanError> {
    let (kernel, variant) = candidates(case, device)?.remove(0);
    let default = variant.to_string();
    let found = tables.iter().filter(|table| table.is_of(device)).filter_map(|table| table.lookup(case));
    // An entry for exactly this key compared its variant with the untuned one of that time. If another
    // variant runs untuned now, the comparison is no longer valid.
    let valid = |(entry, exact): &(&TunedEntry, bool)| !exact || entry.default == default;
    let wanted: Vec<&Variant> = found.filter(valid).map(|(entry, _)| &entry.variant).collect();
    if !wanted.is_empty() {
        let space = space(case, device)?;
        for wanted in wanted {
            let plain = wanted.clone().but(|it| it.checks = false);
            if let Some((kernel, _)) = space.iter().find(|(_, variant)| *variant == plain) {
                return Ok(Choice { kernel, variant: wanted.clone(), tuned: true });
            }
        }
    }
    Ok(Choice { kernel, variant, tuned: false })
}

/// Returns the first variant for `case` whose name and knobs contain the text `part`, searching the untuned
/// ones first.
///
/// # Errors
/// Fails if there is none; the message lists variants that exist.
pub fn named(case: &Case, device: &Capabilities, part: &str) -> Result<Choice, PlanError> {
    let space = space(case, device)?;
    if let Some((kernel, variant)) = space.iter().find(|(_, variant)| variant.to_string().contains(part)) {
        return Ok(Choice { kernel, variant: variant.clone(), tuned: false });
    }
    let mut names: Vec<String> = space.iter().map(|(_, variant)| variant.to_string()).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(PlanError::NoSuchVariant(format!(
        "no variant of this case contains `{part}`; there are {}{more}",
        names.join("; ")
    )))
}

/// Maximum number of variants that an error message lists.
const MOST_NAMES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KernelSource;
    use portamark_model::device::DeviceType;
    use proptest::prelude::*;

    fn device() -> Capabilities {
        Capabilities::example().but(|it| it.device_type = DeviceType::Software)
    }

    fn case(key: &str) -> Case {
        key.parse().unwrap()
    }

    /// A table with `variant` for the key of `case`.
    fn table(case: &str, variant: &Variant, default: &str) -> TuningTable {
        let mut table = TuningTable::new(&device());
        let entry =
            TunedEntry { variant: variant.clone(), case: case.into(), default: default.into(), ratio: 0.8 };
        table.entries.insert(TuningKey::of(&case.parse().unwrap()), entry);
        table
    }

    const CASE: &str = "gemm f32 m512 n512 k512 nn";

    /// Name of the variant that runs untuned, with its knobs.
    fn first(key: &str) -> String {
        candidates(&case(key), &device()).unwrap()[0].1.to_string()
    }

    fn last(case: &Case) -> Variant {
        candidates(case, &device()).unwrap().pop().unwrap().1
    }

    #[test]
    fn a_table_reads_back() {
        let variant = Variant::new("od\"d", Path::Subgroup).with("rows", 4).with("a b", 1);
        let table = table(CASE, &variant, "x");
        assert_eq!(TuningTable::from_toml(&table.to_toml()), Ok(table));
    }

    #[test]
    fn the_text_is_as_shown() {
        let variant = Variant::new("direct", Path::Vector).with("rows", 4).with("cols", 8);
        insta::assert_snapshot!(table(CASE, &variant, "direct cols4 rows4").to_toml());
    }

    #[test]
    fn what_is_no_table_is_refused_in_words() {
        let good = table(CASE, &Variant::new("direct", Path::Vector), "x").to_toml();
        let entry = good.split_once("\n[[entry]]").unwrap().1;
        for (text, part) in [
            (String::new(), "it has no `version`"),
            ("?".into(), "not TOML"),
            ("version = 'one'".into(), "it has no `version`"),
            (
                "version = 2\nform = 'new'".into(),
                "a tuning table of version 2; this portamark reads version 1",
            ),
            ("version = 1".into(), "missing field `device`"),
            (good.replace("align16", "far"), "entry 1: `gemm f32 m2^9 n2^9 k2^9 nn far` is not a key"),
            (good.replace("ratio = 0.8", "ratio = nan"), "NaN is not a valid ratio"),
            (good.replace("\"vector\"", "\"magic\""), "magic"),
            (format!("{good}\n[[entry]]{entry}"), "entry 2: the key `gemm"),
        ] {
            let error = TuningTable::from_toml(&text).unwrap_err();
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn the_tables_that_ship_name_kernels_that_there_are() {
        let tables = KernelSource::embedded().tables();
        assert!(!tables.is_empty());
        for (name, text) in tables {
            let table = TuningTable::from_toml(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(table.wgpu, WGPU_VERSION, "{name}: tune anew");
            for (key, entry) in &table.entries {
                let case = case(&entry.case);
                assert_eq!(TuningKey::of(&case), *key, "{name}");
                let known =
                    |kernel: &&Kernel| kernel.family == case.family() && kernel.name == entry.variant.kernel;
                assert!(super::super::registry::kernels().any(|kernel| known(&kernel)), "{name}: {key}");
            }
        }
    }

    #[test]
    fn the_nearest_size_serves_where_its_variant_is_one() {
        let other = last(&case(CASE));
        let tables = [table(CASE, &other, &first(CASE))];
        for near in [CASE, "gemm f32 m500 n520 k512 nn", "gemm f32 m64 n64 k4096 nn"] {
            let choice = choose(&case(near), &device(), &tables).unwrap();
            assert_eq!((choice.variant, choice.tuned), (other.clone(), true), "{near}");
        }
        // One has another layout, the other another alignment.
        for far in ["gemm f32 m512 n512 k512 nt", "gemm f32 m511 n512 k512 nn"] {
            let choice = choose(&case(far), &device(), &tables).unwrap();
            assert!(!choice.tuned, "{far}");
            assert_eq!(choice.variant, candidates(&case(far), &device()).unwrap()[0].1);
        }
    }

    #[test]
    fn a_variant_that_a_case_does_not_have_is_not_used() {
        let tables = [table(CASE, &Variant::new("gone", Path::Vector), &first(CASE))];
        assert!(!choose(&case(CASE), &device(), &tables).unwrap().tuned);
        let mut foreign = table(CASE, &last(&case(CASE)), &first(CASE));
        assert!(choose(&case(CASE), &device(), std::slice::from_ref(&foreign)).unwrap().tuned);
        foreign.wgpu = "29.0.0".into();
        assert!(!choose(&case(CASE), &device(), &[foreign]).unwrap().tuned);
    }

    #[test]
    fn a_default_that_stayed_speaks_for_its_own_size_only() {
        let stayed = candidates(&case(CASE), &device()).unwrap()[0].1.clone();
        let tables = [table(CASE, &stayed, &first(CASE))];
        assert!(choose(&case(CASE), &device(), &tables).unwrap().tuned);
        assert!(!choose(&case("gemm f32 m1024 n1024 k1024 nn"), &device(), &tables).unwrap().tuned);
    }

    #[test]
    fn what_was_compared_with_another_default_is_not_used() {
        for variant in [last(&case(CASE)), candidates(&case(CASE), &device()).unwrap()[1].1.clone()] {
            let of_then = table(CASE, &variant, "direct of an earlier version");
            let choice = choose(&case(CASE), &device(), &[of_then]).unwrap();
            assert_eq!((choice.variant.to_string(), choice.tuned), (first(CASE), false));
        }
    }

    #[test]
    fn a_variant_with_checks_is_found_as_such() {
        let other = last(&case(CASE)).but(|it| it.checks = true);
        let choice = choose(&case(CASE), &device(), &[table(CASE, &other, &first(CASE))]).unwrap();
        assert_eq!(choice.variant, other);
    }

    #[test]
    fn a_name_that_nothing_has_lists_what_there_is() {
        let choice = named(&case(CASE), &device(), "reference").unwrap();
        assert_eq!(choice.variant.kernel, "reference");
        let error = named(&case(CASE), &device(), "warp9").err().unwrap().to_string();
        assert!(error.contains("`warp9`; there are direct"), "{error}");
    }

    #[test]
    fn the_version_of_wgpu_is_the_one_that_is_pinned() {
        let manifest = include_str!("../../Cargo.toml");
        assert!(manifest.contains(&format!("version = \"={WGPU_VERSION}\"")), "set WGPU_VERSION anew");
    }

    #[test]
    fn every_table_that_ships_can_be_read() {
        for (name, text) in KernelSource::embedded().tables() {
            let table = TuningTable::from_toml(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(TuningTable::from_toml(&table.to_toml()).as_ref(), Ok(&table), "{name}");
            for entry in table.entries.values() {
                assert!(entry.case.parse::<Case>().is_ok(), "{name}: {}", entry.case);
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = TuningTable::from_toml(&text);
            let _ = TuningTable::from_toml(&format!("version = 1\n{text}"));
        }

        #[test]
        fn any_knobs_read_back(
            knobs in proptest::collection::btree_map("\\PC{1,8}", any::<u32>(), 0..4),
            checks: bool,
            ratio in 0.01f64..10.0,
        ) {
            let variant = Variant::new("k", Path::Coopmat).but(|it| (it.knobs, it.checks) = (knobs, checks));
            let mut table = table(CASE, &variant, "x");
            table.entries.values_mut().for_each(|entry| entry.ratio = ratio);
            prop_assert_eq!(TuningTable::from_toml(&table.to_toml()), Ok(table));
        }
    }
}
