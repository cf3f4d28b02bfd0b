//! Bandwidth over working-set size, for repeated reads of the same data.

/// Bandwidth in B/s as a function of the working set in bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BandwidthCurve {
    points: Vec<(u64, f64)>,
}

impl BandwidthCurve {
    /// Builds the curve through `points` of (bytes, B/s). Of several points with the same size the highest
    /// counts; invalid rates are skipped.
    pub fn new(points: impl IntoIterator<Item = (u64, f64)>) -> Self {
        let usable = |point: &(u64, f64)| point.0 > 0 && point.1.is_finite() && point.1 > 0.0;
        let mut points: Vec<(u64, f64)> = points.into_iter().filter(usable).collect();
        points.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        points.dedup_by_key(|point| point.0);
        BandwidthCurve { points }
    }
    /// Returns the points (bytes, B/s) by ascending size.
    pub fn points(&self) -> &[(u64, f64)] {
        &self.points
    }

    /// Returns the bandwidth in B/s at a working set of `bytes`: between two points linear in the logarithm
    /// of bytes, beyond the ends that of the nearest point. `None` if there are no points.
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
}
