//! What sensors say, and what becomes of many readings.

use portamark_stats::median_of_unsorted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One look at the sensors of a device. What a sensor does not say is none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// Clock of the cores, in Hz.
    pub clock_hz: Option<f64>,
    /// Clock of the memory, in Hz.
    pub memory_clock_hz: Option<f64>,
    /// Power, in watts.
    pub power_w: Option<f64>,
    /// Temperature, in degrees Celsius.
    pub temperature_c: Option<f64>,
    /// A counter of energy that only grows, in joules; only differences mean something.
    pub energy_j: Option<f64>,
}

impl Reading {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Reading::default()
    }
}

/// The least, middle and greatest of some readings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Range {
    /// The least.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// The greatest.
    pub max: f64,
}

impl Range {
    /// Of at least one finite value.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        let median = median_of_unsorted(&mut values)?;
        values.sort_by(f64::total_cmp);
        Some(Range { min: values[0], median, max: values[values.len() - 1] })
    }
}

/// What the sensors said while a case ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Telemetry {
    /// How often they were read.
    pub readings: u32,
    /// Clock of the cores, in Hz.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clock_hz: Option<Range>,
    /// Clock of the memory, in Hz.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub memory_clock_hz: Option<Range>,
    /// Mean power, in watts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub power_w: Option<f64>,
    /// Temperature, in degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub temperature_c: Option<Range>,
}

impl Telemetry {
    /// Sums `readings` up; `None` where there are none.
    pub fn of(readings: &[Reading]) -> Option<Self> {
        if readings.is_empty() {
            return None;
        }
        let range = |field: fn(&Reading) -> Option<f64>| Range::of(readings.iter().filter_map(field));
        let powers: Vec<f64> = readings.iter().filter_map(|reading| reading.power_w).collect();
        Some(Telemetry {
            readings: readings.len() as u32,
            clock_hz: range(|reading| reading.clock_hz),
            memory_clock_hz: range(|reading| reading.memory_clock_hz),
            power_w: (!powers.is_empty()).then(|| powers.iter().sum::<f64>() / powers.len() as f64),
            temperature_c: range(|reading| reading.temperature_c),
        })
    }
}

/// Energy that a device took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Energy {
    /// Joules.
    pub joules: f64,
    /// Where the number is from, e.g. `NVML energy counter`.
    pub source: String,
}

impl Energy {
    /// So many joules, by `source`.
    pub fn new(joules: f64, source: impl Into<String>) -> Self {
        Energy { joules, source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_summed_up_and_what_was_not_said_stays_out() {
        let reading = |clock: f64, power: Option<f64>| Reading {
            clock_hz: Some(clock),
            power_w: power,
            ..Reading::default()
        };
        let telemetry =
            Telemetry::of(&[reading(3.0, Some(10.0)), reading(1.0, None), reading(2.0, Some(20.0))]).unwrap();
        assert_eq!(telemetry.clock_hz, Some(Range { min: 1.0, median: 2.0, max: 3.0 }));
        assert_eq!((telemetry.readings, telemetry.power_w), (3, Some(15.0)));
        assert_eq!((telemetry.memory_clock_hz, telemetry.temperature_c), (None, None));
        assert_eq!(Telemetry::of(&[]), None);
    }
}
