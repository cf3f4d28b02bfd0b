//! Numbers of other programs before they become rows, and the checks that they must pass.

use crate::imported::{ImportUnit, Imported, Spread, SpreadKind, Statistic};
use crate::tag::Tag;
use portamark_model::possible::is_sensible;
use portamark_model::privacy::redact_label;
use portamark_model::workload::Case;
use portamark_stats::Summary;
use std::collections::BTreeMap;
use std::fmt;

/// Maximum number of samples that a row stores; of more samples it keeps only the summary.
const MOST_VALUES: usize = 10_000;

/// Maximum number of results that one file gives, far more than any program prints.
const MOST_RESULTS: usize = 100_000;

/// Maximum number of parameters that a result stores; further ones are ignored.
const MOST_PARAMETERS: usize = 100;

/// Maximum length of a text, in characters.
pub(super) const LONGEST_TEXT: usize = 300;

/// Results read from the output of another program.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Import {
    /// Measured numbers, in the order of the output.
    pub measured: Vec<Measured>,
    /// Cases without a number, each with the reason.
    pub left_out: Vec<LeftOut>,
    /// Time at which the program ran, RFC 3339; `None` if the program does not report it.
    pub started: Option<String>,
}

/// Case without a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Name that the program gives the case.
    pub name: String,
    /// Why it has no number, in words.
    pub reason: String,
}

impl LeftOut {
    /// Creates the case `name`, left out for `reason`; both become plain, short and impersonal.
    pub(super) fn new(name: &str, reason: &str) -> Self {
        LeftOut { name: told(name), reason: told(reason) }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

impl Import {
    /// Adds a result.
    ///
    /// # Errors
    /// Fails if there are too many, so that a broken file cannot exhaust memory.
    pub(super) fn add(&mut self, measured: Measured) -> Result<(), String> {
        if self.measured.len() >= MOST_RESULTS {
            return Err(format!(
                "it holds more than {MOST_RESULTS} results, the most that are read of a file"
            ));
        }
        self.measured.push(measured);
        Ok(())
    }

    /// Leaves out the case `name` for `reason`.
    pub(super) fn leave_out(&mut self, name: &str, reason: &str) {
        self.left_out.push(LeftOut::new(name, reason));
    }

    /// Appends what `other` holds; the time of the first of them stays.
    pub(super) fn append(&mut self, mut other: Import) {
        self.measured.append(&mut other.measured);
        self.left_out.append(&mut other.left_out);
        self.started = self.started.take().or(other.started);
    }
}

/// Device of a number, as the program reports it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ToldDevice {
    /// Name of the device; empty if not reported.
    pub name: String,
    /// Interface through which the program uses the device, e.g. `cuda`; empty if not reported.
    pub api: String,
    /// Version of the driver; empty if not reported.
    pub driver_version: String,
}

/// One measured number with its case, device and remarks.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Case of portamark, if the number measures exactly that case; `None` otherwise.
    pub case: Option<Case>,
    /// Device that was measured.
    pub device: ToldDevice,
    /// Result that goes into the row.
    pub imported: Imported,
    /// Remarks that qualify the number.
    pub tags: Vec<Tag>,
}

impl Measured {
    /// Creates the number `value` that the program `method` reports for `name`. If the name is the key of a
    /// case, the number is of that case.
    ///
    /// # Errors
    /// Fails if the value is not a plausible measurement; `place` says where it stands.
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

    /// Creates a number from the median of `samples` with its 95 % confidence interval, or with their range
    /// if there are too few for one.
    ///
    /// # Errors
    /// Fails if there is no sample, or if one of them is not a plausible measurement.
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

    /// Sets the version of the program.
    pub fn version(mut self, version: &str) -> Self {
        self.imported.version = Some(plain(version)).filter(|version| !version.is_empty());
        self
    }

    /// Sets the library or backend that computed the result.
    pub fn library(mut self, library: &str) -> Self {
        self.imported.library = Some(told(library)).filter(|library| !library.is_empty());
        self
    }

    /// Sets name and interface of the device.
    pub fn on(mut self, name: &str, api: &str) -> Self {
        self.device.name = told(name);
        self.device.api = told(api);
        self
    }

    /// Sets the two ends of the spread, if they are finite and in order.
    pub fn spread(mut self, what: SpreadKind, lo: f64, hi: f64) -> Self {
        self.imported.spread = spread(what, lo, hi);
        self
    }

    /// Sets the number of samples.
    pub fn samples(mut self, samples: u64) -> Self {
        self.imported.samples = Some(samples);
        self
    }

    /// Adds a parameter that the program reports, up to a hundred.
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        if self.imported.parameters.len() < MOST_PARAMETERS {
            self.imported.parameters.insert(told(name), told(value));
        }
        self
    }

    /// Sets the case that the number measures; `None` if it measures no case of portamark.
    pub fn of(mut self, case: Option<Case>) -> Self {
        self.case = case;
        self
    }

    /// Adds a remark that qualifies the number.
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tags.push(tag);
        self
    }
}

/// Returns `value` if it is plausible as a time or rate.
pub(super) fn measurement(value: f64, place: &str) -> Result<f64, String> {
    if is_sensible(value) {
        return Ok(value);
    }
    Err(format!("{place}: {value} is not a plausible measurement: it must be above 0 and of a sensible size"))
}

/// Parses `text` as a plausible measurement.
pub(super) fn number(text: &str, place: &str) -> Result<f64, String> {
    let value = text.trim().parse::<f64>();
    let value = value.map_err(|_| format!("{place}: `{}` is no number", told(text)))?;
    measurement(value, place)
}

fn spread(what: SpreadKind, lo: f64, hi: f64) -> Option<Spread> {
    (lo.is_finite() && hi.is_finite() && lo <= hi).then_some(Spread { what, lo, hi })
}

/// Returns `text` on one line, without control characters, and shortened to at most [`LONGEST_TEXT`].
pub(super) fn plain(text: &str) -> String {
    let mut out = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out.chars().take(LONGEST_TEXT).collect()
}

/// Returns `text` as [`plain`] does, without anything that identifies the machine or its user.
pub(super) fn told(text: &str) -> String {
    // Shortening first makes the search for names and paths cheaper.
    let short: String = text.chars().take(4 * LONGEST_TEXT).collect();
    plain(&redact_label(&plain(&short)))
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
            assert!(
                error.starts_with("line 7: time: ") && error.contains("not a plausible measurement"),
                "{error}"
            );
        }
        for text in ["NaN", "inf", "-inf", "1e999", "-3", "0", "", "1,5", "0x10"] {
            let error = number(text, "line 7").unwrap_err();
            assert!(error.starts_with("line 7: "), "{text}: {error}");
        }
        assert_eq!(number(" 2.5e-3 ", "line 7"), Ok(0.0025));
        let error = Measured::of_samples("x", "a", ImportUnit::Seconds, &[1.0, -2.0], "times").unwrap_err();
        assert!(error.starts_with("times[1]: -2 is not a plausible measurement"), "{error}");
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
