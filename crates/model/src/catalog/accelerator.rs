//! Catalogue of published accelerator figures.

use super::names;
use crate::device::{Capabilities, ChipKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the catalogue format that this version of portamark reads.
pub(super) const SCHEMA: u32 = 1;

/// Catalogue of accelerators with their published figures.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// Version of the file format.
    pub schema: u32,
    /// Date on which the figures were compiled: year, month and day.
    pub compiled: String,
    /// One entry for each product sold under its own name.
    #[serde(rename = "accelerator")]
    pub accelerators: Vec<Accelerator>,
}

/// Published figures of one accelerator. Unknown figures are absent and listed in `missing`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accelerator {
    /// Short name, unique in the catalogue, e.g. `nvidia-h20`.
    pub id: String,
    /// Name of the vendor, e.g. `NVIDIA`.
    pub vendor: String,
    /// Product name without the vendor, e.g. `H20`.
    pub name: String,
    /// Names that drivers report for it.
    pub aliases: Vec<String>,
    /// PCI ids `vendor:device` in hexadecimal that no other product has.
    #[serde(default)]
    pub pci: Vec<String>,
    /// Class of device: `gpu`, `npu` or `cpu-software`.
    pub class: String,
    /// Market in which it is sold: `global` or `china`.
    pub market: String,
    /// Launch year; `None` if unknown.
    pub launch_year: Option<u32>,
    /// Memory capacity as labelled by the vendor, in GiB or GB; `None` if unknown.
    pub memory_gib: Option<f64>,
    /// Type of memory, e.g. `HBM3`; `None` if unknown.
    pub memory_type: Option<String>,
    /// Memory bandwidth in GB/s (10⁹ bytes per second); `None` if unknown.
    pub bandwidth_gbs: Option<f64>,
    /// Board power in watts; `None` if unknown.
    pub board_power_w: Option<f64>,
    /// Interconnect bandwidth in GB/s as the vendor counts it, normally both directions; `None` if unknown.
    pub interconnect_gbs: Option<f64>,
    /// Name of the interconnect, e.g. `NVLink 4`; `None` if unknown.
    pub interconnect_name: Option<String>,
    /// Software stack of the vendor, e.g. `CUDA`.
    pub stack: String,
    /// Sparsity of the peaks: always `dense`; published sparse figures were halved.
    pub density: String,
    /// Confidence in the row as a whole: `high`, `medium`, `low`, or `none` if nothing is published.
    pub confidence: String,
    /// Names of figures that no source gives or that sources disagree on.
    pub missing: Vec<String>,
    /// Precisions that a source states to be unsupported.
    #[serde(default)]
    pub unsupported: Vec<String>,
    /// Notes needed to interpret the figures, including disagreements between sources.
    pub note: String,
    /// Sources of the figures.
    pub sources: Vec<Source>,
    /// Measurements on it that others published.
    #[serde(default)]
    pub measured: Vec<MeasuredElsewhere>,
    /// Published dense peaks by precision, in 10¹² operations per second. `fp64` and `fp32` are peaks of
    /// the vector units, `…_matrix` of the matrix units at that precision, and all others of the matrix
    /// units. Where the vendor distinguishes accumulators, `fp16` and `fp8` accumulate in f32 and `…_acc16`
    /// in f16. `…_matrix_only` excludes the vector units, which the published figure of the same precision
    /// includes.
    #[serde(default)]
    pub peak: BTreeMap<String, f64>,
    /// Interfaces through which programs can use it.
    pub reach: Reach,
}

/// Source of one or more figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Title of the document or page.
    pub title: String,
    /// URL of the source; empty if none was recorded.
    pub url: String,
    /// Kind of source: `vendor docs`, `press`, `aggregator`, …
    pub kind: String,
    /// Names of the figures that it supports.
    pub fields: Vec<String>,
}

/// Measurement that others published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredElsewhere {
    /// Description of what was measured and how.
    pub what: String,
    /// Measured value, in `unit`.
    pub value: f64,
    /// Unit of `value`.
    pub unit: String,
    /// Publication that contains the measurement.
    pub source: String,
}

/// Interfaces through which a program can use an accelerator. For an API, the value is `yes` if a source or
/// a common driver confirms it, `expected` if the vendor's driver family has it, `no`, or `no_evidence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Availability of Vulkan.
    pub vulkan: String,
    /// Availability of Direct3D 12.
    pub dx12: String,
    /// Availability of Metal.
    pub metal: String,
    /// Availability of WebGPU, and through which of these APIs.
    pub webgpu: String,
    /// PyTorch device string, e.g. `cuda`.
    pub torch_device: String,
    /// Package that PyTorch needs to use it.
    pub torch_plugin: String,
    /// Command that lists the cards in a machine, e.g. `nvidia-smi`.
    pub query_command: String,
    /// Descriptions of all known ways to use it, as free text.
    #[serde(default)]
    pub routes: Vec<String>,
}

impl Catalog {
    /// Returns the accelerator that a driver reports as `adapter`; `None` if no name matches exactly.
    ///
    /// Case, trademark signs, the vendor's name and additions of drivers in parentheses are ignored. All
    /// other words count, so that an H200 is not taken for an H20, nor an RTX 5090 D for an RTX 5090.
    pub fn find(&self, adapter: &str) -> Option<&Accelerator> {
        let candidates = names::candidates(adapter);
        // The longest match decides, so the whole name is tried before its parts.
        candidates.iter().find_map(|candidate| {
            self.accelerators.iter().find(|accelerator| {
                let aliases = accelerator.aliases.iter().map(|alias| names::plain(alias));
                aliases.chain([names::plain(&accelerator.name)]).any(|name| name == *candidate)
            })
        })
    }

    /// Returns the accelerator that `device` is; `None` if the catalogue has none or it computes on the host CPU,
    /// whatever its name: an Apple M2 Ultra is a CPU and a GPU.
    ///
    /// The name decides, unless the row belongs to another PCI vendor. The ids decide only if the name is
    /// generic (`NVIDIA Graphics Device`), because a slice or a virtual part of a card has the ids of the
    /// whole card.
    pub fn identify(&self, device: &Capabilities) -> Option<&Accelerator> {
        let (vendor, kind) = (device.vendor_id, device.chip_kind());
        if let Some(row) = self.find(&device.name) {
            // PCI vendor ids have 16 bits; Khronos and ACPI assign larger ones.
            let is_pci = (1..=0xffff).contains(&vendor);
            let own = format!("{vendor:04x}:");
            let other = is_pci && !row.pci.is_empty() && !row.pci.iter().any(|id| id.starts_with(&own));
            return (!other && row.may_be(kind)).then_some(row);
        }
        let id = format!("{vendor:04x}:{:04x}", device.device_id);
        let by_id = || self.accelerators.iter().find(|row| row.pci.contains(&id) && row.may_be(kind));
        names::says_nothing(&device.name).then(by_id).flatten()
    }

    /// Returns the accelerator that a user calls `name`, either by its id or by a name that drivers report.
    pub fn named(&self, name: &str) -> Option<&Accelerator> {
        let wanted = name.trim();
        self.accelerators.iter().find(|row| row.id == wanted.to_lowercase()).or_else(|| self.find(wanted))
    }

    /// Returns the ids most similar to `name`, for error messages.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        let own = |row: &'_ Accelerator| [row.id.clone(), names::plain(&row.name)];
        names::nearest(&names::plain(name), &self.accelerators, own).map(|row| row.id.as_str()).collect()
    }
}

impl Accelerator {
    /// Whether a device of this kind can be it: only the rows of software drivers compute on the CPU.
    fn may_be(&self, kind: ChipKind) -> bool {
        match kind {
            ChipKind::Cpu => self.class == "cpu-software",
            ChipKind::Unknown => true,
            ChipKind::Integrated | ChipKind::Card => self.class != "cpu-software",
        }
    }

    /// Returns the published dense peak `field` in operations per second; `None` if unknown.
    pub fn peak_per_second(&self, field: &str) -> Option<f64> {
        self.peak.get(field).map(|tera| tera * 1e12)
    }

    /// Returns the published memory bandwidth in bytes per second; `None` if unknown.
    pub fn bandwidth_per_second(&self) -> Option<f64> {
        self.bandwidth_gbs.map(|giga| giga * 1e9)
    }

    /// Returns the sources of `field`, spelled as in [`Source::fields`].
    pub fn sources_of<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a Source> {
        self.sources.iter().filter(move |source| source.fields.iter().any(|f| f == field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::DeviceType;

    fn named(adapter: &str, device_type: DeviceType) -> Capabilities {
        Capabilities::without_plans(format!("test/{adapter}"), adapter.into(), "test", device_type)
    }

    #[test]
    fn a_cpu_and_a_gpu_of_one_name_are_not_the_same_chip() {
        let id =
            |name: &str, kind| Catalog::embedded().identify(&named(name, kind)).map(|row| row.id.as_str());
        // The macOS name of the CPU, and what Metal calls the GPU.
        assert_eq!(id("Apple M2 Ultra", DeviceType::Software), None);
        for kind in [DeviceType::Integrated, DeviceType::Discrete, DeviceType::Other] {
            assert_eq!(id("Apple M2 Ultra", kind), Some("apple-m2-ultra"));
        }
        // A software driver is a row of its own, and only as such.
        let llvmpipe = "llvmpipe (LLVM 15.0.6, 256 bits)";
        assert_eq!(id(llvmpipe, DeviceType::Software), Some("cpu-llvmpipe"));
        assert_eq!(id(llvmpipe, DeviceType::Discrete), None);
        // ggml prints the name of the CPU for its back ends CPU and BLAS, and no type.
        let of_ggml = named("Apple M2 Ultra", DeviceType::Other).but(|it| it.api = "blas".into());
        assert_eq!(Catalog::embedded().identify(&of_ggml), None);
    }

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
            let kind = if adapter.starts_with("llvmpipe") { DeviceType::Software } else { DeviceType::Other };
            let device = named(adapter, kind).but(|it| (it.vendor_id, it.device_id) = (vendor, device));
            Catalog::embedded().identify(&device).map(|row| row.id.as_str())
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
            // RTX 5090 and 5090 D, RTX 4090 and 4090 D.
            ("", 0x10de, 0x2b85, Some("nvidia-rtx-5090")),
            ("", 0x10de, 0x2b87, None),
            ("", 0x10de, 0x2684, Some("nvidia-rtx-4090")),
            ("", 0x10de, 0x2685, None),
            ("Intel(R) Graphics (DG2)", 0x8086, 0x56a0, Some("intel-arc-a770")),
            ("Intel(R) Graphics (DG2)", 0x8086, 0x5690, None),
            ("Device", 0x1ed5, 0x0323, Some("mthreads-s4000")),
            ("Device", 0x1ed5, 0x0200, None),
            ("Device", 0x1d94, 0x6211, Some("hygon-k100-ai")),
            // Several cards use Navi 31, so its id identifies none of them.
            ("AMD Radeon Graphics (RADV NAVI31)", 0x1002, 0x744c, None),
            // A slice has the ids of the card, and its name says so.
            ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", 0x10de, 0x20b0, None),
            // The name of one vendor's product on another vendor's chip.
            ("K100_AI", 0x10de, 0x1bb1, None),
            // Ids that are not PCI ids: the ACPI id of a Snapdragon, Mesa's own id, and no id.
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
        assert_eq!(
            Catalog::parse(include_str!("accelerators.toml")).map(|catalog| catalog.accelerators.len()),
            Ok(81)
        );
    }
}
