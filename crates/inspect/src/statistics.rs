//! Statistics of all drivers in one form.

use crate::chip::Chip;
use crate::listing::Compiler;
use portamark_model::compiled::{Compiled, Executable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Statistics of one program. What a driver does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Statistics {
    /// Number of invocations in a subgroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subgroup_size: Option<u32>,
    /// Vector registers of an invocation, each of 32 bits. Apple counts halves, Adreno vectors of four: both are
    /// converted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector_registers: Option<u32>,
    /// Scalar registers of a subgroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scalar_registers: Option<u32>,
    /// Registers spilled to memory, stores and loads of spilled registers, in the driver's words. Those that are 0 are
    /// left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spills: BTreeMap<String, u32>,
    /// Scratch memory in bytes, as the driver counts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch_bytes: Option<u64>,
    /// Workgroup memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workgroup_bytes: Option<u64>,
    /// Size of the program in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_bytes: Option<u64>,
    /// Number of instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u32>,
    /// Cycles that NVK's compiler estimates for the program, with loops weighted: a number to compare kernels by that do
    /// the same work, and no time (Mesa, `src/nouveau/compiler`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub static_cycles: Option<u64>,
    /// Subgroups that are resident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resident: Option<Resident>,
}

/// Subgroups that a scheduler keeps at a time (occupancy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Resident {
    /// Subgroups resident on one scheduler with this program; 0 if a workgroup does not fill one.
    pub subgroups: u32,
    /// Most that the scheduler keeps with any program.
    pub limit: u32,
    /// What limits it.
    pub limited_by: Limiter,
}

impl Resident {
    /// Returns the share of the limit.
    pub fn share(self) -> f64 {
        f64::from(self.subgroups) / f64::from(self.limit.max(1))
    }
}

/// What limits the number of resident subgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Limiter {
    /// Nothing but the limit itself.
    Nothing,
    /// Vector registers.
    Registers,
    /// Workgroup memory.
    WorkgroupMemory,
    /// The size of the workgroup, which fits only as a whole.
    WorkgroupSize,
}

impl fmt::Display for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limiter::Nothing => "nothing",
            Limiter::Registers => "registers",
            Limiter::WorkgroupMemory => "workgroup memory",
            Limiter::WorkgroupSize => "workgroup size",
        })
    }
}

/// Reads the statistics of `program`, one of those of `compiled`. Occupancy needs the `chip`.
///
/// Names are those of Mesa 26: `src/amd/vulkan/radv_pipeline.c`, `src/nouveau/vulkan/nvk_shader.c`,
/// `src/asahi/vulkan/hk_shader.c`, `src/freedreno/vulkan/tu_pipeline.cc`, and for Intel `src/intel/vulkan/anv_pipeline.c`.
/// NVIDIA's own driver is read for `Register Count` and `Binary Size` alone, which it was not seen to give here.
pub fn statistics(
    compiler: Compiler,
    compiled: &Compiled,
    program: &Executable,
    chip: Option<&Chip>,
) -> Statistics {
    let told = |names: &[&str]| names.iter().find_map(|name| program.statistic(name));
    let number = |names: &[&str]| told(names).map(|value| value as u32);
    let long = |names: &[&str]| told(names).map(|value| value as u64);
    let registers = match compiler {
        Compiler::Honeykrisp => number(&["GPRs"]).map(|halves| halves.div_ceil(2)),
        Compiler::Turnip => {
            let whole = number(&["Registers used"]);
            let half = number(&["Half-registers used"]).unwrap_or(0);
            whole.map(|whole| whole.saturating_mul(4).saturating_add(half.saturating_mul(2)))
        }
        _ => number(&["VGPRs", "Number of GPRs", "Register Count", "Max live registers"]),
    };
    let kinds = [
        "Spilled VGPRs",
        "Spilled SGPRs",
        "Spills to memory",
        "Fills from memory",
        "Spills to reg",
        "Fills from reg",
        "Spills",
        "Fills",
        "STP Count",
        "LDP Count",
        "Spill Count",
        "Fill Count",
    ];
    // A register that moves to another kind of register costs an instruction, but no memory.
    let spills = kinds.iter().filter_map(|kind| Some(((*kind).to_string(), number(&[kind])?)));
    let mut statistics = Statistics {
        subgroup_size: Some(program.subgroup_size).filter(|size| *size > 0),
        vector_registers: registers,
        scalar_registers: number(&["SGPRs"]),
        spills: spills.filter(|(_, count)| *count > 0).collect(),
        scratch_bytes: long(&["Scratch size", "SLM size", "Scratch", "Scratch Memory Size"]),
        workgroup_bytes: long(&["LDS size", "Workgroup Memory Size"])
            .or(compiled.workgroup.map(|workgroup| workgroup.memory_bytes)),
        code_bytes: long(&["Code size", "Binary Size"]),
        instructions: number(&["Instructions", "Instruction count", "Instruction Count"]),
        static_cycles: long(&["Static cycle count"]),
        resident: None,
    };
    statistics.resident = chip.and_then(|chip| resident(compiler, compiled, program, &statistics, chip));
    statistics
}

/// Occupancy: what the driver tells for registers, limited by workgroup memory and by whole workgroups where the driver
/// leaves that out.
fn resident(
    compiler: Compiler,
    compiled: &Compiled,
    program: &Executable,
    statistics: &Statistics,
    chip: &Chip,
) -> Option<Resident> {
    let told = |name: &str| program.statistic(name).map(|value| value as u32);
    let subgroup = program.subgroup_size.max(1);
    let limit = chip.subgroups;
    // Subgroups of the whole core, as far as registers go.
    let of_registers = match compiler {
        // Of RDNA, RADV counts a subgroup of 64 twice (`radv_get_max_waves`); workgroup memory is already in it.
        Compiler::Radv => {
            let told = told("Subgroups per SIMD")?;
            let per_scheduler = if chip.is_rdna() { told.saturating_mul(32) / subgroup } else { told };
            return Some(Resident {
                subgroups: per_scheduler.min(limit),
                limit,
                limited_by: limiter_of_amd(per_scheduler, limit, statistics, chip),
            });
        }
        Compiler::Nvk => told("Max warps/SM")?,
        Compiler::Honeykrisp => told("Threads")? / subgroup,
        Compiler::Turnip => told("Max Waves Per Core")?,
        Compiler::Other => return None,
    };
    let all = limit * chip.schedulers;
    let of_registers = of_registers.min(all);
    let Some(workgroup) = compiled.workgroup else {
        let limited_by = if of_registers < all { Limiter::Registers } else { Limiter::Nothing };
        return Some(Resident { subgroups: of_registers / chip.schedulers, limit, limited_by });
    };
    let size = workgroup.invocations().div_ceil(subgroup).max(1);
    let by_memory = match (statistics.workgroup_bytes.unwrap_or(0), chip.workgroup_memory) {
        (0, _) | (_, 0) => u32::MAX,
        (bytes, memory) => u32::try_from(memory / bytes).unwrap_or(u32::MAX).saturating_mul(size),
    };
    let whole = of_registers.min(by_memory) / size * size;
    let limited_by = match () {
        () if whole >= all => Limiter::Nothing,
        () if by_memory < of_registers => Limiter::WorkgroupMemory,
        () if of_registers < all => Limiter::Registers,
        () => Limiter::WorkgroupSize,
    };
    // Rounded up: half a scheduler without a subgroup is still one with.
    Some(Resident { subgroups: whole.div_ceil(chip.schedulers), limit, limited_by })
}

/// RADV does not tell what limits: if the registers alone allow more than is resident, workgroup memory does.
fn limiter_of_amd(resident: u32, limit: u32, statistics: &Statistics, chip: &Chip) -> Limiter {
    if resident >= limit {
        return Limiter::Nothing;
    }
    let subgroup = statistics.subgroup_size.unwrap_or(64);
    let held = chip.registers * 32 / subgroup;
    match statistics.vector_registers {
        Some(used) if used > 0 && held / used > resident && statistics.workgroup_bytes.unwrap_or(0) > 0 => {
            Limiter::WorkgroupMemory
        }
        _ => Limiter::Registers,
    }
}
