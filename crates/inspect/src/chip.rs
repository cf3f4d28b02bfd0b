//! Chips whose compilers can be asked, and what is known of how they issue instructions.

use crate::scheduler::Scheduler;
use crate::stand_in::StandIn;
use portamark_model::device::Capabilities;

/// A chip, or a family of chips that one compiler treats alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chip {
    /// Name, e.g. `navi31`.
    pub name: &'static str,
    /// Further names: cards with this chip, and what others call it.
    pub aliases: &'static [&'static str],
    /// What people call it, e.g. `Navi 31 (RX 7900)`.
    pub title: &'static str,
    /// Vendor.
    pub vendor: &'static str,
    /// How it issues instructions.
    pub scheduler: Scheduler,
    /// Most subgroups that one scheduler keeps.
    pub subgroups: u32,
    /// Schedulers that share a core and its workgroup memory.
    pub schedulers: u32,
    /// Vector registers of 32 bits that a scheduler has for each of 32 lanes; 0 if not needed: the driver tells the
    /// occupancy.
    pub registers: u32,
    /// Workgroup memory of a core in bytes; 0 if the driver allows for it.
    pub workgroup_memory: u64,
    /// Whether it has a matrix unit that a driver of Mesa offers.
    pub matrix_unit: bool,
    /// Name of a card with this chip in the catalogue of accelerators; `None` if it has none.
    pub catalogue: Option<&'static str>,
    /// What opens the chip where there is none.
    pub stand_in: StandIn,
}

impl Chip {
    /// Whether it is of AMD's RDNA architecture.
    pub fn is_rdna(&self) -> bool {
        matches!(self.scheduler, Scheduler::Rdna | Scheduler::RdnaDual { .. })
    }

    /// Whether `name` is one of its names, whatever the case and the spaces in it.
    pub fn is_called(&self, name: &str) -> bool {
        let plain = |text: &str| text.to_lowercase().replace([' ', '_'], "-");
        let name = plain(name);
        plain(self.name) == name || self.aliases.iter().any(|alias| plain(alias) == name)
    }
}

const fn amd(value: &'static [(&'static str, &'static str)]) -> StandIn {
    StandIn { library: "libamdgpu_noop_drm_shim.so", variables: value, manifest: "radeon_icd.json" }
}

const fn nvidia(value: &'static [(&'static str, &'static str)]) -> StandIn {
    StandIn { library: "libnouveau_noop_drm_shim.so", variables: value, manifest: "nouveau_icd.json" }
}

const fn adreno(value: &'static [(&'static str, &'static str)]) -> StandIn {
    StandIn { library: "libfreedreno_noop_drm_shim.so", variables: value, manifest: "freedreno_icd.json" }
}

const GCN: Chip = Chip {
    name: "",
    aliases: &[],
    title: "",
    vendor: "AMD",
    scheduler: Scheduler::Gcn,
    subgroups: 10,
    schedulers: 4,
    registers: 512,
    workgroup_memory: 0,
    matrix_unit: false,
    catalogue: None,
    stand_in: amd(&[]),
};

const RDNA: Chip = Chip { scheduler: Scheduler::Rdna, subgroups: 16, schedulers: 2, registers: 1024, ..GCN };

const NVIDIA: Chip = Chip {
    vendor: "NVIDIA",
    scheduler: Scheduler::Nvidia { fma_cycles: 2, matrix_flop: 0 },
    subgroups: 16,
    schedulers: 4,
    registers: 0,
    workgroup_memory: 96 << 10,
    stand_in: nvidia(&[]),
    ..GCN
};

const ADRENO: Chip = Chip {
    vendor: "Qualcomm",
    scheduler: Scheduler::Adreno,
    subgroups: 16,
    schedulers: 1,
    registers: 0,
    stand_in: adreno(&[]),
    ..GCN
};

/// All chips, by vendor and age.
///
/// Subgroups, registers and workgroup memory of AMD: the ISA guides and Mesa's `src/amd/common/ac_gpu_info.c`; the
/// driver lets a Polaris keep 8 of 10. Of NVIDIA: "CUDA C++ Programming Guide", technical specifications by compute
/// capability. Matrix rates: the published dense peak in f16, divided by the units and the boost clock: 122.9 TFLOP/s for 96
/// compute units at 2.5 GHz (RX 7900 XTX), 195 for 64 at 2.97 GHz (RX 9070 XT), 71 with sums in f32 for 82
/// multiprocessors at 1.695 GHz (RTX 3090), 312 for 108 at 1.41 GHz (A100), 65 for 40 at 1.59 GHz (T4).
const CHIPS: &[Chip] = &[
    Chip {
        name: "polaris10",
        aliases: &["polaris", "rx-480", "rx-580", "gfx803"],
        title: "Polaris 10 (RX 480, RX 580)",
        subgroups: 8,
        stand_in: amd(&[("AMDGPU_GPU_ID", "polaris10")]),
        ..GCN
    },
    Chip {
        name: "vega10",
        aliases: &["vega", "vega-56", "vega-64", "gfx900"],
        title: "Vega 10 (Vega 56, Vega 64)",
        stand_in: amd(&[("AMDGPU_GPU_ID", "vega10")]),
        ..GCN
    },
    Chip {
        name: "navi10",
        aliases: &["rx-5700", "rx-5700-xt", "rdna1", "gfx1010"],
        title: "Navi 10 (RX 5700)",
        subgroups: 20,
        stand_in: amd(&[("AMDGPU_GPU_ID", "navi10")]),
        ..RDNA
    },
    Chip {
        name: "navi21",
        aliases: &["rx-6800", "rx-6800-xt", "rx-6900-xt", "rdna2", "gfx1030"],
        title: "Navi 21 (RX 6800, RX 6900)",
        stand_in: amd(&[("AMDGPU_GPU_ID", "navi21")]),
        ..RDNA
    },
    Chip {
        name: "navi31",
        aliases: &["rx-7900-xt", "rx-7900-xtx", "rdna3", "gfx1100"],
        title: "Navi 31 (RX 7900)",
        scheduler: Scheduler::RdnaDual { matrix_flop: 256 },
        registers: 1536,
        matrix_unit: true,
        catalogue: Some("Radeon RX 7900 XTX"),
        stand_in: amd(&[("AMDGPU_GPU_ID", "navi31")]),
        ..RDNA
    },
    Chip {
        name: "navi33",
        aliases: &["rx-7600", "gfx1102"],
        title: "Navi 33 (RX 7600)",
        scheduler: Scheduler::RdnaDual { matrix_flop: 256 },
        matrix_unit: true,
        stand_in: amd(&[("AMDGPU_GPU_ID", "navi33")]),
        ..RDNA
    },
    Chip {
        name: "strix1",
        aliases: &["strix-point", "radeon-890m", "gfx1150"],
        title: "Strix Point (Radeon 890M)",
        scheduler: Scheduler::RdnaDual { matrix_flop: 256 },
        matrix_unit: true,
        stand_in: amd(&[("AMDGPU_GPU_ID", "strix1")]),
        ..RDNA
    },
    Chip {
        name: "gfx1201",
        aliases: &["navi48", "rx-9070", "rx-9070-xt", "rdna4"],
        title: "Navi 48 (RX 9070)",
        scheduler: Scheduler::RdnaDual { matrix_flop: 512 },
        registers: 1536,
        matrix_unit: true,
        catalogue: Some("Radeon RX 9070 XT"),
        stand_in: amd(&[("AMDGPU_GPU_ID", "gfx1201")]),
        ..RDNA
    },
    Chip {
        name: "pascal",
        aliases: &["gp100", "sm60"],
        title: "Pascal (GP100)",
        stand_in: nvidia(&[("NOUVEAU_CHIPSET", "0x130")]),
        workgroup_memory: 64 << 10,
        ..NVIDIA
    },
    Chip {
        name: "volta",
        aliases: &["gv100", "v100", "titan-v", "sm70"],
        title: "Volta (V100)",
        catalogue: Some("V100 SXM2"),
        stand_in: nvidia(&[("NOUVEAU_CHIPSET", "0x140")]),
        ..NVIDIA
    },
    Chip {
        name: "turing",
        aliases: &["tu102", "t4", "rtx-2080-ti", "sm75"],
        title: "Turing (T4, RTX 20)",
        scheduler: Scheduler::Nvidia { fma_cycles: 2, matrix_flop: 256 },
        subgroups: 8,
        workgroup_memory: 64 << 10,
        matrix_unit: true,
        catalogue: Some("T4"),
        stand_in: nvidia(&[("NOUVEAU_CHIPSET", "0x162")]),
        ..NVIDIA
    },
    Chip {
        name: "ampere",
        aliases: &["ga102", "rtx-3080", "rtx-3090", "sm86"],
        title: "Ampere (RTX 30)",
        scheduler: Scheduler::Nvidia { fma_cycles: 1, matrix_flop: 128 },
        subgroups: 12,
        workgroup_memory: 100 << 10,
        matrix_unit: true,
        catalogue: Some("GeForce RTX 3090"),
        stand_in: nvidia(&[("NOUVEAU_CHIPSET", "0x172")]),
        ..NVIDIA
    },
    Chip {
        name: "apple-m1",
        aliases: &["m1", "g13g"],
        title: "Apple M1",
        vendor: "Apple",
        scheduler: Scheduler::Apple,
        subgroups: 32,
        schedulers: 1,
        workgroup_memory: 0,
        catalogue: Some("Apple M1 GPU (8 cores)"),
        stand_in: StandIn {
            library: "libasahi_noop_drm_shim.so",
            variables: &[("AGX_MESA_DEBUG", "shaders")],
            manifest: "asahi_icd.json",
        },
        ..NVIDIA
    },
    Chip {
        name: "adreno-630",
        aliases: &["a630", "snapdragon-845"],
        title: "Adreno 630 (Snapdragon 845)",
        stand_in: adreno(&[("FD_GPU_ID", "630")]),
        ..ADRENO
    },
    Chip {
        name: "adreno-660",
        aliases: &["a660", "snapdragon-888"],
        title: "Adreno 660 (Snapdragon 888)",
        stand_in: adreno(&[("FD_GPU_ID", "660")]),
        ..ADRENO
    },
    Chip {
        name: "adreno-750",
        aliases: &["a750", "snapdragon-8-gen-3"],
        title: "Adreno 750 (Snapdragon 8 Gen 3)",
        stand_in: adreno(&[("FD_GPU_ID", "750")]),
        ..ADRENO
    },
];

/// Returns all chips.
pub fn chips() -> &'static [Chip] {
    CHIPS
}

/// Returns the chip that is called `name`.
pub fn chip(name: &str) -> Option<&'static Chip> {
    CHIPS.iter().find(|chip| chip.is_called(name))
}

/// Returns the chip of a device that is here, from the name that its driver gives it: `AMD Radeon RX 7900 XTX (RADV
/// NAVI31)`, `NVIDIA GeForce RTX 3090 (NVK GA102)`, `Apple M1 (G13G B1)`, `Turnip Adreno (TM) 750`. `None` if none of
/// them is in the list: nothing is guessed from a family.
pub fn of_device(device: &Capabilities) -> Option<&'static Chip> {
    let name = device.name.replace("(TM)", " ");
    let words: Vec<&str> = name.split([' ', '(', ')']).filter(|word| !word.is_empty()).collect();
    let names = |chip: &&Chip| {
        let of_two = words.windows(2).map(|pair| pair.join("-"));
        words.iter().map(|word| word.to_string()).chain(of_two).any(|word| chip.is_called(&word))
    };
    CHIPS.iter().find(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_model::device::DeviceType;
    use std::collections::BTreeSet;

    #[test]
    fn each_name_is_that_of_one_chip() {
        let mut seen = BTreeSet::new();
        for chip in CHIPS {
            for name in chip.aliases.iter().chain([&chip.name]) {
                assert!(seen.insert(name.to_lowercase()), "{name} names two chips");
            }
        }
        assert_eq!(chip("RX 7900 XTX").map(|chip| chip.name), Some("navi31"));
        assert_eq!(chip("A750").map(|chip| chip.name), Some("adreno-750"));
        assert_eq!(chip("arc-b580"), None);
    }

    #[test]
    fn a_device_is_known_by_the_name_of_its_chip() {
        let name = |name: &str| {
            let device = Capabilities::without_plans("x".into(), name.into(), "vulkan", DeviceType::Discrete);
            of_device(&device).map(|chip| chip.name)
        };
        assert_eq!(name("AMD Radeon RX 7900 XTX (RADV NAVI31)"), Some("navi31"));
        assert_eq!(name("NVIDIA GeForce RTX 3090 (NVK GA102)"), Some("ampere"));
        assert_eq!(name("Apple M1 (G13G B1)"), Some("apple-m1"));
        assert_eq!(name("Turnip Adreno (TM) 750"), Some("adreno-750"));
        assert_eq!(name("llvmpipe (LLVM 15.0.6, 256 bits)"), None);
    }

    #[test]
    fn cards_of_the_catalogue_are_in_it() {
        for card in CHIPS.iter().filter_map(|chip| chip.catalogue) {
            assert!(portamark_model::catalog::Catalog::embedded().named(card).is_some(), "{card}");
        }
    }
}
