//! Result of another program, as stored in an imported row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Number that another program measured, as that program reports it. It was not verified by an oracle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Imported {
    /// Name of the program, which also stands for its method, e.g. `llama-bench` or `nvbench`.
    pub method: String,
    /// Version or build of the program; absent if it does not report one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// Name that the program gives the case.
    pub name: String,
    /// Library or backend that computed the result; absent if the program does not report one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub library: Option<String>,
    /// Unit of `value`. If the row is a case of portamark, rates follow portamark's convention for counting
    /// operations and bytes.
    pub unit: ImportUnit,
    /// Statistic of the samples that `value` is.
    pub statistic: Statistic,
    /// Measured number, in `unit`.
    pub value: f64,
    /// Spread of the samples around `value`; absent if the program does not report it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub spread: Option<Spread>,
    /// Number of samples behind `value`; absent if the program does not report it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub samples: Option<u64>,
    /// The samples in order, in `unit`; absent if the program does not report them or there are over 10 000.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub values: Vec<f64>,
    /// Further parameters that the program reports for the case, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub parameters: BTreeMap<String, String>,
}

/// Unit of an imported number, without a decimal prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub enum ImportUnit {
    /// Seconds of one execution.
    #[serde(rename = "s")]
    Seconds,
    /// Floating-point operations per second.
    #[serde(rename = "FLOP/s")]
    FlopRate,
    /// Integer operations per second.
    #[serde(rename = "OP/s")]
    OpRate,
    /// Bytes per second.
    #[serde(rename = "B/s")]
    ByteRate,
    /// Tokens per second of a language model.
    #[serde(rename = "token/s")]
    TokenRate,
}

impl Imported {
    /// Creates the result of the program `method` for its benchmark `name`: a mean of `value` in `unit`. All
    /// other fields are empty.
    pub fn new(method: &str, name: impl Into<String>, unit: ImportUnit, value: f64) -> Self {
        Imported {
            method: method.into(),
            version: None,
            name: name.into(),
            library: None,
            unit,
            statistic: Statistic::Mean,
            value,
            spread: None,
            samples: None,
            values: Vec::new(),
            parameters: Default::default(),
        }
    }
}

impl Spread {
    /// Creates a spread from `lo` to `hi`.
    pub fn new(what: SpreadKind, lo: f64, hi: f64) -> Self {
        Spread { what, lo, hi }
    }
}

impl ImportUnit {
    /// All units.
    pub const ALL: [ImportUnit; 5] =
        [Self::Seconds, Self::FlopRate, Self::OpRate, Self::ByteRate, Self::TokenRate];

    /// Returns the word used in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::FlopRate => "FLOP/s",
            Self::OpRate => "OP/s",
            Self::ByteRate => "B/s",
            Self::TokenRate => "token/s",
        }
    }
}

impl fmt::Display for ImportUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Statistic of the samples that a program reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Statistic {
    /// Median of the samples.
    Median,
    /// Arithmetic mean of the samples.
    Mean,
    /// Fastest of the samples.
    Best,
    /// The program does not say which statistic it is.
    Unknown,
}

impl Statistic {
    /// All statistics.
    pub const ALL: [Statistic; 4] = [Self::Median, Self::Mean, Self::Best, Self::Unknown];

    /// Returns the word used in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::Mean => "mean",
            Self::Best => "best",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Spread of the samples around an imported number, given by two values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Spread {
    /// Meaning of the two ends.
    pub what: SpreadKind,
    /// Lower end, in the unit of the imported number.
    pub lo: f64,
    /// Upper end, in the unit of the imported number.
    pub hi: f64,
}

/// Meaning of the two ends of a spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SpreadKind {
    /// Confidence interval of the number, at 95 % if portamark computed it.
    Interval,
    /// First and third quartile of the samples.
    Quartiles,
    /// One standard deviation below and above the number.
    Deviation,
    /// Smallest and largest sample.
    Range,
}

impl SpreadKind {
    /// All kinds.
    pub const ALL: [SpreadKind; 4] = [Self::Interval, Self::Quartiles, Self::Deviation, Self::Range];

    /// Returns the word used in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Quartiles => "quartiles",
            Self::Deviation => "deviation",
            Self::Range => "range",
        }
    }
}

impl fmt::Display for SpreadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn seconds_are_the_time_told_or_the_work_over_the_rate() {
        // 2·512³ FLOP and 3·512²·4 bytes.
        let mut row = example::imported("gemm f32 m512 n512 k512 nn");
        let mut told = |unit, value, lo, hi| {
            let imported = row.imported.as_mut().unwrap();
            (imported.unit, imported.value) = (unit, value);
            imported.spread = Some(Spread { what: SpreadKind::Range, lo, hi });
            (row.imported_seconds(), row.imported_spread_s())
        };
        assert_eq!(told(ImportUnit::Seconds, 0.5, 0.25, 1.0), (Some(0.5), Some((0.25, 1.0))));
        let rate = 268_435_456.0;
        assert_eq!(told(ImportUnit::FlopRate, rate, rate / 2.0, rate * 2.0), (Some(1.0), Some((0.5, 2.0))));
        assert_eq!(told(ImportUnit::ByteRate, 3_145_728.0, 0.0, 1.0), (Some(1.0), None));
        assert_eq!(told(ImportUnit::TokenRate, 3.0, 2.0, 4.0), (None, None));
        assert_eq!(example::row("gemm f32 m512 n512 k512 nn").imported_seconds(), None);
    }

    #[test]
    fn words_of_files_are_those_of_tables() {
        for unit in ImportUnit::ALL {
            assert_eq!(serde_json::to_value(unit).unwrap(), unit.name());
        }
        for statistic in Statistic::ALL {
            assert_eq!(serde_json::to_value(statistic).unwrap(), statistic.name());
        }
        for kind in SpreadKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
