//! The issue ceiling: the largest share of its peak that a loop can reach, whatever memory does.
//!
//! The peak of a unit is reached if it is busy in every cycle. A loop needs some cycles of that unit for its multiply-adds
//! or matrix instructions, and cycles of the port that they share with other instructions. The share is the first divided
//! by the larger of both, summed over the loop. It is a bound from above: latencies, bank conflicts, waits and caches are
//! not in it, and where a source says "at most", the faster case is taken.

use crate::flow::Loop;
use crate::instruction::{Class, Instruction};
use crate::scheduler::Scheduler;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a loop runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Bound {
    /// The matrix unit.
    Matrix,
    /// The multiply-adds of the vector unit.
    MultiplyAdd,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bound::Matrix => "matrix",
            Bound::MultiplyAdd => "multiply-add",
        })
    }
}

/// Largest share of a peak that a loop can issue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub struct Ceiling {
    /// Share of the peak, above 0 and at most 1.
    pub share: f64,
    /// Whose peak.
    pub of: Bound,
}

impl Ceiling {
    /// Creates the ceiling at `share` of the peak of `of`.
    pub fn new(share: f64, of: Bound) -> Self {
        Ceiling { share, of }
    }
}

/// Returns the issue ceiling of a loop for subgroups of `subgroup` invocations. `None` if it has neither multiply-adds nor
/// matrix instructions, or if the matrix rate of the chip is not known.
///
/// Not every pass takes the same way through a loop, so the way with the largest share counts (by Dinkelbach, "On nonlinear
/// fractional programming", Management Science 13, 1967): no mixture of ways can have more.
pub fn ceiling(scheduler: Scheduler, hot: &Loop, subgroup: u32) -> Option<Ceiling> {
    let of = match (hot.count(Class::Matrix), hot.count(Class::MultiplyAdd)) {
        (0, 0) => return None,
        (0, _) => Bound::MultiplyAdd,
        _ => Bound::Matrix,
    };
    let cycles = |one: &Instruction| cycles(scheduler, one, subgroup, of);
    if hot.instructions.iter().any(|one| cycles(one).is_none()) {
        return None;
    }
    let weights = |one: &Instruction| {
        let (unit, port) = cycles(one).unwrap_or_default();
        (f64::from(one.repeat) * unit, f64::from(one.repeat) * port)
    };
    let mut ratio = 0.0;
    // Each step raises the ratio to that of another way, of which there are finitely many; a few steps suffice.
    for _ in 0..MOST_STEPS {
        let (unit, port) = hot.best_way(ratio, weights);
        if port <= 0.0 || unit / port <= ratio {
            break;
        }
        ratio = unit / port;
    }
    (ratio > 0.0).then_some(Ceiling { share: ratio.min(1.0), of })
}

/// Most steps of the search for the best way.
const MOST_STEPS: usize = 64;

/// Returns the cycles that one instruction takes of the unit of `of`, and of the port that this unit shares.
fn cycles(scheduler: Scheduler, one: &Instruction, subgroup: u32, of: Bound) -> Option<(f64, f64)> {
    let counted = match of {
        Bound::Matrix => Class::Matrix,
        Bound::MultiplyAdd => Class::MultiplyAdd,
    };
    let is_counted = one.class == counted;
    let vector = matches!(
        one.class,
        Class::Matrix | Class::MultiplyAdd | Class::Conversion | Class::Arithmetic | Class::Shuffle
    ) && !one.name.starts_with("ds_");
    let matrix =
        |rate: u32| (rate > 0 && one.matrix_flop > 0).then(|| f64::from(one.matrix_flop) / f64::from(rate));
    Some(match scheduler {
        Scheduler::Gcn | Scheduler::Rdna => {
            let slots = if vector { f64::from(quarter_rate(&one.name)) } else { 0.0 };
            (if is_counted { slots } else { 0.0 }, slots)
        }
        Scheduler::RdnaDual { matrix_flop } => {
            if one.class == Class::Matrix {
                let slots = matrix(matrix_flop)?;
                return Some((slots, slots));
            }
            let slots = match (vector, one.name.contains("::"), subgroup) {
                (false, ..) => 0.0,
                (true, true, _) => 1.0,
                (true, false, 64) => {
                    if dual(&one.name) {
                        1.0
                    } else {
                        2.0
                    }
                }
                (true, false, _) => 1.0,
            };
            // What both sets of lanes would take for the multiply-adds: half a cycle for 32 invocations.
            let ideal = multiply_adds(&one.name) * f64::from(subgroup) / 64.0;
            (if is_counted { ideal } else { 0.0 }, slots * f64::from(quarter_rate(&one.name)))
        }
        Scheduler::Nvidia { fma_cycles, matrix_flop } => {
            let unit = match one.class {
                Class::Matrix => matrix(matrix_flop)?,
                // Packed halves and integer dot products have a rate of their own; the faster case is taken.
                _ if one.name.starts_with("ffma") => f64::from(fma_cycles),
                _ => 1.0,
            };
            (if is_counted { unit } else { 0.0 }, 1.0)
        }
        Scheduler::Apple => {
            let slot = f64::from(u8::from(one.class != Class::Wait));
            (if is_counted { slot } else { 0.0 }, slot)
        }
        Scheduler::Adreno => {
            // Categories 1 to 3; special functions are category 4, on a unit of their own.
            let special =
                matches!(one.name.as_str(), "exp2" | "rcp" | "rsq" | "log2" | "sqrt" | "sin" | "cos");
            let slot = if vector && !special && one.class != Class::Shuffle { 1.0 } else { 0.0 };
            (if is_counted { slot } else { 0.0 }, slot)
        }
    })
}

/// Multiplications of 32-bit integers have a quarter of the rate on all AMD chips.
fn quarter_rate(name: &str) -> u32 {
    if name.starts_with("v_mul_lo_u32")
        || name.starts_with("v_mul_hi_u32")
        || name.starts_with("v_mad_u64_u32")
    {
        4
    } else {
        1
    }
}

/// Whether RDNA 3 may issue an instruction for both sets of lanes: those that VOPD may hold, and the multiply-add of three
/// sources. Which encodings do so for subgroups of 64 is not published; the faster case is taken.
fn dual(name: &str) -> bool {
    let names = [
        "v_fma_f32",
        "v_fmac_f32",
        "v_fmaak_f32",
        "v_fmamk_f32",
        "v_mul_f32",
        "v_add_f32",
        "v_sub_f32",
        "v_subrev_f32",
        "v_mul_dx9_zero_f32",
        "v_mov_b32",
        "v_cndmask_b32",
        "v_max_f32",
        "v_min_f32",
        "v_max_num_f32",
        "v_min_num_f32",
        "v_dot2acc_f32",
        "v_add_nc_u32",
        "v_lshlrev_b32",
        "v_and_b32",
    ];
    names.iter().any(|dual| name.starts_with(dual)) && !name.ends_with("_dpp")
}

/// Number of multiply-adds in an instruction of one or two operations.
fn multiply_adds(name: &str) -> f64 {
    let count = name.split(" :: ").filter(|part| part.contains("fma") || part.contains("dot")).count();
    count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Block, Program, loops};

    fn of(names: &[(&str, Class, u32)]) -> Vec<Instruction> {
        let all = names.iter();
        all.flat_map(|(name, class, count)| vec![Instruction::new(name, *class, 0); *count as usize])
            .collect()
    }

    /// A loop of one block.
    fn straight(instructions: Vec<Instruction>) -> Loop {
        let block = Block { label: "b".into(), instructions, next: vec!["b".into()], falls_through: false };
        loops(&Program { blocks: vec![block] }).remove(0)
    }

    fn share(scheduler: Scheduler, names: &[(&str, Class, u32)], subgroup: u32) -> f64 {
        ceiling(scheduler, &straight(of(names)), subgroup).unwrap().share
    }

    #[test]
    fn amd_issues_memory_and_scalars_beside_the_vector_unit() {
        let loop_ = [
            ("v_fma_f32", Class::MultiplyAdd, 6),
            ("v_add_nc_u32_e32", Class::Arithmetic, 2),
            ("ds_load_b128", Class::WorkgroupLoad, 20),
            ("s_waitcnt", Class::Wait, 9),
        ];
        assert_eq!(share(Scheduler::Gcn, &loop_, 64), 0.75);
        assert_eq!(share(Scheduler::Rdna, &loop_, 32), 0.75);
        // Four slots for one multiplication of integers: 6 of 12.
        let slow = [
            ("v_fma_f32", Class::MultiplyAdd, 6),
            ("v_mul_lo_u32", Class::Arithmetic, 1),
            ("v_mov_b32", Class::Arithmetic, 2),
        ];
        assert_eq!(share(Scheduler::Rdna, &slow, 32), 0.5);
    }

    #[test]
    fn the_second_lanes_of_rdna_3_need_two_operations_or_64_invocations() {
        let scheduler = Scheduler::RdnaDual { matrix_flop: 256 };
        let single = [("v_fmac_f32_e32", Class::MultiplyAdd, 8)];
        assert_eq!(share(scheduler, &single, 32), 0.5);
        assert_eq!(share(scheduler, &single, 64), 1.0);
        assert_eq!(share(scheduler, &[("v_fma_f32", Class::MultiplyAdd, 8)], 64), 1.0);
        assert_eq!(
            share(scheduler, &[("v_dual_fmac_f32 :: v_dual_fmac_f32", Class::MultiplyAdd, 8)], 32),
            1.0
        );
        assert_eq!(share(scheduler, &[("v_fma_mix_f32", Class::MultiplyAdd, 8)], 64), 0.5);
        // 4 · 32 cycles of the matrix unit, and 32 instructions of two cycles that share its port.
        let mut mixed = of(&[("v_cvt_f32_f16_e32", Class::Conversion, 32)]);
        mixed.extend(vec![Instruction::new("v_wmma_f32_16x16x16_f16", Class::Matrix, 0).of_flop(8192); 4]);
        let ceiling = ceiling(scheduler, &straight(mixed), 64).unwrap();
        assert_eq!((ceiling.of, ceiling.share), (Bound::Matrix, 128.0 / (128.0 + 64.0)));
    }

    #[test]
    fn nvidia_issues_one_instruction_in_a_cycle() {
        let loop_ = [
            ("ffma.ftz", Class::MultiplyAdd, 64),
            ("ld.shared.strong.cta.b128", Class::WorkgroupLoad, 4),
            ("iadd3", Class::Arithmetic, 12),
        ];
        assert_eq!(share(Scheduler::Nvidia { fma_cycles: 1, matrix_flop: 128 }, &loop_, 32), 0.8);
        // With half the lanes, 128 cycles of the unit leave room for 64 other instructions.
        assert_eq!(share(Scheduler::Nvidia { fma_cycles: 2, matrix_flop: 128 }, &loop_, 32), 1.0);
        let mut matrix = of(&[("lea", Class::Arithmetic, 60)]);
        matrix.extend(vec![Instruction::new("hmma.m16n8k16.f32", Class::Matrix, 0).of_flop(4096); 1]);
        let ceiling =
            ceiling(Scheduler::Nvidia { fma_cycles: 1, matrix_flop: 128 }, &straight(matrix), 32).unwrap();
        // 32 cycles of the unit, 61 of the port.
        assert_eq!(ceiling.share, 32.0 / 61.0);
    }

    #[test]
    fn apple_shares_one_port_and_adreno_the_arithmetic_alone() {
        let loop_ = [
            ("ffma", Class::MultiplyAdd, 16),
            ("iadd", Class::Arithmetic, 4),
            ("local_load", Class::WorkgroupLoad, 12),
            ("wait", Class::Wait, 3),
        ];
        assert_eq!(share(Scheduler::Apple, &loop_, 32), 0.5);
        assert_eq!(share(Scheduler::Adreno, &loop_, 64), 0.8);
        assert_eq!(ceiling(Scheduler::Apple, &straight(of(&[("iadd", Class::Arithmetic, 4)])), 32), None);
        // Without a known rate there is no ceiling.
        let matrix = straight(vec![Instruction::new("hmma.m16n8k8.f32", Class::Matrix, 0).of_flop(2048)]);
        assert_eq!(ceiling(Scheduler::Nvidia { fma_cycles: 2, matrix_flop: 0 }, &matrix, 32), None);
    }
}
