//! Efficiency curve: the fraction of a roof that measured cases of one kind reach, over the time that they
//! need at that roof.

use super::device::{Device, Entry};
use super::rate::proven_seconds;
use portamark_model::workload::Case;

/// One measured case on the curve.
struct Point<'a> {
    key: &'a str,
    /// ln t_bound, the logarithm of the time at the roof in seconds.
    work: f64,
    /// ln e, the logarithm of the fraction of the roof reached.
    efficiency: f64,
}

/// Measured cases of one kind on a device, each with the fraction e = t_bound/t of a roof.
pub(super) struct Curve<'a> {
    points: Vec<Point<'a>>,
}

/// Measured cases next to a reading.
pub(super) enum Neighbours<'a> {
    /// Keys of the nearest case with less work and of the nearest case with more.
    Between(&'a str, &'a str),
    /// Beyond the end of the curve, whose last case has this key.
    Beyond(&'a str),
}

/// An efficiency read off the curve.
pub(super) struct Reading<'a> {
    /// Efficiency, interpolated or that of the nearest case.
    pub(super) middle: f64,
    /// Cases that it was read from.
    pub(super) neighbours: Neighbours<'a>,
    /// Range of the efficiency: the lower and the higher of the two neighbours' values. Beyond the ends it is
    /// the range of all cases, since only their variation along the curve shows the possible error. `None` if
    /// the curve has one case.
    pub(super) ends: Option<(f64, f64)>,
}

/// Whether `other` is of the same kind as `case`. Decode and prefill attention are different kernels.
fn is_alike(case: &Case, other: &Case) -> bool {
    let decodes = |case: &Case| matches!(case, Case::Attention(attention) if attention.is_decode());
    let latent = |case: &Case| matches!(case, Case::Attention(attention) if attention.latent);
    case.family() == other.family()
        && case.precision() == other.precision()
        && decodes(case) == decodes(other)
        && latent(case) == latent(other)
}

impl<'a> Curve<'a> {
    /// Builds the curve from the rows of `device` of the same kind as `case`. `bound` returns the shortest
    /// time of a row's case at the roof, or `None` to exclude the row.
    pub(super) fn of(device: &Device<'a>, case: &Case, bound: impl Fn(&Entry, &Case) -> Option<f64>) -> Self {
        let mut points = Vec::new();
        for entry in &device.entries {
            let Ok(other) = &entry.case else { continue };
            if !is_alike(case, other) {
                continue;
            }
            let Some(seconds) = proven_seconds(entry.row) else { continue };
            let Some(bound_s) = bound(entry, other).filter(|bound| *bound > 0.0) else { continue };
            let (work, efficiency) = (bound_s.ln(), (bound_s / seconds).ln());
            points.push(Point { key: &entry.row.case, work, efficiency });
        }
        Curve { points }
    }

    /// Returns the efficiency of a case that needs `bound_s` seconds at its roof; ln e is interpolated over
    /// ln t_bound. `None` if the curve is empty.
    pub(super) fn at(&self, bound_s: f64) -> Option<Reading<'a>> {
        let work = bound_s.ln();
        let smaller = self.points.iter().filter(|p| p.work <= work).max_by(|a, b| a.work.total_cmp(&b.work));
        let larger = self.points.iter().filter(|p| p.work > work).min_by(|a, b| a.work.total_cmp(&b.work));
        match (smaller, larger) {
            (Some(a), Some(b)) => {
                let part = (work - a.work) / (b.work - a.work);
                let middle = a.efficiency + part * (b.efficiency - a.efficiency);
                let (low, high) = (a.efficiency.min(b.efficiency), a.efficiency.max(b.efficiency));
                let ends = Some((low.exp(), high.exp()));
                Some(Reading { middle: middle.exp(), neighbours: Neighbours::Between(a.key, b.key), ends })
            }
            (Some(only), None) | (None, Some(only)) => Some(Reading {
                middle: only.efficiency.exp(),
                neighbours: Neighbours::Beyond(only.key),
                ends: (self.points.len() > 1).then(|| self.spread(|_| true)).flatten(),
            }),
            (None, None) => None,
        }
    }

    /// Returns the range of efficiencies of all cases whose time at the roof differs from `bound_s` by at
    /// most `factor`, up or down.
    pub(super) fn near(&self, bound_s: f64, factor: f64) -> Option<(f64, f64)> {
        self.spread(|point| (point.work - bound_s.ln()).abs() <= factor.ln())
    }

    /// Returns the number of cases on the curve.
    pub(super) fn len(&self) -> usize {
        self.points.len()
    }

    fn spread(&self, counts: impl Fn(&Point) -> bool) -> Option<(f64, f64)> {
        let ends = self.points.iter().filter(|point| counts(point)).map(|point| point.efficiency);
        let (low, high) =
            ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), e| (low.min(e), high.max(e)));
        (low <= high).then(|| (low.exp(), high.exp()))
    }
}
