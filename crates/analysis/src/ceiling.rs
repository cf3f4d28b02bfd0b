//! Measured ceilings of a device: peak arithmetic rates and memory bandwidths.

use super::bandwidth_curve::BandwidthCurve;
use super::rate::{Rate, RateUnit};
use portamark_model::workload::{Case, DType, PeakUnit, Precision, StreamOp};
use portamark_results::{Cache, Row};

/// Hardware unit that a compute ceiling was measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Scalar or vector fused multiply-add.
    Fma,
    /// Packed dot products of four i8 values.
    Dot4,
    /// Cooperative-matrix multiply-add.
    Matrix,
}

impl Unit {
    /// Returns the name as it stands in case keys, e.g. `fma`.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Fma => "fma",
            Unit::Dot4 => "dot4",
            Unit::Matrix => "matrix",
        }
    }
}

/// Highest rate among the `peak` rows of one precision on one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct ComputeCeiling {
    /// Number formats of the operands and the accumulator.
    pub precision: Precision,
    /// Unit that reached the rate.
    pub unit: Unit,
    /// Rate in FLOP/s, or in OP/s for integer formats.
    pub rate: f64,
    /// Case key of the row that reached the rate.
    pub case: String,
}

impl ComputeCeiling {
    /// Returns the unit of `rate`: FLOP/s, or OP/s for integer formats.
    pub fn rate_unit(&self) -> RateUnit {
        RateUnit::of_arithmetic(self.precision)
    }

    /// Returns precision and unit as text, e.g. `f16.f32 matrix`.
    pub fn name(&self) -> String {
        format!("{} {}", self.precision, self.unit.name())
    }
}

/// Highest bandwidth among the `stream` rows of one access pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryCeiling {
    /// Access pattern, e.g. copy or read.
    pub op: StreamOp,
    /// Bandwidth in B/s.
    pub rate: f64,
    /// Case key of the row that reached the rate.
    pub case: String,
}

/// Highest measured rates of a device: arithmetic by precision and unit, bandwidth by access pattern.
///
/// These are measured, not published, figures, so a row can exceed them: a cache can serve bytes that are
/// counted as memory traffic, and a peak kernel is only as good as its compiler.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ceilings {
    /// Compute ceilings, one per precision and unit, in the order of the rows.
    pub compute: Vec<ComputeCeiling>,
    /// Memory ceilings, one per access pattern, in the order of [`StreamOp::ALL`]. They come from rows whose
    /// buffers rotate over more than the caches hold; only if there are none, from cache-warm rows.
    pub memory: Vec<MemoryCeiling>,
    /// Highest bandwidth by working-set size, from the cache-warm `stream` rows, which use the same buffers
    /// in every execution.
    pub warm: BandwidthCurve,
}

impl Ceilings {
    /// Returns the highest rate of each kind among the verified `ok` rows.
    pub fn of<'a>(rows: impl IntoIterator<Item = (&'a Case, &'a Row)>) -> Self {
        let mut ceilings = Ceilings::default();
        let (mut warm, mut warm_ceilings) = (Vec::new(), Vec::new());
        for (case, row) in rows {
            let Some(Rate { value: rate, .. }) = Rate::of(Some(case), row) else { continue };
            match case {
                Case::Peak(peak) => {
                    let unit = match peak.unit {
                        PeakUnit::Fma { .. } => Unit::Fma,
                        PeakUnit::Dot4 { .. } => Unit::Dot4,
                        PeakUnit::Matrix { .. } => Unit::Matrix,
                    };

                    let new =
                        ComputeCeiling { precision: peak.precision, unit, rate, case: row.case.clone() };
                    let same = |c: &&mut ComputeCeiling| c.precision == peak.precision && c.unit == unit;
                    match ceilings.compute.iter_mut().find(same) {
                        Some(old) if old.rate >= rate => {}
                        Some(old) => *old = new,
                        None => ceilings.compute.push(new),
                    }
                }
                Case::Stream(stream) => {
                    let new = MemoryCeiling { op: stream.op, rate, case: row.case.clone() };
                    if is_warm(row) {
                        warm.push((row.bytes, rate));
                        keep(&mut warm_ceilings, new);
                    } else {
                        keep(&mut ceilings.memory, new);
                    }
                }
                _ => {}
            }
        }
        ceilings.warm = BandwidthCurve::new(warm);
        if ceilings.memory.is_empty() {
            ceilings.memory = warm_ceilings;
        }
        ceilings.memory.sort_by_key(|c| StreamOp::ALL.iter().position(|op| *op == c.op));
        ceilings
    }

    /// Returns the access pattern with the highest bandwidth; `None` if no `stream` row has a rate.
    pub fn memory_roof(&self) -> Option<&MemoryCeiling> {
        self.memory.iter().max_by(|a, b| a.rate.total_cmp(&b.rate))
    }

    /// Returns the bandwidth limit for `row` in B/s: that of memory or, for a cache-warm row, the warm
    /// bandwidth at its working-set size if that was measured.
    pub fn bandwidth_for(&self, row: &Row) -> Option<f64> {
        let warm = is_warm(row).then(|| self.warm.at(row.bytes)).flatten();
        warm.or_else(|| Some(self.memory_roof()?.rate))
    }

    /// Returns the highest rate that work in `precision` can use: that of any unit in the formats that are
    /// multiplied or, for f32 and f16, of FMA in the accumulator's format, since these operands can be widened for
    /// free. `None` if no unit was measured in these formats: bf16 and e4m3 have units of their own, several times
    /// as fast as f32, so the rate of f32 is no roof for them.
    pub fn compute_roof(&self, precision: Precision) -> Option<&ComputeCeiling> {
        let multiplied = multiplied(precision)?;
        let wide = Precision::of(precision.accumulate, precision.accumulate);
        let widens = matches!(multiplied.input, DType::F32 | DType::F16);
        self.compute
            .iter()
            .filter(|c| c.precision == multiplied || (widens && c.unit == Unit::Fma && c.precision == wide))
            .max_by(|a, b| a.rate.total_cmp(&b.rate))
    }

    /// Returns a rate in operations per second to scale times of work in `precision` by: its roof, or else the
    /// highest rate of FMA in the accumulator's format.
    pub(super) fn compute_scale(&self, precision: Precision) -> Option<f64> {
        let wide = Precision::of(precision.accumulate, precision.accumulate);
        let roof = self.compute_roof(precision).or_else(|| self.compute_roof(wide));
        roof.map(|ceiling| ceiling.rate)
    }

    /// Returns the ridge point P/B in FLOP per byte: the intensity above which arithmetic is the limit.
    pub fn ridge(&self, precision: Precision) -> Option<f64> {
        Some(self.compute_roof(precision)?.rate / self.memory_roof()?.rate)
    }
}

/// Returns the formats in which work in `precision` is multiplied. Right operands that the left one's format holds
/// exactly are unpacked to it; `None` for f16 by bf16, where neither format holds the other.
fn multiplied(precision: Precision) -> Option<Precision> {
    let Precision { input, right, accumulate } = precision;
    match (input, right) {
        (DType::F16, DType::Bf16) | (DType::Bf16, DType::F16) => None,
        (DType::F16 | DType::Bf16 | DType::E4m3, DType::F32) => Some(Precision::of(DType::F32, accumulate)),
        (DType::E4m3, DType::F16 | DType::Bf16) => Some(Precision::of(right, accumulate)),
        _ => Some(Precision::of(input, accumulate)),
    }
}

/// Replaces the ceiling of the same access pattern if `new` is higher; adds it if there is none.
fn keep(ceilings: &mut Vec<MemoryCeiling>, new: MemoryCeiling) {
    match ceilings.iter_mut().find(|ceiling| ceiling.op == new.op) {
        Some(old) if old.rate >= new.rate => {}
        Some(old) => *old = new,
        None => ceilings.push(new),
    }
}

/// Whether each execution of the row finds its data in a cache, left there by the one before.
fn is_warm(row: &Row) -> bool {
    row.timing.as_ref().is_some_and(|timing| timing.cache == Cache::Warm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    fn ceilings(rows: &[(&str, f64)]) -> Ceilings {
        let rows: Vec<(Case, Row)> = rows
            .iter()
            .map(|(key, seconds)| (key.parse().unwrap(), fixture::ok_row(key, *seconds)))
            .collect();
        Ceilings::of(rows.iter().map(|(case, row)| (case, row)))
    }

    #[test]
    fn the_best_row_of_each_kind_sets_its_ceiling() {
        // fma c64 s16: 2·64·16 = 2048 FLOP. matrix e8 t4 s16: 2·512·4·16 = 65536 FLOP.
        // copy n1024: 8192 B. read n1024: 4100 B.
        let c = ceilings(&[
            ("peak f32 fma c64 s16", 1.0),
            ("peak f32 fma c64 s32", 1.0),
            ("peak f16.f32 matrix e8 t4 s16", 1.0),
            ("stream f32 read n1024", 1.0),
            ("stream f32 copy n1024", 1.0),
            ("stream f32 copy n2048", 4.0),
        ]);
        let compute: Vec<(String, f64)> = c.compute.iter().map(|c| (c.name(), c.rate)).collect();
        assert_eq!(compute, [("f32 fma".into(), 4096.0), ("f16.f32 matrix".into(), 65536.0)]);
        let memory: Vec<(StreamOp, f64)> = c.memory.iter().map(|c| (c.op, c.rate)).collect();
        assert_eq!(memory, [(StreamOp::Copy, 8192.0), (StreamOp::Read, 4100.0)]);
        assert_eq!(c.memory_roof().unwrap().case, "stream f32 copy n1024");
    }

    #[test]
    fn a_warm_row_is_held_against_the_curve_at_its_working_set() {
        let warm = |key: &str, seconds: f64| {
            let mut row = fixture::ok_row(key, seconds);
            row.timing.as_mut().unwrap().cache = Cache::Warm;
            (key.parse::<Case>().unwrap(), row)
        };
        // copy n1024: 8192 B, n4096: 32768 B; at 80, 8 and 4 times 8192 B/s.
        let rows = [
            warm("stream f32 copy n1024", 1.0 / 80.0),
            warm("stream f32 copy n4096", 0.5),
            ("stream f32 copy n4096".parse().unwrap(), fixture::ok_row("stream f32 copy n4096", 1.0)),
        ];
        let c = Ceilings::of(rows.iter().map(|(case, row)| (case, row)));
        assert_eq!(c.memory_roof().unwrap().rate, 32768.0);
        let at = |row: &Row| c.bandwidth_for(row).unwrap();
        assert_eq!((at(&rows[0].1), at(&rows[1].1), at(&rows[2].1)), (655360.0, 65536.0, 32768.0));
        let alone = Ceilings::of(rows[..2].iter().map(|(case, row)| (case, row)));
        assert_eq!(alone.memory_roof().unwrap().rate, 655360.0);
        // Halfway between the two on a logarithmic scale.
        assert_eq!(at(&warm("stream f32 copy n2048", 1.0).1), (655360.0 + 65536.0) / 2.0);
    }

    #[test]
    fn the_ridge_is_where_both_roofs_meet() {
        // P = 4096 FLOP/s, B = 8192 B/s: the ridge is at 0.5 FLOP/B.
        let c = ceilings(&[("peak f32 fma c64 s32", 1.0), ("stream f32 copy n1024", 1.0)]);
        assert_eq!(c.ridge(Precision::F32), Some(0.5));
    }

    #[test]
    fn narrow_operands_may_use_the_fma_of_their_accumulator_but_not_of_another_format() {
        let c = ceilings(&[("peak f32 fma c64 s32", 1.0), ("peak f16 fma c64 s64", 1.0)]);
        assert_eq!(c.compute_roof(Precision::F16_F32).unwrap().name(), "f32 fma");
        assert_eq!(c.compute_roof(Precision::F16).unwrap().name(), "f16 fma");
        assert_eq!(c.compute_roof(Precision::F32).unwrap().name(), "f32 fma");
    }

    #[test]
    fn a_format_that_was_not_measured_has_no_roof() {
        let c = ceilings(&[("peak f32 fma c64 s32", 1.0), ("peak f16.f32 matrix e8 t4 s16", 1.0)]);
        let roof = |precision: &str| {
            c.compute_roof(Precision::parse(precision).unwrap()).map(|ceiling| ceiling.name())
        };
        for precision in ["bf16.f32", "e4m3.f32", "bf16xq4_0.f32", "f16xbf16.f32", "i8.i32"] {
            assert_eq!(roof(precision), None, "{precision}");
        }
        // Weights are unpacked to the format that they are multiplied by.
        for precision in ["f16.f32", "f16xq4_0.f32", "f16xe4m3.f32"] {
            assert_eq!(roof(precision).as_deref(), Some("f16.f32 matrix"), "{precision}");
        }
        for precision in ["f32", "f32xq8_0", "f32xbf16", "f16xf32.f32"] {
            assert_eq!(roof(precision).as_deref(), Some("f32 fma"), "{precision}");
        }
        let own = ceilings(&[("peak bf16.f32 matrix e8 t4 s16", 1.0)]);
        let precision = Precision::parse("bf16.f32").unwrap();
        assert_eq!(own.compute_roof(precision).unwrap().name(), "bf16.f32 matrix");
    }

    #[test]
    fn without_rows_there_is_no_ceiling() {
        let c = ceilings(&[]);
        assert_eq!(c.memory_roof(), None);
    }
}
