//! Memory latency: a chain of dependent loads, each from the address that the previous one gave.
//!
//! ```text
//! p_0 = 0,   p_(k+1) = (a[16·p_k] + k) mod n          y = p_s
//! ```
//!
//! `a` holds n lines of 64 bytes, of which only the first element is used. The generator fills it, so p
//! walks through the lines at random: there is no stride for a prefetcher, no table to send, and any size
//! is possible. A walk by a random function alone would soon enter a short cycle; adding k makes each pair
//! (k, p) new. The result depends on every load.
//!
//! A random walk of s steps visits n·(1 − e^(−s/n)) of n lines, and a cache that holds a fraction of the
//! lines serves that fraction of the loads. So the time per step rises smoothly with n from one level to
//! the next, not as a staircase. Parsing requires s ≥ n, so at least 63 % of the lines are used, whatever
//! earlier executions left in the caches.
//!
//! Source of the idea of timing dependent loads: McVoy & Staelin, "lmbench: portable tools for performance
//! analysis" (1996).

use super::dtype::{DType, Grid, Precision};
use super::family::Workload;
use super::parameters::{Parameters, Words};
use super::tensor::{Expected, Inputs, Tensor};

/// Distance between two used elements, in elements: one line of 64 bytes.
pub const LINE: u64 = 16;

/// Integers below 2²³, which are exact even in executors that generate them in f32.
const GRID: Grid = Grid { limit: (1 << 23) - 1, shift: 0 };

/// Chain of `steps` dependent loads from `lines` lines, by one invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    /// Number of lines of 64 bytes; a power of two, at most 2²².
    pub lines: u64,
    /// Number of loads; a multiple of 1024 and at least `lines`.
    pub steps: u64,
}

impl Workload for Latency {
    const FAMILY: &'static str = "latency";

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = Words::new(text);
        let format = words.first("the format, i32")?;
        if format != "i32" {
            return Err(format!("`{format}`: latency follows numbers of lines, i32"));
        }
        let (lines, steps) = (words.number("n")?, words.number("s")?);
        words.finish()?;
        if !lines.is_power_of_two() || lines > 1 << 22 {
            return Err(format!("n{lines} is not a power of two up to 2^22"));
        }
        if !steps.is_multiple_of(1024) || steps < lines {
            return Err(format!("s{steps} is not a multiple of 1024, or less than n{lines}"));
        }
        Ok(Latency { lines, steps })
    }

    fn parameters(&self) -> Parameters {
        Parameters::of(self.precision()).size("n", self.lines).size("s", self.steps)
    }

    fn precision(&self) -> Precision {
        Precision::of(DType::I32, DType::I32)
    }

    fn flop(&self) -> u128 {
        0
    }

    /// Counts one line per step, from whichever level of the memory hierarchy it comes.
    fn bytes(&self) -> u64 {
        4 * LINE * self.steps
    }

    fn steps(&self) -> Option<u64> {
        Some(self.steps)
    }

    fn tensors(&self) -> Vec<Tensor> {
        let a = Tensor::input("a", 1, DType::I32, self.lines * LINE).on_grid(GRID);
        vec![a, Tensor::output("y", DType::I32, 1)]
    }

    fn output_shape(&self) -> (u64, u64) {
        (1, 1)
    }

    fn bound_factor(&self) -> f64 {
        0.0
    }

    /// The result is exact, so the bound is 0.
    fn expected(&self, inputs: Inputs, points: &[u64]) -> Vec<Expected> {
        let a = inputs.reader(&self.tensors()[0]);
        let last = self.walk(a);
        points.iter().map(|_| Expected { value: last as f64, bound: 0.0 }).collect()
    }
}

impl Latency {
    /// Returns the line at which the walk through the elements `a` ends.
    fn walk(&self, a: impl Fn(u64) -> f64) -> u64 {
        (0..self.steps).fold(0u64, |at, k| {
            // Integers are exact in f64, and the remainder is that of two's complement.
            (a(at * LINE) as i64 + k as i64).rem_euclid(self.lines as i64) as u64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_steps_by_hand() {
        let latency = Latency::parse("i32 n8 s1024").unwrap();
        assert_eq!((latency.bytes(), latency.steps()), (64 * 1024, Some(1024)));
        let a = |element: u64| match element {
            0 => 21.0,
            80 => -6.0,
            48 => 15.0,
            other => panic!("element {other} is not on the way"),
        };
        // 21 + 0 is 5 modulo 8; line 5 begins at element 80: -6 + 1 is 3; line 3 at 48: 15 + 2 is 1.
        let ends = [1, 2, 3].map(|steps| Latency { lines: 8, steps }.walk(a));
        assert_eq!(ends, [5, 3, 1]);
        let inputs = Inputs::new(5, 0);
        let [only] = latency.expected(inputs, &[0])[..] else { panic!("one element") };
        assert!(only.bound == 0.0 && (0.0..8.0).contains(&only.value), "{only:?}");
    }

    #[test]
    fn the_walk_sees_most_lines() {
        // n·(1 − 1/e) = 2589 of 4096, with a standard deviation near 0.3·√n = 20.
        let latency = Latency::parse("i32 n4096 s4096").unwrap();
        let a = Inputs::new(5, 0).reader(&latency.tensors()[0]);
        let mut seen = std::collections::HashSet::new();
        let mut at = 0u64;
        for k in 0..4096 {
            seen.insert(at);
            at = (a(at * LINE) as i64 + k).rem_euclid(4096) as u64;
        }
        assert!((2450..2750).contains(&seen.len()), "{}", seen.len());
    }

    #[test]
    fn what_would_measure_something_else_is_refused() {
        for (key, part) in [
            ("i32 n1000 s1024", "power of two"),
            ("i32 n2048 s1024", "less than n2048"),
            ("i32 n64 s1000", "multiple of 1024"),
            ("f32 n64 s1024", "i32"),
        ] {
            assert!(Latency::parse(key).unwrap_err().contains(part), "{key}");
        }
    }
}
