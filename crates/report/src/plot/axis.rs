//! Axes of charts: scale, range and ticks.

use portamark_model::units;

/// Margin beyond the least and the greatest value on a logarithmic axis, in decades.
const ROOM: f64 = 0.12;

/// Maximum and minimum number of ticks of an axis.
const MOST_TICKS: i32 = 9;
const FEWEST_TICKS: usize = 3;

/// Mantissas of the ticks of a logarithmic axis, from coarse to fine.
const FINER: [&[f64]; 5] = [
    &[1.0],
    &[1.0, 2.0, 5.0],
    &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
    &[1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0],
    &[
        1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.2, 2.4, 2.6, 2.8, 3.0, 3.2, 3.4, 3.6, 3.8,
        4.0, 4.2, 4.4, 4.6, 4.8, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0, 9.5,
    ],
];

/// Mapping from values to positions on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Linear: equal differences are equally far apart.
    Linear,
    /// Logarithmic: equal ratios are equally far apart.
    Log,
}

/// A labelled value on an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Value at which the tick is.
    pub value: f64,
    /// Text of the label.
    pub label: String,
}

/// A horizontal or vertical axis of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Mapping from values to positions.
    pub scale: Scale,
    /// Title: the quantity, with its unit.
    pub title: String,
    /// Ticks in ascending order.
    pub ticks: Vec<Tick>,
    lo: f64,
    hi: f64,
}

impl Axis {
    /// Creates a logarithmic axis over the values above 0, with ticks at powers of ten, and at finer steps if
    /// those are too few. Returns `None` if no value is above 0.
    pub fn log(values: impl IntoIterator<Item = f64>, title: &str) -> Option<Self> {
        let (least, greatest) = positive_range(values)?;
        let (lo, hi) = (least.log10() - ROOM, greatest.log10() + ROOM);
        // Use the coarsest set of ticks that has enough of them within the range.
        let mut finer = FINER.iter().map(|mantissas| ticks_within(lo, hi, mantissas));
        let ticks = finer.find(|ticks| ticks.len() >= FEWEST_TICKS).unwrap_or_default();
        Some(Axis { scale: Scale::Log, title: title.into(), ticks, lo, hi })
    }

    /// Creates a logarithmic axis with a tick at each of `values`, which are whole numbers such as sizes.
    /// Returns `None` if no value is above 0.
    pub fn sizes(values: impl IntoIterator<Item = u64>, title: &str) -> Option<Self> {
        let mut values: Vec<u64> = values.into_iter().filter(|v| *v > 0).collect();
        values.sort_unstable();
        values.dedup();
        let (least, greatest) = positive_range(values.iter().map(|v| *v as f64))?;
        let ticks = values.iter().map(|v| Tick { value: *v as f64, label: v.to_string() }).collect();
        let (lo, hi) = (least.log10() - ROOM, greatest.log10() + ROOM);
        Some(Axis { scale: Scale::Log, title: title.into(), ticks, lo, hi })
    }

    /// Creates a linear axis from 0 to above the greatest value. Returns `None` if no value is above 0.
    pub fn from_zero(values: impl IntoIterator<Item = f64>, title: &str) -> Option<Self> {
        let (_, greatest) = positive_range(values)?;
        let power = 10f64.powf((greatest / 4.0).log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power);
        let step = steps.into_iter().find(|step| greatest / step <= 5.0)?;
        let count = (greatest / step).floor() as i32;
        let ticks = (0..=count).map(|i| Tick::prefixed(f64::from(i) * step)).collect();
        Some(Axis { scale: Scale::Linear, title: title.into(), ticks, lo: 0.0, hi: greatest * 1.02 })
    }

    /// Creates a linear axis from `lo` to `hi` with round ticks, labelled by `label`. Returns `None` unless
    /// both are finite and `lo` is the smaller.
    pub fn linear(lo: f64, hi: f64, title: &str, label: impl Fn(f64) -> String) -> Option<Self> {
        let span = hi - lo;
        if !(span.is_finite() && span > 0.0 && span >= 1e-9 * hi.abs()) {
            return None;
        }
        let power = 10f64.powf((span / 4.0).log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power);
        let step = steps.into_iter().find(|step| span / step <= 6.5)?;
        let first = (lo / step - 1e-9).ceil() as i64;
        let last = (hi / step + 1e-9).floor() as i64;
        let ticks = (first..=last).map(|i| i as f64 * step);
        let ticks = ticks.map(|value| Tick { value, label: label(value) }).collect();
        Some(Axis { scale: Scale::Linear, title: title.into(), ticks, lo, hi })
    }

    /// Creates a linear axis of fractions from `lo` to `hi`, labelled in percent: 1 is 100 %.
    pub fn shares(lo: f64, hi: f64, title: &str) -> Option<Self> {
        Self::linear(lo, hi, title, |share| {
            // At most one decimal, and none if it is 0: 97.5 %, 100 %.
            let percent = (share * 1000.0).round() / 10.0;
            format!("{percent} %")
        })
    }

    /// Creates a linear axis from `lo` to `hi` with ticks at whole numbers only.
    pub fn counts(lo: f64, hi: f64, title: &str) -> Option<Self> {
        let mut axis = Self::linear(lo, hi, title, |count| format!("{count}"))?;
        axis.ticks.retain(|tick| tick.value.fract() == 0.0);
        Some(axis)
    }

    /// Returns the same axis with another title.
    pub fn titled(&self, title: String) -> Self {
        Axis { title, ..self.clone() }
    }

    /// Returns the position of `value`, from 0 at the lower end to 1 at the upper end. Values beyond an end
    /// are placed at that end, and NaN at the lower end.
    pub fn at(&self, value: f64) -> f64 {
        let placed = match self.scale {
            Scale::Linear => value,
            Scale::Log => value.log10(),
        };
        let part = (placed - self.lo) / (self.hi - self.lo);
        if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) }
    }

    /// Returns the values at the lower and the upper end.
    pub fn ends(&self) -> (f64, f64) {
        match self.scale {
            Scale::Linear => (self.lo, self.hi),
            Scale::Log => (10f64.powf(self.lo), 10f64.powf(self.hi)),
        }
    }
}

impl Tick {
    /// Creates a tick labelled with a decimal prefix and without trailing zeros, e.g. `1 T`, `250 G`.
    fn prefixed(value: f64) -> Self {
        let text = units::prefixed(value, "");
        let (number, prefix) = text.split_once(' ').unwrap_or((&text, ""));
        let number = if number.contains('.') && !number.contains('e') {
            number.trim_end_matches('0').trim_end_matches('.')
        } else {
            number
        };
        let label = if prefix.is_empty() { number.into() } else { format!("{number} {prefix}") };
        Tick { value, label }
    }
}

/// Returns the ticks at `mantissas` times powers of ten between 10^lo and 10^hi. If there are too many
/// powers, only every n-th is used.
fn ticks_within(lo: f64, hi: f64, mantissas: &[f64]) -> Vec<Tick> {
    let every = (hi - lo) as i32 / MOST_TICKS + 1;
    let (first, last) = (lo.floor() as i32, hi.ceil() as i32);
    (first..=last)
        .filter(|exponent| exponent.rem_euclid(every) == 0)
        .flat_map(|exponent| mantissas.iter().map(move |m| m * 10f64.powi(exponent)))
        .filter(|v| v.is_finite() && *v > 0.0 && (lo..=hi).contains(&v.log10()))
        .map(Tick::prefixed)
        .collect()
}

fn positive_range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|v| v.is_finite() && *v > 0.0).fold(None, |range, v| {
        let (least, greatest) = range.unwrap_or((v, v));
        Some((v.min(least), v.max(greatest)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn a_wide_range_has_ticks_at_powers_of_ten() {
        let axis = Axis::log([3e9, 4e13], "FLOP/s").unwrap();
        assert_eq!(labels(&axis), ["10 G", "100 G", "1 T", "10 T"]);
    }

    #[test]
    fn a_narrow_range_has_ticks_between() {
        let axis = Axis::log([0.4, 12.0], "").unwrap();
        assert_eq!(labels(&axis), ["0.5", "1", "2", "5", "10"]);
        let axis = Axis::log([1500.0, 1500.0], "").unwrap();
        assert!(!axis.ticks.is_empty(), "{axis:?}");
    }

    #[test]
    fn places_run_from_0_to_1_and_never_beyond() {
        // The axis spans log10 from 0 − 0.12 to 2 + 0.12, so its middle is at 10.
        let axis = Axis::log([1.0, 100.0], "").unwrap();
        assert!((axis.at(10.0) - 0.5).abs() < 1e-12);
        for (value, place) in [(1e-300, 0.0), (0.0, 0.0), (-5.0, 0.0), (f64::NAN, 0.0), (1e300, 1.0)] {
            assert_eq!(axis.at(value), place, "{value}");
        }
        let axis = Axis::from_zero([100.0], "").unwrap();
        assert!((axis.at(51.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_linear_axis_begins_at_0_and_has_round_steps() {
        assert_eq!(labels(&Axis::from_zero([3.02e12, 1e10], "").unwrap()), ["0", "1 T", "2 T", "3 T"]);
        assert_eq!(labels(&Axis::from_zero([23.0], "").unwrap()), ["0", "5", "10", "15", "20"]);
    }

    #[test]
    fn shares_and_counts_have_round_ticks_and_no_digit_too_many() {
        assert_eq!(
            labels(&Axis::shares(0.0, 1.1, "").unwrap()),
            ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
        );
        let narrow = Axis::shares(0.97, 1.03, "").unwrap();
        assert_eq!(labels(&narrow), ["97 %", "98 %", "99 %", "100 %", "101 %", "102 %", "103 %"]);
        assert!((narrow.at(1.0) - 0.5).abs() < 1e-9);
        assert_eq!(labels(&Axis::counts(0.0, 3.0, "").unwrap()), ["0", "1", "2", "3"]);
        for (lo, hi) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (1e300, 1e300 + 1.0)]
        {
            assert_eq!(Axis::shares(lo, hi, ""), None);
        }
    }

    #[test]
    fn without_a_usable_value_there_is_no_axis() {
        for values in [vec![], vec![0.0, -1.0], vec![f64::NAN, f64::INFINITY]] {
            assert_eq!(Axis::log(values.clone(), ""), None);
            assert_eq!(Axis::from_zero(values, ""), None);
        }
        assert_eq!(Axis::sizes([0], ""), None);
    }

    #[test]
    fn absurd_ranges_have_few_ticks() {
        let axis = Axis::log([1e-300, 1e300], "").unwrap();
        assert!(axis.ticks.len() < 15 && axis.ticks.len() > 2, "{}", axis.ticks.len());
        assert!(Axis::from_zero([f64::MAX], "").is_none_or(|axis| axis.ticks.len() < 15));
    }
}
