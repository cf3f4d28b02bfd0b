//! The ceilings of a device as portamark measured them on it.

use super::bandwidth_curve::BandwidthCurve;
use super::rate::{Rate, RateUnit};
use portamark_model::workload::{Case, DType, PeakUnit, Precision, StreamOp};
use portamark_results::{Cache, Row};

/// Which unit a compute ceiling was measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Scalar or vector fused multiply-add.
    Fma,
    /// Packed dot products of i8.
    Dot4,
    /// Cooperative matrices.
    Matrix,
}

impl Unit {
    /// The word of case keys.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Fma => "fma",
            Unit::Dot4 => "dot4",
            Unit::Matrix => "matrix",
        }
    }
}

/// The best of the `peak` rows of one format on one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct ComputeCeiling {
    /// Formats of operands and accumulator.
    pub precision: Precision,
    /// Which unit.
    pub unit: Unit,
    /// FLOP/s, or OP/s of integers.
    pub rate: f64,
    /// Key of the row that set it.
    pub case: String,
}

impl ComputeCeiling {
    /// What is counted per second.
    pub fn rate_unit(&self) -> RateUnit {
        RateUnit::of_arithmetic(self.precision)
    }

    /// E.g. `f16.f32 matrix`.
    pub fn name(&self) -> String {
        format!("{} {}", self.precision, self.unit.name())
    }
}

/// The best of the `stream` rows of one access pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryCeiling {
    /// Which pattern.
    pub op: StreamOp,
    /// B/s.
    pub rate: f64,
    /// Key of the row that set it.
    pub case: String,
}

/// What a device was seen to reach: arithmetic by format and unit, bandwidth by access pattern.
///
/// These are measured and not published numbers, so a row can exceed them: caches serve bytes that
/// are counted once, and a peak kernel is only as good as its compiler.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ceilings {
    /// One for each format and unit, in the order of the rows.
    pub compute: Vec<ComputeCeiling>,
    /// One for each access pattern, in the order of [`StreamOp::ALL`]: of rows whose buffers rotate over
    /// more than the caches hold, unless there is none of these.
    pub memory: Vec<MemoryCeiling>,
    /// The highest bandwidth over the working set, of the `stream` rows that read and write the same
    /// buffers again and again.
    pub warm: BandwidthCurve,
}

impl Ceilings {
    /// The highest rate of each kind among the `ok` rows.
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

    /// The highest bandwidth of all access patterns.
    pub fn memory_roof(&self) -> Option<&MemoryCeiling> {
        self.memory.iter().max_by(|a, b| a.rate.total_cmp(&b.rate))
    }

    /// B/s that the bytes of `row` can move at: from memory, or for a row that works on the same buffers
    /// again and again what was measured in that way at its working set, if it was.
    pub fn bandwidth_for(&self, row: &Row) -> Option<f64> {
        let warm = is_warm(row).then(|| self.warm.at(row.bytes)).flatten();
        warm.or_else(|| Some(self.memory_roof()?.rate))
    }

    /// The bandwidth of one access pattern.
    pub fn memory_of(&self, op: StreamOp) -> Option<&MemoryCeiling> {
        self.memory.iter().find(|c| c.op == op)
    }

    /// The highest rate that work in `precision` can draw on: either unit in exactly these formats,
    /// or the multiply-add in the accumulator's format, to which operands can be widened for free.
    pub fn compute_roof(&self, precision: Precision) -> Option<&ComputeCeiling> {
        let widened: DType = precision.accumulate;
        self.compute
            .iter()
            .filter(|c| {
                let wide = Precision::of(widened, widened);
                c.precision == precision || (c.unit == Unit::Fma && c.precision == wide)
            })
            .max_by(|a, b| a.rate.total_cmp(&b.rate))
    }

    /// FLOP/s that work in `precision` with `intensity` FLOP per byte can attain:
    /// min(P, B·I), Williams, Waterman, Patterson, CACM 52(4) 2009, doi:10.1145/1498765.1498785.
    /// None unless both ceilings were measured and the intensity is a number above 0.
    pub fn attainable(&self, precision: Precision, intensity: f64) -> Option<f64> {
        let compute = self.compute_roof(precision)?.rate;
        let memory = self.memory_roof()?.rate;
        (intensity > 0.0).then(|| compute.min(memory * intensity))
    }

    /// The intensity in FLOP per byte from which arithmetic binds: P / B.
    pub fn ridge(&self, precision: Precision) -> Option<f64> {
        Some(self.compute_roof(precision)?.rate / self.memory_roof()?.rate)
    }
}

/// Puts `new` in the place of that of the same pattern if it is higher.
fn keep(ceilings: &mut Vec<MemoryCeiling>, new: MemoryCeiling) {
    match ceilings.iter_mut().find(|ceiling| ceiling.op == new.op) {
        Some(old) if old.rate >= new.rate => {}
        Some(old) => *old = new,
        None => ceilings.push(new),
    }
}

/// Whether executions of a row find in a cache what the one before left there.
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
        // Half way between the two in the logarithm.
        assert_eq!(at(&warm("stream f32 copy n2048", 1.0).1), (655360.0 + 65536.0) / 2.0);
    }

    #[test]
    fn attainable_is_the_lower_of_the_two_roofs() {
        // P = 4096 FLOP/s, B = 8192 B/s: the ridge is at 0.5 FLOP/B.
        let c = ceilings(&[("peak f32 fma c64 s32", 1.0), ("stream f32 copy n1024", 1.0)]);
        assert_eq!(c.ridge(Precision::F32), Some(0.5));
        assert_eq!(c.attainable(Precision::F32, 0.25), Some(2048.0));
        assert_eq!(c.attainable(Precision::F32, 8.0), Some(4096.0));
        assert_eq!(c.attainable(Precision::F32, 0.0), None);
        assert_eq!(c.attainable(Precision::F32, f64::NAN), None);
    }

    #[test]
    fn narrow_operands_may_use_the_fma_of_their_accumulator_but_not_of_another_format() {
        let c = ceilings(&[("peak f32 fma c64 s32", 1.0), ("peak f16 fma c64 s64", 1.0)]);
        assert_eq!(c.compute_roof(Precision::F16_F32).unwrap().name(), "f32 fma");
        assert_eq!(c.compute_roof(Precision::F16).unwrap().name(), "f16 fma");
        assert_eq!(c.compute_roof(Precision::F32).unwrap().name(), "f32 fma");
    }

    #[test]
    fn without_rows_there_is_no_ceiling() {
        let c = ceilings(&[]);
        assert_eq!(c.memory_roof(), None);
        assert_eq!(c.attainable(Precision::F32, 1.0), None);
    }
}
