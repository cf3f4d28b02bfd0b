//! Upper bound of a rate, from what a compiler made of a kernel and from published figures. Nothing of it is measured.
//!
//! A case takes at least max(FLOP/(c·P), bytes/B): P is the published dense peak of the unit that the hot loop runs on, c
//! the largest share of it that this loop can issue, B the published bandwidth. Work outside of the hot loop, waits and
//! caches that miss only add to it. It holds for the clock of the published figures; a card may be clocked higher.

use super::published::{Published, published_bandwidth, published_peak};
use super::roofline::Resource;
use portamark_inspect::{Bound, Ceiling, Cell, chip};
use portamark_model::catalog::{Accelerator, Catalog};
use portamark_model::workload::{Case, DType};

/// Bound of one case on one accelerator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompiledBound {
    /// Accelerator whose published figures were taken.
    pub accelerator: &'static Accelerator,
    /// Shortest time in seconds.
    pub seconds: f64,
    /// What limits it.
    pub limit: Resource,
    /// Issue ceiling that was taken; `None` if only the bandwidth counts.
    pub ceiling: Option<Ceiling>,
}

impl CompiledBound {
    /// Returns the highest rate of `case`, in FLOP/s, or in B/s if the bandwidth is its headline.
    pub fn rate(&self, case: &Case) -> f64 {
        let work = if case.is_bandwidth() { case.bytes() as f64 } else { case.flop() as f64 };
        work / self.seconds
    }
}

/// Returns the bound of `cell`. `None` if its chip is no card of the catalogue, it did not compile, or neither a peak nor a
/// bandwidth is published.
pub fn compiled_bound(cell: &Cell) -> Option<CompiledBound> {
    let name = chip(&cell.chip)?.catalogue?;
    let accelerator = Catalog::embedded().named(name)?;
    let case: Case = cell.case.parse().ok()?;
    cell.main_step()?;
    let ceiling = cell.ceiling().filter(|_| case.flop() > 0);
    let compute = ceiling.and_then(|ceiling| {
        let peak = peak(accelerator, &case, ceiling.of)?;
        Some(case.flop() as f64 / (peak.per_second * ceiling.share))
    });
    let memory = published_bandwidth(accelerator).map(|bandwidth| case.bytes() as f64 / bandwidth.per_second);
    let (seconds, limit) = match (compute, memory) {
        (None, None) => return None,
        (Some(compute), memory) if memory.is_none_or(|memory| compute >= memory) => {
            (compute, Resource::Compute)
        }
        (_, memory) => (memory?, Resource::Memory),
    };
    Some(CompiledBound { accelerator, seconds, limit, ceiling: ceiling.filter(|_| compute.is_some()) })
}

/// Published peak of the unit on which a loop runs. Sums in f16 and integers have rates of their own on the vector unit,
/// which are rarely published: none is taken for them.
fn peak(accelerator: &'static Accelerator, case: &Case, of: Bound) -> Option<Published> {
    match of {
        Bound::Matrix => published_peak(accelerator, case.precision()),
        _ if case.precision().accumulate == DType::F32 => {
            let per_second = accelerator.peak_per_second("fp32")?;
            Some(Published { accelerator, field: "fp32", per_second, basis: "dense, vector units" })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_inspect::{Class, Demand, Facts, HotLoop, Instruction, Mix, Outcome};

    fn cell(case: &str, chip: &str, share: f64) -> Cell {
        let mix = Mix::of(&[Instruction::new("x", Class::MultiplyAdd, 0)]);
        let mut facts = Facts::default();
        facts.hot_loop = Some(HotLoop::new(mix, Some(Ceiling::new(share, Bound::MultiplyAdd))));
        Cell::new(case, chip, "x", "x", Demand::default(), Outcome::Compiled { steps: vec![facts] })
    }

    #[test]
    fn the_slower_of_arithmetic_and_memory_bounds_a_case() {
        // RX 7900 XTX: 61.44 TFLOP/s in f32, 960 GB/s.
        let product = compiled_bound(&cell("gemm f32 m4096 n4096 k4096 nn", "navi31", 0.5)).unwrap();
        assert_eq!(product.limit, Resource::Compute);
        let flop = 2.0 * 4096f64.powi(3);
        assert!((product.seconds / (flop / (0.5 * 61.44e12)) - 1.0).abs() < 1e-12);
        let case: Case = "gemm f32 m4096 n4096 k4096 nn".parse().unwrap();
        assert!((product.rate(&case) / 30.72e12 - 1.0).abs() < 1e-12);
        let copy = compiled_bound(&cell("stream f32 copy n16777216", "navi31", 0.5)).unwrap();
        assert_eq!((copy.limit, copy.ceiling), (Resource::Memory, None));
        assert!((copy.seconds / (2.0 * 4.0 * 16777216.0 / 960e9) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_chip_that_is_no_card_of_the_catalogue_has_no_bound() {
        assert_eq!(compiled_bound(&cell("gemm f32 m64 n64 k64 nn", "polaris10", 0.5)), None);
        assert_eq!(compiled_bound(&cell("gemm f32 m64 n64 k64 nn", "llvmpipe", 0.5)), None);
    }
}
