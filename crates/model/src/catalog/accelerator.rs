//! What is published of accelerators.

use super::check::{self, CatalogError};
use super::names;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The catalogue that comes with portamark.
const EMBEDDED: &str = include_str!("accelerators.toml");

/// The schema of the catalogue that this version reads.
pub(super) const SCHEMA: u32 = 1;

/// Accelerators with their published figures.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// Version of the form of this file.
    pub schema: u32,
    /// When the figures were gathered: year, month and day.
    pub compiled: String,
    /// One for each part that is sold under its own name.
    #[serde(rename = "accelerator")]
    pub accelerators: Vec<Accelerator>,
}

/// One accelerator. Figures that are not known are absent and named in `missing`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accelerator {
    /// A short name that is unique in the catalogue.
    pub id: String,
    /// Who makes it.
    pub vendor: String,
    /// The name it is known by, without its vendor.
    pub name: String,
    /// What drivers call it.
    pub aliases: Vec<String>,
    /// PCI ids `vendor:device`, hexadecimal, that no other part has.
    #[serde(default)]
    pub pci: Vec<String>,
    /// `gpu`, `npu` or `cpu-software`.
    pub class: String,
    /// Where it is sold: `global` or `china`.
    pub market: String,
    /// The year of its launch.
    pub launch_year: Option<u32>,
    /// Memory as its vendor labels it, GiB or GB.
    pub memory_gib: Option<f64>,
    /// E.g. `HBM3`.
    pub memory_type: Option<String>,
    /// Bandwidth of its memory, 10⁹ bytes per second.
    pub bandwidth_gbs: Option<f64>,
    /// Power of the board, watts.
    pub board_power_w: Option<f64>,
    /// Bandwidth to its neighbours as the vendor counts it, normally both directions, 10⁹ bytes per
    /// second.
    pub interconnect_gbs: Option<f64>,
    /// E.g. `NVLink 4`.
    pub interconnect_name: Option<String>,
    /// The vendor's own software.
    pub stack: String,
    /// Peaks are always `dense`; sparse figures were halved.
    pub density: String,
    /// How sure the row as a whole is: `high`, `medium`, `low`, or `none` where nothing is published.
    pub confidence: String,
    /// Figures that no source gives, or that sources do not agree about.
    pub missing: Vec<String>,
    /// Precisions that a source says it does not have.
    #[serde(default)]
    pub unsupported: Vec<String>,
    /// What one has to know to read the figures, and where sources disagree.
    pub note: String,
    /// Where the figures are from.
    pub sources: Vec<Source>,
    /// What others measured on it.
    #[serde(default)]
    pub measured: Vec<MeasuredElsewhere>,
    /// Published dense peaks by precision, 10¹² operations per second. `fp64` and `fp32` are vector
    /// units, `…_matrix` the matrix unit at that precision, all others matrix units; `fp16` and `fp8`
    /// add in f32 where the vendor tells accumulators apart, `…_acc16` in f16; `…_matrix_only` leaves
    /// out the vector unit that the published number of the same precision adds.
    #[serde(default)]
    pub peak: BTreeMap<String, f64>,
    /// How programs get at it.
    pub reach: Reach,
}

/// Where a figure is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What was read.
    pub title: String,
    /// Its address; empty where none was recorded.
    pub url: String,
    /// How good it is: `vendor docs`, `press`, `aggregator`, …
    pub kind: String,
    /// The figures that it supports.
    pub fields: Vec<String>,
}

/// A measurement that others published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredElsewhere {
    /// What was measured and how.
    pub what: String,
    /// The figure.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// Where it was published.
    pub source: String,
}

/// The routes by which a program gets at an accelerator: `yes` where a source or a common driver
/// confirms it, `expected` where the vendor's driver family has it, `no`, or `no_evidence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Vulkan.
    pub vulkan: String,
    /// Direct3D 12.
    pub dx12: String,
    /// Metal.
    pub metal: String,
    /// WebGPU, and through which of those.
    pub webgpu: String,
    /// The device string of PyTorch.
    pub torch_device: String,
    /// The package that PyTorch needs for it.
    pub torch_plugin: String,
    /// What lists the cards that are in a machine.
    pub query_command: String,
    /// Every route that is known, in words.
    #[serde(default)]
    pub routes: Vec<String>,
}

impl Catalog {
    /// The catalogue that comes with portamark.
    pub fn embedded() -> &'static Self {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
            Catalog::parse(EMBEDDED).expect("the checks of the catalogue passed in its tests")
        });
        &CATALOG
    }

    /// Reads and checks a catalogue in TOML.
    ///
    /// # Errors
    /// It is not of this form, or a figure has no source, is out of range or contradicts another field.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let catalog: Catalog =
            toml::from_str(text).map_err(|e| CatalogError::Form(e.message().replace('\n', ", ")))?;
        check::check(&catalog)?;
        Ok(catalog)
    }

    /// The accelerator that a driver calls `adapter`, if one has exactly this name.
    ///
    /// Case, trade marks, the vendor's name and what drivers add in parentheses do not count; any other
    /// word does, so that an H200 is no H20 and an RTX 5090 D no RTX 5090.
    pub fn find(&self, adapter: &str) -> Option<&Accelerator> {
        let candidates = names::candidates(adapter);
        // The name as a whole comes before its parts: the longest match decides.
        candidates.iter().find_map(|candidate| {
            self.accelerators.iter().find(|accelerator| {
                let aliases = accelerator.aliases.iter().map(|alias| names::plain(alias));
                aliases.chain([names::plain(&accelerator.name)]).any(|name| name == *candidate)
            })
        })
    }

    /// The accelerator of a device that prints `adapter` and has these PCI ids, 0 where it has none.
    ///
    /// The name decides, unless the row is of another PCI vendor. The ids decide where the name says
    /// nothing (`NVIDIA Graphics Device`); never where it says something else, as a slice or a virtual part
    /// of a card has the card's ids.
    pub fn identify(&self, adapter: &str, vendor: u32, device: u32) -> Option<&Accelerator> {
        if let Some(row) = self.find(adapter) {
            // PCI vendors have 16 bits; Khronos and ACPI give others beyond.
            let is_pci = (1..=0xffff).contains(&vendor);
            let own = format!("{vendor:04x}:");
            let other = is_pci && !row.pci.is_empty() && !row.pci.iter().any(|id| id.starts_with(&own));
            return (!other).then_some(row);
        }
        let id = format!("{vendor:04x}:{device:04x}");
        let by_id = || self.accelerators.iter().find(|row| row.pci.contains(&id));
        names::says_nothing(adapter).then(by_id).flatten()
    }

    /// The accelerator that a user calls `name`: by its id or by what a driver prints.
    pub fn named(&self, name: &str) -> Option<&Accelerator> {
        let wanted = name.trim();
        self.accelerators.iter().find(|row| row.id == wanted.to_lowercase()).or_else(|| self.find(wanted))
    }

    /// The ids nearest to `name`, for an error.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        let own = |row: &'_ Accelerator| [row.id.clone(), names::plain(&row.name)];
        names::nearest(&names::plain(name), &self.accelerators, own).map(|row| row.id.as_str()).collect()
    }
}

impl Accelerator {
    /// The published dense peak in `field`, operations per second.
    pub fn peak_per_second(&self, field: &str) -> Option<f64> {
        self.peak.get(field).map(|tera| tera * 1e12)
    }

    /// The published bandwidth of its memory, bytes per second.
    pub fn bandwidth_per_second(&self) -> Option<f64> {
        self.bandwidth_gbs.map(|giga| giga * 1e9)
    }

    /// The sources of one field, as [`Source::fields`] spells it.
    pub fn sources_of<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a Source> {
        self.sources.iter().filter(move |source| source.fields.iter().any(|f| f == field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(adapter: &str) -> Option<&'static str> {
        Catalog::embedded().find(adapter).map(|row| row.id.as_str())
    }

    #[test]
    fn names_that_drivers_print_find_their_row() {
        // From reports of Vulkan, Metal and Direct3D 12 drivers, and of the vendors' own tools.
        for (adapter, row) in [
            ("NVIDIA H20", "nvidia-h20"),
            ("NVIDIA H100 80GB HBM3", "nvidia-h100-sxm"),
            ("NVIDIA H100 PCIe", "nvidia-h100-pcie"),
            ("NVIDIA H200", "nvidia-h200"),
            ("NVIDIA H800", "nvidia-h800"),
            ("NVIDIA A100-SXM4-80GB", "nvidia-a100-80-sxm"),
            ("NVIDIA A100-SXM4-40GB", "nvidia-a100-40-sxm"),
            ("NVIDIA A100 80GB PCIe", "nvidia-a100-80-pcie"),
            ("NVIDIA A800-SXM4-80GB", "nvidia-a800-80"),
            ("NVIDIA L40S", "nvidia-l40s"),
            ("NVIDIA L4", "nvidia-l4"),
            ("NVIDIA L20", "nvidia-l20"),
            ("Tesla T4", "nvidia-t4"),
            ("Tesla V100-SXM2-16GB", "nvidia-v100-sxm2"),
            ("NVIDIA B200", "nvidia-b200"),
            ("NVIDIA GeForce RTX 4090", "nvidia-rtx-4090"),
            ("NVIDIA GeForce RTX 4090/PCIe/SSE2", "nvidia-rtx-4090"),
            ("NVIDIA GeForce RTX 5090", "nvidia-rtx-5090"),
            ("NVIDIA GeForce RTX 3090", "nvidia-rtx-3090"),
            ("Microsoft Direct3D12 (NVIDIA GeForce RTX 3090)", "nvidia-rtx-3090"),
            ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "nvidia-rtx-pro-6000"),
            ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "amd-rx-7900-xtx"),
            ("AMD Radeon RX 7900 XTX", "amd-rx-7900-xtx"),
            ("AMD Radeon RX 9070 XT (RADV GFX1201)", "amd-rx-9070-xt"),
            ("AMD Instinct MI300X", "amd-mi300x"),
            ("Intel(R) Arc(TM) A770 Graphics", "intel-arc-a770"),
            ("Intel(R) Arc(tm) A770 Graphics (DG2)", "intel-arc-a770"),
            ("Intel(R) Arc(tm) B580 Graphics (BMG G21)", "intel-arc-b580"),
            ("Apple M1", "apple-m1"),
            ("Apple M2 Max", "apple-m2-max"),
            ("Apple M3 Pro", "apple-m3-pro"),
            ("Apple M2 Ultra", "apple-m2-ultra"),
            ("Apple M4 Max", "apple-m4-max"),
            ("Qualcomm(R) Adreno(TM) X1-85 GPU", "qualcomm-adreno-x1-85"),
            ("Microsoft Direct3D12 (Qualcomm(R) Adreno(TM) X1-85 GPU)", "qualcomm-adreno-x1-85"),
            ("AMD Instinct MI250X", "amd-mi250x"),
            ("Intel(R) Data Center GPU Max 1550", "intel-max-1550"),
            ("MTT S80", "mthreads-s80"),
            ("MTT S4000", "mthreads-s4000"),
            ("Moore Threads MTT S4000", "mthreads-s4000"),
            ("Ascend910B3", "huawei-ascend-910b3"),
            ("MetaX C500", "metax-c500-oam"),
            ("K100_AI", "hygon-k100-ai"),
            ("K100", "hygon-k100"),
            ("llvmpipe (LLVM 15.0.6, 256 bits)", "cpu-llvmpipe"),
            ("SwiftShader Device (Subzero)", "cpu-swiftshader"),
        ] {
            assert_eq!(id(adapter), Some(row), "{adapter}");
        }
    }

    #[test]
    fn a_near_miss_finds_nothing() {
        for adapter in [
            "NVIDIA H20-3e",
            "NVIDIA H100 NVL",
            "NVIDIA H2000",
            "NVIDIA A100-PCIE-40GB",
            "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
            "NVIDIA A800 80GB PCIe",
            "Tesla V100-PCIE-32GB",
            "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition",
            "NVIDIA L40",
            "NVIDIA L4S",
            "NVIDIA GeForce RTX 5090 D V2",
            "NVIDIA GeForce RTX 5090 D",
            "NVIDIA GeForce RTX 4090 D",
            "NVIDIA GeForce RTX 4090 Laptop GPU",
            "NVIDIA GeForce RTX 3090 Ti",
            "AMD Radeon RX 7900 XT (RADV NAVI31)",
            "AMD Radeon Graphics (RADV GFX1103_R1)",
            "Intel(R) Arc(TM) A770M Graphics",
            "Microsoft Direct3D12 (NVIDIA GeForce RTX 3090 Ti)",
            "Microsoft Direct3D12",
            "Apple M5",
            "Ascend910B",
            "K100 AIR",
            "MTT S8",
            "GPU",
            "",
        ] {
            assert_eq!(id(adapter), None, "{adapter}");
        }
    }

    #[test]
    fn ids_decide_where_the_name_says_nothing_and_never_against_it() {
        let identify = |adapter: &str, vendor: u32, device: u32| {
            Catalog::embedded().identify(adapter, vendor, device).map(|row| row.id.as_str())
        };
        // Names and ids as drivers and the registry have them.
        for (adapter, vendor, device, row) in [
            ("NVIDIA H20", 0x10de, 0x2329, Some("nvidia-h20")),
            ("NVIDIA Graphics Device", 0x10de, 0x2329, Some("nvidia-h20")),
            ("NVIDIA Graphics Device", 0x10de, 0x2335, Some("nvidia-h200")),
            // H20B and H20 with HBM3e.
            ("NVIDIA Graphics Device", 0x10de, 0x2328, None),
            ("NVIDIA Graphics Device", 0x10de, 0x232c, None),
            // L40S, L4, L40.
            ("Graphics Device", 0x10de, 0x26b9, Some("nvidia-l40s")),
            ("Graphics Device", 0x10de, 0x27b8, Some("nvidia-l4")),
            ("Graphics Device", 0x10de, 0x26b5, None),
            // RTX 5090 and its D, RTX 4090 and its D.
            ("", 0x10de, 0x2b85, Some("nvidia-rtx-5090")),
            ("", 0x10de, 0x2b87, None),
            ("", 0x10de, 0x2684, Some("nvidia-rtx-4090")),
            ("", 0x10de, 0x2685, None),
            ("Intel(R) Graphics (DG2)", 0x8086, 0x56a0, Some("intel-arc-a770")),
            ("Intel(R) Graphics (DG2)", 0x8086, 0x5690, None),
            ("Device", 0x1ed5, 0x0323, Some("mthreads-s4000")),
            ("Device", 0x1ed5, 0x0200, None),
            ("Device", 0x1d94, 0x6211, Some("hygon-k100-ai")),
            // Navi 31 is in several cards: its id names none.
            ("AMD Radeon Graphics (RADV NAVI31)", 0x1002, 0x744c, None),
            // A slice has the ids of the card, and its name says so.
            ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", 0x10de, 0x20b0, None),
            // The name of one vendor's part on another's chip.
            ("K100_AI", 0x10de, 0x1bb1, None),
            // Ids that are none of PCI: ACPI's of a Snapdragon, Mesa's own, none at all.
            ("Qualcomm(R) Adreno(TM) X1-85 GPU", 0x4d4f_4351, 0x3634_3530, Some("qualcomm-adreno-x1-85")),
            ("llvmpipe (LLVM 15.0.6, 256 bits)", 0x1_0005, 0, Some("cpu-llvmpipe")),
            ("Apple M2 Max", 0, 0, Some("apple-m2-max")),
            ("", 0, 0, None),
        ] {
            assert_eq!(identify(adapter, vendor, device), row, "{adapter} {vendor:04x}:{device:04x}");
        }
    }

    #[test]
    fn a_user_may_write_the_id_and_a_typing_error_has_neighbours() {
        let catalog = Catalog::embedded();
        let named = |name: &str| catalog.named(name).map(|row| row.id.as_str());
        assert_eq!(named("nvidia-h20"), Some("nvidia-h20"));
        assert_eq!(named("H20"), Some("nvidia-h20"));
        assert_eq!(named("rtx 4090"), None);
        assert!(catalog.nearest("rtx 4090").contains(&"nvidia-rtx-4090"));
        assert_eq!(catalog.nearest("nvidia-h2O")[0], "nvidia-h20");
    }

    #[test]
    fn ascend_has_the_ceiling_of_its_matrix_unit_beside_the_published_one() {
        let ascend = Catalog::embedded().find("Ascend910B3").unwrap();
        assert_eq!(ascend.peak_per_second("fp16"), Some(313e12));
        // 20 cores of 16 x 16 x 16 products at 1.8 GHz.
        let derived = 20.0 * 4096.0 * 2.0 * 1.8e9;
        let of_matrix = ascend.peak_per_second("fp16_matrix_only").unwrap();
        assert!((of_matrix / derived - 1.0).abs() < 1e-3, "{of_matrix}");
    }

    #[test]
    fn the_embedded_catalogue_is_sound() {
        assert_eq!(Catalog::parse(EMBEDDED).map(|catalog| catalog.accelerators.len()), Ok(81));
    }
}
