//! What one scheduler of a chip can issue.

/// How a chip issues instructions. A scheduler is AMD's SIMD, a partition of NVIDIA's streaming multiprocessor, the whole
/// core elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheduler {
    /// AMD GCN: a vector instruction of 64 invocations takes four cycles of a SIMD of 16 lanes. Scalar, memory and
    /// workgroup-memory instructions of other subgroups go beside it. Source: AMD, "Graphics Core Next Architecture,
    /// Generation 3", reference guide, 2016.
    Gcn,
    /// AMD RDNA and RDNA 2: a vector instruction takes one cycle of a SIMD of 32 lanes, or two for 64 invocations; the
    /// rest goes beside it. Source: AMD, "RDNA 2 Instruction Set Architecture", 2020.
    Rdna,
    /// AMD RDNA 3 and 4: as RDNA, with a second set of lanes. Its instruction of two operations (VOPD) takes one cycle
    /// for 32 invocations; of 64, some instructions of one operation take one cycle instead of two, the same ones that
    /// VOPD may hold. The published peak counts both sets. Source: AMD, "RDNA3 Instruction Set Architecture", 2023,
    /// section 7.6.
    RdnaDual {
        /// Operations of a matrix instruction in f16 that one SIMD does in a cycle: the published peak, divided by the
        /// compute units, two SIMDs and the boost clock.
        matrix_flop: u32,
    },
    /// NVIDIA: one instruction in a cycle, of any kind; what its unit is narrower than a subgroup takes several cycles
    /// of that unit. Source: NVIDIA, "CUDA C++ Programming Guide", arithmetic instructions, throughput of native
    /// arithmetic instructions.
    Nvidia {
        /// Cycles that a multiply-add in f32 takes of its unit.
        fma_cycles: u32,
        /// Operations of a matrix instruction in f16 with sums in f32 that one scheduler does in a cycle; 0 without a
        /// matrix unit.
        matrix_flop: u32,
    },
    /// Apple: one instruction in a cycle, of any kind. Source: Philip Turner, "metal-benchmarks", ALU bottlenecks.
    Apple,
    /// Adreno: one arithmetic instruction in a cycle; special functions, memory and flow go beside it. Source: Mesa,
    /// `docs/drivers/freedreno/ir3-notes.rst`.
    Adreno,
}
