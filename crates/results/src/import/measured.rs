//! A number of another program on its way to a row, and what a number has to be.

use crate::imported::{ImportUnit, Imported, Spread, SpreadKind, Statistic};
use crate::provenance::redact;
use portamark_model::workload::Case;
use portamark_stats::Summary;
use std::collections::BTreeMap;

/// Samples of one number that a row keeps at most; of more only their summary is kept.
const MOST_VALUES: usize = 10_000;

/// Characters of a text at most.
const LONGEST_TEXT: usize = 300;

/// Numbers outside are no measurement: 10⁻¹⁸ s is less than light needs for a nanometre, and 10²⁴ a
/// second is a million times the fastest machine.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 1e-18..=1e24;

/// What the results of a program hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Import {
    /// Its numbers, in order.
    pub measured: Vec<Measured>,
    /// What has no number, in words.
    pub left_out: Vec<String>,
    /// When it ran, RFC 3339, UTC, where it tells.
    pub started: Option<String>,
}

/// The device of a number, as the program tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ToldDevice {
    /// Its name; empty where the program tells none.
    pub name: String,
    /// The interface that the program reaches it by, e.g. `cuda`; empty where that is not told.
    pub api: String,
    /// Version of its driver; empty where that is not told.
    pub driver_version: String,
}

/// One number with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The case of portamark that it is a measurement of, if it is one of exactly that.
    pub case: Option<Case>,
    /// On what.
    pub device: ToldDevice,
    /// What goes into the row.
    pub imported: Imported,
    /// Remarks that qualify it.
    pub tags: Vec<String>,
}

impl Measured {
    /// `value` of `name` by the program `method`. A name that is the key of a case is that case.
    ///
    /// # Errors
    /// When the value is no measurement; `place` says where it stands.
    pub fn new(
        method: &str,
        name: &str,
        (unit, statistic): (ImportUnit, Statistic),
        value: f64,
        place: &str,
    ) -> Result<Self, String> {
        let imported = Imported {
            method: method.into(),
            version: None,
            name: told(name),
            library: None,
            unit,
            statistic,
            value: measurement(value, place)?,
            spread: None,
            samples: None,
            values: Vec::new(),
            parameters: BTreeMap::new(),
        };
        let case = imported.name.parse::<Case>().ok();
        Ok(Measured { case, device: ToldDevice::default(), imported, tags: Vec::new() })
    }

    /// The median of `samples` with its 95 % interval, or with their range where they are too few for
    /// one.
    ///
    /// # Errors
    /// When there is none, or one of them is no measurement.
    pub fn of_samples(
        method: &str,
        name: &str,
        unit: ImportUnit,
        samples: &[f64],
        place: &str,
    ) -> Result<Self, String> {
        for (at, sample) in samples.iter().enumerate() {
            measurement(*sample, &format!("{place}[{at}]"))?;
        }
        let summary = Summary::from_samples(samples, 0.95).ok_or(format!("{place}: there is no sample"))?;
        let mut measured = Self::new(method, name, (unit, Statistic::Median), summary.median, place)?;
        measured.imported.spread = match (summary.ci_lo, summary.ci_hi) {
            (Some(lo), Some(hi)) => spread(SpreadKind::Interval, lo, hi),
            _ if summary.n > 1 => spread(SpreadKind::Range, summary.min, summary.max),
            _ => None,
        };
        measured.imported.samples = Some(summary.n as u64);
        if samples.len() <= MOST_VALUES {
            measured.imported.values = samples.to_vec();
        }
        Ok(measured)
    }

    /// With the version of the program.
    pub fn version(mut self, version: &str) -> Self {
        self.imported.version = Some(plain(version)).filter(|version| !version.is_empty());
        self
    }

    /// With the library or backend that computed.
    pub fn library(mut self, library: &str) -> Self {
        self.imported.library = Some(told(library)).filter(|library| !library.is_empty());
        self
    }

    /// On the device of that name and interface.
    pub fn on(mut self, name: &str, api: &str) -> Self {
        self.device.name = told(name);
        self.device.api = told(api);
        self
    }

    /// With the two ends of its spread, if they are numbers.
    pub fn spread(mut self, what: SpreadKind, lo: f64, hi: f64) -> Self {
        self.imported.spread = spread(what, lo, hi);
        self
    }

    /// With the number of its samples.
    pub fn samples(mut self, samples: u64) -> Self {
        self.imported.samples = Some(samples);
        self
    }

    /// With what else the program says of it.
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.imported.parameters.insert(told(name), told(value));
        self
    }

    /// As a measurement of `case`.
    pub fn of(mut self, case: Option<Case>) -> Self {
        self.case = case;
        self
    }

    /// With a remark.
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.into());
        self
    }
}

/// `value`, if it can be a time, a rate, or another measurement.
pub(super) fn measurement(value: f64, place: &str) -> Result<f64, String> {
    if PLAUSIBLE.contains(&value) {
        return Ok(value);
    }
    Err(format!("{place}: {value} is no measurement: it must be a number above 0 of sensible size"))
}

/// The measurement that `text` says.
pub(super) fn number(text: &str, place: &str) -> Result<f64, String> {
    let value = text.trim().parse::<f64>();
    let value = value.map_err(|_| format!("{place}: `{}` is no number", told(text)))?;
    measurement(value, place)
}

fn spread(what: SpreadKind, lo: f64, hi: f64) -> Option<Spread> {
    (lo.is_finite() && hi.is_finite() && lo <= hi).then_some(Spread { what, lo, hi })
}

/// `text` on one line, without characters that act on a terminal, and not too long.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out.chars().take(LONGEST_TEXT).collect()
}

/// `text` as [`plain`], without what tells whose machine it was said on.
pub(super) fn told(text: &str) -> String {
    // A cut is cheaper before the search for names and paths than after.
    let short: String = text.chars().take(4 * LONGEST_TEXT).collect();
    plain(&redact(&plain(&short)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: (ImportUnit, Statistic) = (ImportUnit::Seconds, Statistic::Mean);

    #[test]
    fn a_name_that_is_a_key_is_that_case_and_any_other_is_not() {
        let of = |name: &str| Measured::new("x", name, SECONDS, 1.0, "here").unwrap().case;
        assert_eq!(of("gemm f32 m4 n4 k4 nn").unwrap().key(), "gemm f32 m4 n4 k4 nn");
        assert_eq!(of("sgemm 4"), None);
    }

    #[test]
    fn what_is_no_measurement_is_refused_at_its_place() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, -1.0, 1e-300, 1e300] {
            let error = Measured::new("x", "a", SECONDS, value, "line 7: time").unwrap_err();
            assert!(error.starts_with("line 7: time: ") && error.contains("no measurement"), "{error}");
        }
        for text in ["NaN", "inf", "-inf", "1e999", "-3", "0", "", "1,5", "0x10"] {
            let error = number(text, "line 7").unwrap_err();
            assert!(error.starts_with("line 7: "), "{text}: {error}");
        }
        assert_eq!(number(" 2.5e-3 ", "line 7"), Ok(0.0025));
        let error = Measured::of_samples("x", "a", ImportUnit::Seconds, &[1.0, -2.0], "times").unwrap_err();
        assert!(error.starts_with("times[1]: -2 is no measurement"), "{error}");
        assert!(Measured::of_samples("x", "a", ImportUnit::Seconds, &[], "times").is_err());
    }

    #[test]
    fn samples_give_their_median_and_its_interval_or_their_range() {
        // Six samples: the 95 % interval is from the first to the sixth, 1 − 2/2⁶ = 0.969.
        let six = [6.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let of = |samples: &[f64]| {
            Measured::of_samples("x", "a", ImportUnit::Seconds, samples, "times").unwrap().imported
        };
        let imported = of(&six);
        assert_eq!((imported.value, imported.samples), (3.5, Some(6)));
        assert_eq!(imported.spread, spread(SpreadKind::Interval, 1.0, 6.0));
        assert_eq!(imported.values, six);
        assert_eq!(of(&[2.0, 1.0, 4.0]).spread, spread(SpreadKind::Range, 1.0, 4.0));
        assert_eq!(of(&[2.0]).spread, None);
        assert_eq!(of(&vec![1.0; MOST_VALUES + 1]).values, [0.0; 0]);
    }

    #[test]
    fn texts_are_short_plain_and_impersonal() {
        assert_eq!(told(" a\u{1b}[31m\n b\t/srv/data/model.gguf "), "a [31m b model.gguf");
        assert_eq!(told(&"x".repeat(5000)).chars().count(), LONGEST_TEXT);
    }

    #[test]
    fn ends_that_are_no_numbers_are_no_spread() {
        assert_eq!(spread(SpreadKind::Range, f64::NAN, 1.0), None);
        assert_eq!(spread(SpreadKind::Range, 2.0, 1.0), None);
        assert!(spread(SpreadKind::Deviation, -1.0, 1.0).is_some());
    }
}
