//! Lookup of accelerators: which one a device is, and which one a user means.

use super::accelerator::{Accelerator, Catalog};
use super::names;
use crate::device::Capabilities;

/// Bytes of a GiB.
const GIB: f64 = (1u64 << 30) as f64;

impl Catalog {
    /// Returns the accelerator that a driver reports as `adapter`; `None` if no name matches exactly.
    ///
    /// Case, trademark signs, the vendor's name and additions of drivers in parentheses are ignored. All
    /// other words count, so that an H200 is not taken for an H20, nor an RTX 5090 D for an RTX 5090. Of several
    /// rows of one name it is the first.
    pub fn find(&self, adapter: &str) -> Option<&Accelerator> {
        self.called(adapter).into_iter().next()
    }

    /// Returns the rows that drivers report as `adapter`, in the order of the catalogue.
    fn called(&self, adapter: &str) -> Vec<&Accelerator> {
        let candidates = names::candidates(adapter);
        let rows = |candidate: &String| -> Vec<&Accelerator> {
            self.accelerators.iter().filter(|row| row.names().any(|name| name == *candidate)).collect()
        };
        // The longest match decides, so the whole name is tried before its parts.
        candidates.iter().map(rows).find(|rows| !rows.is_empty()).unwrap_or_default()
    }

    /// Returns the accelerator that `device` is; `None` if the catalogue has none or it computes on the host CPU,
    /// whatever its name: an Apple M2 Ultra is a CPU and a GPU.
    ///
    /// The name decides, unless the row belongs to another PCI vendor. The ids decide only if the name is
    /// generic (`NVIDIA Graphics Device`), because a slice or a virtual part of a card has the ids of the
    /// whole card. Where several rows fit, such as a package and its dies, the memory of the device decides.
    pub fn identify(&self, device: &Capabilities) -> Option<&Accelerator> {
        let (vendor, kind) = (device.vendor_id, device.chip_kind());
        // PCI vendor ids have 16 bits; Khronos and ACPI assign larger ones.
        let is_pci = (1..=0xffff).contains(&vendor);
        let own = format!("{vendor:04x}:");
        let of_vendor = |row: &&Accelerator| {
            !is_pci || row.pci.is_empty() || row.pci.iter().any(|id| id.starts_with(&own))
        };
        let mut rows = self.called(&device.name);
        if rows.is_empty() {
            let id = match names::id_in(&device.name) {
                Some(id) => format!("8086:{id}"),
                None => format!("{vendor:04x}:{:04x}", device.device_id),
            };
            let generic = names::says_nothing(&device.name);
            rows = self.accelerators.iter().filter(|row| generic && row.pci.contains(&id)).collect();
        } else {
            rows.retain(of_vendor);
        }
        rows.retain(|row| row.may_be(kind));
        nearest_memory(&rows, device.limits.memory_bytes)
    }

    /// Returns the accelerator that a user calls `name`: by its id, by a name that drivers report, or by the last
    /// words of such a name if they fit no other one (`4090`, `b580`). A package is meant rather than its dies.
    pub fn named(&self, name: &str) -> Option<&Accelerator> {
        let wanted = name.trim();
        if let Some(row) = self.accelerators.iter().find(|row| row.id == wanted.to_lowercase()) {
            return Some(row);
        }
        let mut rows = self.called(wanted);
        if rows.is_empty() {
            let tail = format!(" {}", names::plain(wanted));
            let of =
                |row: &'_ Accelerator| row.names().filter(|name| name.ends_with(&tail)).collect::<Vec<_>>();
            let mut found: Vec<String> = self.accelerators.iter().flat_map(of).collect();
            found.sort();
            found.dedup();
            if let ([only], true) = (&found[..], tail.len() > 1) {
                rows = self.called(only);
            }
        }
        rows.iter().find(|row| row.part_of.is_none()).or(rows.first()).copied()
    }

    /// Returns the accelerators whose id or a name contains `part`, ignoring case.
    pub fn containing(&self, part: &str) -> Vec<&Accelerator> {
        let part = part.trim().to_lowercase();
        let has = |text: &str| !part.is_empty() && text.to_lowercase().contains(&part);
        let fits = |row: &&Accelerator| {
            has(&row.id) || has(&row.full_name()) || row.aliases.iter().any(|name| has(name))
        };
        self.accelerators.iter().filter(fits).collect()
    }

    /// Returns the ids most similar to `name`, for error messages.
    pub fn nearest(&self, name: &str) -> Vec<&str> {
        let own = |row: &'_ Accelerator| [row.id.clone(), names::plain(&row.name)];
        names::nearest(&names::plain(name), &self.accelerators, own).map(|row| row.id.as_str()).collect()
    }
}

/// Returns the row whose memory is nearest to `memory_bytes`, by ratio; the first row if the memory is not known or
/// the rows do not differ in it.
fn nearest_memory<'r>(rows: &[&'r Accelerator], memory_bytes: Option<u64>) -> Option<&'r Accelerator> {
    let distance = |row: &Accelerator| {
        let (has, told) = (row.memory_gib?, memory_bytes.filter(|bytes| *bytes > 0)?);
        Some((told as f64 / (has * GIB)).ln().abs())
    };
    let near = |row: &Accelerator| distance(row).unwrap_or(f64::INFINITY);
    // The first of equals.
    rows.iter().copied().min_by(|a, b| near(a).total_cmp(&near(b)))
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
            ("AMD Instinct MI250X", "amd-mi250x-gcd"),
            ("Intel(R) Data Center GPU Max 1550", "intel-max-1550-stack"),
            ("MTT S80", "mthreads-s80"),
            ("MTT S4000", "mthreads-s4000"),
            ("Moore Threads MTT S4000", "mthreads-s4000"),
            ("Ascend910B3", "huawei-ascend-910b3"),
            ("Ascend910_9392", "huawei-ascend-910c-die"),
            ("Ascend910_9372", "huawei-ascend-910c-560t-die"),
            ("Ascend910", "huawei-ascend-910c-die"),
            ("AMD Instinct MI250X/MI250", "amd-mi250x-gcd"),
            ("MetaX C500", "metax-c500-oam"),
            ("K100_AI", "hygon-k100-ai"),
            ("K100", "hygon-k100"),
            ("NVIDIA H20-3e", "nvidia-h20-3e"),
            ("NVIDIA H800 PCIe", "nvidia-h800-pcie"),
            ("NVIDIA A100-PCIE-40GB", "nvidia-a100-40-pcie"),
            ("NVIDIA H100 NVL", "nvidia-h100-nvl"),
            ("NVIDIA H200 NVL", "nvidia-h200-nvl"),
            ("NVIDIA GH200 480GB", "nvidia-gh200-96"),
            ("NVIDIA GH200 144G HBM3e", "nvidia-gh200-144"),
            ("NVIDIA GB10", "nvidia-gb10"),
            ("NVIDIA B300 SXM6 AC", "nvidia-b300"),
            ("NVIDIA L40", "nvidia-l40"),
            ("NVIDIA GeForce RTX 4090 D", "nvidia-rtx-4090-d"),
            ("NVIDIA GeForce RTX 5090 D", "nvidia-rtx-5090-d"),
            ("AMD Instinct MI300X VF", "amd-mi300x"),
            ("AMD Instinct MI300X OAM", "amd-mi300x"),
            ("AMD Instinct MI308X", "amd-mi308x"),
            ("AMD Instinct MI350X", "amd-mi350x"),
            ("AMD Radeon 8060S Graphics (RADV GFX1151)", "amd-radeon-8060s"),
            ("AMD Radeon AI PRO R9700 (RADV GFX1201)", "amd-r9700"),
            ("Intel(R) Arc(tm) Pro B60 Graphics (BMG G21)", "intel-arc-pro-b60"),
            ("Intel(R) Arc(TM) Pro B70 Graphics", "intel-arc-pro-b70"),
            ("Ascend910B4-1", "huawei-ascend-910b4-1"),
            ("Ascend 910B4-1", "huawei-ascend-910b4-1"),
            ("P800 OAM", "kunlun-p800"),
            ("Biren166M", "biren-166"),
            ("MLU590-M9D", "cambricon-mlu590-m9d"),
            ("MLU590-M9", "cambricon-mlu590"),
            ("BW1000", "hygon-bw1000"),
            ("MetaX C600", "metax-c600"),
            ("Apple M5", "apple-m5"),
            ("llvmpipe (LLVM 15.0.6, 256 bits)", "cpu-llvmpipe"),
            ("SwiftShader Device (Subzero)", "cpu-swiftshader"),
        ] {
            assert_eq!(id(adapter), Some(row), "{adapter}");
        }
    }

    #[test]
    fn a_near_miss_finds_nothing() {
        for adapter in [
            "NVIDIA H2000",
            "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
            "NVIDIA A800 80GB PCIe",
            "Tesla V100-PCIE-32GB",
            "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition",
            "NVIDIA L4S",
            "NVIDIA GeForce RTX 5090 D V2",
            "NVIDIA GeForce RTX 4090 Laptop GPU",
            "NVIDIA GeForce RTX 3090 Ti",
            "AMD Radeon RX 7900 XT (RADV NAVI31)",
            "AMD Radeon Graphics (RADV GFX1103_R1)",
            "AMD Radeon Graphics (gfx1151)",
            "AMD Radeon 8050S Graphics",
            "NVIDIA L2",
            "NVIDIA A10",
            "NVIDIA GeForce RTX 4090 D V2",
            "Apple M5 Max",
            "Ascend910B5",
            "MLU590-M8",
            "Intel(R) Arc(TM) A770M Graphics",
            "Microsoft Direct3D12 (NVIDIA GeForce RTX 3090 Ti)",
            "Microsoft Direct3D12",
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
            // H20B is unknown; H20 with HBM3e is a row of its own.
            ("NVIDIA Graphics Device", 0x10de, 0x2328, None),
            ("NVIDIA Graphics Device", 0x10de, 0x232c, Some("nvidia-h20-3e")),
            // L40S, L4, L40G.
            ("Graphics Device", 0x10de, 0x26b9, Some("nvidia-l40s")),
            ("Graphics Device", 0x10de, 0x27b8, Some("nvidia-l4")),
            ("Graphics Device", 0x10de, 0x26b8, None),
            // RTX 5090, 5090 D and 5090 D V2, RTX 4090 and 4090 D.
            ("", 0x10de, 0x2b85, Some("nvidia-rtx-5090")),
            ("", 0x10de, 0x2b87, Some("nvidia-rtx-5090-d")),
            ("", 0x10de, 0x2b8c, None),
            ("", 0x10de, 0x2684, Some("nvidia-rtx-4090")),
            ("", 0x10de, 0x2685, Some("nvidia-rtx-4090-d")),
            ("Intel(R) Graphics (DG2)", 0x8086, 0x56a0, Some("intel-arc-a770")),
            ("Intel(R) Graphics (DG2)", 0x8086, 0x5690, None),
            // Battlemage as Mesa and Level Zero call it before they know the product.
            ("Intel(R) Graphics (BMG G21)", 0x8086, 0xe20b, Some("intel-arc-b580")),
            ("Intel(R) Graphics [0xe20b]", 0, 0, Some("intel-arc-b580")),
            ("Intel(R) Graphics (BMG G21)", 0, 0, None),
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
        for (word, id) in [
            ("4090", "nvidia-rtx-4090"),
            ("rtx 4090", "nvidia-rtx-4090"),
            ("b580", "intel-arc-b580"),
            ("M4", "apple-m4"),
            ("mi300x", "amd-mi300x"),
            // The package, not its dies, which have the same name.
            ("MI250X", "amd-mi250x"),
            ("amd-mi250x-gcd", "amd-mi250x-gcd"),
        ] {
            assert_eq!(named(word), Some(id), "{word}");
        }
        // Several have the word, or none.
        for word in ["910b", "h100", "rtx 409", "90", ""] {
            assert_eq!(named(word), None, "{word}");
        }
        assert!(catalog.nearest("rtx 409").contains(&"nvidia-rtx-4090"));
        assert_eq!(catalog.nearest("nvidia-h2O")[0], "nvidia-h20");
    }

    #[test]
    fn a_device_that_is_a_die_has_the_figures_of_a_die() {
        let catalog = Catalog::embedded();
        let found = |name: &str, gib: Option<u64>| {
            let device =
                named(name, DeviceType::Discrete).but(|it| it.limits.memory_bytes = gib.map(|g| g << 30));
            catalog.identify(&device).map(|row| row.id.as_str())
        };
        // ROCm always shows a GCD: 383/2 TFLOP/s, 3.28/2 TB/s, 128/2 GiB.
        let gcd = catalog.named("amd-mi250x-gcd").unwrap();
        assert_eq!((gcd.peak["fp16"], gcd.bandwidth_gbs, gcd.memory_gib), (191.5, Some(1640.0), Some(64.0)));
        assert_eq!((gcd.board_power_w, gcd.product()), (None, "amd-mi250x"));
        assert_eq!(found("AMD Instinct MI250X", Some(64)), Some("amd-mi250x-gcd"));
        // 752/2 TFLOP/s; npu-smi calls this die what older tools call the first generation of 32 GiB.
        let die = catalog.named("huawei-ascend-910c-die").unwrap();
        assert_eq!((die.peak["fp16"], die.peak["fp16_matrix_only"]), (376.0, 363.7));
        for name in ["Ascend910", "Ascend910_9391", "Ascend910_9392"] {
            assert_eq!(found(name, Some(64)), Some("huawei-ascend-910c-die"), "{name}");
        }
        assert_eq!(found("Ascend910", Some(32)), Some("huawei-ascend-910a"));
        // Two cards of one name and one id, with other memory; a stack of a package that the driver calls like it.
        assert_eq!(found("Intel(R) Arc(TM) A770 Graphics", Some(8)), Some("intel-arc-a770-8"));
        assert_eq!(found("Intel(R) Arc(TM) A770 Graphics", Some(16)), Some("intel-arc-a770"));
        assert_eq!(found("Intel(R) Data Center GPU Max 1550", Some(128)), Some("intel-max-1550"));
        assert_eq!(found("Intel(R) Data Center GPU Max 1550", Some(64)), Some("intel-max-1550-stack"));
        // A card whose chips are joined unless its runtime is told otherwise.
        assert_eq!(found("Iluvatar BI-V150", None), Some("iluvatar-bi-v150"));
        assert_eq!(found("Iluvatar BI-V150", Some(32)), Some("iluvatar-bi-v150-chip"));
        assert_eq!(found("Iluvatar BI-V150", Some(64)), Some("iluvatar-bi-v150"));
    }
}
