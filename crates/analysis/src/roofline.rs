//! Position of a row under the measured roofline of its device.

use super::ceiling::Ceilings;
use super::rate::proven_seconds;
use portamark_model::workload::Case;
use portamark_results::Row;

/// Resource that limits a row: the one that sets the lower bound of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Arithmetic throughput.
    Compute,
    /// Memory bandwidth.
    Memory,
}

impl Resource {
    /// Returns the name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Compute => "compute",
            Resource::Memory => "memory",
        }
    }
}

/// Position of a row under the measured roof.
///
/// Bytes are those that an execution must move, not those that it did move. The intensity is thus computed,
/// not observed, and a working set that stays in a cache can lie above the roof. Such a fraction above 1 is
/// kept and never clamped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Arithmetic intensity in FLOP per byte; `None` if the work has no FLOP or no bytes.
    pub intensity: Option<f64>,
    /// Resource that needs more time.
    pub binds: Resource,
    /// Shortest possible time in seconds by the measured ceilings: t_bound = max over resources of amount /
    /// peak.
    pub bound_s: f64,
    /// Fraction of the roof reached: t_bound over the median time. 1 is on the roof.
    pub fraction: f64,
}

/// Places a verified `ok` row under the roofline. `None` if it has no usable time, or if the ceiling that its
/// kind of work is judged by was not measured: bandwidth for bandwidth-bound cases, arithmetic in its
/// precision for the others. The other ceiling takes part if it was measured. Bandwidth is that of memory;
/// for cache-warm rows it is that at their working-set size, see [`Ceilings::bandwidth_for`].
pub fn place(ceilings: &Ceilings, case: &Case, row: &Row) -> Option<Placement> {
    place_seconds(ceilings, case, row, proven_seconds(row)?)
}

/// Places a time of `seconds` for the work of `row`, as [`place`] does with the row's own time.
pub(super) fn place_seconds(ceilings: &Ceilings, case: &Case, row: &Row, seconds: f64) -> Option<Placement> {
    let compute = ceilings.compute_roof(case.precision()).map(|c| row.flop as f64 / c.rate);
    let memory = ceilings.bandwidth_for(row).map(|rate| row.bytes as f64 / rate);
    let judged = if case.is_bandwidth() { memory } else { compute };
    judged.filter(|bound| *bound > 0.0)?;
    let (compute, memory) = (compute.unwrap_or(0.0), memory.unwrap_or(0.0));
    let binds = if memory > compute { Resource::Memory } else { Resource::Compute };
    let bound_s = compute.max(memory);
    let fraction = bound_s / seconds;
    let intensity = (row.flop > 0 && row.bytes > 0).then(|| row.flop as f64 / row.bytes as f64);
    fraction.is_finite().then_some(Placement { intensity, binds, bound_s, fraction })
}

#[cfg(test)]
mod tests {
    use super::*;
    use portamark_fixtures::fixture;

    fn placed(rows: &[(&str, f64)], key: &str, seconds: f64) -> Option<Placement> {
        let rows: Vec<(Case, Row)> =
            rows.iter().map(|(key, s)| (key.parse().unwrap(), fixture::ok_row(key, *s))).collect();
        let ceilings = Ceilings::of(rows.iter().map(|(case, row)| (case, row)));
        place(&ceilings, &key.parse().unwrap(), &fixture::ok_row(key, seconds))
    }

    // P = 4096 FLOP/s in f32, B = 8192 B/s.
    const ROOF: [(&str, f64); 2] = [("peak f32 fma c64 s32", 1.0), ("stream f32 copy n1024", 1.0)];

    #[test]
    fn the_resource_that_needs_the_longer_binds() {
        // m4 n4 k4: 128 FLOP in 1/32 s, 192 B in 3/128 s: compute-bound. In 1/16 s it reaches half of the
        // roof.
        let p = placed(&ROOF, "gemm f32 m4 n4 k4 nn", 1.0 / 16.0).unwrap();
        assert_eq!((p.binds, p.bound_s, p.fraction), (Resource::Compute, 1.0 / 32.0, 0.5));
        assert_eq!(p.intensity, Some(128.0 / 192.0));
        // m1 n1 k1: 2 FLOP in 1/2048 s, 12 B in 3/2048 s: memory-bound. In 3/1024 s it reaches half.
        let p = placed(&ROOF, "gemm f32 m1 n1 k1 nn", 3.0 / 1024.0).unwrap();
        assert_eq!((p.binds, p.fraction), (Resource::Memory, 0.5));
    }

    #[test]
    fn above_the_roof_is_not_clamped() {
        let p = placed(&ROOF, "stream f32 copy n1024", 0.25).unwrap();
        assert_eq!((p.fraction, p.intensity), (4.0, None));
    }

    #[test]
    fn a_row_is_not_judged_by_the_ceiling_of_other_work() {
        assert_eq!(placed(&ROOF[1..], "gemm f32 m4 n4 k4 nn", 1.0), None);
        assert_eq!(placed(&ROOF[..1], "stream f32 copy n1024", 1.0), None);
        // f16 with an f16 accumulator has no ceiling here; with an f32 accumulator it does.
        assert_eq!(placed(&ROOF, "gemm f16 m4 n4 k4 nn", 1.0), None);
        assert!(placed(&ROOF, "gemm f16.f32 m4 n4 k4 nn", 1.0).is_some());
        // The rate of f32 is no roof of bf16: this row would have reached 200 % of it. One that streams its
        // weights is judged by the bandwidth.
        assert_eq!(placed(&ROOF, "gemm bf16.f32 m4 n4 k4 nn", 1.0 / 64.0), None);
        assert!(placed(&ROOF, "gemv bf16.f32 m1 n64 k64", 1.0).is_some());
        // The arithmetic alone bounds the time from below, which is enough for a matrix product.
        let p = placed(&ROOF[..1], "gemm f32 m4 n4 k4 nn", 1.0 / 16.0).unwrap();
        assert_eq!((p.binds, p.fraction), (Resource::Compute, 0.5));
    }
}
