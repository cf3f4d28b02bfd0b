//! Bandwidth over the working set: what a device can read at, by how much it reads again and again.

use super::comparison::Device;
use super::rate::RateUnit;
use portamark_model::workload::{Case, StreamOp, Workload};

/// B/s over bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BandwidthCurve {
    points: Vec<(u64, f64)>,
}

impl BandwidthCurve {
    /// The curve through `points` of bytes and B/s; of several at one place the highest, and what is no
    /// rate is left out.
    pub fn new(points: impl IntoIterator<Item = (u64, f64)>) -> Self {
        let usable = |point: &(u64, f64)| point.0 > 0 && point.1.is_finite() && point.1 > 0.0;
        let mut points: Vec<(u64, f64)> = points.into_iter().filter(usable).collect();
        points.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        points.dedup_by_key(|point| point.0);
        BandwidthCurve { points }
    }

    /// What was measured before the first case to find the last-level cache, in the newest file that has
    /// it.
    pub fn of_cache(device: &Device) -> Self {
        let mut curves = device.files.iter().rev().filter_map(|file| file.header.cache.as_ref());
        let curve = curves.find(|cache| !cache.curve.is_empty());
        Self::new(curve.into_iter().flat_map(|cache| cache.curve.iter().map(|p| (p.bytes, p.rate))))
    }

    /// The `stream read` rows.
    pub fn of_reads(device: &Device) -> Self {
        Self::new(device.measured().filter_map(|(_, case, rate)| match case {
            Case::Stream(stream) if stream.op == StreamOp::Read && rate.unit == RateUnit::Bytes => {
                Some((stream.bytes(), rate.value))
            }
            _ => None,
        }))
    }

    /// Bytes and B/s, ascending in bytes.
    pub fn points(&self) -> &[(u64, f64)] {
        &self.points
    }

    /// B/s at a working set of `bytes`: linear in the logarithm of bytes between two points, and that of
    /// the nearer end beyond. None of no points.
    pub fn at(&self, bytes: u64) -> Option<f64> {
        let after = self.points.partition_point(|point| point.0 <= bytes);
        let (Some(&(lo, low)), Some(&(hi, high))) = (self.points[..after].last(), self.points.get(after))
        else {
            let end = if after == 0 { self.points.first() } else { self.points.last() };
            return end.map(|point| point.1);
        };
        let log = |bytes: u64| (bytes as f64).log2();
        let part = (log(bytes) - log(lo)) / (log(hi) - log(lo));
        Some(low + part * (high - low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Comparison;
    use portamark_fixtures::fixture;
    use portamark_results::{CacheReport, CacheSource, CurvePoint};

    const MB: u64 = 1 << 20;

    #[test]
    fn between_points_it_is_linear_in_the_logarithm_and_beyond_them_level() {
        // cubecl's curve.rs: 100 at 1 MB and 200 at 4 MB are 150 at 2 MB.
        let curve = BandwidthCurve::new([(4 * MB, 200.0), (MB, 100.0)]);
        let at = [MB / 8, MB, 2 * MB, 4 * MB, 64 * MB].map(|bytes| curve.at(bytes).unwrap());
        assert_eq!(at, [100.0, 100.0, 150.0, 200.0, 200.0]);
        assert_eq!(BandwidthCurve::default().at(MB), None);
    }

    #[test]
    fn what_is_no_rate_is_left_out_and_of_several_the_highest_stays() {
        let curve = BandwidthCurve::new([(8, f64::NAN), (0, 5.0), (8, 1.0), (8, 3.0), (16, -1.0)]);
        assert_eq!(curve.points(), [(8, 3.0)]);
    }

    #[test]
    fn both_sources_are_read() {
        let rows = vec![
            fixture::ok_row("stream f32 read n1024", 1.0),
            fixture::ok_row("stream f32 copy n1024", 1.0),
        ];
        let mut header = fixture::h100_header();
        header.cache = Some(CacheReport::new(64, CacheSource::Measured, "", vec![CurvePoint::new(64, 2.0)]));
        let runs = [fixture::file(header, rows)];
        let comparison = Comparison::new(&runs);
        assert_eq!(BandwidthCurve::of_cache(&comparison.devices[0]).points(), [(64, 2.0)]);
        assert_eq!(BandwidthCurve::of_reads(&comparison.devices[0]).points(), [(4100, 4100.0)]);
    }
}
