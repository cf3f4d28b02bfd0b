//! What part of a roof the measured cases of one kind reach, over the time they need at that roof.

use super::comparison::{Device, Entry};
use super::rate::proven_seconds;
use portamark_model::workload::Case;

/// A measured case on the curve.
struct Point<'a> {
    key: &'a str,
    /// ln t_bound.
    work: f64,
    /// ln e.
    efficiency: f64,
}

/// The measured cases of a device that are of one kind, each with the part e = t_bound/t of a roof.
pub(super) struct Curve<'a> {
    points: Vec<Point<'a>>,
}

/// Between which cases a reading lies.
pub(super) enum Neighbours<'a> {
    /// The nearest with less work, and the nearest with more.
    Between(&'a str, &'a str),
    /// Beyond the end at this one.
    Beyond(&'a str),
}

/// An efficiency read off the curve.
pub(super) struct Reading<'a> {
    /// Interpolated, or that of the nearest case.
    pub(super) middle: f64,
    /// Between which cases.
    pub(super) neighbours: Neighbours<'a>,
    /// The lower and the higher of the two neighbours' efficiencies; beyond the ends those of all cases,
    /// as how they differ along the curve is all that tells how far off this may be. None of one case.
    pub(super) ends: Option<(f64, f64)>,
}

/// Whether `other` is of the kind of `case`: a decode step is another kernel than prefill.
fn is_alike(case: &Case, other: &Case) -> bool {
    let decodes = |case: &Case| matches!(case, Case::Attention(attention) if attention.is_decode());
    let latent = |case: &Case| matches!(case, Case::Attention(attention) if attention.latent);
    case.family() == other.family()
        && case.precision() == other.precision()
        && decodes(case) == decodes(other)
        && latent(case) == latent(other)
}

impl<'a> Curve<'a> {
    /// The rows of `device` that are like `case`; `bound` is the least time of a row's case by the roof,
    /// none of rows that tell nothing.
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

    /// The efficiency of a case that needs `bound_s` at its roof: ln e is interpolated over ln t_bound.
    /// None of an empty curve.
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

    /// The efficiencies of all cases that need at most `factor` times as long or as short as `bound_s`.
    pub(super) fn near(&self, bound_s: f64, factor: f64) -> Option<(f64, f64)> {
        self.spread(|point| (point.work - bound_s.ln()).abs() <= factor.ln())
    }

    /// How many cases it has.
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
