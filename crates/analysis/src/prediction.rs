//! Prediction of a model's forward pass on hardware that you don't have.
//!
//! A case takes t_bound/e, with t_bound = max(FLOP/P, bytes/B) by the published dense peak P and bandwidth B
//! of the accelerator, and e the fraction of the published roof that the same kind of kernel reaches on
//! another device, or that the user gives. The result is marked as a prediction. Nothing guarantees that one
//! device reaches what another does, so it has a range and no confidence interval.

use super::compiled_bound::compiled_bound;
use super::device::Device;
use super::projection::{Basis, PartTime, Projection, assemble};
use super::projection_curve::{Curve, Neighbours};
use super::published::{accelerator, published_times};
use super::roofline::Resource;
use portamark_inspect::Cell;
use portamark_model::catalog::Accelerator;
use portamark_model::suite::model::{Part, Pass};
use portamark_model::workload::Case;

/// Rows determine the range of an efficiency if their time at the roof differs by at most this factor.
const NEAR: f64 = 10.0;

/// Classes of kernels for which an efficiency can be given.
pub const KERNEL_CLASSES: [&str; 5] = ["gemm", "gemv", "moe", "attention", "decode"];

/// Range of fractions of the published roof: 0 < lo ≤ hi ≤ 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EfficiencyRange {
    /// Lowest fraction.
    pub lo: f64,
    /// Highest fraction.
    pub hi: f64,
}

/// Efficiencies given by the user: per class of kernels, and for all others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GivenEfficiencies {
    /// Ranges by class, which is one of [`KERNEL_CLASSES`].
    pub classes: Vec<(&'static str, EfficiencyRange)>,
    /// Range for classes without one of their own; `None` leaves these classes without an estimate.
    pub others: Option<EfficiencyRange>,
}

/// Source of efficiencies.
#[derive(Debug, Clone, Copy)]
pub enum EfficiencySource<'c, 'a> {
    /// Rows of a measured device that is in the catalogue.
    Like(&'c Device<'a>),
    /// Values given by the user.
    Given(&'c GivenEfficiencies),
    /// Kernels as compilers made them: bounds, not estimates.
    Compiled(&'c [Cell]),
}

/// Returns the kernel class of a case: its family, or `decode` for decode attention.
fn class(case: &Case) -> &'static str {
    match case {
        Case::Attention(attention) if attention.is_decode() => "decode",
        _ => case.family(),
    }
}

impl GivenEfficiencies {
    fn of(&self, case: &Case) -> Option<EfficiencyRange> {
        let own = self.classes.iter().find(|(name, _)| *name == class(case));
        own.map(|(_, range)| *range).or(self.others)
    }
}

/// Returns the shortest time of `case` in seconds by the published figures of `row`, and the resource that
/// limits it.
///
/// # Errors
/// Returns a message if a required figure is not published: the bandwidth or, for cases that are not
/// bandwidth-bound, the peak of their precision.
fn published_bound(row: &'static Accelerator, case: &Case) -> Result<(f64, Resource), String> {
    let unknown = |what: &str| format!("{what} of {} is not published", row.full_name());
    let (compute, memory) = published_times(row, case.precision(), case.flop(), case.bytes());
    let memory = memory.ok_or_else(|| unknown("the bandwidth"))?;
    let compute = match compute {
        None if !case.is_bandwidth() => {
            return Err(unknown(&format!("a peak for {}", case.precision())));
        }
        compute => compute.unwrap_or(0.0),
    };
    let binds = if memory > compute { Resource::Memory } else { Resource::Compute };
    Ok((compute.max(memory), binds))
}

/// Efficiency of a case: middle value, range (lowest, highest), and its source in words.
type Efficiency = (f64, Option<(f64, f64)>, String);

fn efficiency(source: EfficiencySource, case: &Case, bound_s: f64) -> Result<Efficiency, String> {
    match source {
        EfficiencySource::Compiled(_) => Err("a compiled kernel has a bound and no efficiency".into()),
        EfficiencySource::Given(given) => {
            let class = class(case);
            let range = given.of(case).ok_or_else(|| format!("no efficiency is given for {class}"))?;
            let EfficiencyRange { lo, hi } = range;
            Ok(((lo * hi).sqrt(), Some((lo, hi)), format!("given for {class}")))
        }
        EfficiencySource::Like(device) => {
            let own = accelerator(device.header)
                .ok_or_else(|| format!("no figures are published for {}", device.label))?;
            // Rows with an implausible rate do not count.
            let curve = Curve::of(device, case, |entry, other| {
                entry.excess.is_none().then(|| published_bound(own, other).ok()).flatten().map(|(s, _)| s)
            });
            let reading = curve.at(bound_s).ok_or_else(|| {
                format!("no row of {} with the same family and formats gives an efficiency", device.label)
            })?;
            // The range on another device is at least as wide as that of all rows of similar size.
            let ends = match (reading.ends, curve.near(bound_s, NEAR)) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (ends, _) => ends,
            };
            let at = match reading.neighbours {
                Neighbours::Between(..) => "between rows",
                Neighbours::Beyond(_) => "beyond the rows",
            };
            let from = format!("{}, {at} of {}", device.label, curve.len());
            Ok((reading.middle, ends, from))
        }
    }
}

fn time(row: &'static Accelerator, source: EfficiencySource, part: &Part) -> Result<PartTime, String> {
    let case = &part.case;
    let why = |reason: String| format!("{}, `{}`: {reason}", part.name, case.key());
    if let EfficiencySource::Compiled(cells) = source {
        return bounded(row, cells, part).map_err(why);
    }
    let (bound_s, binds) = published_bound(row, case).map_err(why)?;
    let (middle, ends, from) = efficiency(source, case, bound_s).map_err(why)?;
    Ok(PartTime {
        name: part.name.clone(),
        case: case.key(),
        routing: case.routing(),
        times: part.times,
        pieces: part.pieces,
        seconds: bound_s / middle,
        lo: ends.map(|(_, most)| bound_s / most),
        process_s: Vec::new(),
        hi: ends.map(|(least, _)| bound_s / least),
        basis: Basis::Predicted { efficiency: middle, from },
        binds: Some(binds.name()),
    })
}

/// Returns the shortest time of `part` on `row` with the kernel that was compiled for its chip.
fn bounded(row: &'static Accelerator, cells: &[Cell], part: &Part) -> Result<PartTime, String> {
    let key = part.case.key();
    let mut of_case = cells.iter().filter(|cell| cell.case == key);
    let bound = of_case.find_map(|cell| {
        let bound = compiled_bound(cell).filter(|bound| bound.accelerator.id == row.id)?;
        Some((cell, bound))
    });
    let (cell, bound) = bound.ok_or_else(|| format!("was not compiled for a chip of {}", row.full_name()))?;
    Ok(PartTime {
        name: part.name.clone(),
        case: key,
        routing: part.case.routing(),
        times: part.times,
        pieces: part.pieces,
        seconds: bound.seconds,
        lo: None,
        process_s: Vec::new(),
        hi: None,
        basis: Basis::Compiled {
            variant: cell.variant.clone().unwrap_or_default(),
            ceiling: bound.ceiling.filter(|_| bound.limit == Resource::Compute).map(|ceiling| ceiling.share),
        },
        binds: Some(bound.limit.name()),
    })
}

/// Predicts `pass` on the accelerator `row`, with efficiencies from `source`.
pub fn predict(row: &'static Accelerator, source: EfficiencySource, pass: &Pass) -> Projection {
    Projection { predicted: true, ..assemble(pass, |part| time(row, source, part)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Comparison;
    use portamark_fixtures::fixture;
    use portamark_inspect::{Bound, Ceiling, Class, Demand, Facts, HotLoop, Instruction, Mix, Outcome};
    use portamark_model::catalog::Catalog;
    use portamark_model::suite::model::Phase;

    fn h20() -> &'static Accelerator {
        // 4 TB/s, 148 TFLOP/s in f16.
        Catalog::embedded().named("nvidia-h20").unwrap()
    }

    fn pass(keys: &[&str]) -> Pass {
        let part = |key: &&str| Part { name: "part".into(), case: key.parse().unwrap(), times: 2, pieces: 1 };
        let parts = keys.iter().map(part).collect();
        Pass { phase: Phase::Decode, batch: 1, context: 64, parts, left_out: Vec::new() }
    }

    fn given(lo: f64, hi: f64) -> GivenEfficiencies {
        GivenEfficiencies { classes: Vec::new(), others: Some(EfficiencyRange { lo, hi }) }
    }

    #[test]
    fn a_compiled_kernel_bounds_the_time_on_the_card_with_its_chip() {
        let row = Catalog::embedded().named("Radeon RX 7900 XTX").unwrap();
        let mix = Mix::of(&[Instruction::new("x", Class::MultiplyAdd, 0)]);
        let mut facts = Facts::default();
        facts.hot_loop = Some(HotLoop::new(mix, Some(Ceiling::new(0.5, Bound::MultiplyAdd))));
        let compiled = Outcome::Compiled { steps: vec![facts] };
        let product = "gemm f32 m4096 n4096 k4096 nn";
        let cells =
            [Cell::new(product, "navi31", "x", "x", Demand::default(), compiled).of_variant("tiled bm128")];
        let found = predict(row, EfficiencySource::Compiled(&cells), &pass(&[product]));
        // 2·4096³ operations at half of 61.44 TFLOP/s.
        let part = &found.parts[0];
        assert!((part.seconds / (2.0 * 4096f64.powi(3) / 30.72e12) - 1.0).abs() < 1e-12);
        assert_eq!(part.basis, Basis::Compiled { variant: "tiled bm128".into(), ceiling: Some(0.5) });
        assert!(found.predicted && found.lo.is_none() && found.hi.is_none());
        // Another card, and a case that was not compiled.
        let other = predict(h20(), EfficiencySource::Compiled(&cells), &pass(&[product]));
        assert!(
            other.parts.is_empty() && other.missing[0].contains("was not compiled for a chip of NVIDIA H20")
        );
        assert!(predict(row, EfficiencySource::Compiled(&cells), &pass(&[GEMV])).parts.is_empty());
    }

    // 2·10⁶ weights of 2 B and the vectors: 4·10⁶ + 2·(1000 + 2000) B.
    const GEMV: &str = "gemv f16.f32 m1 n2000 k1000";
    const BYTES: f64 = 4e6 + 6e3;

    #[test]
    fn a_time_is_the_published_bound_over_the_efficiency_given() {
        let given = given(0.25, 1.0);
        let found = predict(h20(), EfficiencySource::Given(&given), &pass(&[GEMV]));
        let part = &found.parts[0];
        // The middle of ln e between 1/4 and 1 is at 1/2.
        assert!((part.seconds / (BYTES / 4e12 / 0.5) - 1.0).abs() < 1e-9, "{part:?}");
        assert!((part.lo.unwrap() / (BYTES / 4e12) - 1.0).abs() < 1e-9);
        assert!((part.hi.unwrap() / (BYTES / 1e12) - 1.0).abs() < 1e-9);
        assert!(found.predicted && part.binds == Some("memory"));
        assert_eq!(found.tokens_per_s, Some(1.0 / found.seconds));
    }

    #[test]
    fn a_class_may_have_its_own_efficiency_and_without_any_there_is_no_time() {
        let range = |e: f64| EfficiencyRange { lo: e, hi: e };
        let given = GivenEfficiencies { classes: vec![("gemv", range(0.8))], others: None };
        let gemm = "gemm f16.f32 m4096 n4096 k4096 nt";
        let found = predict(h20(), EfficiencySource::Given(&given), &pass(&[GEMV, gemm]));
        assert!((found.parts[0].seconds * 0.8 * 4e12 / BYTES - 1.0).abs() < 1e-9);
        assert_eq!(found.missing, [format!("part, `{gemm}`: no efficiency is given for gemm")]);
        assert_eq!(found.tokens_per_s, None);
    }

    #[test]
    fn efficiencies_come_from_the_published_roof_of_the_device_that_was_measured() {
        // On the H100 (3.35 TB/s) the product took twice the time of its bytes: e = 1/2, assumed for the H20
        // too.
        let rows = vec![fixture::ok_row(GEMV, 2.0 * BYTES / 3.35e12)];
        let runs = [fixture::file(fixture::h100_header(), rows)];
        let comparison = Comparison::new(&runs);
        let found = predict(h20(), EfficiencySource::Like(&comparison.devices[0]), &pass(&[GEMV]));
        let part = &found.parts[0];
        assert!((part.seconds / (2.0 * BYTES / 4e12) - 1.0).abs() < 1e-9, "{part:?}");
        let Basis::Predicted { efficiency, from } = &part.basis else { panic!("{part:?}") };
        assert!((efficiency - 0.5).abs() < 1e-9 && from.contains("H100"), "{from}");
        // A single row gives no range.
        assert_eq!((part.lo, found.lo), (None, None));
    }

    #[test]
    fn the_range_is_that_of_all_rows_of_about_the_size() {
        let row = |n: u64, e: f64| {
            let key = format!("gemv f16.f32 m1 n{n} k1000");
            let bytes = key.parse::<Case>().unwrap().bytes() as f64;
            fixture::ok_row(&key, bytes / 3.35e12 / e)
        };
        // The last one is far too small to count.
        let rows = vec![row(1000, 0.5), row(4000, 0.6), row(8000, 0.9), row(1, 0.001)];
        let runs = [fixture::file(fixture::h100_header(), rows)];
        let comparison = Comparison::new(&runs);
        let found = predict(h20(), EfficiencySource::Like(&comparison.devices[0]), &pass(&[GEMV]));
        let part = &found.parts[0];
        let bound = BYTES / 4e12;
        assert!((part.lo.unwrap() * 0.9 / bound - 1.0).abs() < 1e-6, "{part:?}");
        assert!((part.hi.unwrap() * 0.5 / bound - 1.0).abs() < 1e-6, "{part:?}");
    }

    #[test]
    fn what_is_not_published_is_not_guessed() {
        let given = given(0.5, 0.5);
        let predict = |name: &str, key: &str| {
            let row = Catalog::embedded().named(name).unwrap();
            predict(row, EfficiencySource::Given(&given), &pass(&[key])).missing
        };
        let e4m3 = "gemm e4m3.f32 m64 n64 k64 nt";
        assert_eq!(
            predict("nvidia-h20", e4m3),
            [format!("part, `{e4m3}`: a peak for e4m3.f32 of NVIDIA H20 is not published")]
        );
        assert!(predict("llvmpipe", GEMV)[0].contains("the bandwidth of"));
        // A device without published figures has no efficiency to carry over.
        let runs = [fixture::file(fixture::newer_software_header(), vec![fixture::ok_row(GEMV, 1.0)])];
        let comparison = Comparison::new(&runs);
        let found = super::predict(h20(), EfficiencySource::Like(&comparison.devices[0]), &pass(&[GEMV]));
        assert!(found.missing[0].contains("gives an efficiency"), "{:?}", found.missing);
    }
}
