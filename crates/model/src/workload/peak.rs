//! Arithmetic peak: chains of dependent multiply-adds on values held in registers.
//!
//! The chain is x ← x·one + b_r, with `one` read from memory so that no compiler can fold it, and the step
//! b_r changing every [`STEPS_PER_ROUND`] links. Steps lie on the coarse grid, so every partial sum is
//! exact in the accumulator. The result depends on each link, so a kernel that skips work gives a wrong
//! result.

use super::dtype::{DType, Grid, Precision};
use super::family::Workload;
use super::parameters::{Parameters, Words, countable};
use super::tensor::{Expected, Inputs, Tensor};

/// Number of links between two changes of the step.
pub const STEPS_PER_ROUND: u64 = 16;

/// Execution unit that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeakUnit {
    /// Scalar or vector fused multiply-add: `chains` independent chains of `steps` links.
    Fma {
        /// Number of independent chains; a multiple of 64.
        chains: u64,
    },
    /// Packed dot products of four i8 with an i32 accumulator: x ← lowest byte of x, signed, + b_r.
    Dot4 {
        /// Number of independent chains; a multiple of 64.
        chains: u64,
    },
    /// Matrix unit through cooperative matrices: D ← D + A_r·B on square tiles.
    Matrix {
        /// Edge length of a tile in elements, 8 or 16.
        edge: u64,
        /// Number of independent tiles; a multiple of 4.
        tiles: u64,
    },
}

/// Chains of `steps` dependent multiply-adds, or tiles with `steps` dependent matrix multiply-adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Peak {
    /// Number formats of operands and accumulator.
    pub precision: Precision,
    /// Execution unit that is measured, with its number of chains or tiles.
    pub unit: PeakUnit,
    /// Number of links per chain; a multiple of [`STEPS_PER_ROUND`].
    pub steps: u64,
}

impl Peak {
    /// Returns the format of the chain's value, which is stored as output.
    pub fn output_dtype(&self) -> DType {
        self.precision.accumulate
    }

    fn output_len(&self) -> u64 {
        match self.unit {
            PeakUnit::Fma { chains } | PeakUnit::Dot4 { chains } => chains,
            PeakUnit::Matrix { edge, tiles } => tiles * edge * edge,
        }
    }
}

/// Parses `c<number>`, which must be a multiple of 64.
fn chains(words: &mut Words) -> Result<u64, String> {
    let chains = words.number("c")?;
    if chains.is_multiple_of(64) { Ok(chains) } else { Err(format!("c{chains} is not a multiple of 64")) }
}

/// Computes one link of a chain of packed dot products: the lowest byte of `x`, signed, plus the step.
fn dot4_link(x: i64, step: i64) -> i64 {
    i64::from(x as i8) + step
}

impl Workload for Peak {
    const FAMILY: &'static str = "peak";

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let format = words.first("the format, e.g. f32")?;
        let precision = Precision::parse(format).ok_or(format!("`{format}` is not a format"))?;
        let unit = if words.flag("fma") {
            PeakUnit::Fma { chains: chains(&mut words)? }
        } else if words.flag("dot4") {
            PeakUnit::Dot4 { chains: chains(&mut words)? }
        } else if words.flag("matrix") {
            let (edge, tiles) = (words.number("e")?, words.number("t")?);
            if edge != 8 && edge != 16 {
                return Err(format!("e{edge}: tiles are 8 or 16 on a side"));
            }
            if !tiles.is_multiple_of(4) {
                return Err(format!("t{tiles} is not a multiple of 4"));
            }
            PeakUnit::Matrix { edge, tiles }
        } else {
            return Err("the unit is missing: fma, dot4 or matrix".into());
        };
        let steps = words.number("s")?;
        words.finish()?;
        if let PeakUnit::Matrix { edge, tiles } = unit {
            countable("a", &[steps / STEPS_PER_ROUND, edge, edge])?;
            countable("y", &[tiles, edge, edge])?;
        }
        if !steps.is_multiple_of(STEPS_PER_ROUND) {
            return Err(format!("s{steps} is not a multiple of {STEPS_PER_ROUND}"));
        }
        if matches!(unit, PeakUnit::Fma { .. }) && precision.input != precision.accumulate {
            return Err(format!("`{format}`: an fma chain has one format"));
        }
        let packed = precision == Precision::of(DType::I8, DType::I32);
        if matches!(unit, PeakUnit::Dot4 { .. }) != packed {
            return Err(format!("`{format}`: packed dot products and they alone are of i8.i32"));
        }
        Ok(Peak { precision, unit, steps })
    }

    fn parameters(&self) -> Parameters {
        let start = Parameters::of(self.precision);
        let unit = match self.unit {
            PeakUnit::Fma { chains } => start.word("fma").size("c", chains),
            PeakUnit::Dot4 { chains } => start.word("dot4").size("c", chains),
            PeakUnit::Matrix { edge, tiles } => start.word("matrix").size("e", edge).size("t", tiles),
        };
        unit.size("s", self.steps)
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn flop(&self) -> u128 {
        // Edges are up to 16, all other sizes below 2³².
        let links = match self.unit {
            PeakUnit::Fma { chains } => 2 * chains,
            PeakUnit::Dot4 { chains } => 8 * chains,
            PeakUnit::Matrix { edge, tiles } => 2 * edge * edge * edge * tiles,
        };
        u128::from(links) * u128::from(self.steps)
    }

    /// Returns the tensors: `x` holds the start of each chain, `b` the step of each round. A matrix chain
    /// has one tile `a` per round, `b` is one tile, and every chain starts from zero.
    fn tensors(&self) -> Vec<Tensor> {
        let rounds = self.steps / STEPS_PER_ROUND;
        let (input, output) = (self.precision.input, self.output_dtype());
        match self.unit {
            PeakUnit::Fma { chains } => vec![
                Tensor::input("x", 1, input, chains).on_grid(Grid::COARSE),
                Tensor::input("b", 2, input, rounds).on_grid(Grid::COARSE),
                Tensor::output("y", output, chains),
            ],
            PeakUnit::Dot4 { chains } => vec![
                Tensor::input("x", 1, input, chains),
                Tensor::input("b", 2, input, rounds),
                Tensor::output("y", output, chains),
            ],
            PeakUnit::Matrix { edge, tiles } => {
                // Equal addends have the same rounding error at every link, so sums in f16 must be exact;
                // sums of integers are exact up to 2048.
                let grid = if output == DType::F16 { Grid::SIGNS } else { Grid::COARSE };
                vec![
                    Tensor::input("a", 1, input, rounds * edge * edge).on_grid(grid),
                    Tensor::input("b", 2, input, edge * edge).on_grid(grid),
                    Tensor::output("y", output, tiles * edge * edge),
                ]
            }
        }
    }

    fn output_shape(&self) -> (u64, u64) {
        match self.unit {
            PeakUnit::Fma { .. } | PeakUnit::Dot4 { .. } => (1, self.output_len()),
            PeakUnit::Matrix { edge, tiles } => (tiles, edge * edge),
        }
    }

    fn bound_factor(&self) -> f64 {
        1.0
    }

    /// Bound: c·√steps·u_acc·max|partial sum|. The sums should be exact; the bound only allows for formats
    /// whose range of exact values the chain leaves.
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let tensors = self.tensors();
        let rounds = self.steps / STEPS_PER_ROUND;
        let u = self.precision.accumulate.unit_roundoff();
        let (first, second) = (inputs.reader(&tensors[0]), inputs.reader(&tensors[1]));
        let slack = |largest: f64| self.bound_factor() * (self.steps as f64).sqrt() * u * largest;
        match self.unit {
            PeakUnit::Fma { .. } => {
                let (mut walk, mut largest) = (0.0f64, 0.0f64);
                for round in 0..rounds {
                    walk += STEPS_PER_ROUND as f64 * second(round);
                    largest = largest.max(walk.abs());
                }
                points
                    .iter()
                    .map(|&i| Expected { value: first(i) + walk, bound: slack(largest + 1.0) })
                    .collect()
            }
            PeakUnit::Dot4 { .. } => {
                let steps: Vec<i64> = (0..rounds).map(|round| second(round) as i64).collect();
                // A link depends only on the lowest byte, so there are only 256 different chains.
                let end = |start: i64| {
                    let links = steps.iter().flat_map(|step| (0..STEPS_PER_ROUND).map(move |_| *step));
                    links.fold(start, dot4_link)
                };
                let ends: Vec<i64> = (-128..128).map(end).collect();
                // Integers are exact: any difference is an error.
                let expected = |i: &u64| {
                    let value = ends[(first(*i) as i64 + 128) as usize] as f64;
                    Expected { value, bound: 0.25 }
                };
                points.iter().map(expected).collect()
            }
            PeakUnit::Matrix { edge, .. } => {
                let mut total = vec![0.0; (edge * edge) as usize];
                let mut size = vec![0.0; (edge * edge) as usize];
                for round in 0..rounds {
                    for (at, (sum, large)) in total.iter_mut().zip(&mut size).enumerate() {
                        let (i, j) = (at as u64 / edge, at as u64 % edge);
                        for p in 0..edge {
                            let product = first(round * edge * edge + i * edge + p) * second(p * edge + j);
                            *sum += STEPS_PER_ROUND as f64 * product;
                        }
                        *large = f64::max(*large, f64::abs(*sum));
                    }
                }
                points
                    .iter()
                    .map(|&i| {
                        let at = (i % (edge * edge)) as usize;
                        Expected { value: total[at], bound: slack(size[at] + 1.0) }
                    })
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_two_per_link() {
        assert_eq!(Peak::parse("f32 fma c128 s32").unwrap().flop(), 2 * 128 * 32);
        assert_eq!(Peak::parse("i8.i32 dot4 c128 s32").unwrap().flop(), 8 * 128 * 32);
        assert_eq!(Peak::parse("f16.f32 matrix e16 t4 s16").unwrap().flop(), 2 * 4096 * 4 * 16);
    }

    #[test]
    fn a_packed_link_keeps_the_lowest_byte_with_its_sign() {
        assert_eq!(dot4_link(5, 3), 8);
        assert_eq!(dot4_link(130, 1), -125);
        assert_eq!(dot4_link(-200, -1), 55);
        assert!(Peak::parse("f32 dot4 c64 s16").unwrap_err().contains("i8.i32"));
        assert!(Peak::parse("i8.i32 fma c64 s16").is_err());
    }

    #[test]
    fn leaving_out_one_round_is_beyond_the_bound() {
        for text in ["f32 fma c64 s4096", "f16 fma c64 s1024"] {
            let peak = Peak::parse(text).unwrap();
            let inputs = Inputs::new(11, 0);
            let e = peak.expected(inputs, &[0])[0];
            // The smallest non-zero step is 1/8 and is taken sixteen times.
            assert!(e.bound < 2.0, "{text}: {}", e.bound);
        }
    }
}
