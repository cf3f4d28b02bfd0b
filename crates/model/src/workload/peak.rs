//! Arithmetic peak: chains of dependent multiply-adds on values held in registers.
//!
//! The chain is x ← x·one + b_r, with `one` read from memory so that no compiler can fold it, and
//! the step b_r changing every [`STEPS_PER_ROUND`] links. Steps lie on the coarse grid, so every
//! partial sum is exact in the accumulator and the result depends on each link: a kernel that
//! leaves work out is wrong.

use super::case::Workload;
use super::dtype::{DType, Grid, Precision};
use super::parameters::Words;
use super::tensor::{Expected, Inputs, Tensor};

/// Links between two changes of the step.
pub const STEPS_PER_ROUND: u64 = 16;

/// Which execution unit is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeakUnit {
    /// Scalar or vector fused multiply-add: `chains` independent chains of `steps` links.
    Fma {
        /// Independent chains; a multiple of 64.
        chains: u64,
    },
    /// Packed dot products of four i8 with an i32 sum: x ← lowest byte of x, signed, + b_r.
    Dot4 {
        /// Independent chains; a multiple of 64.
        chains: u64,
    },
    /// Matrix unit through cooperative matrices: D ← D + A_r·B on square tiles.
    Matrix {
        /// Edge of a tile, 8 or 16.
        edge: u64,
        /// Independent tiles; a multiple of 4.
        tiles: u64,
    },
}

/// `steps` dependent multiply-adds per chain, or matrix multiply-adds per tile.
#[derive(Debug, Clone, PartialEq)]
pub struct Peak {
    /// Formats of operands and accumulator.
    pub precision: Precision,
    /// Which execution unit.
    pub unit: PeakUnit,
    /// Links per chain; a multiple of [`STEPS_PER_ROUND`].
    pub steps: u64,
}

impl Peak {
    /// Format of the chain's value, which is what is stored.
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

/// `c<number>`, which has to be a multiple of 64.
fn chains(words: &mut Words) -> Result<u64, String> {
    let chains = words.number("c")?;
    if chains.is_multiple_of(64) { Ok(chains) } else { Err(format!("c{chains} is not a multiple of 64")) }
}

/// One link of a chain of packed dot products: the lowest byte of `x`, signed, and the step.
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

    fn parameters(&self) -> String {
        match self.unit {
            PeakUnit::Fma { chains } => format!("{} fma c{chains} s{}", self.precision, self.steps),
            PeakUnit::Dot4 { chains } => format!("{} dot4 c{chains} s{}", self.precision, self.steps),
            PeakUnit::Matrix { edge, tiles } => {
                format!("{} matrix e{edge} t{tiles} s{}", self.precision, self.steps)
            }
        }
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn flop(&self) -> u64 {
        match self.unit {
            PeakUnit::Fma { chains } => 2 * chains * self.steps,
            PeakUnit::Dot4 { chains } => 8 * chains * self.steps,
            PeakUnit::Matrix { edge, tiles } => 2 * edge * edge * edge * tiles * self.steps,
        }
    }

    /// `x` holds the start of each chain, `b` the step of each round. A matrix chain has one tile
    /// `a` per round, `b` is one tile, and every chain starts from zero.
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
                // Equal addends err alike at every link, so sums in f16 have to be exact: of integers
                // they are up to 2048.
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

    /// Bound: c·√steps·u_acc·max|partial sum|; the sums are meant to be exact, the bound only
    /// forgives formats whose range the walk leaves.
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
                // A link depends on the lowest byte alone, so there are only 256 chains.
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
            // The smallest non-zero step is 1/8, taken sixteen times.
            assert!(e.bound < 2.0, "{text}: {}", e.bound);
        }
    }
}
