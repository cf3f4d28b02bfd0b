//! Consistency checks of the catalogue: every figure must have a source.

use super::accelerator::{Accelerator, Catalog, SCHEMA};
use super::names;
use std::collections::HashMap;

/// Error in a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The text does not have the expected format.
    #[error("the catalogue cannot be read: {0}")]
    Form(String),
    /// The catalogue has another format version, which is given.
    #[error("the catalogue has schema {0}, this version reads {SCHEMA}")]
    Schema(u32),
    /// Rows contradict themselves or lack a source; one message per problem, with the id of the row.
    #[error("the catalogue is not sound: {}", .0.join("; "))]
    Unsound(Vec<String>),
}

/// Figure of a row other than a peak: its name in the sources, the name of the field, and the value.
type Figure = (&'static str, &'static str, Option<f64>);

fn figures(row: &Accelerator) -> [Figure; 5] {
    [
        ("memory", "memory_gib", row.memory_gib),
        ("bandwidth", "bandwidth_gbs", row.bandwidth_gbs),
        ("power", "board_power_w", row.board_power_w),
        ("interconnect", "interconnect_gbs", row.interconnect_gbs),
        ("year", "launch_year", row.launch_year.map(f64::from)),
    ]
}

/// Checks that every figure has a source and is a positive number, that no figure is both present and
/// listed as missing, and that no two rows share an id, nor a name unless their memory tells them apart.
pub(super) fn check(catalog: &Catalog) -> Result<(), CatalogError> {
    if catalog.schema != SCHEMA {
        return Err(CatalogError::Schema(catalog.schema));
    }
    let mut wrong: Vec<String> = catalog.accelerators.iter().flat_map(faults).collect();
    let mut owners: HashMap<String, &Accelerator> = HashMap::new();
    let mut ids: HashMap<&str, ()> = HashMap::new();
    for row in &catalog.accelerators {
        if ids.insert(&row.id, ()).is_some() {
            wrong.push(format!("{}: there are two rows of this id", row.id));
        }
        let plain = row.aliases.iter().map(|alias| (alias, names::plain(alias)));
        for (name, plain) in plain.chain(row.pci.iter().map(|id| (id, id.clone()))) {
            // Rows of one name are told apart by the memory of the device.
            let apart = |other: &Accelerator| {
                other.memory_gib.zip(row.memory_gib).is_some_and(|(one, another)| one != another)
            };
            match owners.insert(plain, row) {
                Some(other) if other.id != row.id && !apart(other) => {
                    wrong.push(format!("{}: `{name}` is also a name of {}", row.id, other.id));
                }
                _ => {}
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(CatalogError::Unsound(wrong)) }
}

fn faults(row: &Accelerator) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut fault = |text: String| wrong.push(format!("{}: {text}", row.id));
    let sourced = |field: &str| row.sources_of(field).any(|source| !source.title.is_empty());
    let lacks = |field: &str| row.missing.iter().chain(&row.unsupported).any(|name| name == field);
    let peaks = row.peak.iter().map(|(name, value)| (name.as_str(), name.as_str(), Some(*value)));
    for (field, name, value) in figures(row).into_iter().chain(peaks) {
        let Some(value) = value else { continue };
        if !(value.is_finite() && value > 0.0) {
            fault(format!("{name} is {value}"));
        }
        if !sourced(field) {
            fault(format!("{name} has no source"));
        }
        if lacks(field) {
            fault(format!("{name} has a figure and is called missing or unsupported"));
        }
    }
    if row.memory_type.is_some() && !sourced("memory_type") {
        fault("memory_type has no source".into());
    }
    if !row.pci.is_empty() && !sourced("pci") {
        fault("pci has no source".into());
    }
    let hexadecimal =
        |part: &str| part.len() == 4 && part.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    for id in &row.pci {
        if !id.split_once(':').is_some_and(|(vendor, device)| hexadecimal(vendor) && hexadecimal(device)) {
            fault(format!("`{id}` is no PCI id like 10de:2329"));
        }
    }
    for measured in row.measured.iter().filter(|measured| measured.source.trim().is_empty()) {
        fault(format!("`{}`, measured elsewhere, has no source", measured.what));
    }
    if row.density != "dense" {
        fault(format!("density is `{}`: only dense peaks are compared", row.density));
    }
    for (name, value, words) in [
        ("class", &row.class, &["gpu", "npu", "cpu-software"][..]),
        ("market", &row.market, &["global", "china"][..]),
        ("confidence", &row.confidence, &["high", "medium", "low", "none"][..]),
    ] {
        if !words.contains(&value.as_str()) {
            fault(format!("{name} is `{value}`, not one of {}", words.join(", ")));
        }
    }
    if row.part_of.is_some() || row.dies.as_ref().is_some_and(|dies| dies.count < 2) {
        fault("a row with dies is that of their package, of two or more".into());
    }
    if row.aliases.is_empty() {
        fault("there is no name that a driver prints".into());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A catalogue of one row: bandwidth from one source, `fp16` from another.
    const ONE: &str = r#"
        schema = 1
        compiled = "2026-01-01"
        [[accelerator]]
        id = "v-1"
        vendor = "V"
        name = "One"
        aliases = ["V One"]
        class = "npu"
        market = "china"
        bandwidth_gbs = 100
        stack = "V"
        density = "dense"
        confidence = "low"
        missing = ["fp32"]
        note = ""
        sources = [
          { title = "a page", url = "", kind = "press", fields = ["bandwidth"] },
          { title = "a sheet", url = "", kind = "vendor docs", fields = ["fp16"] },
        ]
        peak = { fp16 = 10 }
        [accelerator.reach]
        vulkan = "no"
        dx12 = "no"
        metal = "no"
        webgpu = "no"
        torch_device = "v"
        torch_plugin = "torch_v"
        query_command = "v-smi"
    "#;

    /// Returns the problems of [`ONE`] after replacing `from` with `to`.
    fn after(from: &str, to: &str) -> Vec<String> {
        assert!(ONE.contains(from), "`{from}` is not in the text");
        match Catalog::parse(&ONE.replace(from, to)) {
            Err(CatalogError::Unsound(wrong)) => wrong,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sound_row_is_read() {
        let catalog = Catalog::parse(ONE).unwrap();
        let row = &catalog.accelerators[0];
        assert_eq!(row.peak_per_second("fp16"), Some(1e13));
        assert_eq!(row.peak_per_second("fp32"), None);
        assert_eq!(row.bandwidth_per_second(), Some(1e11));
        assert_eq!(row.sources_of("fp16").map(|s| s.title.as_str()).collect::<Vec<_>>(), ["a sheet"]);
    }

    #[test]
    fn a_figure_without_a_source_is_refused() {
        assert_eq!(after(r#"fields = ["bandwidth"]"#, "fields = []"), ["v-1: bandwidth_gbs has no source"]);
        assert_eq!(after(r#"fields = ["fp16"]"#, r#"fields = ["bf16"]"#), ["v-1: fp16 has no source"]);
        assert_eq!(after("a sheet", ""), ["v-1: fp16 has no source"]);
        assert_eq!(
            after("bandwidth_gbs", "board_power_w = 5\nbandwidth_gbs"),
            ["v-1: board_power_w has no source"]
        );
    }

    #[test]
    fn each_figure_of_the_embedded_catalogue_is_refused_when_its_source_goes() {
        let mut kinds = std::collections::BTreeMap::new();
        for row in Catalog::embedded().accelerators.iter().filter(|row| row.part_of.is_none()) {
            assert_eq!(faults(row), Vec::<String>::new());
            let given = figures(row).into_iter().filter(|(_, _, value)| value.is_some());
            let others = [("memory_type", row.memory_type.is_some()), ("pci", !row.pci.is_empty())];
            let others = others.into_iter().filter(|(_, there)| *there).map(|(name, _)| (name, name));
            let peaks = row.peak.keys().map(|name| (name.as_str(), name.as_str()));
            for (field, name) in given.map(|(field, name, _)| (field, name)).chain(others).chain(peaks) {
                let mut bare = row.clone();
                for source in &mut bare.sources {
                    source.fields.retain(|cited| cited != field);
                }
                assert_eq!(faults(&bare), [format!("{}: {name} has no source", row.id)]);
                *kinds.entry(name).or_insert(0) += 1;
            }
            if !row.measured.is_empty() {
                let mut bare = row.clone();
                bare.measured[0].source.clear();
                assert_eq!(faults(&bare).len(), 1, "{}", row.id);
            }
        }
        // Memory, its type, bandwidth, power, interconnect, year and ids, and every peak.
        let peaks = ["fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int8", "int4", "fp16_acc16"];
        let rest = ["memory_gib", "memory_type", "bandwidth_gbs", "board_power_w", "interconnect_gbs"];
        for kind in peaks.iter().chain(&rest).chain(&["launch_year", "pci", "fp16_matrix_only"]) {
            assert!(kinds.contains_key(kind), "{kind}: {kinds:?}");
        }
    }

    #[test]
    fn an_id_that_is_none_or_anothers_is_refused() {
        let with = |ids: &str| after("class =", &format!("pci = [{ids}]\n        class ="));
        assert_eq!(with("\"10de:2329\""), ["v-1: pci has no source"]);
        assert!(with("\"10DE:2329\"").contains(&"v-1: `10DE:2329` is no PCI id like 10de:2329".into()));
    }

    #[test]
    fn a_name_of_two_rows_is_refused_unless_their_memory_tells_them_apart() {
        let two = |memory: &str| {
            let second = ONE
                .replace("schema = 1\n        compiled = \"2026-01-01\"\n", "")
                .replace("v-1", "v-2")
                .replace("class =", &format!("memory_gib = {memory}\n        class ="))
                .replace("[\"bandwidth\"]", "[\"bandwidth\", \"memory\"]");
            let first = ONE
                .replace("class =", "memory_gib = 16\n        class =")
                .replace("[\"bandwidth\"]", "[\"bandwidth\", \"memory\"]");
            Catalog::parse(&format!("{first}{second}"))
        };
        assert!(two("8").is_ok());
        let same = two("16").unwrap_err().to_string();
        assert!(same.contains("v-2: `V One` is also a name of v-1"), "{same}");
    }

    #[test]
    fn figures_out_of_range_and_contradictions_are_refused() {
        assert_eq!(after("fp16 = 10", "fp16 = -10"), ["v-1: fp16 is -10"]);
        assert_eq!(after("bandwidth_gbs = 100", "bandwidth_gbs = nan"), ["v-1: bandwidth_gbs is NaN"]);
        let both = after(r#"missing = ["fp32"]"#, r#"missing = ["fp16"]"#);
        assert_eq!(both, ["v-1: fp16 has a figure and is called missing or unsupported"]);
        assert_eq!(after("\"dense\"", "\"sparse\"").len(), 1);
        assert_eq!(after("\"npu\"", "\"tpu\""), ["v-1: class is `tpu`, not one of gpu, npu, cpu-software"]);
    }

    #[test]
    fn other_forms_and_versions_are_refused_in_words() {
        assert_eq!(Catalog::parse(&ONE.replace("schema = 1", "schema = 2")), Err(CatalogError::Schema(2)));
        let unknown = Catalog::parse(&ONE.replace("stack =", "stuck =")).unwrap_err().to_string();
        assert!(unknown.contains("stuck"), "{unknown}");
        let twice = ONE.replace("schema = 1\n        compiled = \"2026-01-01\"\n", "");
        let twice = Catalog::parse(&format!("{ONE}{twice}")).unwrap_err().to_string();
        assert_eq!(twice, "the catalogue is not sound: v-1: there are two rows of this id");
    }
}
