//! Sensor readings of a device, and their summary over a case.

use portamark_stats::median_of_unsorted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One reading of the sensors of a device. A field is `None` if no sensor reports it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// Clock frequency of the cores, in Hz.
    pub clock_hz: Option<f64>,
    /// Clock frequency of the memory, in Hz.
    pub memory_clock_hz: Option<f64>,
    /// Electric power, in watts.
    pub power_w: Option<f64>,
    /// Temperature, in degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Energy counter that only increases, in joules; only differences are meaningful.
    pub energy_j: Option<f64>,
}

impl Reading {
    /// Returns whether no sensor reported a value.
    pub fn is_empty(&self) -> bool {
        *self == Reading::default()
    }
}

/// Minimum, median and maximum of several readings, in the unit of the field that holds them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Range {
    /// Smallest reading.
    pub min: f64,
    /// Median of the readings.
    pub median: f64,
    /// Largest reading.
    pub max: f64,
}

impl Range {
    /// Returns the range of `values`; `None` if there are none.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        let median = median_of_unsorted(&mut values)?;
        values.sort_by(f64::total_cmp);
        Some(Range { min: values[0], median, max: values[values.len() - 1] })
    }
}

/// Summary of the sensor readings taken while a case ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Telemetry {
    /// Number of readings.
    pub readings: u32,
    /// Clock frequency of the cores, in Hz.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub clock_hz: Option<Range>,
    /// Clock frequency of the memory, in Hz.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub memory_clock_hz: Option<Range>,
    /// Mean electric power, in watts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub power_w: Option<f64>,
    /// Temperature, in degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub temperature_c: Option<Range>,
}

impl Telemetry {
    /// Summarises `readings`; `None` if there are none.
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

/// Energy that a device consumed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Energy {
    /// Energy in joules.
    pub joules: f64,
    /// Source of the number, e.g. `NVML energy counter`.
    pub source: String,
}

impl Energy {
    /// Creates an energy of `joules` joules, as reported by `source`.
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
