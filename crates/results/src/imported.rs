//! What a row holds that another program measured.

use super::schema::Row;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A number of another program, as it told it. Nothing of it was checked by an oracle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Imported {
    /// The program, and with it the method: `llama-bench`, `nvbench`, ….
    pub method: String,
    /// Its version or build, where it tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// Its own name of the case.
    pub name: String,
    /// The library or backend that computed, where it tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub library: Option<String>,
    /// What `value` is in. Rates of a case of portamark count by portamark's convention.
    pub unit: ImportUnit,
    /// Which statistic of the samples `value` is.
    pub statistic: Statistic,
    /// The number.
    pub value: f64,
    /// How far samples lie from it, where the program tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub spread: Option<Spread>,
    /// How many samples it is of, where the program tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub samples: Option<u64>,
    /// The samples, in order and in `unit`, where the program tells them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub values: Vec<f64>,
    /// What else the program says of the case.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub parameters: BTreeMap<String, String>,
}

/// What an imported number is in, without prefixes.
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
    /// Tokens of a language model per second.
    #[serde(rename = "token/s")]
    TokenRate,
}

impl Imported {
    /// What `method` measured of the benchmark `name`: `value` in `unit`, of one measurement, by nothing
    /// else that is known.
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
    /// From `lo` to `hi`.
    pub fn new(what: SpreadKind, lo: f64, hi: f64) -> Self {
        Spread { what, lo, hi }
    }
}

impl ImportUnit {
    /// All units.
    pub const ALL: [ImportUnit; 5] =
        [Self::Seconds, Self::FlopRate, Self::OpRate, Self::ByteRate, Self::TokenRate];

    /// The word of files and tables.
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

/// Which statistic of its samples a program tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Statistic {
    /// The middle of the samples.
    Median,
    /// Their arithmetic mean.
    Mean,
    /// The fastest of them.
    Best,
    /// The program does not say.
    Unknown,
}

impl Statistic {
    /// All statistics.
    pub const ALL: [Statistic; 4] = [Self::Median, Self::Mean, Self::Best, Self::Unknown];

    /// The word of files and tables.
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

/// Two values around an imported number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Spread {
    /// What the two ends are.
    pub what: SpreadKind,
    /// The lower end, in the unit of the number.
    pub lo: f64,
    /// The upper end.
    pub hi: f64,
}

/// What the ends of a spread are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SpreadKind {
    /// A confidence interval of the number, of 95 % where it was computed here.
    Interval,
    /// The first and third quartile.
    Quartiles,
    /// One standard deviation to each side.
    Deviation,
    /// The least and the greatest sample.
    Range,
}

impl SpreadKind {
    /// All kinds.
    pub const ALL: [SpreadKind; 4] = [Self::Interval, Self::Quartiles, Self::Deviation, Self::Range];

    /// The word of files and tables.
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

impl Row {
    /// Seconds of one execution by the program that measured an imported row: its time, or the work of
    /// the row over its rate. None for rows of portamark, for rates of something else, and where the
    /// work is unknown.
    pub fn imported_seconds(&self) -> Option<f64> {
        self.imported.as_ref().and_then(|imported| self.seconds_for(imported, imported.value))
    }

    /// The ends of the spread of an imported row as seconds of one execution, the lesser first.
    pub fn imported_spread_s(&self) -> Option<(f64, f64)> {
        let imported = self.imported.as_ref()?;
        let spread = imported.spread.as_ref()?;
        let (a, b) = (self.seconds_for(imported, spread.lo)?, self.seconds_for(imported, spread.hi)?);
        Some((a.min(b), a.max(b)))
    }

    fn seconds_for(&self, imported: &Imported, value: f64) -> Option<f64> {
        let seconds = match imported.unit {
            ImportUnit::Seconds => value,
            ImportUnit::FlopRate | ImportUnit::OpRate => self.flop as f64 / value,
            ImportUnit::ByteRate => self.bytes as f64 / value,
            ImportUnit::TokenRate => return None,
        };
        (seconds.is_finite() && seconds > 0.0).then_some(seconds)
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
